#!/bin/bash
# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# Two network namespaces and a veth pair, real traffic through it, recorded by capbox, shown by tshark. Nothing is left behind.
# usage: scripts/demo.sh [path of capbox]
set -euo pipefail
cd "$(dirname "$0")/.."
if [ "$(id -u)" != 0 ]; then
	command -v sudo >/dev/null || { echo "the demo makes network namespaces and needs root: run as root, or install sudo" >&2; exit 1; }
	exec sudo "$0" "$@"
fi

capbox=$(realpath "${1:-out/capbox}")
left=capbox-demo-l$$ right=capbox-demo-r$$
work=$(mktemp -d)
recorder= helpers=()

cleanup() {
	for pid in "${helpers[@]}" $recorder; do kill "$pid" 2>/dev/null || :; done
	wait 2>/dev/null || :
	ip netns del "$left" 2>/dev/null || :
	ip netns del "$right" 2>/dev/null || :
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

say() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
in_left() { ip netns exec "$left" "$@"; }
in_right() { ip netns exec "$right" "$@"; }

# Puts an ARP request for 10.77.100.2 on the wire behind the given tags, as a switch would: needs no VLAN support in the kernel.
tagged_arp() { # tags in hex, as \\x81\\x00\\x00\\x64
	printf "\\xff\\xff\\xff\\xff\\xff\\xff\\x02\\x00\\x00\\x00\\x00\\x01$1\\x08\\x06\\x00\\x01\\x08\\x00\\x06\\x04\\x00\\x01\
\\x02\\x00\\x00\\x00\\x00\\x01\\x0a\\x4d\\x64\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x0a\\x4d\\x64\\x02" |
		in_left socat -u STDIN INTERFACE:talk0
}

say "two namespaces, one cable: talker -- tap0 (recorded)"
ip netns add "$left"
ip netns add "$right"
ip link add talk0 netns "$left" mtu 9000 type veth peer name tap0 netns "$right" mtu 9000
for side in "$left talk0 1" "$right tap0 2"; do
	read -r ns port host <<<"$side"
	ip -n "$ns" link set lo up
	ip -n "$ns" addr add "10.77.0.$host/24" dev "$port"
	ip -n "$ns" addr add "fd77::$host/64" dev "$port" nodad
	ip -n "$ns" link set "$port" up
done

say "record tap0"
# Not through the function: $! must be the recorder and not a shell around it.
ip netns exec "$right" "$capbox" run --port tap0 --archive "$work/archive" >"$work/ledger" 2>"$work/log" &
recorder=$!
for _ in $(seq 100); do
	compgen -G "$work/archive/*" >/dev/null && break
	kill -0 "$recorder" 2>/dev/null || { cat "$work/log" >&2; exit 1; }
	sleep 0.05
done
sleep 0.2

say "traffic: ARP and ICMP, IPv6, jumbo, VLAN, double VLAN, a multicast feed, a TCP transfer"
in_left ping -q -c 5 -i 0.05 10.77.0.2 | sed -n 2,4p
in_left ping -q -c 5 -i 0.05 fd77::2 >/dev/null
in_left ping -q -c 5 -i 0.05 -M 'do' -s 8972 10.77.0.2 >/dev/null
for _ in 1 2 3; do
	tagged_arp '\x81\x00\x00\x64'                 # 802.1Q, VLAN 100
	tagged_arp '\x88\xa8\x01\x2c\x81\x00\x00\xc8' # 802.1ad, VLAN 200 inside service VLAN 300
done
for i in $(seq 1 200); do echo "feed A sequence $i bid 100.$((i % 100)) ask 101.$((i % 100))"; sleep 0.002; done |
	in_left socat -u -b 128 STDIN UDP4-DATAGRAM:239.1.1.1:30001,ip-multicast-if=10.77.0.1
ip netns exec "$right" socat -u TCP4-LISTEN:7001,bind=10.77.0.2 "OPEN:$work/received,creat" &
helpers+=($!)
head -c 20000000 /dev/urandom >"$work/sent"
in_left socat -u "OPEN:$work/sent" TCP4:10.77.0.2:7001,retry=50,interval=0.1
wait "${helpers[0]}"
helpers=()
cmp "$work/sent" "$work/received" && echo "20 MB over TCP arrived whole"

say "end: the recorder seals and prints its ledger"
sleep 0.3
kill -TERM "$recorder"
status=0
wait "$recorder" || status=$?
recorder=
cat "$work/ledger"
[ "$status" = 0 ] || { cat "$work/log" >&2; exit "$status"; }

files=("$work"/archive/*.pcapng)
file=${files[0]}
say "capinfos"
capinfos "$file"
say "tshark: protocols"
tshark -n -r "$file" -q -z io,phs
say "tshark: tagged packets, 802.1Q and 802.1ad (columns: time, bytes, service VLAN, VLAN, protocol, what)"
tshark -n -r "$file" -Y vlan -T fields -e frame.time_epoch -e frame.len -e ieee8021ad.id -e vlan.id -e _ws.col.Protocol -e _ws.col.Info
say "tshark: the feed"
tshark -n -r "$file" -Y 'udp.port == 30001' -T fields -e frame.time_epoch -e ip.dst -e udp.dstport -e data.text -o data.show_as_text:TRUE | awk 'NR <= 3'
say "capbox segments"
"$capbox" segments "$work/archive"
say "capbox verify"
"$capbox" verify "${files[@]}"
