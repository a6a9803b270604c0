# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# timeout: 300
# What the kernel says of each block is what a walk of the block finds, for every block size from 64 KiB to 4 MiB; the sums are those of COUNTERS.
# shellcheck shell=dash
pair a0 b0
infos a0 b0 500
