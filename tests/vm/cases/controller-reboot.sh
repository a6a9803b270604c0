# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# memory: 1024
# icount: shift=1,sleep=off
# module: none
# The command reboot does it: with the right token the recorder seals and then calls reboot(2), which ends the PID namespace that it is the first process of
# (pid_namespaces(7): its parent sees SIGHUP). Before that a wrong token, an old one and none do nothing. And a machine without LEDs says so.
# shellcheck shell=dash
space b
pair a0 b0 b
echo '{"storage":{"directory":"/data/archive"},"control":{"reboot":true},"ports":[{"name":"b0"}]}' >/data/config.json
ip netns exec b unshare --pid --fork capbox run --config /data/config.json --json >status 2>log &
recorder=$!
wait_for 30 grep -q '"state":"Capturing"' status
send -i a0 -n 5000 -b 300 -r 10000
ask() { capbox control ask "$@" --archive /data/archive; }
must_fail ask reboot '{"token":"0123456789abcdef0123456789abcdef"}'
old=$(ask reboot | jq -r .token)
token=$(ask reboot | jq -r .token)
must_fail ask reboot "{\"token\":\"$old\"}"
must_fail ask reboot "{\"token\":\"$token\"}"
[ -d /sys/class/leds ] && [ -n "$(ls /sys/class/leds)" ] || ask identify 2>&1 | grep "no LED"
kill -0 $recorder || fail "the recorder ended: $(cat log)"
token=$(ask reboot | jq -r .token)
expect "the answer" "$(ask reboot "{\"token\":\"$token\"}" | jq -c .rebooting)" true
code=0
wait $recorder || code=$?
expect "the end of the PID namespace" "$code" 129
grep -q "reboot: ordered" log || fail "the log does not tell of it: $(cat log)"
expect "segments left unsealed" "$(find /data/archive -name '*.part' | wc -l)" 0
capbox verify /data/archive/*.pcapng
expect "packets in the segments" "$(cat /data/archive/*.pcapng | tcpdump -r - 2>/dev/null | wc -l)" 5000
