#!/bin/bash
# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# Coverage-guided fuzzing of the segment reader and verifier, and of the PTP parser and engine: tests/Fuzz/run.sh [SECONDS [TARGET]], 30 for each of segment and ptp when not given.
# The corpus begins with the golden files; what is drawn comes from CAPBOX_SEED, 1 when unset. Fails on any crash or hang, and when the fuzzer saw no coverage or hardly ran.
# A finding stays in .cache/fuzz/TARGET/out/default/{crashes,hangs}; look at one with [CAPBOX_FUZZ_TARGET=ptp] dotnet run --project tests/Fuzz FILE.
set -euo pipefail
cd "$(dirname "$0")/../.."
seconds=${1:-30}
only=${2:-}
work=.cache/fuzz
tool=.cache/sharpfuzz/sharpfuzz

mkdir -p .cache
rm -rf "$work"
[ -x "$tool" ] || dotnet tool install SharpFuzz.CommandLine --version 2.3.0 --tool-path .cache/sharpfuzz
dotnet build tests/Fuzz -c Release -v q -clp:NoSummary -o "$work/bin"
# Only what reads files is watched; the rest of the program would be noise.
"$tool" "$work/bin/Capbox.Packets.dll" Capbox.Packets.Pcapng
"$tool" "$work/bin/Capbox.Ptp.dll" Capbox.Ptp

# The program is .NET and not made by afl-cc; its crash is an exception, not a core.
export AFL_SKIP_BIN_CHECK=1 AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES=1 AFL_SKIP_CPUFREQ=1 AFL_NO_AFFINITY=1 AFL_NO_UI=1
export DOTNET_TieredPGO=0 DOTNET_gcServer=0
export CAPBOX_FUZZ_DIR
CAPBOX_FUZZ_DIR=$(mktemp -d /dev/shm/capbox-fuzz-XXXXXX)
trap 'rm -rf "$CAPBOX_FUZZ_DIR"' EXIT
failed=0

fuzz() { # target seed...
	local target=$1 status=0 home=$work/$1
	[ -z "$only" ] || [ "$only" = "$target" ] || return 0
	shift
	mkdir -p "$home/seeds"
	cp "$@" "$home/seeds/"
	CAPBOX_FUZZ_TARGET=$target afl-fuzz -s "${CAPBOX_SEED:-1}" -V "$seconds" -t 5000 -m none -i "$home/seeds" -o "$home/out" -- "$work/bin/Fuzz" >"$home/log" 2>&1 || status=$?
	stat() { sed -n "s/^$1 *: //p" "$home/out/default/fuzzer_stats" 2>/dev/null || true; }
	local executions paths edges crashes hangs
	executions=$(stat execs_done) paths=$(stat corpus_count) edges=$(stat edges_found)
	crashes=$(stat saved_crashes) hangs=$(stat saved_hangs)
	echo "fuzz $target: ${executions:-0} executions, ${paths:-0} paths, ${edges:-0} edges, ${crashes:-?} crashes, ${hangs:-?} hangs in $seconds s"
	if [ "$status" = 0 ] && [ "${crashes:-1}" = 0 ] && [ "${hangs:-1}" = 0 ] && [ "${executions:-0}" -ge $((seconds * 10)) ] &&
		[ "${edges:-0}" -ge 100 ] && [ "${paths:-0}" -gt 3 ]; then
		echo "ok fuzz $target"
	else
		tail -n 20 "$home/log"
		ls "$home/out/default/crashes" "$home/out/default/hangs" 2>/dev/null || true
		echo "not ok fuzz $target"
		failed=1
	fi
}

fuzz segment tests/golden/*.pcapng*
fuzz ptp tests/golden/ptp/*.pcap
exit $failed
