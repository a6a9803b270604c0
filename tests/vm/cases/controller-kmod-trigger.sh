# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# memory: 1024
# icount: shift=1,sleep=off
# timeout: 400
# The flight recorder through the module: rings keep the newest packets, a trigger writes what lies before and after it, byte for byte and without a
# gap; what nobody asked for is counted as discarded.
# shellcheck shell=dash
space b
pair a0 b0 b
cat >config.json <<'END'
{ "storage": { "directory": "/data/archive", "mode": "trigger", "trigger": { "before": "1s", "after": "500ms" } },
  "ports": [{ "name": "b0", "netns": "b", "backend": "kmod", "rings": 1, "ringSize": "16MiB", "blockSize": "256KiB" }] }
END
ip netns exec b tcpdump -i b0 -s 0 -B 65536 -w beside.pcap 2>tcpdump.log &
tcpdump=$!
capbox run --config config.json --json >status 2>log &
capbox=$!
wait_for 20 grep -q '"state":"Capturing"' status
wait_for 20 grep -q listening tcpdump.log
expect "backend" "$(tail -n 1 status | jq -r '.ports[0].backend')" kmod
taskset 2 send -i a0 -n 24000 -b 300 -r 4000 >sent &
sender=$!
sleep 3
capbox trigger --archive /data/archive --reason test --json | tee answer
wait $sender
expect "sent" "$(cat sent)" 24000
sleep 1
kill -TERM $capbox
wait $capbox || fail "capbox run: exit $?: $(cat log)"
kill -TERM $tcpdump
wait $tcpdump || :
cat log
tail -n 1 status
capbox verify /data/archive/*.pcapng
tail -n 1 status | jq -e '.ports[0] | .seenPackets == 24000 and .lostPackets == 0 and .pendingPackets == 0 and .storedPackets > 0 and
	.seenPackets == .storedPackets + .filteredPackets + .discardedPackets' || fail "the sum"
capbox extract --archive /data/archive --from 1970-01-01T00:00:00Z --to 2100-01-01T00:00:00Z --output stored.pcapng
tcpdump -t -e -xx -r stored.pcapng >stored 2>/dev/null
tcpdump -t -e -xx -r beside.pcap >beside 2>/dev/null
expect "stored" "$(grep -c '^02:00' stored)" "$(tail -n 1 status | jq '.ports[0].storedPackets')"
# The first chunk of the window: blocks that were let go before it are not missing, it is number 0 of its ring.
expect "ring sequence" "$(od -A n -t u8 -j 4240 -N 8 /data/archive/*.pcapng | tr -d ' ')" 0
# One piece of what tcpdump saw: a packet's fifth line has its number.
number=$(sed -n 5p stored)
first=$(grep -n -F -m 1 "$number" beside | cut -d : -f 1)
tail -n +$((first - 4)) beside | head -n "$(wc -l <stored)" >piece
cmp stored piece || fail "what is stored is not one piece of what tcpdump saw"
