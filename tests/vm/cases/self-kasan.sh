# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# suite: self
# kernel: debug
# module: bad how=use-after-free
# expect: BUG: KASAN: slab-use-after-free in .*bad
# The debug kernel sees memory that is used after it was freed.
# shellcheck shell=dash
sleep 1000
