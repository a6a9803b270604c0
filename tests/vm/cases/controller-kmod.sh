# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# memory: 1024
# icount: shift=1,sleep=off
# The controller records through the module: by itself when the module is there; every packet is stored, in order, byte for byte as tcpdump
# saw it beside; the segments verify; both directions.
# shellcheck shell=dash
space b
pair a0 b0 b
ip netns exec b tcpdump -i b0 -s 0 -B 65536 -w /tmp/beside.pcap 2>/tmp/tcpdump.log &
tcpdump=$!
ip netns exec b capbox run --port b0 --archive /data/archive --json >status 2>log &
capbox=$!
wait_for 20 grep -q '"state":"Capturing"' status
wait_for 20 grep -q listening /tmp/tcpdump.log
grep -o '"backend":"[a-z]*"' status | head -n 1
expect "backend" "$(tail -n 1 status | jq -r '.ports[0].backend')" kmod
send -i a0 -n 4000 -b 300 -r 10000
send -i a0 -n 1000 -b 60 -r 10000
send -i a0 -n 1000 -b 1514 -r 10000
ip netns exec b send -i b0 -n 1000 -b 600 -r 10000
sleep 1
kill -TERM $capbox
wait $capbox || fail "capbox run: exit $?: $(cat log)"
# tcpdump is given what its ring holds once a second, on a busy machine later.
sleep 4
kill -TERM $tcpdump
wait $tcpdump || :
tail -n 1 status
expect "stored" "$(tail -n 1 status | jq '.ports[0].storedPackets')" 7000
expect "lost" "$(tail -n 1 status | jq '.ports[0].lostPackets')" 0
capbox verify /data/archive/*.pcapng
capbox extract --archive /data/archive --from 1970-01-01T00:00:00Z --to 2100-01-01T00:00:00Z --output /tmp/all.pcapng
# Without times: two clocks were read for each packet. The extraction is in the order of the stamps.
tcpdump -t -e -xx -r /tmp/all.pcapng >recorded 2>/dev/null
tcpdump -t -e -xx -r /tmp/beside.pcap >beside 2>/dev/null
expect "packets tcpdump saw" "$(grep -c '^02:00' beside)" 7000
cmp recorded beside || fail "what was recorded is not what tcpdump saw"
