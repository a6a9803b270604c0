# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# memory: 1024
# icount: shift=1,sleep=off
# An interface leaves its namespace and is back, with its number, before the controller looks: the module has let go of it for good, and so have packet sockets. The port is opened anew.
# shellcheck shell=dash
space x
seen() { # PACKETS
	[ "$(tail -n 1 status | jq '.ports[0].seenPackets')" = "$1" ]
}
for backend in kmod packet; do
	pair a0 b0
	capbox run --port b0 --backend $backend --archive /data/$backend --json >status 2>log &
	capbox=$!
	wait_for 20 grep -q '"state":"Capturing"' status
	send -i a0 -n 100 -r 4000
	wait_for 20 seen 100
	index=$(cat /sys/class/net/b0/ifindex)
	kill -STOP $capbox
	ip link set b0 netns x
	ip -n x link set b0 netns $$
	ip link set b0 addrgenmode none arp off up
	expect "number" "$(ip -o link show b0 | cut -d : -f 1)" "$index"
	kill -CONT $capbox
	(wait_for 10 grep -q "interface disappeared" log) || fail "$backend: nobody noticed: $(cat log)"
	(wait_for 20 eval 'tail -n 1 status | jq -e ".ports[0] | .state == \"Capturing\" and .gap != \"00:00:00\"" >/dev/null') || fail "$backend: not opened anew: $(cat log; tail -n 1 status)"
	send -i a0 -n 300 -r 4000
	(wait_for 20 seen 400) || fail "$backend: $(tail -n 1 status)"
	kill -TERM $capbox
	wait $capbox || fail "capbox run: exit $?: $(cat log)"
	cat log
	expect "$backend: stored, lost" "$(tail -n 1 status | jq -c '.ports[0] | [.storedPackets, .lostPackets]')" "[400,0]"
	capbox verify /data/$backend/*.pcapng
	ip link delete a0
done
