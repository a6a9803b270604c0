# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# qemu: -netdev hubport,id=n0,hubid=0 -netdev hubport,id=n1,hubid=0 -device igb,netdev=n0,addr=4,mac=02:00:00:00:01:0a -device igb,netdev=n1,addr=8,mac=02:00:00:00:01:0b
# network: root
# module: none
# timeout: 400
# allow: physical clock is free running
# The clocks of two igb cards and the system clock: what the inventory tells of them, virtual clocks, frequency and steps, each checked against
# CLOCK_MONOTONIC_RAW within the width of the readings.
# shellcheck shell=dash
. /guest/clocks.sh
capbox clock ports
capbox clock ports --json >ports
for mac in 02:00:00:00:01:0a 02:00:00:00:01:0b; do
	name=$(ip -j link show | jq -r --arg mac $mac '.[] | select(.address == $mac) | .ifname')
	jq -c --arg name "$name" '.ports[] | select(.name == $name)' ports >port
	expect "$name" "$(jq -r '[.driver, .ptpStamps, .packetStamps, .granted.rxFilter, .granted.txType] | join(" ")' port)" "igb Hardware Software none off"
	expect "$name, filters" "$(jq -r '.rxFilters | index("all") == null and index("ptpv2-event") != null' port)" true
	expect "$name, flags" "$(jq -r '.stamping | index("hardware-transmit") != null and index("hardware-raw-clock") != null' port)" true
	clock=$(jq .clock port)
	expect "$name, clock" "$(jq -c --argjson clock "$clock" '.clocks[] | select(.index == $clock) | [.ports[0], .capabilities.maxFrequencyPpb, .reading.method, .problem]' ports)" "[\"$name\",999999881,\"Extended\",null]"
done
# What it grants is more than what it was asked for, and is put back.
expect "granted" "$(capbox clock grant "$name" --json | jq -c '[.granted.rxFilter, .granted.txType, .covers]')" '["ptpv2-event","on","EthernetEvents, UdpEvents"]'
expect "every packet" "$(capbox clock grant "$name" --every-packet --json | jq -c '[.granted.rxFilter, .granted.txType, .covers]')" '["none","on","None"]'
expect "put back" "$(capbox clock ports --json | jq -r --arg name "$name" '.ports[] | select(.name == $name) | [.granted.rxFilter, .granted.txType] | join(" ")')" "none off"
must_fail capbox clock grant lo
expect "lo" "$(jq -r '.ports[] | select(.name == "lo") | [.clock, .ptpStamps, .packetStamps] | join(" ")' ports)" " Software Software"
physical=ptp$clock

# A virtual clock of it, which is steered in its place.
virtual=ptp$(capbox clock adjust "$physical" --virtual 1 --json | jq '.virtualClocks[0]')
expect "of" "$(capbox clock ports --json | jq --argjson index "${virtual#ptp}" '.clocks[] | select(.index == $index) | .virtualOf')" "$clock"
must_fail capbox clock adjust "$physical" --ppb 5 2>error
cat error
grep -q "Device or resource busy; it runs freely for its virtual clocks: steer /dev/$virtual" error
must_fail capbox clock adjust "$virtual" --virtual 1
must_fail capbox clock adjust "$virtual" --ppb 500000001
must_fail capbox clock adjust "$physical" --virtual 4000

# QEMU's card and the guest's clock count by different crystals: the rate at 0 is what the others are counted from.
rate "$virtual" 4
own=$rate_ppb own_bound=$rate_bound
for ppb in 20000000 -20000000; do
	expect "dialled" "$(capbox clock adjust "$virtual" --ppb $ppb --json | number frequencyPpb)" $ppb
	rate "$virtual" 4
	# Rates multiply: of 2 % that is another 1/50 of the card's own.
	about "rate at $ppb" $((rate_ppb - own)) $ppb $((rate_bound + own_bound + (own > 0 ? own : -own) / 50 + 1))
done
capbox clock adjust "$virtual" --ppb 0
for ns in 37000000000 -1 -2000000001 123456789; do
	moved "$virtual" capbox clock adjust "$virtual" --step $ns
	about "step" "$moved_ns" $ns $moved_bound
done
capbox clock adjust "$virtual" --step "$(sample now "$virtual" && echo $((1700000000000000000 - now_at)))"
capbox clock read "$virtual"
capbox clock read "$virtual" --against "$physical"
expect "one clock against itself" "$(capbox clock read "$physical" --against "$physical" --json | sed 's/.*"offsetNs":\(-\{0,1\}[0-9]*\),"boundNs":\([0-9]*\).*/\1 \2/' | awk '{ print ($1 <= $2 && $1 >= -$2) ? "within" : $0 }')" within
capbox clock adjust "$physical" --virtual 0
[ ! -e "/dev/$virtual" ] || fail "$virtual is still there"

# The system clock.
must_fail capbox clock adjust system --step 1 2>error
grep -q "CLOCK_REALTIME: .*--yes" error
rate system 4
own=$rate_ppb own_bound=$rate_bound
about "rate of the system clock" "$own" 0 "$rate_bound"
capbox clock adjust system --yes --ppb -400000
rate system 4
about "rate at -400000" "$rate_ppb" -400000 $((rate_bound + own_bound))
capbox clock adjust system --yes --ppb 0
moved system capbox clock adjust system --yes --step 5000000001
about "step" "$moved_ns" 5000000001 $moved_bound
expect "unsynchronised" "$(capbox clock read system --json | jq .system.isSynchronised)" false
moved system capbox clock adjust system --yes --step -5000000001
about "step back" "$moved_ns" -5000000001 $moved_bound
expect "TAI" "$(capbox clock adjust system --yes --tai 37 --json | jq -c '[.system.taiOffset.seconds, .system.isSynchronised]')" "[37,false]"
must_fail capbox clock adjust system --yes --ppb 500001
must_fail capbox clock adjust "$physical" --tai 37
