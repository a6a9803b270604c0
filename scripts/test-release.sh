#!/bin/bash
# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# The part of the tests that takes long, for what a change touches: scripts/test-release.sh PART. Each part takes at most an hour on 2 processors.
#   kmod     the cases of tests/vm, those that repeat things at their full length; DKMS
#   debug    all cases of tests/vm on the kernel that looks for errors; its first build takes 15 minutes more
#   archive  long fuzzing of what reads segments; tests of archives, extraction and custody with new numbers
#   clock    long fuzzing of PTP; tests of PTP with new numbers; cases of clocks three times
#   control  tests of control, MQTT, configuration and fleets with new numbers
#   bench    what the module costs a packet; footprint and telemetry within their bounds
# A new seed is drawn and printed; CAPBOX_SEED=N repeats one. A seed that fails becomes a case of `make test`.
set -euo pipefail
cd "$(dirname "$0")/.."
export CAPBOX_SEED=${CAPBOX_SEED:-$((RANDOM << 15 | RANDOM))}

case ${1:-} in
kmod) purposes="kmod vm dkms" ;;
debug) purposes="kmod vm kernel" ;;
archive) purposes="demo fuzz" ;;
clock) purposes="kmod vm fuzz" ;;
control) purposes="demo" ;;
bench) purposes="demo bench kmod vm" ;;
*)
	echo "usage: make test-release PART=PART" >&2
	sed -n '3,8s/^# */  /p' "$0" >&2
	exit 2
	;;
esac
# shellcheck disable=SC2086  # a list of words
scripts/setup.sh build run test $purposes
echo "CAPBOX_SEED=$CAPBOX_SEED"
exec scripts/test.sh --part "$1"
