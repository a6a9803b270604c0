# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# memory: 1024
# icount: shift=1,sleep=off
# Packets that are larger than a block are lost, and not because a ring was full: the host's share, in status, metrics and files.
# shellcheck shell=dash
space b
pair a0 b0 b
ip link set a0 mtu 65535
ip -n b link set b0 mtu 65535
cat >config.json <<'END'
{ "storage": { "directory": "/data/archive" }, "ports": [{ "name": "b0", "netns": "b", "backend": "kmod", "ringSize": "1MiB", "blockSize": "64KiB" }] }
END
capbox run --config config.json --json >status 2>log &
capbox=$!
wait_for 20 grep -q '"state":"Capturing"' status
expect "small" "$(send -i a0 -n 100 -b 300 -r 4000)" 100
expect "large" "$(send -i a0 -n 7 -b 65400 -r 1000)" 7
expect "small" "$(send -i a0 -n 100 -b 300 -r 4000)" 100
# Told within a second or so, without another packet.
wait_for 20 eval '[ "$(tail -n 1 status | jq ".ports[0].seenPackets")" = 207 ]'
sleep 2
kill -TERM $capbox
wait $capbox || fail "capbox run: exit $?: $(cat log)"
cat log
tail -n 1 status
expect "stored, lost: ring, disk, nic, host" "$(tail -n 1 status | jq -c '.ports[0] | [.storedPackets, .lostRing, .lostDisk, .lostNic, .lostHost, .ringFreezes]')" "[200,0,0,0,7,0]"
expect "rings: host" "$(tail -n 1 status | jq '[.ports[0].rings[].lostHost] | add')" 7
capbox verify /data/archive/*.pcapng
expect "files" "$(capbox verify --json /data/archive/*.pcapng | jq -c '[.. | objects | select(has("lostHost")) | [.packets, .lostRing, .lostHost]] | .[0]')" "[200,0,7]"
