#!/bin/bash
# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# Runs the suites of a part of the table below, `test` when none is given, or single suites: scripts/test.sh [--part PART | SUITE...]. It prints a line a suite with its
# seconds, what failed, the 20 slowest tests, and last the count: N passed, N failed, N skipped. Exit 1 on any failure. The output of a suite is in out/test/SUITE.log.
# A script prints "ok NAME (SECONDS s)" or "not ok NAME: WHY" for each of its tests. Tests that draw numbers take their seed from CAPBOX_SEED; unset, it is the fixed one.
set -uo pipefail
cd "$(dirname "$0")/.."

# Parts, suite, kind, command. `test` is `make test`, `quick` is `make quick`, the others are those of scripts/test-release.sh. A suite of kind "beside" runs
# while those after it do, with what they leave of the machine: for guests whose time is virtual, which a busy machine slows down and cannot make fail.
table="
test	vm-virtual	beside	tests/vm/run.sh --time virtual --jobs 1
test,quick,clock	unit	xunit	tests/Unit
test	integration	xunit	tests/Integration
quick	vm-quick	script	tests/vm/run.sh controller controller-kmod controller-kmod-hooks controller-kmod-ports memory
test	asyncapi	script	tests/asyncapi/run.sh
test,kmod	dkms	script	tests/dkms/run.sh
test	fuzz	script	tests/Fuzz/run.sh
test	vm	script	tests/vm/run.sh --time real
test,kmod	vm-self	script	tests/vm/self-test.sh
kmod	vm-release	script	tests/vm/run.sh --tier release
debug	vm-debug	script	tests/vm/run.sh --kernel debug
debug	vm-debug-self	script	tests/vm/self-test.sh --kernel debug
archive	fuzz-segment	script	tests/Fuzz/run.sh 1200 segment
archive	archive	xunit	tests/Integration -class *Archive* -class *Extract* -class *Custod* -class *Segment* -class *Pcapng* -class *Retention*
clock	fuzz-ptp	script	tests/Fuzz/run.sh 1200 ptp
clock	vm-clock	script	tests/vm/run.sh --time virtual --repeat 3 clock-card clock-external clock-flap clock-igb clock-leap clock-leap-system
control	control	xunit	tests/Integration -class *Config* -class *Control* -class *Mqtt* -class *Broker* -class *Event* -class *Fleet* -class *Command*
bench	bench	script	scripts/bench-gates.sh
"

out=out/test
mkdir -p "$out"
passed=0 failed=0 skipped=0
rm -f "$out"/*.cpu
: >"$out/failures"
: >"$out/times" # seconds, tab, suite and test

sum() { # FILE ATTRIBUTE: over all assemblies of an xunit report
	grep -o "<assembly [^>]*>" "$1" | grep -o " $2=\"[0-9]*\"" | grep -o '[0-9]*' | awk '{ sum += $1 } END { print sum + 0 }'
}

tests() { # FILE: the tests of an xunit report, each on one line
	tr '\n' ' ' <"$1" | sed 's/<test /\n&/g' | grep '^<test '
}

# run_xunit SUITE PROJECT [OPTION]...; run_script SUITE COMMAND... : its output goes to the log, its exit code and seconds to SUITE.status.
run_xunit() {
	local report=$out/$1.xml project=$2
	shift 2
	rm -f "$report" "${report%.xml}.cpu"
	dotnet build "$project" -v q -clp:NoSummary && CAPBOX_TEST_CPU=$PWD/${report%.xml}.cpu dotnet "$project/bin/Debug/net10.0/${project##*/}.dll" -noColor -noLogo -result-xml "$report" "$@"
}
run_script() {
	shift
	"$@"
}
run_beside() {
	shift
	nice -n 5 "$@"
}

run() { # KIND SUITE COMMAND...
	local began=$SECONDS status=0 kind=$1
	shift
	"run_$kind" "$@" >"$out/$1.log" 2>&1 || status=$?
	echo "$status $((SECONDS - began))" >"$out/$1.status"
}

fails() { # SUITE TEXT
	echo "$1: $2" >>"$out/failures"
}

