#!/bin/bash
# What capturing a packet costs the kernel, in instructions: the module beside a packet socket's TPACKET_V3 ring, in one guest whose clock
# counts instructions; then the module's copy beside the string instruction, on this machine. Prints tables for docs/BENCH.md.
set -euo pipefail
cd "$(dirname "$0")/.."
tests/vm/run.sh --keep-log cost
echo
echo "| bytes | way | instructions added a packet | of the packet socket's ring |"
echo "|---|---|---|---|"
sed -n 's/.*cost bytes=\([0-9]*\) way=\([a-z-]*\) instructions=\([0-9]*\) added=\(-*[0-9]*\).*/\1 \2 \4/p' out/vm/debian/cost.log | awk '
	$2 == "packet" { ring = $3 }
	$2 == "packet-reject" { rejecting = $3 }
	$2 == "none" { next }
	{ printf "| %d | %s | %d | %.2f |\n", $1, $2, $3, $3 / ($2 ~ /reject/ ? rejecting : ring) }'
echo
echo "| bytes | copied by words, ns | by the string instruction, ns | ratio |"
echo "|---|---|---|---|"
out/vm/bin/copy | sed 's/copy bytes=\([0-9]*\) words=\([0-9.]*\) string=\([0-9.]*\) ratio=\([0-9.]*\)/| \1 | \2 | \3 | \4 |/'
