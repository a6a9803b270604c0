# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# suite: bench
# cpus: 1
# icount: shift=0,sleep=off
# kernel: debian
# append: mitigations=auto
# timeout: 300
# The same as cost, with the kernel's defences against speculation, which the bed turns off elsewhere. For `make bench-kmod`.
# shellcheck shell=dash
pair a0 b0
cost a0 b0
