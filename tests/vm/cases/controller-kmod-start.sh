# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# memory: 1024
# icount: shift=1,sleep=off
# The module is there and everything goes well until its hooks are to be registered, of which the interface has as many as it may: auto goes on with packet sockets and says why; who asks
# for the module is refused.
# shellcheck shell=dash
pair a0 b0
insmod /modules/crowd.ko interface=b0
must_fail timeout 20 capbox run --port b0 --backend kmod --archive /data/refused 2>log
cat log
grep "capbox.ko cannot register its hooks" log || fail "not the reason"
capbox run --port b0 --archive /data/archive --json >status 2>log &
capbox=$!
(wait_for 20 grep -q '"state":"Capturing"' status) || fail "$(cat log)"
expect "backend" "$(tail -n 1 status | jq -r '.ports[0].backend')" packet
expect "said" "$(grep -c 'capbox.ko cannot register its hooks.*; using packet' log)" 1
expect "sessions" "$(cat /sys/module/capbox/refcnt)" 0
expect "sent" "$(send -i a0 -n 1000 -r 4000)" 1000
sleep 1
kill -TERM $capbox
wait $capbox || fail "capbox run: exit $?: $(cat log)"
expect "stored, lost" "$(tail -n 1 status | jq -c '.ports[0] | [.storedPackets, .lostPackets]')" "[1000,0]"
capbox verify /data/archive/*.pcapng
rmmod crowd
