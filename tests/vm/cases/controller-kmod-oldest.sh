# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# memory: 1024
# icount: shift=1,sleep=off
# timeout: 300
# drop-oldest through the controller. It stands still while more comes than its ring holds: what came last is stored, all before it is told as lost, in status and files, and it is one piece. Then
# it runs, and more comes than it can take: stored and lost are what was sent.
# shellcheck shell=dash
space b
pair a0 b0 b
cat >config.json <<'CONFIG'
{ "storage": { "directory": "/data/archive" },
  "ports": [{ "name": "b0", "netns": "b", "backend": "kmod", "ringSize": "512KiB", "blockSize": "64KiB", "overflow": "drop-oldest", "handover": "50ms" }] }
CONFIG
start() { # ARCHIVE
	sed "s,/data/archive,$1," config.json >run.json
	capbox run --config run.json --json >status 2>log &
	capbox=$!
	(wait_for 20 grep -q '"state":"Capturing"' status) || fail "$(cat log)"
}
stop() {
	kill -TERM $capbox
	wait $capbox || fail "capbox run: exit $?: $(cat log)"
	cat log
	tail -n 1 status
}
port() { # EXPRESSION
	tail -n 1 status | jq ".ports[0] | $1"
}
seen() { # PACKETS
	[ "$(port .seenPackets)" = "$1" ]
}
account() { # ARCHIVE SENT: nothing is missing, in status and files, and each number is there once
	expect "seen" "$(port .seenPackets)" "$2"
	expect "pending" "$(port .pendingPackets)" 0
	expect "stored and lost" "$(port '.storedPackets + .lostRing + .lostDisk')" "$2"
	capbox verify "$1"/*.pcapng
	expect "files: stored, lost" "$(capbox segments "$1" --json | jq -c '[([.[].packets] | add), ([.[].ports[] | .lostRing + .lostDisk] | add)]')" \
		"$(port '[.storedPackets, .lostRing + .lostDisk]' | jq -c .)"
	capbox extract --archive "$1" --from 1970-01-01T00:00:00Z --to 2100-01-01T00:00:00Z --output all.pcapng || [ $? = 3 ]
	# The number's last two bytes, of each packet.
	tcpdump -t -xx -r all.pcapng 2>/dev/null | sed -n 's/.*0x0030:  \(....\).*/\1/p' >numbers
	expect "packets" "$(wc -l <numbers)" "$(port .storedPackets)"
	expect "each once, in order" "$(sort -u numbers | wc -l) $(sort numbers | cmp - numbers && echo sorted)" "$(wc -l <numbers) sorted"
}

start /data/still
# One CPU, one ring: else the rings of both lose, each its own.
taskset 1 send -i a0 -n 1000 -b 1000 -r 4000
wait_for 20 seen 1000
kill -STOP $capbox
taskset 1 send -i a0 -f 1000 -n 6000 -b 1000 -r 8000
kill -CONT $capbox
(wait_for 20 seen 7000) || fail "$(tail -n 1 status)"
taskset 1 send -i a0 -f 7000 -n 300 -b 1000 -r 2000
(wait_for 20 seen 7300) || fail "$(tail -n 1 status)"
stop
account /data/still 7300
lost=$(port .lostPackets)
within "lost" "$lost" 5000 6000
# 0 to 999 and a piece that ends with the last one: what is missing is the oldest of what came while it stood.
expect "the missing" "$(printf '%d\n' $(sed 's/^/0x/' numbers) | awk 'NR > 1 && $1 != was + 1 { print was + 1, $1 - 1 } { was = $1 }')" "1000 $((999 + lost))"

start /data/run
expect "sent" "$(send -i a0 -n 60000 -b 1000 -r 0)" 60000
(wait_for 60 seen 60000) || fail "$(tail -n 1 status)"
stop
sent=60000
expect "seen" "$(port .seenPackets)" $sent
expect "pending" "$(port .pendingPackets)" 0
expect "all" "$(port '.storedPackets + .lostPackets')" $sent
capbox verify /data/run/*.pcapng
expect "files" "$(capbox segments /data/run --json | jq '[.[] | .packets, (.ports[] | .lostRing + .lostDisk + .lostHost)] | add')" $sent
