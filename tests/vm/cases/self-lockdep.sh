# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# suite: self
# kernel: debug
# module: bad how=lock-order
# expect: possible circular locking dependency
# It sees locks that are taken in both orders.
# shellcheck shell=dash
sleep 1000
