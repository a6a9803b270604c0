# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# kernel: debug
# network: root
# module: none
# timeout: 180
# The simulated clock of netdevsim (ptp_mock), which counts CLOCK_MONOTONIC_RAW exactly: what is dialled is what it does, within the width of
# the readings. Its driver offers the plainest way to read it alone.
# shellcheck shell=dash
. /guest/clocks.sh
trap 'echo 1 >/sys/bus/netdevsim/del_device' EXIT
echo "1 1" >/sys/bus/netdevsim/new_device
wait_for 10 [ -e /dev/ptp0 ]
capbox clock ports
capbox clock ports --json >ports
expect "port" "$(jq -c '.ports[] | select(.driver == "netdevsim") | [.ptpStamps, .packetStamps, .granted]' ports)" '["None","Software",null]'
clock=$(jq '.ports[] | select(.driver == "netdevsim") | .clock' ports)
expect "clock" "$(jq -c --argjson clock "$clock" '.clocks[] | select(.index == $clock) | [.name, .capabilities.maxFrequencyPpb, .reading.method, (.ports | length)]' ports)" \
	'["Mock-up PTP clock",32000000,"Basic",1]'
clock=ptp$clock
expect "against raw" "$(capbox clock read "$clock" --against raw --json | jq -r .reading.method)" GetTime
for ppb in 0 32000000 -32000000 1000000; do
	expect "dialled" "$(capbox clock adjust "$clock" --ppb $ppb --json | number frequencyPpb)" $ppb
	rate "$clock" 3
	about "rate at $ppb" "$rate_ppb" $ppb "$rate_bound"
done
capbox clock adjust "$clock" --ppb 0
own=0 own_bound=1
for ns in 1700000000000000000 -1 -2000000001; do
	moved "$clock" capbox clock adjust "$clock" --step $ns
	about "step" "$moved_ns" $ns $moved_bound
done
must_fail capbox clock adjust "$clock" --ppb 32000001
