# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# Runs one case: its functions are those of lib.sh; every command is traced into the log.
# shellcheck shell=dash
CASE=$1
cd /tmp
# `ip netns exec` gives every namespace a /sys of its own, without these.
mountpoint -q /sys/kernel/debug || mount -t debugfs debugfs /sys/kernel/debug
mountpoint -q /sys/fs/cgroup || mount -t cgroup2 cgroup2 /sys/fs/cgroup
. /guest/lib.sh
CAPBOX_SEED=$(word vm_seed)
export CAPBOX_SEED
set -x
. "/cases/$CASE.sh"
