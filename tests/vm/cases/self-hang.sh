# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# suite: self
# module: none
# timeout: 4
# expect: no end within (?s:.*)Show Blocked State
# A case without end is ended, and the kernel asked what it is doing.
# shellcheck shell=dash
sleep 1000
