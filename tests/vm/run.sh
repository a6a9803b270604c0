#!/bin/bash
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
dotnet build tests/vm/Vm -c Release -v q -clp:NoSummary -o out/vm/runner >&2
if [[ " $* " != *" --list "* && $kernel = deb* ]]; then
	make -s --no-print-directory publish >&2
	# Two at a time would take each other's image and disk.
	mkdir -p "out/vm/$kernel"
	exec 9>"out/vm/$kernel/lock"
	flock 9
	tests/vm/image.sh "$kernel"
fi
exec dotnet out/vm/runner/Vm.dll "$@"
