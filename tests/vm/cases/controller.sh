# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# memory: 1024
# icount: shift=1,sleep=off
# module: none
# The controller works in the guest: it records a veth through the packet backend and verifies its segments.
# shellcheck shell=dash
space b
pair a0 b0 b
ip netns exec b capbox run --port b0 --archive /data/archive --json >status 2>log &
wait_for 20 grep -q '"state":"Capturing"' status
send -i a0 -n 5000 -b 300 -r 10000
sleep 2
kill -TERM $!
wait $! || fail "capbox run: exit $?: $(cat log)"
tail -n 1 status
expect "stored" "$(tail -n 1 status | jq '.ports[0].storedPackets')" 5000
expect "lost" "$(tail -n 1 status | jq '.ports[0].lostPackets')" 0
capbox verify /data/archive/*.pcapng
expect "packets in the segments" "$(cat /data/archive/*.pcapng | tcpdump -r - 2>/dev/null | wc -l)" 5000
