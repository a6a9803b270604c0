# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# cpus: 1
# memory: 1024
# icount: shift=1,sleep=off
# timeout: 300
# network: root
# A leap second with `clock: system`: the port itself steers CLOCK_REALTIME, by software stamps, and the kernel inserts the second at the end of 2016, as it is told. A real ptp4l serves the
# clock of a card, which nobody else looks at: the kernel compares the two before and after. The clock is locked to it again within half a minute, without a step, and what is claimed meanwhile holds:
# packets go on all the time, none is lost, and none is a second off unless its chunk says so.
# shellcheck shell=dash
. /guest/grandmaster.sh
insmod /modules/stampnic.ko cards=2 oscillator_ppb=0,20000
midnight=1483228800
date -u -s "@$((midnight - 75))"
cards 0
master=$(phc stamp0 ip netns exec gm)
capbox clock adjust "$master" --step "$(capbox clock read "$master" --json | jq '36000000000 - .reading.offsetNs')"
start_grandmaster 36 1
# In virtual time software stamps have no noise, but the two directions do not run the same instructions (5.8 us apart): the box is told of a path
# that is as uneven as that.
cat >config.json <<'END'
{ "storage": { "directory": "/data/archive" },
  "ports": [{ "name": "stamp1", "backend": "packet", "ringSize": "8MiB", "timestamps": "software", "filter": "not ether proto 0x88f7" }],
  "clock": { "interface": "stamp1", "clock": "system", "transport": "ethernet", "asymmetryNs": 20000 } }
END
capbox config check config.json
capbox run --config config.json --json >status 2>log &
capbox=$!
(wait_for 20 grep -q '"state":"Capturing"' status) || fail "$(cat log)"
# What is said of the clock, and by the kernel's own comparison that it holds.
claims() { # WHAT UTCOFFSET
	capbox clock status --archive /data/archive --json | tee claim.json
	capbox clock read "$master" --json | tee true.json
	expect "TAI - UTC $1" "$(jq .utcOffsetSeconds claim.json)" "$2"
	within "$1: the clock's error against its bound" "$(jq "(.reading.offsetNs - $2 * 1000000000) | fabs | ceil" true.json)" 0 $(($(jq '.boundNs | ceil' claim.json) + $(jq .reading.boundNs true.json)))
}
# Software stamps of an emulated machine may be too noisy for Locked: it is there when it says where it is.
is_there() { # LATEST: by the machine's uptime, s
	local up
	until tail -n 1 status | jq .clock >clock.json && [ "$(jq '.state != "Unsynchronised" and .boundNs != null and .boundNs < 200000' clock.json)" = true ]; do
		read -r up _ </proc/uptime
		[ "${up%.*}" -lt "$1" ] || return 1
		sleep 0.5
	done
}
read -r up _ </proc/uptime
is_there $((${up%.*} + 60)) || fail "$(cat log gm.log clock.json)"
claims before 36
steps=$(grep -c 'stepped by.*Policy' log || true)
expect "the kernel's" "$(capbox clock read system --against raw --json | jq -c '.system | [.taiOffset.seconds, .leap]')" '[36,"Insert"]'
[ "$(date +%s)" -lt $((midnight - 12)) ] || fail "the clock was not locked in time: $(date -u)"
wait_for 120 eval '[ "$(date +%s)" -ge $((midnight - 8)) ]'
ip netns exec gm send -i stamp0 -n 1600 -r 40 &
sender=$!
sleep 14
announce 37 0
dmesg | grep -q "inserting leap second" || fail "the kernel made no leap second"
read -r up _ </proc/uptime
is_there $((${up%.*} + 60)) || fail "not locked again: $(cat log clock.json)"
claims after 37
expect "steps since before" "$(($(grep -c 'stepped by.*Policy' log || true) - steps))" 0
expect "steps by others" "$(grep -c 'stepped by.*Foreign' log || true)" 0
expect "the kernel's" "$(capbox clock read system --against raw --json | jq -c '.system | [.taiOffset.seconds, .leap]')" '[37,"None"]'
wait $sender
sleep 1
kill -TERM $capbox
wait $capbox || fail "capbox run: exit $?: $(cat log)"
kill -TERM $gm
cat log
tail -n 1 status
expect "stored, lost" "$(tail -n 1 status | jq -c '.ports[0] | [.storedPackets, .lostPackets]')" "[1600,0]"
capbox verify /data/archive/*.pcapng
# What is shown of the second that is there twice may be a second off, and says so; no other.
capbox clock log --archive /data/archive --json >seconds
grep -c . seconds
jq -c 'select(.boundNs != null and .boundNs >= 1e9) | [.at, .state, .boundNs]' seconds | tee wide
within "seconds that may be a second off" "$(wc -l <wide)" 1 6
