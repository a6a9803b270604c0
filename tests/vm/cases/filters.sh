# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# cpus: 1
# memory: 1024
# icount: shift=1,sleep=off
# timeout: 600
# What the module's filter accepts is what tcpdump's accepts on the same port at the same time, for each expression below, over packets of every kind; the
# rest is counted as filtered. (Not what tcpdump -r accepts later: on a live port "udp" takes a tagged packet too, whose tag is out of band.)
# shellcheck shell=dash
space b
pair a0 b0 b
cat >expressions <<'END'
udp
tcp
icmp
arp
ip
ip6
ip6 and udp
ip6 proto 58
icmp6
udp port 53
udp dst port 123
udp src port 5000
port 30001
portrange 300-320
udp portrange 30000-65535
tcp port 80 or tcp port 443
host 10.0.0.2
src host 10.0.0.1 and dst host 10.0.0.4
net 10.0.0.0/24
dst net 192.168.0.0/16
not host 10.0.0.1
dst host 239.1.1.1
multicast
broadcast
ether host 02:00:00:00:00:77
ether src 02:00:00:00:00:03
ether proto 0x88b5
ether[12:2] == 0x88b5
vlan
vlan 10
vlan 10 and udp port 53
vlan and ip6
vlan 20 and vlan 30
tcp[tcpflags] & tcp-syn != 0
tcp[tcpflags] == tcp-syn|tcp-ack
tcp[13] & 1 != 0
ip[6:2] & 0x1fff != 0
ip[6] & 0x20 != 0
ip[2:2] > 200
ip[8] == 1
udp[8:4] == 0xcafe013f
udp[4:2] > 500
icmp[icmptype] == icmp-echo
greater 500
less 64
mpls
pppoes
len > 60 and len < 300
udp and not port 53 and not vlan
END
expect "expressions, at least 40" "$([ "$(wc -l <expressions)" -ge 40 ] && echo yes)" yes
mkfifo stop
sleep 1000 >stop &
holder=$!
number=0
while read -r expression; do
	number=$((number + 1))
	ip netns exec b tcpdump -i b0 -ddd "$expression" >"$number.bpf" 2>/dev/null || fail "tcpdump does not compile: $expression"
	ip netns exec b record -i b0 -b 4 -l "$number.bpf" -w "$number.pcapng" <stop >"$number.out" &
	echo $! >>recorders
	# KiB for eight blocks: with two, tcpdump loses packets on a slow kernel.
	ip netns exec b tcpdump -i b0 -s 0 -B 2048 -w "$number.pcap" "$expression" 2>"$number.log" &
	echo $! >>tcpdumps
done <expressions
for n in $(seq $number); do wait_for 30 grep -q recording "$n.out"; wait_for 30 grep -q listening "$n.log"; done
sent=$(mix a0 5)
# Each packet goes through a hundred taps, in a softirq that is behind on a slow kernel: the recorders must not stop before it is done.
sleep 8
kill $holder
for recorder in $(cat recorders); do wait "$recorder"; done
for tcpdump in $(cat tcpdumps); do
	kill -TERM "$tcpdump"
	wait "$tcpdump" || :
done
set +x
number=0
while read -r expression; do
	number=$((number + 1))
	tcpdump -t -xx -r "$number.pcap" 2>/dev/null | grep '0x' | sort >expected
	tcpdump -t -xx -r "$number.pcapng" 2>/dev/null | grep '0x' | sort >actual
	grep -q '^0 packets dropped by kernel' "$number.log" || fail "'$expression': tcpdump lost packets itself: $(cat "$number.log")"
	count=$(tcpdump -t -r "$number.pcap" 2>/dev/null | grep -c '^[^[:space:]]' || :)
	cmp -s expected actual || fail "'$expression': $(cat "$number.out") of $sent, tcpdump takes $count"
	grep -q "seen=$sent filtered=$((sent - count)) stored=$count full=0" "$number.out" || fail "'$expression': tcpdump takes $count of $sent, but $(cat "$number.out")"
	echo "$count of $sent: $expression"
	[ "$count" -gt 0 ] || fail "'$expression' matches nothing here: it proves nothing"
done <expressions
