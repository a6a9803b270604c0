# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# suite: self
# module: none
# expect: sysrq_handle_crash
# An oops is seen, with its trace.
# shellcheck shell=dash
echo c >/proc/sysrq-trigger
sleep 1000
