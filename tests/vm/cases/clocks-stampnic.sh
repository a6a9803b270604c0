# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# cpus: 1
# memory: 1024
# icount: shift=1,sleep=off
# network: root
# module: none
# timeout: 300
# Cards that stamp every packet, with oscillators that are known to be 30 ppm slow and 7 ppm fast: the inventory says so, the filter in force is read
# back, frequency and steps do what was asked within the width of the readings, and a nudge tells one clock from two.
# shellcheck shell=dash
. /guest/clocks.sh
insmod /modules/stampnic.ko oscillator_ppb=-30000,7000
capbox clock ports
capbox clock ports --json >ports
for name in stamp0 stamp1; do
	expect "$name" "$(jq -c --arg name $name '.ports[] | select(.name == $name) | [.ptpStamps, .packetStamps, .granted.rxFilter, (.rxFilters | index("all") != null)]' ports)" \
		'["Hardware","Hardware","none",true]'
done
one=ptp$(jq '.ports[] | select(.name == "stamp0") | .clock' ports)
two=ptp$(jq '.ports[] | select(.name == "stamp1") | .clock' ports)

# The recorder asks for stamps of every packet; the inventory sees it, also from another namespace.
ip link set stamp0 up
ip link set stamp1 up
capbox run --port stamp1 --archive /data/archive --json >status 2>log &
capbox=$!
wait_for 20 grep -q '"state":"Capturing"' status
expect "granted" "$(capbox clock ports --json | jq -r '.ports[] | select(.name == "stamp1") | .granted.rxFilter')" all
# PTP on the same port leaves the recorder its stamps.
expect "with the recorder" "$(capbox clock grant stamp1 --json | jq -r '[.granted.rxFilter, .granted.txType] | join(" ")')" "all on"
expect "the recorder's" "$(capbox clock ports --json | jq -r '.ports[] | select(.name == "stamp1") | .granted.rxFilter')" all
kill -TERM $capbox
wait $capbox || fail "capbox run: exit $?: $(cat log)"
space b
ip link set stamp1 netns b
expect "elsewhere" "$(capbox clock ports --netns b --json | jq -r --arg clock "$two" '.clocks[] | select(.device == "/dev/" + $clock) | .ports[0]')" b/stamp1
expect "not here" "$(capbox clock ports --json | jq -c --arg clock "$two" '.clocks[] | select(.device == "/dev/" + $clock) | .ports')" '[]'

for pair in "$one -30000" "$two 7000"; do
	clock=${pair% *} oscillator=${pair#* }
	rate "$clock" 3
	about "oscillator" "$rate_ppb" "$oscillator" $((rate_bound + 5))
	for ppb in 9000000 -9000000; do
		capbox clock adjust "$clock" --ppb $ppb
		rate "$clock" 3
		# Rates multiply.
		about "rate at $ppb" "$rate_ppb" $((ppb + oscillator + ppb / 1000 * oscillator / 1000000)) $((rate_bound + 5))
	done
	capbox clock adjust "$clock" --ppb 0
	own=$oscillator own_bound=5
	for ns in -37000000000 1 999999999; do
		moved "$clock" capbox clock adjust "$clock" --step $ns
		about "step" "$moved_ns" $ns "$moved_bound"
	done
done
must_fail capbox clock adjust "$one" --ppb 10000001

expect "two" "$(capbox clock adjust "$one" --same-as "$two")" "two clocks"
expect "one" "$(capbox clock adjust "$one" --same-as "$one")" "the same clock: steer one of them"
own=-30000 own_bound=5
moved "$one" capbox clock adjust "$one" --same-as "$two"
about "the nudge is taken back" "$moved_ns" 0 $moved_bound
capbox clock read "$one" --against "$two"
must_fail capbox clock adjust "$one" --same-as system
