# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# cpus: 1
# memory: 1024
# timeout: 400
# network: root
# module: none
# icount: shift=1,sleep=off
# append: iomem=relaxed
# allow: physical clock is free running
# qemu: -device pcie-root-port,id=r0,chassis=1,slot=1 -device pcie-root-port,id=r1,chassis=2,slot=2 -netdev hubport,id=n0,hubid=0 -netdev hubport,id=n1,hubid=0 -device igb,netdev=n0,bus=r0,mac=02:00:00:00:01:0a -device igb,netdev=n1,bus=r1,mac=02:00:00:00:01:0b
# The bench of the real interface: capbox follows with a virtual clock of an igb (BIND_PHC), a real ptp4l is grandmaster on another, whose oscillator is 20 ppm off. The cable has no delay and the stamps no
# error, and the guest's time counts instructions: the difference of two stamps of a message is the difference of the clocks, to the nanosecond. Within 2 ns after 30 s; so again after the oscillator changes by 119 ppb.
# shellcheck shell=dash
. /guest/grandmaster.sh
device() { # MAC: the interface that has it
	ip -j link show | jq -r --arg mac "$1" '.[] | select(.address == $mac) | .ifname'
}
master=$(device 02:00:00:00:01:0a)
slave=$(device 02:00:00:00:01:0b)
physical=$(phc "$master")
ours=$(phc "$slave")
cards="$(readlink -f "/sys/class/net/$master/device") $(readlink -f "/sys/class/net/$slave/device")"
space gm
ip link set "$master" netns gm name stamp0
for side in "ip -n gm link set stamp0" "ip link set $slave"; do $side addrgenmode none arp off; $side up; done
wait_for 20 grep -q 1 "/sys/class/net/$slave/carrier"
# The card knows 2^-23: 168 of them.
capbox clock adjust "$physical" --ppb 20027
capbox clock adjust "$physical" --step "$(capbox clock read "$physical" --json | jq '37000000000 - .reading.offsetNs')"
capbox clock adjust "$ours" --virtual 1
# shellcheck disable=SC2086  # two words
igbclock serve $cards &
start_grandmaster
cat >config.json <<END
{ "storage": { "directory": "/data/archive" },
  "ports": [{ "name": "lo", "backend": "packet", "ringSize": "4MiB" }],
  "clock": { "interface": "$slave", "virtualClock": true, "transport": "ethernet", "asymmetryNs": 0, "exchangeLog": "16MiB" } }
END
capbox config check config.json
capbox run --config config.json --json >status 2>log &
capbox=$!
# Starting capbox takes a tenth of the guest's second: what is asked for often is a file.
wait_for 60 test -s /data/archive/.capbox/clock/exchanges/00000001.cbex
exchanges() { capbox clock log --raw --archive /data/archive --json >exchanges; }
# worst FROM TO: of the exchanges in these seconds after $base, the furthest that the clocks were apart by either direction, t2 - t1 or t3 - t4, ns: jq would round the stamps themselves.
worst() {
	jq -s --argjson from "$1" --argjson to "$2" --argjson base "$base" '
		[.[] | (.t1 / 1e9 - $base) as $s | select($s >= $from and $s < $to) | (.offsetNs + .delayNs, .offsetNs - .delayNs) | fabs] | if length < 8 then error("too few") else max end' exchanges
}
# Second by second, for the log: seconds, offset, delay.
course() { jq -r --argjson base "$base" '[((.t1 / 1e9 - $base) * 100 | round / 100), .offsetNs, .delayNs] | @tsv' exchanges | awk 'NR % 4 == 1'; }
sleep 45
capbox clock status --archive /data/archive
exchanges
base=$(head -n 1 exchanges | jq '.t1 / 1e9')
course
within "apart after 30 s" "$(worst 30 45)" 0 2

igbclock turn "${cards% *}" 1
sleep 25
exchanges
# The change is where the clocks part.
base=$(jq -s --argjson base "$base" '[.[] | select(.t1 / 1e9 - $base > 40)] | [.[] | select((.offsetNs | fabs) > 2)] | first | .t1 / 1e9' exchanges)
course
echo "peak: $(worst 0 10) ns"
within "apart 10 s after the step" "$(worst 10 24)" 0 2
expect "steps" "$(capbox clock status --archive /data/archive --json | jq .steps)" 1
kill -TERM $capbox
wait $capbox || fail "capbox run: exit $?: $(cat log)"
cat log
