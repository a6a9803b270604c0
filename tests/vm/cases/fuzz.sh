# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# timeout: 400
# Hostile user space: random calls and random writes to shared memory under traffic. The kernel stays whole, the module can be unloaded.
# shellcheck shell=dash
fuzz "$(rounds 6000 100000 1500)" "$CAPBOX_SEED"
rmmod capbox
