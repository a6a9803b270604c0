# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# memory: 1024
# icount: shift=1,sleep=off
# The controller on hooks of the network layer, with a filter, in another network namespace: both hooks' packets are told apart, the segments verify. And what
# is refused: a filter that needs a link header, the module when it is not there.
# shellcheck shell=dash
space r
pair a0 r0 r
ip addr add 10.1.0.1/24 dev a0
ip -n r addr add 10.1.0.2/24 dev r0
ip link set a0 arp on
ip -n r link set r0 arp on
ping -c 1 -W 5 10.1.0.2 >/dev/null
cat >config.json <<'END'
{ "storage": { "directory": "/data/archive" },
  "ports": [{ "name": "r0", "netns": "r", "backend": "kmod", "ringSize": "16MiB", "hooks": ["local-in", "local-out"], "filter": "icmp or udp port 9" }] }
END
capbox run --config config.json --json >status 2>log &
capbox=$!
wait_for 20 grep -q '"state":"Capturing"' status
ping -c 5 -W 5 -s 111 10.1.0.2 >/dev/null
send -i a0 -n 7 -b 200 -m 02:00:00:00:00:0b -s 10.1.0.1 -t 10.1.0.2 -p 9999 # not of the filter
sleep 1
kill -TERM $capbox
wait $capbox || fail "capbox run: exit $?: $(cat log)"
tail -n 1 status
expect "port" "$(tail -n 1 status | jq -r '.ports[0].port')" r/r0
# Five echo requests in, five answers out; what else the router says of the datagrams (port unreachable, at most seven) is ICMP too.
within "stored" "$(tail -n 1 status | jq '.ports[0].storedPackets')" 10 17
within "filtered" "$(tail -n 1 status | jq '.ports[0].filteredPackets')" 7 30
capbox verify /data/archive/*.pcapng
expect "requests" "$(tcpdump -n -r /data/archive/*.pcapng 'icmp[0] == 8' 2>/dev/null | grep -c 'echo request')" 5
expect "answers, with a link header that was made up" "$(tcpdump -e -n -r /data/archive/*.pcapng 'icmp[0] == 0' 2>/dev/null | grep -c '> 00:00:00:00:00:00')" 5

sed 's/icmp or udp port 9/ether host 02:00:00:00:00:0a/' config.json >ether.json
must_fail timeout 20 capbox run --config ether.json --json >/dev/null 2>refused
cat refused
grep -q "hooks of the network layer" refused || fail "a filter that needs a link header was not refused for it"
rmmod capbox
must_fail timeout 20 capbox run --config config.json --json >/dev/null 2>refused
cat refused
grep -q "port r/r0: backend kmod: capbox.ko is not loaded" refused || fail "no word of the module that is missing"
# Without the module, auto goes on with packet sockets.
ip netns exec r capbox run --port r0 --archive /data/second --duration 3 --json >status 2>log
grep -q '"backend":"packet"' status || fail "auto did not take packet sockets: $(cat log)"
