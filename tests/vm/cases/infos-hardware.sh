# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# timeout: 300
# network: root
# Blocks with stamps of both clocks, and of a NIC's alone: what the kernel says of them is what a walk finds.
# shellcheck shell=dash
insmod /modules/stampnic.ko miss_every=70
for nic in stamp0 stamp1; do quiet $nic && ip link set $nic up; done
tc qdisc replace dev stamp0 root noqueue # who sends is who delivers
hwstamp_ctl -i stamp1 -t 0 -r 1
infos stamp0 stamp1 500 hardware