count_xunit() { # SUITE STATUS: good, bad and skip
	local report=$out/$1.xml
	if [ ! -s "$report" ]; then
		fails "$1" "wrote no report, exit $2: $(tail -n 5 "$out/$1.log")"
		bad=1
		return
	fi
	good=$(sum "$report" passed) skip=$(sum "$report" skipped) bad=$(($(sum "$report" failed) + $(sum "$report" errors)))
	tests "$report" | sed -E 's|.* name="([^"]*)".* time="([0-9.]*)".*|\2\t'"$1"' \1|' >>"$out/times"
	tests "$report" | grep ' result="Fail"' | sed -E 's|</message>.*||; s/.* name="([^"]*)".*<message>(<!\[CDATA\[)?/\1: /' | cut -c 1-400 |
		sed "s|^|$1: |" >>"$out/failures"
}

count_script() { # SUITE STATUS
	good=$(grep -c '^ok ' "$out/$1.log")
	bad=$(grep -c '^not ok ' "$out/$1.log")
	sed -nE 's/^(not )?ok ([^ ]*) \(([0-9.]+) s.*/\3\t'"$1"' \2/p' "$out/$1.log" >>"$out/times"
	# With the end of what is indented below it: the log of a case.
	awk -v suite="$1" '
		function show(i) { for (i = (n > 30 ? n - 29 : 1); i <= n; i++) print line[i]; n = 0 }
		/^not ok / { show(); failed = 1; print suite ": " substr($0, 8); next }
		failed && /^[ \t]/ { line[++n] = $0; next }
		{ show(); failed = 0 }
		END { show() }' "$out/$1.log" | cut -c 1-400 >>"$out/failures"
}

count() { # KIND SUITE
	local status seconds good=0 bad=0 skip=0
	read -r status seconds <"$out/$2.status"
	case $1 in
	xunit) count_xunit "$2" "$status" ;;
	*) count_script "$2" "$status" ;;
	esac
	# A suite that fails without a failed test has failed all the same, and one that proves nothing, too.
	if [ "$bad" = 0 ] && { [ "$status" != 0 ] || [ $((good + skip)) = 0 ]; }; then
		bad=1
		fails "$2" "exit $status after $good tests: $(tail -n 5 "$out/$2.log")"
	fi
	passed=$((passed + good)) failed=$((failed + bad)) skipped=$((skipped + skip))
	printf '%-12s %5d s  %d passed, %d failed, %d skipped\n' "$2" "$seconds" "$good" "$bad" "$skip"
}

wanted() { # PARTS SUITE
	if [ -n "$chosen" ]; then [[ " $chosen " == *" $2 "* ]]; else [[ ",$1," == *",$part,"* ]]; fi
}

part='test' chosen=
if [ "${1:-}" = --part ]; then
	part=${2:-}
	cut -f 1 <<<"$table" | tr , '\n' | grep -qx "$part" || { echo "scripts/test.sh: no part '$part' in its table" >&2; exit 2; }
else
	chosen="$*"
	for suite; do
		grep -q "	$suite	" <<<"$table" || { echo "scripts/test.sh: no suite '$suite' in its table" >&2; exit 2; }
	done
fi
trap 'kill $(jobs -p) 2>/dev/null; exit 130' INT TERM
beside=
while IFS=$'\t' read -r parts suite kind command; do
	[ -n "$suite" ] && wanted "$parts" "$suite" || continue
	read -ra words <<<"$command"
	if [ "$kind" = beside ]; then
		run beside "$suite" "${words[@]}" &
		beside="$beside $suite:$!"
	else
		run "$kind" "$suite" "${words[@]}"
		count "$kind" "$suite"
	fi
done <<<"$table"
for pair in $beside; do
	wait "${pair#*:}"
	count beside "${pair%:*}"
done

echo "slowest:"
sort -rn "$out/times" | head -n 20 | awk -F '\t' '{ printf "%8.1f s  %s\n", $1, $2 }'
# Told here, judged by make check alone.
if [ -s "$out/unit.cpu" ] && ! slow=$(scripts/slow-tests.sh "$out/unit.cpu"); then echo "unit tests that use more than 1 s of a processor:"; sed 's/^/  /' <<<"$slow"; fi
[ "$failed" = 0 ] || { echo "failed (logs: $out/SUITE.log):"; sed 's/^/  /' "$out/failures"; }
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
