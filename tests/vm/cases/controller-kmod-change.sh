# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# memory: 1024
# icount: shift=1,sleep=off
# The configuration is changed while the controller records through the module: a filter goes to the open session, between two packets, and another port stays as it is. Every packet of both is
# stored, rejected and told, or it is an error.
# shellcheck shell=dash
space b
pair a0 b0 b
pair a1 b1 b
cat >first.json <<'END'
{ "storage": { "directory": "/data/archive" }, "change": { "watch": "5s" },
  "ports": [{ "name": "b0", "backend": "kmod", "ringSize": "32MiB", "blockSize": "256KiB" }, { "name": "b1", "backend": "kmod", "ringSize": "32MiB", "blockSize": "256KiB" }] }
END
config() { ip netns exec b capbox config "$@" --state /data/state; }
ip netns exec b capbox run --state /data/state --config first.json --json >status 2>log &
capbox=$!
wait_for 20 eval '[ "$(tail -n 1 status | jq "[.ports[] | select(.state == \"Capturing\" and .backend == \"kmod\")] | length")" = 2 ]' || fail "$(cat log)"
send -i a0 -n 8000 -b 60 -r 1000 &
sender0=$!
send -i a1 -n 8000 -b 60 -r 1000 &
sender1=$!
sleep 2
config set 'ports[b0].filter' 'ether[49] & 1 = 0'
sleep 2
config set 'ports[b0].filter' null
sleep 2
config set 'ports[b0].filter' 'greater 61'
wait $sender0
wait $sender1
# The last line is the whole ledger: what is told each second may be some seconds old on a busy machine.
kill -TERM $capbox
wait $capbox || fail "capbox run: exit $?: $(cat log)"
tail -n 1 status
ports() { tail -n 1 status | jq "[.ports[] | select(.port == \"$1\")][0] | $2"; }
expect "b1 stored" "$(ports b1 .storedPackets)" 8000
expect "b1 lost" "$(ports b1 .lostPackets)" 0
# The module counts what it rejects where it rejects it: not one is missing.
expect "b0 stored and rejected" "$(ports b0 '.storedPackets + .filteredPackets')" 8000
expect "b0 lost" "$(ports b0 .lostPackets)" 0
within "b0 rejected" "$(ports b0 .filteredPackets)" 400 7600
cat log
capbox verify /data/archive/*.pcapng
expect "revisions" "$(capbox segments /data/archive --json | jq -c '[.[].configRevision] | unique')" "[1,2,3,4]"
expect "packets of both ports" "$(capbox segments /data/archive --json | jq '[.[].packets] | add')" "$(($(ports b0 .storedPackets) + 8000))"
