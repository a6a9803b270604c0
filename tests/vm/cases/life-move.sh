# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# timeout: 300
# An interface moves to another namespace and back while packets flow.
# shellcheck shell=dash
lifetime move "$(rounds 6 40 3)"
