# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# cpus: 1
# memory: 1024
# icount: shift=1,sleep=off
# timeout: 300
# Each of the seven hook points sees what it should and not what it should not: host a - router r - host c, IPv4 and IPv6; forwarded, to the router,
# from it, for another MAC address, broadcast, multicast, and what the router drops.
# shellcheck shell=dash
for name in a r c; do space $name; done
link() { # SPACE INTERFACE SPACE INTERFACE ADDRESS4 ADDRESS4 ADDRESS6 ADDRESS6
	ip link add "$2" netns "$1" type veth peer name "$4" netns "$3"
	for side in "$1 $2 $5 $7" "$3 $4 $6 $8"; do
		set -- $side
		ip -n "$1" link set "$2" up
		ip -n "$1" addr add "$3/24" dev "$2"
		ip -n "$1" addr add "$4/64" dev "$2" nodad
	done
}
link a a0 r r0 10.0.1.1 10.0.1.254 fd00:1::1 fd00:1::fe
link c c0 r r1 10.0.2.1 10.0.2.254 fd00:2::1 fd00:2::fe
ip netns exec r sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
ip -n a route add default via 10.0.1.254
ip -n a route add default via fd00:1::fe
ip -n c route add default via 10.0.2.254
ip -n c route add default via fd00:2::fe
# Neighbours are known before anything is counted.
for host in 10.0.2.1 fd00:2::1 10.0.1.254 fd00:1::fe; do wait_for 15 ip netns exec a ping -c 1 -W 2 $host; done

mkfifo stop
sleep 1000 >stop &
holder=$!
hooks="ingress egress pre-routing local-in forward local-out post-routing"
bit=1
for hook in $hooks; do
	ip netns exec r record -i r0 -i r1 -k $bit -b 16 -w "$hook.pcapng" <stop >"$hook.out" &
	echo $! >>recorders
	bit=$((bit * 2))
done
for hook in $hooks; do wait_for 20 grep -q recording "$hook.out"; done

mac=$(ip -n r -j link show r0 | jq -r '.[0].address')
ip netns exec a ping -c 3 -W 5 -s 101 10.0.2.1 >/dev/null	# forwarded, and back
ip netns exec a ping -c 3 -W 5 -s 102 fd00:2::1 >/dev/null
ip netns exec a ping -c 4 -W 5 -s 103 10.0.1.254 >/dev/null	# to the router, and back
ip netns exec a ping -c 4 -W 5 -s 104 fd00:1::fe >/dev/null
ip netns exec r ping -c 5 -W 5 -s 105 10.0.2.1 >/dev/null	# from the router, and back
ip netns exec a send -i a0 -n 6 -b 206 -m 02:00:00:00:00:77 -s 10.0.1.1 -t 10.0.2.1 >/dev/null	# as a mirror port sees it: for another
ip netns exec a send -i a0 -n 7 -b 207 -m "$mac" -s 10.0.1.1 -t 10.9.9.9 >/dev/null	# no route: dropped before FORWARD
ip netns exec a send -i a0 -n 8 -b 208 -m ff:ff:ff:ff:ff:ff -s 10.0.1.1 -t 255.255.255.255 >/dev/null
sleep 1
kill $holder
for recorder in $(cat recorders); do wait "$recorder"; done
set +x

count() { # HOOK FILTER
	tcpdump -t -n -r "$1.pcapng" "$2" 2>/dev/null | grep -c '^[^[:space:]]' || :
}
table() { # WHAT FILTER, then the number each hook sees, in the order of $hooks
	local what=$1 filter=$2 seen="" hook
	shift 2
	for hook in $hooks; do seen="$seen $(count "$hook" "$filter")"; done
	echo "$what:$seen"
	expect "$what at $hooks" "$seen" " $*"
}
#                                                            in out pre local-in forward local-out post
table "echo to c" "icmp[0] == 8 and dst 10.0.2.1 and src 10.0.1.1" 3 3 3 0 3 0 3
table "its answers" "icmp[0] == 0 and src 10.0.2.1 and dst 10.0.1.1" 3 3 3 0 3 0 3
table "echo to c, IPv6" "icmp6 and ip6[40] == 128 and dst fd00:2::1" 3 3 3 0 3 0 3
table "echo to the router" "icmp[0] == 8 and dst 10.0.1.254" 4 0 4 4 0 0 0
table "its answers" "icmp[0] == 0 and src 10.0.1.254" 0 4 0 0 0 4 4
table "echo to the router, IPv6" "icmp6 and ip6[40] == 128 and dst fd00:1::fe" 4 0 4 4 0 0 0
table "its answers, IPv6" "icmp6 and ip6[40] == 129 and src fd00:1::fe" 0 4 0 0 0 4 4
table "echo from the router" "icmp[0] == 8 and src 10.0.2.254" 0 5 0 0 0 5 5
table "its answers" "icmp[0] == 0 and dst 10.0.2.254" 5 0 5 5 0 0 0
table "for another MAC address" "udp and len == 206" 6 0 0 0 0 0 0
table "without a route" "udp and len == 207" 7 0 7 0 0 0 0
table "broadcast" "udp and len == 208" 8 0 8 8 0 0 0

# Directions in epb_flags are checked by `record` being fed to tcpdump by direction where it can; the interface tells the port.
expect "link header at post-routing" "$(tcpdump -e -t -n -r post-routing.pcapng 'icmp[0] == 8 and dst 10.0.2.1' 2>/dev/null | grep -c '> 00:00:00:00:00:00, ethertype IPv4')" 8
expect "link header at pre-routing" "$(tcpdump -e -t -n -r pre-routing.pcapng 'udp and len == 207' 2>/dev/null | grep -c "> $mac, ethertype IPv4")" 7
for hook in $hooks; do
	grep -q "filtered=0 .*full=0 taken_back=0" "$hook.out" || fail "$hook: $(cat "$hook.out")"
done
