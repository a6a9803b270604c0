#!/bin/bash
# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# Runs the test cases of tests/vm/cases in virtual machines: tests/vm/run.sh [--kernel debian|debug] [--list] [CASE...], see README.md beside it.
set -euo pipefail
cd "$(dirname "$0")/../.."
kernel=debian
previous=
for word in "$@"; do
	[ "$previous" != --kernel ] || kernel=$word
	previous=$word
done
case $kernel in
debian) scripts/setup.sh build run test kmod vm ;;
debug) scripts/setup.sh build run test kmod vm kernel ;;
*) ;; # the runner says what is wrong
esac
# The kernel first: it may take long, and others may want to go on meanwhile.
[[ $kernel != deb* ]] || scripts/kernel.sh "$kernel" >/dev/null
mkdir -p "out/vm/$kernel"
(
	# Two at a time would write the same files.
	flock 8
	output=$(dotnet build tests/vm/Vm -c Release -v q -o out/vm/runner) || { echo "$output" >&2; exit 1; }
) 8>out/vm/lock
if [[ " $* " != *" --list "* && $kernel = deb* ]]; then
	make -s --no-print-directory publish >&2
	# Image and disk are this run's until it ends.
	exec 9>"out/vm/$kernel/lock"
	flock 9
	(
		flock 8
		tests/vm/image.sh "$kernel"
	) 8>out/vm/lock
fi
exec dotnet out/vm/runner/Vm.dll "$@"
