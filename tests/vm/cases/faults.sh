# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# kernel: debug
# network: root
# timeout: 300
# Each allocation and each copy from user space fails once, in each call: every error is clean, nothing leaks.
# shellcheck shell=dash
pair a0 b0
for attribute in failslab fail_page_alloc; do echo N >/sys/kernel/debug/$attribute/ignore-gfp-wait; done
echo N >/sys/kernel/debug/fail_page_alloc/ignore-gfp-highmem
echo 0 >/sys/kernel/debug/fail_page_alloc/min-order
faults a0 b0
