# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# cpus: 1
# icount: shift=0,sleep=off
# kernel: debian
# timeout: 300
# What capturing costs the kernel, in instructions a packet: the clock of this guest counts them. Fails when what must be
# recorded was not; the figures are for `make bench-kmod` to show.
# shellcheck shell=dash
pair a0 b0
cost a0 b0
