# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# cpus: 1
# memory: 1024
# icount: shift=1,sleep=off
# timeout: 400
# network: root
# The link flaps, and each time the card's clock falls back to its oscillator, 20 ppm off, while the kernel still tells what was dialled: i40e's fault. The recorder dials again, is locked again, and never steps
# the clock; first with a driver of which that is known, then with one of which it is not: every change of the link makes it dial.
# shellcheck shell=dash
. /guest/grandmaster.sh

locked() { [ "$(clock_state)" = Locked ]; }
carrier() { [ "$(cat /sys/class/net/stamp1/carrier)" = "$1" ]; }
exchanges() { capbox clock log --raw --archive /data/archive --json 2>/dev/null | wc -l; }
follows_again() { sleep 1 && [ "$(exchanges)" -ge $((seen + 40)) ] && locked; }

# flaps DRIVER: all of it with cards of that driver.
flaps() {
	insmod /modules/stampnic.ko oscillator_ppb=0,20000 forgets_frequency=1 driver="$1"
	cards 0
	master=$(phc stamp0 ip netns exec gm)
	ours=$(phc stamp1)
	start_grandmaster
	cat >config.json <<'END'
{ "storage": { "directory": "/data/archive" },
  "ports": [{ "name": "stamp1", "backend": "packet", "ringSize": "4MiB" }],
  "clock": { "interface": "stamp1", "transport": "ethernet", "asymmetryNs": 0, "exchangeLog": "16MiB" } }
END
	capbox config check config.json
	capbox run --config config.json --json >status 2>log &
	capbox=$!
	(wait_for 120 locked) || fail "$(cat log gm.log)"
	sleep 20
	for flap in 1 2 3; do
		seen=$(exchanges)
		ip -n gm link set stamp0 down
		wait_for 20 carrier 0
		sleep $flap
		ip -n gm link set stamp0 up
		wait_for 20 carrier 1
		(wait_for 120 follows_again) || fail "flap $flap: $(cat log gm.log)"
	done
	capbox clock status --archive /data/archive --json | tee clock.json
	capbox clock read "$ours" --against "$master" --json | tee reading.json
	cat log
	# The first. What the oscillator gained until the change was heard of may be found as a step of somebody else's where the machine is slow.
	expect "steps that it made" "$(grep -c 'stepped by .*: Policy' log)" 1
	within "our clock minus the grandmaster's" "$(jq '.reading.offsetNs | fabs | ceil' reading.json)" 0 $(($(jq '.boundNs | ceil' clock.json) + $(jq .reading.boundNs reading.json)))
	# Once it followed: what the oscillator gains until the change is heard of, however slow the machine: below what would be stepped at the start.
	capbox clock log --raw --archive /data/archive --json | jq -s '[.[200:][].offsetNs | fabs] | max | ceil' | tee worst
	within "furthest off, ns" "$(cat worst)" 0 20000
	kill -TERM $capbox
	wait $capbox || fail "capbox run: exit $?: $(cat log)"
	kill -TERM $gm
	wait $gm || :
	ip netns del gm
	rm -r /data/archive
}
flaps i40e
(wait_for 20 rmmod stampnic) || fail "stampnic stays"
flaps other
(wait_for 20 rmmod stampnic) || fail "stampnic stays"
