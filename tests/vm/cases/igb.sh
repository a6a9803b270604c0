# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# qemu: -netdev hubport,id=n0,hubid=0 -netdev hubport,id=n1,hubid=0 -device igb,netdev=n0,addr=4,mac=02:00:00:00:01:0a -device igb,netdev=n1,addr=8,mac=02:00:00:00:01:0b
# network: root
# Two igb ports, cabled to each other, pass traffic and have a clock: what the cases of hardware stamps build on.
# shellcheck shell=dash
port() { # MAC: the interface that has it
	ip -j link show | jq -r --arg mac "$1" '.[] | select(.address == $mac) | .ifname'
}
a=$(port 02:00:00:00:01:0a)
b=$(port 02:00:00:00:01:0b)
for port in "$a" "$b"; do
	quiet "$port"
	ip link set "$port" up
	wait_for 20 grep -q 1 "/sys/class/net/$port/carrier"
done
ethtool -T "$b"
ethtool -T "$b" | grep -q hardware-receive || fail "no hardware stamps"
[ -e /dev/ptp0 ] || fail "no clock"
received() { cat "/sys/class/net/$b/statistics/rx_packets"; }
before=$(received)
arrived() { [ "$(received)" -ge $((before + 200)) ]; }
expect "sent" "$(send -i "$a" -n 200 -r 1000 -m 02:00:00:00:01:0b)" 200
wait_for 10 arrived
