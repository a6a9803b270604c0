#!/bin/bash
# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# Records generated traffic for a long time and disturbs the recorder: scripts/soak.sh DURATION (30m, 8h; at least 4m). Needs root. The run is a row of recorders on one
# archive. Every second one is killed while packets come, the others are stopped when the generator has ended; each is held, rotated, and bounded by retention.
# Of a recorder that was stopped, packets stored, filtered and lost are those sent; of one that was killed, all that it reported as stored are in the files. Its memory must not
# grow after the first quarter of its time. CAPBOX_SEED repeats the moments of a run. Prints "ok NAME" or "not ok NAME: WHY"; exit 1 on any failure.
set -euo pipefail
cd "$(dirname "$0")/.."
case ${1:-} in
*[0-9]s) seconds=${1%s} ;;
*[0-9]m) seconds=$((${1%m} * 60)) ;;
*[0-9]h) seconds=$((${1%h} * 3600)) ;;
*) echo "usage: make soak DURATION=30m" >&2; exit 2 ;;
esac
[ "$seconds" -ge 240 ] || { echo "make soak: DURATION is at least 4m" >&2; exit 2; }
[ "$(id -u)" = 0 ] || exec sudo --preserve-env=CAPBOX_SEED,PATH "$0" "$@"
RANDOM=$((${CAPBOX_SEED:=$RANDOM} % 32768))
echo "CAPBOX_SEED=$CAPBOX_SEED"

recorders=$((seconds / 120 < 24 ? seconds / 120 : 24))
each=$((seconds / recorders))
pps=5000 # so that all that one recorder stores is less than what retention keeps
bench=bench
tool=(dotnet "$bench/bin/Release/net10.0/Bench.dll")
space=capbox-soak-$$
mkdir -p var
work=$(mktemp -d var/soak-XXXXXX)
archive=$work/archive
recorder= generator= failed=0

cleanup() {
	for pid in $recorder $generator; do kill -KILL "$pid" 2>/dev/null || :; done
	ip netns del "$space" 2>/dev/null || :
	if [ "$failed" = 0 ]; then rm -rf "$work"; else echo "what is left: $work"; fi
}
trap cleanup EXIT
trap 'exit 130' INT TERM

result() { # NAME WHY: good when WHY is empty
	if [ -z "$2" ]; then echo "ok $1"; else
		echo "not ok $1: $2"
		failed=1
	fi
}

port() { # EXPRESSION: of the last whole line of status
	grep '}$' "$work/status" | tail -n 1 | jq -r ".ports[0] | $1"
}

wait_until() { # SECONDS COMMAND...
	local until=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $until ] || return 1
		sleep 0.2
	done
}

start() { # NAME
	out/capbox run --config "$work/config.json" --json >"$work/status" 2>>"$work/log" &
	recorder=$!
	: >"$work/memory"
	wait_until 100 eval '[ "$(port .state)" = Capturing ]' || { cat "$work/log"; exit 1; }
	[ -z "$told" ] || repaired "$1"
	began=$(date -u +%Y-%m-%dT%H:%M:%SZ)
	"${tool[@]}" generate --port soak0 --netns "$space" --milliseconds $(((each - 20) * 1000)) --pps $pps --size imix --json >"$work/sent" 2>>"$work/log" &
	generator=$!
}

# Until the generator has ended, or SECONDS are over: memory is read, holds come and go, segments are rotated.
disturb() { # SECONDS
	local until=$((SECONDS + $1)) hold
	while kill -0 $generator 2>/dev/null && [ $SECONDS -lt $until ]; do
		sed -n 's/^VmRSS:[[:space:]]*\([0-9]*\) kB/\1/p' "/proc/$recorder/status" >>"$work/memory"
		case $((RANDOM % 8)) in
		0) out/capbox hold add --archive "$archive" --from -20s --to now --reason soak >/dev/null 2>>"$work/log" || : ;;
		1)
			hold=$(out/capbox hold list --archive "$archive" --json 2>/dev/null | jq -r '.[0].id // empty')
			[ -z "$hold" ] || out/capbox hold remove --archive "$archive" "$hold" >/dev/null 2>>"$work/log" || :
			;;
		2) out/capbox rotate --archive "$archive" >/dev/null 2>>"$work/log" || : ;;
		esac
		sleep 2
	done
}

