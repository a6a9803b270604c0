# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# memory: 1024
# icount: shift=1,sleep=off
# timeout: 400
# Ports of the module that are missing at the start, go down, are renamed under traffic, deleted and made again: the recorder waits, follows and goes on, and the
# ledger keeps counting. Two ports in one segment.
# shellcheck shell=dash
pair a0 b0
cat >config.json <<'END'
{ "storage": { "directory": "/data/archive" },
  "ports": [{ "name": "b0", "backend": "kmod", "ringSize": "16MiB", "filter": "udp" }, { "name": "b1", "backend": "kmod", "ringSize": "16MiB" }] }
END
capbox run --config config.json --json >status 2>log &
capbox=$!
state() { # PORT STATE
	[ "$(tail -n 1 status | jq -r ".ports[$1].state")" = "$2" ]
}
seen() { # PORT PACKETS
	[ "$(tail -n 1 status | jq ".ports[$1].seenPackets")" = "$2" ]
}
sees_more() {
	[ "$(tail -n 1 status | jq ".ports[0].seenPackets")" -gt 1500 ]
}
wait_for 60 state 0 Capturing
wait_for 60 state 1 Missing
pair a1 b1
(wait_for 60 state 1 Capturing) || fail "$(cat log; tail -n 2 status)"
send -i a1 -n 300 -r 4000
wait_for 60 seen 1 300
send -i a0 -n 1000 -r 4000
wait_for 60 seen 0 1000

ip link set b0 down
wait_for 60 state 0 Down
ip link set b0 up
wait_for 60 state 0 Capturing
send -i a0 -n 500 -r 4000 -f 1000
wait_for 60 seen 0 1500

# Renamed while packets come: it sends for 4 s.
send -i a0 -n 8000 -r 2000 -f 1500 &
sender=$!
wait_for 60 sees_more
ip link set b0 name renamed0
wait $sender
wait_for 60 seen 0 9500
expect "current name" "$(tail -n 1 status | jq -r '.ports[0].currentName')" renamed0

ip link delete renamed0
wait_for 60 state 0 Missing
pair a0 b0
(wait_for 60 state 0 Capturing) || fail "$(cat log; tail -n 2 status)"
send -i a0 -n 700 -r 4000 -f 9500
wait_for 60 seen 0 10200
kill -TERM $capbox
wait $capbox || fail "capbox run: exit $?: $(cat log)"
cat log
expect "b0" "$(tail -n 1 status | jq -c '.ports[0] | [.storedPackets, .filteredPackets, .lostPackets]')" "[10200,0,0]"
expect "b1" "$(tail -n 1 status | jq -c '.ports[1] | [.storedPackets, .lostPackets]')" "[300,0]"
capbox verify /data/archive/*.pcapng
expect "packets" "$(tcpdump -t -r /data/archive/*.pcapng 2>/dev/null | wc -l)" 10500
