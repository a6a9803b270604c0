# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# cpus: 1
# memory: 1024
# icount: shift=1,sleep=off
# timeout: 300
# network: root
# A leap second, end to end. It is shortly before the end of 2016: a real ptp4l announces the second to insert. The recorder keeps the card's clock, CLOCK_REALTIME and another card's clock
# follow. The kernel makes the leap second, its TAI - UTC and ours agree before and after, nothing was stepped. Packets go on all the time: those before are in segments that show
# UTC with 36 s, those after in new ones with 37 s, none is lost, and none is a second off unless its chunk says so.
# shellcheck shell=dash
. /guest/grandmaster.sh
insmod /modules/stampnic.ko cards=4 oscillator_ppb=0,20000,0,-15000
midnight=1483228800
date -u -s "@$((midnight - 130))"
cards 0 2
master=$(phc stamp0 ip netns exec gm)
ours=$(phc stamp1)
other=$(phc stamp3)
# The cards were made when it was another year.
for clock in "$master" "$ours" "$other"; do
	behind=$(capbox clock read "$clock" --json | jq '36000000000 - .reading.offsetNs')
	capbox clock adjust "$clock" --step "$behind"
done
capbox clock adjust "$other" --step 700000
start_grandmaster 36 1
cat >config.json <<'END'
{ "storage": { "directory": "/data/archive" },
  "ports": [{ "name": "stamp1", "backend": "kmod", "ringSize": "8MiB", "timestamps": "hardware", "filter": "not ether proto 0x88f7" },
            { "name": "stamp3", "backend": "packet", "ringSize": "8MiB", "timestamps": "hardware", "filter": "not ether proto 0x88f7" }],
  "clock": { "interface": "stamp1", "transport": "ethernet", "asymmetryNs": 0, "systemFollows": true, "cardsFollow": true } }
END
capbox config check config.json
capbox run --config config.json --json >status 2>log &
capbox=$!
(wait_for 20 grep -q '"state":"Capturing"' status) || fail "$(cat log)"
(wait_for 100 eval 'tail -n 1 status | grep -q "\"steered\":true,\"state\":\"Locked\""') || fail "$(cat log gm.log; tail -n 1 status)"
(wait_for 60 eval 'tail -n 1 status | grep -q "\"clock\":\"CLOCK_REALTIME\",\"state\":\"Locked\""') || fail "$(cat log; tail -n 1 status)"
(wait_for 60 eval 'tail -n 1 status | grep -q "\"clock\":\"$other\",\"state\":\"Locked\""') || fail "$(cat log; tail -n 1 status)"
# A follower that has just locked claims the tens of microseconds it came from, and less each second.
(wait_for 30 eval '[ "$(tail -n 1 status | jq "[.clock.system.boundNs, .clock.cards[].boundNs] | max < 20000")" = true ]') || fail "$(cat log; tail -n 1 status)"
capbox clock status --archive /data/archive --json | tee before.json
expect "TAI - UTC before" "$(jq .utcOffsetSeconds before.json)" 36
expect "the kernel's" "$(capbox clock read system --against raw --json | jq -c '.system | [.taiOffset.seconds, .leap]')" '[36,"Insert"]'
[ "$(date +%s)" -lt $((midnight - 12)) ] || fail "the clocks were not locked in time: $(date -u)"
follows() { # the other card's clock, compared by the kernel with ours, in its own bound
	capbox clock read "$other" --against "$ours" --json | tee pair.json
	capbox clock status --archive /data/archive --json | tee state.json
	within "$other minus $ours" "$(jq '.reading.offsetNs | fabs | ceil' pair.json)" 0 $(($(jq '.cards[0].boundNs' state.json) + $(jq .reading.boundNs pair.json)))
	within "its bound" "$(jq '.cards[0].boundNs' state.json)" 1 20000
}
follows
wait_for 120 eval '[ "$(date +%s)" -ge $((midnight - 8)) ]'
for card in 0 2; do ip netns exec gm send -i stamp$card -n 800 -r 40 & done
# 20 s of packets, of which the leap second is about in the middle.
sleep 14
announce 37 0
sleep 9
dmesg | grep -q "inserting leap second" || fail "the kernel made no leap second"
capbox clock status --archive /data/archive --json | tee after.json
expect "TAI - UTC after" "$(jq -c '[.utcOffsetSeconds, .state]' after.json)" '[37,"Locked"]'
expect "the kernel's" "$(capbox clock read system --against raw --json | jq -c '.system | [.taiOffset.seconds, .leap, .isSynchronised]')" '[37,"None",true]'
capbox clock read "$ours" --json | tee system.json
within "system clock minus UTC" "$(jq '37000000000 - .reading.offsetNs | fabs | ceil' system.json)" 0 $(($(jq .system.boundNs after.json) + $(jq .reading.boundNs system.json)))
within "its bound" "$(jq .system.boundNs after.json)" 1 20000
expect "steps since before" "$(($(jq .steps after.json) - $(jq .steps before.json)))" 0
follows
kill -TERM $capbox
wait $capbox || fail "capbox run: exit $?: $(cat log)"
kill -TERM $gm
cat log
grep -q "TAI - UTC is 37 s" log || fail "no new segments"
capbox verify /data/archive/*.pcapng
# if_tsoffset (14, 8 bytes) of the first hardware interface, -36 or -37, and each packet's UTC as libpcap makes it of it.
: >packets
for segment in $(ls /data/archive/*.pcapng); do
	offset=$(od -An -v -tx1 -N 65536 "$segment" | tr -d ' \n' | grep -o '0e000800d[bc]ffffffffffffff' | head -n 1 | cut -c 9-10)
	[ -n "$offset" ] || fail "$segment: no if_tsoffset"
	tcpdump -r "$segment" -nn -tt --time-stamp-precision=nano 2>/dev/null | awk -v tai=$((0x$offset == 0xdb ? 37 : 36)) -v segment="$segment" '{ print tai, $1, segment }' >>packets
done
expect "packets" "$(wc -l <packets)" 1600
# By TAI every packet follows the one before it within a fraction of a second: one that is shown a second off would leave a hole and a heap. Two ports, so pairs.
awk -v midnight=$midnight '
	{ split($2, t, "."); print (t[1] - midnight + $1) * 1e9 + t[2], $1, t[1] - midnight }' packets | sort -n >times
awk 'NR > 1 && $1 - last > 7e8 { print "hole of", $1 - last, "ns before", $0; bad = 1 } { last = $1 } END { exit bad }' times || fail "a packet is a second off"
# Before the leap 36 s, after it 37 s; across it a chunk may have packets of both, and says that it may be a second off.
awk '$2 == 37 && $3 < -1 || $2 == 36 && $3 >= 1 { print; bad = 1 } END { exit bad }' times || fail "a packet in the wrong segment"
within "with 36 s" "$(awk '$2 == 36' times | wc -l)" 200 1400
within "with 37 s" "$(awk '$2 == 37' times | wc -l)" 200 1400
capbox segments /data/archive --json | tee segments.json
across=$(awk '$2 == 36 && $3 >= 0 { found = 1 } END { print found ? "true" : "false" }' times)
expect "a chunk across the leap is degraded, no other" "$(jq '[.[].ports[] | select(.clockState == "Degraded")] | length > 0' segments.json)" "$across"
rmmod stampnic
