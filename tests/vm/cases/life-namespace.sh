# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# timeout: 300
# The namespace of a session ends while packets flow; the session outlives it.
# shellcheck shell=dash
lifetime namespace "$(rounds 6 40 3)"