# The median of the last quarter against that of the second: it may be 5 % and 4 MiB more.
memory() { # NAME
	result "$1-memory" "$(awk '
		{ kb[NR] = $1 }
		function median(from, to, i, j, n, t, part) {
			for (i = from; i <= to; i++) part[++n] = kb[i]
			for (i = 2; i <= n; i++) for (j = i; j > 1 && part[j] < part[j - 1]; j--) { t = part[j]; part[j] = part[j - 1]; part[j - 1] = t }
			return part[int((n + 1) / 2)]
		}
		END {
			q = int(NR / 4)
			if (q < 2) { print NR " readings are too few"; exit }
			early = median(q + 1, 2 * q); late = median(3 * q + 1, NR)
			if (late > early * 1.05 + 4096) print "grew from " early " to " late " kB"
		}' "$work/memory")"
}

stopped() { # NAME: the generator has ended; every packet is accounted for
	local sent
	wait $generator || { result "$1" "the generator failed: $(tail -n 1 "$work/log")"; exit 1; }
	generator=
	kill -TERM $recorder
	wait $recorder || { result "$1" "exit $?: $(tail -n 1 "$work/log")"; recorder=; return; }
	recorder=
	sent=$(jq .sent "$work/sent")
	result "$1" "$(port "(.storedPackets + .filteredPackets + .lostPackets) as \$all | select(\$all != $sent) | \"sent $sent, accounted for \\(\$all)\"")"
	echo "   sent $sent, stored $(port .storedPackets), lost $(port .lostPackets)"
}

killed() { # what it reported as stored must be in the files once the next recorder has repaired them
	told=$(port .storedPackets)
	kill -KILL $recorder $generator
	wait $recorder $generator 2>/dev/null || :
	recorder='' generator=''
}

# repaired NAME: the recorder before the named one was killed.
repaired() {
	if wait_until 100 eval '[ "$(packets)" -ge "$told" ]'; then
		result "$1-repaired" ""
	else
		result "$1-repaired" "$(packets) packets in the segments since $began, $told were reported as stored"
	fi
	told=
}

packets() { # in the segments since the killed recorder began
	out/capbox segments "$archive" --from "$began" --json | jq '[.[].packets] | add // 0'
}

verify() { # NAME
	result "$1-segments" "$(out/capbox verify "$archive"/*.pcapng >"$work/verify" 2>&1 || tail -n 3 "$work/verify")"
}

dotnet build "$bench" -c Release -v q -clp:NoSummary
ip netns add "$space"
ip link add soak1 type veth peer name soak0 netns "$space"
trap 'ip link del soak1 2>/dev/null || :; cleanup' EXIT
for side in "ip link" "ip -n $space link"; do
	name=soak1
	[ "$side" = "ip link" ] || name=soak0
	$side set $name addrgenmode none
	$side set $name mtu 9000 arp off up
done
cat >"$work/config.json" <<END
{ "storage": { "directory": "$archive", "segmentSize": "64MiB", "rotate": "1m", "retention": { "maxTotal": "4GiB" } },
  "ports": [{ "name": "soak1", "backend": "packet", "ringSize": "64MiB" }] }
END
told=
for number in $(seq "$recorders"); do
	start "recorder-$number"
	if [ $((number % 2)) = 0 ] && [ "$number" -lt "$recorders" ]; then
		disturb $((each / 2 + RANDOM % (each / 4)))
		memory "recorder-$number"
		killed
	else
		disturb "$each"
		memory "recorder-$number"
		stopped "recorder-$number"
		verify "recorder-$number"
	fi
done
exit $failed
