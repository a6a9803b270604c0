# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# suite: self
# kernel: debug
# module: bad how=leak
# timeout: 60
# expect: unreferenced object (?s:.*)FAIL: leaked memory
# It sees memory that nobody refers to.
# shellcheck shell=dash
check_leaks
