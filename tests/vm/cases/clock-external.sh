# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# cpus: 1
# memory: 1024
# icount: shift=1,sleep=off
# timeout: 500
# network: root
# An outside ptp4l steers the clock of the card that stamps the recorder's packets: its oscillator is 20 ppm off and it starts 3 ms wrong. The recorder asks ptp4l, claims what that is
# worth, and has the system clock follow; both are compared with the grandmaster's clock by the kernel. A step that ptp4l did not make is seen. Without the grandmaster it is holdover,
# without ptp4l too.
# shellcheck shell=dash
. /guest/grandmaster.sh
insmod /modules/stampnic.ko oscillator_ppb=0,20000
cards 0
master=$(phc stamp0 ip netns exec gm)
ours=$(phc stamp1)
capbox clock adjust "$ours" --step 3000000
capbox clock adjust system --yes --step -2000000000
configure slave stamp1 'slaveOnly 1'
start_grandmaster
cat >config.json <<'JSON'
{ "storage": { "directory": "/data/archive" },
  "ports": [{ "name": "stamp1", "backend": "kmod", "ringSize": "16MiB", "timestamps": "hardware" }],
  "clock": { "source": "ptp4l", "socket": "/tmp/slave", "asymmetryNs": 0, "systemFollows": true } }
JSON
capbox config check config.json
capbox run --config config.json --json >status 2>log &
capbox=$!
(wait_for 20 grep -q '"state":"Capturing"' status) || fail "$(cat log)"
capbox clock status --archive /data/archive && fail "a bound without ptp4l"
ptp4l -f slave.conf -m -q >slave.log 2>&1 &
slave=$!
(wait_for 120 eval '[ "$(clock_state)" = Locked ]') || fail "$(cat log slave.log; capbox clock status --archive /data/archive)"
sleep 35 # until no offset of the settling counts any more
capbox clock status --archive /data/archive | tee clock.txt
capbox clock status --archive /data/archive --json | tee clock.json
grep -q "ptp4l      steers $ours: SLAVE" clock.txt || fail "who steers"
bound=$(jq '.boundNs | ceil' clock.json)
within "bound" "$bound" 1 5000
capbox clock read "$ours" --against "$master" --json | tee reading.json
within "our clock minus the grandmaster's" "$(jq '.reading.offsetNs | fabs | ceil' reading.json)" 0 $((bound + $(jq .reading.boundNs reading.json)))
# The system clock follows the card's that ptp4l steers.
(wait_for 60 eval '[ "$(tail -n 1 status | jq -r .clock.system.state)" = Locked ]') || fail "$(cat log)"
capbox clock read "$ours" --json | tee system.json
capbox clock status --archive /data/archive --json | tee clock.json
within "system clock minus UTC" "$(jq '37000000000 - .reading.offsetNs | fabs | ceil' system.json)" 0 $(($(jq .system.boundNs clock.json) + $(jq .reading.boundNs system.json)))
expect "the kernel's TAI - UTC" "$(capbox clock read system --against raw --json | jq -c '.system.taiOffset.seconds')" 37
capbox rotate --archive /data/archive
sleep 3
ip netns exec gm send -i stamp0 -n 500 -r 2000
sleep 1
capbox rotate --archive /data/archive
sleep 3
# Somebody steps the clock by 50 ms: it is seen before ptp4l has made it up, and is not locked.
capbox clock adjust "$ours" --step 50000000
(wait_for 10 eval '[ "$(clock_state)" != Locked ]') || fail "a step of 50 ms was not seen"
(wait_for 10 grep -q "are unexplained" log) || fail "$(cat log)"
(wait_for 120 eval '[ "$(clock_state)" = Locked ]') || fail "$(cat log slave.log; capbox clock status --archive /data/archive)"
# No grandmaster, then no ptp4l.
kill -TERM $gm
wait $gm || :
(wait_for 60 eval '[ "$(clock_state)" = Holdover ]') || fail "$(capbox clock status --archive /data/archive)"
capbox clock status --archive /data/archive --json | tee early.json
kill -TERM $slave
wait $slave || :
(wait_for 20 eval 'capbox clock status --archive /data/archive | grep -q "ptp4l: /tmp/slave: "') || fail "$(capbox clock status --archive /data/archive)"
capbox clock status --archive /data/archive --json | tee late.json
jq -e --slurpfile late late.json '.parts.holdover < $late[0].parts.holdover and $late[0].state == "Holdover"' early.json || fail "the bound does not grow in holdover"
# Our clock runs freely now: still within what is claimed of it.
capbox clock read "$ours" --against "$master" --json | tee reading.json
within "our clock minus the grandmaster's" "$(jq '.reading.offsetNs | fabs | ceil' reading.json)" 0 $(($(jq '.boundNs | ceil' late.json) + $(jq .reading.boundNs reading.json)))
kill -TERM $capbox
wait $capbox || fail "capbox run: exit $?: $(cat log)"
cat log
capbox verify /data/archive/*.pcapng
capbox segments /data/archive --json | tee segments.json
expect "what was recorded while it was locked" "$(jq -r '.[1].ports[0].clockState' segments.json)" Locked
expect "with the step in it" "$(jq '.[2].ports[0].clockState != "Locked"' segments.json)" true
rmmod stampnic
