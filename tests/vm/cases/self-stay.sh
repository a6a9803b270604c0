# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# suite: self
# module: bad how=stay
# expect: ^bad.ko stays: bad 
# A module that cannot be unloaded after its case is seen.
# shellcheck shell=dash
:
