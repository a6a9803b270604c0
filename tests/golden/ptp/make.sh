#!/bin/bash
# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# Makes the captures of this directory: ptp4l (linuxptp) as master and as slave over a veth pair, software timestamps, tcpdump at the slave.
# usage, as root: tests/golden/ptp/make.sh [DIRECTORY]. The committed ones were made with linuxptp 3.1.1 of Debian 12.
set -euo pipefail
out=$(realpath "${1:-$(dirname "$0")}")
m=cbg$$m s=cbg$$s
scratch=$(mktemp -d)
pids=()
finish() {
	for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || :; done
	ip netns del $m 2>/dev/null || :
	ip netns del $s 2>/dev/null || :
	rm -rf "$scratch"
}
trap finish EXIT
ip netns add $m
ip netns add $s
ip link add m0 netns $m address 02:00:00:00:00:01 type veth peer name s0 netns $s address 02:00:00:00:00:02
for n in "$m m0 1" "$s s0 2"; do
	read -r space link host <<<"$n"
	ip netns exec "$space" sysctl -qw net.ipv6.conf.default.accept_dad=0 "net.ipv6.conf.$link.accept_dad=0"
	ip -n "$space" addr add "192.0.2.$host/24" dev "$link"
	ip -n "$space" link set "$link" up
	ip -n "$space" addr add "2001:db8::$host/64" dev "$link" nodad
	ip -n "$space" route add 224.0.0.0/4 dev "$link"
done
sleep 1

take() { # name settings-of-both(;) [settings-of-pmc]
	local name=$1 dump master slave
	local conf=$scratch/$name.conf
	{
		printf '[global]\ntime_stamping software\nfree_running 1\nlogSyncInterval -2\nlogMinDelayReqInterval -2\nlogAnnounceInterval -1\n'
		tr ';' '\n' <<<"$2"
	} >"$conf"
	ip netns exec $s tcpdump -q -U -i s0 -w "$scratch/$name.pcap" 'ether proto 0x88f7 or udp port 319 or udp port 320' 2>"$scratch/$name.tcpdump" &
	dump=$!
	sleep 0.5
	ip netns exec $m ptp4l -f "$conf" -m -q -i m0 --uds_address "$scratch/m" --priority1 100 >"$scratch/$name.m.log" 2>&1 &
	master=$!
	ip netns exec $s ptp4l -f "$conf" -m -q -i s0 --uds_address "$scratch/s" --slaveOnly 1 >"$scratch/$name.s.log" 2>&1 &
	slave=$!
	pids=("$dump" "$master" "$slave")
	if [ -n "${3:-}" ]; then
		sleep 1
		ip netns exec $m pmc -f "$conf" -u -b 0 -i "$scratch/p" -s "$scratch/m" "SET GRANDMASTER_SETTINGS_NP $3" >"$scratch/$name.pmc"
	fi
	sleep 6
	kill "$slave" "$master"
	sleep 0.3
	kill "$dump"
	wait || :
	pids=()
	tcpdump -q -r "$scratch/$name.pcap" -w "$out/$name.pcap" -c 60 2>/dev/null
	grep -q 'SLAVE on MASTER_CLOCK_SELECTED\|SERVO\|delay filtered\|UNCALIBRATED' "$scratch/$name.s.log" || { cat "$scratch/$name".?.log; exit 1; }
	echo "$name: $(tcpdump -r "$out/$name.pcap" 2>/dev/null | wc -l) packets"
}

utc='currentUtcOffsetValid 1 ptpTimescale 1 timeTraceable 1 frequencyTraceable 1 timeSource 0x20'
take l2 'network_transport L2'
take udp4 'network_transport UDPv4;dscp_event 46;dscp_general 34'
take udp6 'network_transport UDPv6;domainNumber 5'
take hybrid 'network_transport UDPv4;hybrid_e2e 1'
take p2p 'network_transport L2;delay_mechanism P2P'
take leap 'network_transport L2;clockAccuracy 0x21' "clockClass 6 clockAccuracy 0x21 offsetScaledLogVariance 0x4e5d currentUtcOffset 37 leap61 1 leap59 0 $utc"
take tlv 'network_transport L2;path_trace_enabled 1'
