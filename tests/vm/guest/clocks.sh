# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# Functions of the cases that steer clocks: `. /guest/clocks.sh`. Numbers are taken out of JSON as text, and calculated with by the shell: jq has
# 53 bits for the 61 of a time in nanoseconds.
# shellcheck shell=dash

number() { # NAME: its number in the JSON on standard input
	sed -n "s/.*\"$1\":\(-\{0,1\}[0-9]*\).*/\1/p"
}

# sample PREFIX CLOCK: a reading against CLOCK_MONOTONIC_RAW, which nobody steers: PREFIX_at, PREFIX_raw, PREFIX_bound.
sample() {
	local reading
	reading=$(capbox clock read "$2" --against raw --json)
	eval "$1_at=$(echo "$reading" | number nanoseconds) $1_raw=$(echo "$reading" | number referenceNs) $1_bound=$(echo "$reading" | number boundNs)"
}

# rate CLOCK SECONDS: rate_ppb, how much faster than CLOCK_MONOTONIC_RAW the clock runs, and rate_bound, how wrong that can be: what the
# widths of the two readings leave open. 1 ppb is added for what the kernel rounds.
# shellcheck disable=SC2154  # variables that sample sets
rate() {
	sample first "$1"
	sleep "$2"
	sample last "$1"
	rate_ppb=$(((last_at - first_at - (last_raw - first_raw)) * 1000000 / ((last_raw - first_raw) / 1000)))
	rate_bound=$(((last_bound + first_bound) * 1000000 / ((last_raw - first_raw) / 1000) + 1))
	echo "rate of $1: $rate_ppb ppb +- $rate_bound"
}

# moved CLOCK COMMAND...: by how much the command moves a clock: moved_ns, and moved_bound, how wrong that can be. The clock must run as it did
# when own and own_bound, its rate and how wrong that can be, were measured.
# shellcheck disable=SC2154
moved() {
	local clock=$1 passed
	shift
	sample first "$clock"
	"$@"
	sample last "$clock"
	passed=$((last_raw - first_raw))
	moved_ns=$((last_at - first_at - passed - passed / 1000 * own / 1000000))
	moved_bound=$((last_bound + first_bound + passed / 1000 * own_bound / 1000000 + 2))
	echo "$clock moved by $moved_ns ns +- $moved_bound"
}

about() { # WHAT ACTUAL EXPECTED BOUND
	within "$1" "$2" $(($3 - $4)) $(($3 + $4))
}
