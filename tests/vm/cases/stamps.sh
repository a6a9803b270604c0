# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# cpus: 1
# memory: 1024
# icount: shift=1,sleep=off
# timeout: 300
# network: root
# A NIC that stamps in hardware: the controller asks it to, its packets go to the hardware interface with the NIC's time (TAI), those that the
# card missed to the software one; readers see one time. Both backends. A card that stamps PTP alone is not used for packets, and said so.
# shellcheck shell=dash
insmod /modules/stampnic.ko miss_every=10
for nic in stamp0 stamp1; do quiet $nic && ip link set $nic up; done

config() { # BACKEND NAME TIMESTAMPS
	echo "{ \"ports\": [{ \"name\": \"stamp1\", \"backend\": \"$1\", \"timestamps\": \"$3\" }], \"storage\": { \"directory\": \"/data/$2\" } }" >"$2.json"
}

record() { # BACKEND NAME PACKETS [TIMESTAMPS]: what `send` sends to stamp1, to the archive /data/NAME
	backend=$1 name=$2 packets=$3
	config "$backend" "$name" "${4:-auto}"
	capbox run --config "$name.json" --json >status 2>log &
	capbox=$!
	wait_for 20 grep -q '"state":"Capturing"' status
	expect "sent" "$(send -i stamp0 -n "$packets" -b 200 -r 2000)" "$packets"
	sleep 1
	kill -TERM $capbox
	wait $capbox || fail "capbox run: exit $?: $(cat log)"
	cat log
	expect "stored" "$(tail -n 1 status | jq '.ports[0].storedPackets')" "$packets"
	expect "lost" "$(tail -n 1 status | jq '.ports[0].lostPackets')" 0
}

interface() { # NUMBER: its if_tsoffset and packets
	sed -n "s/^$1 //p" interfaces
}

for backend in kmod packet; do
	record $backend $backend 2000
	capbox verify /data/$backend/*.pcapng
	interfaces /data/$backend/*.pcapng | tee interfaces
	capbox segments /data/$backend --json | jq -c .
	expect "$backend, software" "$(interface 0)" "0 200"
	expect "$backend, hardware" "$(interface 1)" "-37 1800"
	# One clock against the other: both follow the same oscillator here, and a packet takes less than that from the card to the hook.
	within "$backend, step forth" "$(sed -n 's/^forth \([0-9]*\) .*/\1/p' interfaces)" 1 500000000
	within "$backend, step back" "$(sed -n 's/.* back //p' interfaces)" 0 20000000
done
echo 0 >/sys/module/stampnic/parameters/miss_every
record kmod all 100 hardware
grep "stamped by the NIC" log
interfaces /data/all/*.pcapng | tee interfaces
expect "hardware alone" "$(interface 0) $(interface 1)" "0 0 -37 100"
record kmod none 100 software
interfaces /data/none/*.pcapng | tee interfaces
expect "software as asked for" "$(interface 0)" "0 100"
rmmod stampnic
insmod /modules/stampnic.ko ptp_only=1
for nic in stamp0 stamp1; do quiet $nic && ip link set $nic up; done
record kmod ptp 100
grep "stamped by the system clock.*cannot stamp every packet" log
interfaces /data/ptp/*.pcapng | tee interfaces
expect "software alone" "$(interface 0)" "0 100"
config kmod refused hardware
must_fail timeout 20 capbox run --config refused.json 2>log
cat log
grep "stamp1" log
rmmod stampnic
