# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# memory: 1024
# icount: shift=1,sleep=off
# timeout: 400
# The controller is killed under traffic, five times: the module lets go of everything, the next start makes room of what was preallocated, repairs the part
# and records on; what was told to be stored is there, each packet once.
# shellcheck shell=dash
pair a0 b0
cat >config.json <<'END'
{ "storage": { "directory": "/data/archive" }, "ports": [{ "name": "b0", "backend": "kmod", "ringSize": "16MiB" }] }
END
start() {
	capbox run --config config.json --json >status 2>log &
	capbox=$!
	(wait_for 30 grep -q '"state":"Capturing"' status) || fail "$(cat log status)"
}
told() { # what the last line of status that goes as far reports as stored of the port, not of a ring: a line may be cut short
	grep -o '"hardwareStamps":[a-z]*,"storedPackets":[0-9]*,' status | tail -n 1 | grep -o '[0-9]*'
}
stored() { # PACKETS
	[ "$(told)" -ge "$1" ]
}
for round in 1 2 3 4 5; do
	start
	# It sends until it is ended.
	send -i a0 -n 1000000000 -b 300 -r 2000 >sent &
	sender=$!
	wait_for 60 stored 1500
	sleep 0.$round # another moment between two status lines each time
	kill -KILL $capbox
	told >>told
	wait $capbox || :
	expect "round $round: sessions" "$(cat /sys/module/capbox/refcnt)" 0
	kill -TERM $sender
	wait $sender || :
done
start
expect "sent" "$(send -i a0 -n 1000 -b 300 -r 8000)" 1000
wait_for 60 stored 1000
kill -TERM $capbox
wait $capbox || fail "capbox run: exit $?: $(cat log)"
cat log
expect "stored" "$(tail -n 1 status | jq '.ports[0].storedPackets')" 1000
echo 1000 >>told
set -- /data/archive/*.pcapng
expect "segments" $# 6
for told in $(cat told); do
	capbox verify "$1"
	# The number's last four bytes, of each packet.
	tcpdump -t -xx -r "$1" 2>/dev/null | awk '/0x0020:/ { high = $NF } /0x0030:/ { print high $2 }' | sort >numbers
	within "$1: packets" "$(wc -l <numbers)" "$told" 1000000000
	expect "$1: each once" "$(uniq numbers | wc -l)" "$(wc -l <numbers)"
	shift
done
expect "parts left" "$(find /data/archive -name '*.part' | wc -l)" 0
