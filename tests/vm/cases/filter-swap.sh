# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# timeout: 300
# The filter is changed again and again while both CPUs send numbered packets: each is judged by one filter, which was in force when it came.
# shellcheck shell=dash
pair a0 b0
swap a0 b0 "$(rounds 150 2000 60)"
