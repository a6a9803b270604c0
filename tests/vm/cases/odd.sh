# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# network: root
# Packets in every form a driver may give them, and some it may not; and hardware stamps, raw, on their own interface id.
# shellcheck shell=dash
insmod /modules/odd.ko
ip link set odd0 arp off up
ip link add link odd0 name odd5 type vlan id 5
ip link set odd5 arp off up
sysctl -qw net.ipv6.conf.odd0.disable_ipv6=1 net.ipv6.conf.odd5.disable_ipv6=1
odd odd0 odd5
