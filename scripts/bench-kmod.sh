#!/bin/bash
# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# What capturing a packet costs the kernel, in instructions: the module beside a packet socket's TPACKET_V3 ring, in a guest whose clock
# counts instructions, without and with the kernel's defences against speculation; then the module's copy beside the string instruction, on
# this machine. Prints tables for docs/internals/bench.md.
set -euo pipefail
cd "$(dirname "$0")/.."

table() { # LOG: a way's cost beside that of the packet socket that does the same
	echo "| bytes | way | instructions added a packet | of the packet socket's |"
	echo "|---|---|---|---|"
	sed -n 's/.*cost bytes=\([0-9]*\) way=\([a-z-]*\) instructions=\([0-9]*\) added=\(-*[0-9]*\).*/\1 \2 \4/p' "$1" | awk '
		$2 == "none" { next }
		$2 == "hook" || $2 == "kmod-egress" { printf "| %d | %s | %d | |\n", $1, $2, $3; next }
		$2 ~ /^packet/ { cost[$2] = $3 }
		{
			beside = $2 ~ /-reject/ ? substr($2, index($2, "-")) : ""
			printf "| %d | %s | %d | %.2f |\n", $1, $2, $3, $3 / cost["packet" beside]
		}'
	echo
}

tests/vm/run.sh --keep-log cost cost-mitigated
echo
echo "mitigations=off"
echo
table out/vm/debian/cost.log
echo "mitigations=auto"
echo
table out/vm/debian/cost-mitigated.log
echo "| bytes | copied by words, ns | by the string instruction, ns | ratio |"
echo "|---|---|---|---|"
out/vm/bin/copy | sed 's/copy bytes=\([0-9]*\) words=\([0-9.]*\) string=\([0-9.]*\) ratio=\([0-9.]*\)/| \1 | \2 | \3 | \4 |/'
