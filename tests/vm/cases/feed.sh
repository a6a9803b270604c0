# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# cpus: 1
# memory: 1024
# icount: shift=1,sleep=off
# timeout: 400
# A trading feed is less than a fifth of the packets. With its filter exactly the feed is stored, nothing of it lost, and at least 80 % of the
# bytes never reach memory.
# shellcheck shell=dash
space b
pair a0 b0 b
mkfifo stop
sleep 1000 >stop &
holder=$!
ip netns exec b tcpdump -i b0 -ddd 'udp and dst host 239.1.1.1 and dst port 30001' >feed.bpf 2>/dev/null
ip netns exec b record -i b0 -b 64 -l feed.bpf -w feed.pcapng <stop >out &
recorder=$!
wait_for 20 grep -q recording out
for round in $(seq 0 9); do
	send -i a0 -n 100 -f $((round * 100)) -b 300 -m 01:00:5e:01:01:01 -t 239.1.1.1 -p 30001
	send -i a0 -n 250 -b 300 -m 01:00:5e:01:01:02 -t 239.1.1.2 -p 30001
	send -i a0 -n 150 -b 1400 -t 10.0.0.2 -p 30001
done
sleep 0.5
kill $holder
wait $recorder
cat out
grep -q "seen=5000 filtered=4000 stored=1000 full=0 taken_back=0" out || fail "not exactly the feed: 1000 of 5000"
grep -q "numbers=1000 first=0 last=999 jumps=0" out || fail "a packet of the feed is missing or out of order"
expect "packets in the file" "$(tcpdump -r feed.pcapng 'udp dst port 30001 and dst host 239.1.1.1' 2>/dev/null | grep -c .)" 1000
stored=$(tr ' ' '\n' <out | sed -n 's/^stored_bytes=//p')
seen=$(tr ' ' '\n' <out | sed -n 's/^seen_bytes=//p')
echo "stored $stored of $seen bytes"
[ $((stored * 5)) -le "$seen" ] || fail "more than a fifth of the bytes"
