# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# timeout: 300
# The filter is swapped many times under traffic.
# shellcheck shell=dash
lifetime filters "$(rounds 250 2000 200)"
