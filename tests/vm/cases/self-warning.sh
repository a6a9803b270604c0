# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# suite: self
# module: bad how=warn
# expect: on purpose(?s:.*)WARNING: .* bad_init
# A warning of the kernel fails the case that was running, though that goes on.
# shellcheck shell=dash
sleep 1000
