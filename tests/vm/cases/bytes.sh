# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# cpus: 1
# memory: 1024
# icount: shift=1,sleep=off
# timeout: 400
# What the module writes is what tcpdump writes of the same packets, byte for byte and in the same order: all kinds and lengths, jumbo frames,
# one and two tags, fragments, a snap length, TCP in super packets (GSO on the way out, GRO on the way in), both directions.
# shellcheck shell=dash
space b
pair a0 b0 b
ip link set a0 mtu 9000
ip -n b link set b0 mtu 9000
ip addr add 10.1.0.1/24 dev a0
ip -n b addr add 10.1.0.2/24 dev b0
ip link set a0 arp on
ip -n b link set b0 arp on
mkfifo stop open
sleep 1000 >open &

compare() { # NAME: what was recorded and what tcpdump saw
	tcpdump -t -e -xx -r "$1.pcapng" >"$1.recorded" 2>/dev/null
	tcpdump -t -e -xx -r "$1.pcap" >"$1.beside" 2>/dev/null
	echo "$1: $(grep -c '^[^[:space:]]' "$1.beside") packets; $(tail -n 2 "$1.out" | head -n 1)"
	cmp "$1.recorded" "$1.beside" || fail "$1: not what tcpdump saw"
	tcpdump -tt -n -r "$1.pcapng" 2>/dev/null | grep '^[0-9]' | cut -d ' ' -f 1 | sort -c -n || fail "$1: stamps go back"
}

both() { # NAME SNAP COMMAND: records b0 while the command runs, tcpdump beside it
	sleep 1000 >stop &
	holder=$!
	ip netns exec b tcpdump -i b0 -s "$2" -B 65536 -w "$1.pcap" 2>"$1.log" &
	tcpdump=$!
	wait_for 20 grep -q listening "$1.log"
	ip netns exec b record -i b0 -k 3 -s "$2" -B 1048576 -b 32 -w "$1.pcapng" <stop >"$1.out" &
	recorder=$!
	wait_for 20 grep -q recording "$1.out"
	"$3"
	# tcpdump is given what its ring holds once a second, on a busy machine later.
	sleep 4
	kill $holder
	wait $recorder
	kill -TERM $tcpdump
	wait $tcpdump || :
	compare "$1"
}

kinds() { mix a0 3; }
lengths() {
	for bytes in 60 61 62 63 64 65 127 128 129 511 1513 1514 1515 4000 8999 9014; do send -i a0 -n 3 -b $bytes; done
	send -i a0 -n 20 -b 500 -v 77
	ip netns exec b send -i b0 -n 20 -b 700
}
stream() {
	dd if=/dev/urandom of=data bs=1024 count=3000 2>/dev/null
	# It ends when its input does, or the connection.
	# The reader begins late: the sender has more to send than fits into a packet however slow this machine is.
	ip netns exec b nc -l -p 5001 <open | { sleep 2; cat; } >received &
	receiver=$!
	sleep 0.5
	nc 10.1.0.2 5001 <data
	wait $receiver
	cmp data received
}

both kinds 262144 kinds
both snapped 96 kinds
both lengths 262144 lengths
both stream 262144 stream
tcpdump -n -r stream.pcap greater 10000 2>/dev/null | grep -q . || fail "no super packet came: the case proves nothing of them"
ip netns exec b ethtool -K b0 gro on
both gro 262144 stream
