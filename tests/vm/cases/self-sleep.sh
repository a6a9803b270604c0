# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# suite: self
# kernel: debug
# module: bad how=sleep
# expect: BUG: (sleeping function called from invalid context|scheduling while atomic)
# It sees sleep where there must be none.
# shellcheck shell=dash
sleep 1000
