#!/bin/bash
# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# Benchmarks with a bound each: what the kernel module costs beside a packet socket (instructions, so the same on every machine), what being seen costs capture, and how
# large capbox is. Prints "ok NAME (SECONDS s): FIGURES" or "not ok NAME: FIGURES". The bounds leave room above the figures of docs/BENCH.md.
set -uo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

gate() { # NAME SECONDS FIGURES CONDITION...
	local name=$1 seconds=$2 figures=$3
	shift 3
	if [ -n "$figures" ] && "$@"; then echo "ok $name ($seconds s): $figures"; else echo "not ok $name: ${figures:-no result}"; fi
}

holds() { # JQ EXPRESSION
	jq -e "$1" "$work/bench.json" >/dev/null
}

began=$SECONDS
scripts/bench-kmod.sh >"$work/kmod" 2>&1
cat "$work/kmod"
# Rows of ways that have their like among packet sockets end with the ratio.
worst=$(awk -F '|' 'NF == 6 && $5 ~ /[0-9]\.[0-9]/ && $3 !~ /packet|copied/ { if ($5 + 0 > worst) worst = $5 + 0 } END { if (worst) print worst }' "$work/kmod")
gate kmod-cost $((SECONDS - began)) "${worst:+at most $worst of a packet socket}" awk -v worst="${worst:-9}" 'BEGIN { exit worst >= 1 }'

began=$SECONDS
dotnet run --project bench -c Release -- run --stages footprint,telemetry --json "$work/bench.json" 2>&1
seconds=$((SECONDS - began))
gate telemetry $seconds "$(jq -c .telemetry "$work/bench.json" 2>/dev/null)" \
	holds '.telemetry | .percentWith - .percentWithout < 1 and .lostWith == 0 and .lostWithout == 0'
gate footprint $seconds "$(jq -c .footprint "$work/bench.json" 2>/dev/null)" \
	holds '.footprint | .residentBesideRingsMB < 40 and .binaryMB < 25 and .firstOnDiskMs < 1000'
