# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# suite: self
# module: none
# expect: ^FAIL: a number: .1., expected .2.$
# So is an expectation that is not met.
# shellcheck shell=dash
expect "a number" 1 2
