#!/bin/bash
# Runs every test: the xunit executables, and the scripts of tests/asyncapi, tests/dkms, tests/fuzz and tests/vm. Each script prints "ok NAME" or
# "not ok NAME" per test. The last lines name what failed and count all: N passed, N failed, N skipped. Exit 1 on any failure.
set -uo pipefail
cd "$(dirname "$0")/.."
results=$(mktemp -d)
: >"$results/failures"
trap 'rm -rf "$results"' EXIT
passed=0 failed=0 skipped=0

count() { # file attribute: the sum over all assemblies of an xunit report
	grep -o "<assembly [^>]*>" "$1" | grep -o " $2=\"[0-9]*\"" | grep -o '[0-9]*' | paste -sd+ | bc_sum
}
bc_sum() { read -r terms || terms=0; echo $((${terms:-0})); }

reasons() { # file: the name of each failed test of an xunit report, with its message
	tr '\n' ' ' <"$1" | grep -o '<test [^>]*result="Fail"[^>]*>.*' | sed 's/<test /\n&/g' | grep 'result="Fail"' |
		sed -E 's|</message>.*||; s/.* name="([^"]*)".*<message>(<!\[CDATA\[)?/\1: /' | cut -c 1-400
}

xunit() { # project name
	echo "== $1"
	if ! dotnet build "tests/$1" -v q -clp:NoSummary; then
		echo "$1: does not build" >>"$results/failures"
		failed=$((failed + 1))
		return
	fi
	dotnet "tests/$1/bin/Debug/net10.0/$1.dll" -noColor -noLogo -xml "$results/$1.xml"
	local status=$? bad
	if [ ! -s "$results/$1.xml" ]; then
		echo "$1: wrote no report (exit $status)" | tee -a "$results/failures"
		failed=$((failed + 1))
		return
	fi
	bad=$(($(count "$results/$1.xml" failed) + $(count "$results/$1.xml" errors)))
	# A runner that fails without a failed test has failed all the same.
	[ "$status" = 0 ] || [ "$bad" -gt 0 ] || { echo "$1: exit $status" >>"$results/failures"; bad=1; }
	reasons "$results/$1.xml" | sed "s/^/$1: /" >>"$results/failures"
	passed=$((passed + $(count "$results/$1.xml" passed)))
	failed=$((failed + bad))
	skipped=$((skipped + $(count "$results/$1.xml" skipped)))
}

script() { # path
	[ -e "$1" ] || return 0
	echo "== $1"
	"$1" | tee "$results/script"
	local status=${PIPESTATUS[0]} good bad
	good=$(grep -c '^ok ' "$results/script")
	bad=$(grep -c '^not ok ' "$results/script")
	[ "$status" = 0 ] || [ "$bad" -gt 0 ] || bad=1
	# A script that proves nothing has failed.
	[ "$good" -gt 0 ] || [ "$bad" -gt 0 ] || { echo "$1 ran no test"; bad=1; }
	grep '^not ok ' "$results/script" | sed "s|^|$1: |" >>"$results/failures"
	[ "$bad" = 0 ] || grep -q "^$1: " "$results/failures" || echo "$1: exit $status" >>"$results/failures"
	passed=$((passed + good))
	failed=$((failed + bad))
}

xunit Ptp.Tests
xunit Appliance.Tests
script tests/asyncapi/run.sh
script tests/dkms/run.sh
script tests/fuzz/run.sh
script tests/vm/run.sh
script tests/vm/self-test.sh

[ "$failed" = 0 ] || { echo "== failed"; cat "$results/failures"; }
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
