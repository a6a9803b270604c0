# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# suite: self
# module: none
# expect: ^exit 3$
# A case that fails is seen.
# shellcheck shell=dash
exit 3
