# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# A grandmaster for cases with the cards of stampnic.ko: `. /guest/grandmaster.sh`. It is a real ptp4l in the namespace gm, on the other end of the cable, serving
# its card's clock by stamps of the card.
# shellcheck shell=dash

# cards N...: stampN goes to the namespace gm, which is made, stampN+1 stays; both ends up.
cards() {
	local card side
	space gm
	for card; do
		ip link set "stamp$card" netns gm
		for side in "ip -n gm link set stamp$card" "ip link set stamp$((card + 1))"; do $side addrgenmode none arp off; $side up; done
	done
}

# clock_state: what the recorder that writes the file status says of its clock.
clock_state() {
	tail -n 1 status | jq -r .clock.state
}

# phc INTERFACE [COMMAND...]: its clock, looked up by ethtool behind the command.
phc() {
	local interface=$1
	shift
	echo "/dev/ptp$("$@" ethtool -T "$interface" | sed -n 's/^PTP Hardware Clock: //p;s/^Hardware timestamp provider index: //p')"
}

# configure NAME INTERFACE LINE...: NAME.conf for a ptp4l at 8 messages a second, with its management socket at /tmp/NAME.
configure() {
	local name=$1 interface=$2
	shift 2
	printf '%s\n' '[global]' 'network_transport L2' 'tx_timestamp_timeout 100' 'logSyncInterval -3' 'logMinDelayReqInterval -3' 'logAnnounceInterval -1' "uds_address /tmp/$name" "$@" "[$interface]" >"$name.conf"
}

# start_grandmaster [OFFSET LEAP61]: it serves TAI and vouches for it. $gm is the process, gm.log what it says.
start_grandmaster() {
	configure gm stamp0 'masterOnly 1' 'free_running 1' 'priority1 10' 'clockClass 6' 'clockAccuracy 0x20' 'timeSource 0x20'
	ip netns exec gm ptp4l -f gm.conf -m -q >gm.log 2>&1 &
	gm=$!
	wait_for 20 test -S /tmp/gm
	announce "${1:-37}" "${2:-0}"
}

# announce OFFSET LEAP61: TAI - UTC, and whether a second will be inserted.
announce() {
	ip netns exec gm pmc -u -b 0 -s /tmp/gm -i /tmp/pmc "SET GRANDMASTER_SETTINGS_NP clockClass 6 clockAccuracy 0x20 offsetScaledLogVariance 0xffff currentUtcOffset $1 leap61 $2 leap59 0 currentUtcOffsetValid 1 ptpTimescale 1 timeTraceable 1 frequencyTraceable 1 timeSource 0x20"
}
