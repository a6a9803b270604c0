# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# cpus: 1
# memory: 1024
# icount: shift=1,sleep=off
# timeout: 500
# network: root
# The recorder keeps the clock of the card that stamps its packets: a real ptp4l is grandmaster on the other end of the cable, with a clock of its own that is right;
# the recorder's card has an oscillator that is 20 ppm off and starts 3 ms wrong. Its chunks say acquiring, then locked with a bound; both PHCs agree within it; without the
# grandmaster it is holdover and the bound grows. The system clock follows the card's and speaks for what the host sends.
# shellcheck shell=dash
. /guest/grandmaster.sh
insmod /modules/stampnic.ko oscillator_ppb=0,20000
cards 0
master=$(phc stamp0 ip netns exec gm)
ours=$(phc stamp1)
capbox clock adjust "$ours" --step 3000000
capbox clock adjust system --yes --step -2000000000
start_grandmaster
cat >config.json <<'END'
{ "storage": { "directory": "/data/archive" },
  "ports": [{ "name": "stamp1", "backend": "kmod", "ringSize": "16MiB", "timestamps": "hardware" }],
  "clock": { "interface": "stamp1", "transport": "ethernet", "asymmetryNs": 0, "systemFollows": true } }
END
capbox config check config.json
capbox run --config config.json --json >status 2>log &
capbox=$!
(wait_for 20 grep -q '"state":"Capturing"' status) || fail "$(cat log)"
(wait_for 90 eval 'tail -n 1 status | grep -q "\"steered\":true,\"state\":\"Locked\""') || fail "$(cat log gm.log; tail -n 1 status)"
sleep 10
capbox clock status --archive /data/archive | tee clock.txt
capbox clock status --archive /data/archive --json | tee clock.json
bound=$(jq '.boundNs | ceil' clock.json)
within "bound" "$bound" 1 10000
grep -q "class 6, domain 0" clock.txt || fail "not the grandmaster that was set up"
# The grandmaster's clock against ours, read by the kernel: within the bound and what reading costs.
capbox clock read "$ours" --against "$master" --json | tee reading.json
offset=$(jq '.reading.offsetNs | fabs | ceil' reading.json)
width=$(jq '.reading.boundNs' reading.json)
within "our clock minus the grandmaster's" "$offset" 0 $((bound + width))
# The system clock follows the card's: it was 2 s off, and PTP's clock has 37 s more than UTC.
(wait_for 60 eval 'tail -n 1 status | grep -q "\"clock\":\"CLOCK_REALTIME\",\"state\":\"Locked\""') || fail "$(cat log; tail -n 1 status)"
capbox clock read "$ours" --json | tee system.json
capbox clock status --archive /data/archive --json | tee clock.json
within "system clock minus UTC" "$(jq '37000000000 - .reading.offsetNs | fabs | ceil' system.json)" 0 $(($(jq .system.boundNs clock.json) + $(jq .reading.boundNs system.json)))
within "its bound" "$(jq .system.boundNs clock.json)" 1 20000
expect "the kernel's TAI - UTC" "$(capbox clock read system --against raw --json | jq -c '.system.taiOffset.seconds')" 37
# Another program takes the card's stamps away: they are enabled again, and it is locked again soon.
hwstamp_ctl -i stamp1 -t 0 -r 0
(wait_for 30 grep -q "enabled again" log) || fail "$(cat log)"
capbox clock grant stamp1 --json | jq -e '.granted.txType == "on" and .granted.rxFilter == "all"'
(wait_for 60 eval 'tail -n 1 status | grep -q "\"steered\":true,\"state\":\"Locked\""') || fail "$(cat log; tail -n 1 status)"
# A segment of its own for what was stamped while it was locked, and one for holdover.
capbox rotate --archive /data/archive
sleep 3
ip netns exec gm send -i stamp0 -n 500 -r 2000
sleep 1
capbox rotate --archive /data/archive
sleep 3
# No grandmaster any more.
kill -TERM $gm
wait $gm || :
(wait_for 60 eval 'tail -n 1 status | grep -q "\"state\":\"Holdover\""') || fail "$(tail -n 1 status)"
capbox clock status --archive /data/archive --json | tee early.json
capbox rotate --archive /data/archive
sleep 5
ip netns exec gm send -i stamp0 -n 500 -r 2000
sleep 5
capbox clock status --archive /data/archive --json | tee late.json
jq -e --slurpfile late late.json '.parts.holdover < $late[0].parts.holdover and $late[0].state == "Holdover"' early.json || fail "the bound does not grow in holdover"
kill -TERM $capbox
wait $capbox || fail "capbox run: exit $?: $(cat log)"
cat log
capbox verify /data/archive/*.pcapng
# Evidence of all of it: locked, then holdover, each second.
capbox clock log --archive /data/archive --events | tee events
grep -q "state: Locked -> Holdover" events && grep -q "reference: none -> " events && tail -n 1 events | grep -q "stop" || fail "events"
within "seconds of proof" "$(capbox clock log --archive /data/archive --json | jq -s '[.[] | select(.state == "Locked" and .boundNs <= 10000)] | length')" 20 1000
capbox clock report --archive /data/archive --svg day.svg && fail "all of it is no proof: it was acquiring"
grep -q "<svg" day.svg || fail "no plot"
capbox segments /data/archive --json | tee segments.json
# The worst of each segment's chunks with packets: what came in was stamped by the card, what PTP sent by the system clock.
expect "of segments" "$(jq -c '[.[1:][].ports[0].clockState]' segments.json)" '["Locked","Locked","Holdover"]'
expect "before the lock" "$(jq -r '.[0].ports[0].clockState | test("Untraceable|Unsynchronised|Acquiring")' segments.json)" true
expect "both clocks stamped" "$(jq '.[1].ports[0] | .hardwareStampedPackets >= 500 and .hardwareStampedPackets < .packets' segments.json)" true
rmmod stampnic
