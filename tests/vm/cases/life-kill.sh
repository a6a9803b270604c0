# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# timeout: 300
# The owner of a session is killed while it captures and holds blocks.
# shellcheck shell=dash
lifetime kill "$(rounds 25 200 20)"
