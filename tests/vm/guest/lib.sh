# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# The functions of the cases. A case runs with `sh -eu`: a command that fails ends it; its exit status is the result.
# shellcheck shell=dash

fail() { # MESSAGE: ends the case
	echo "FAIL: $*"
	exit 1
}

expect() { # WHAT ACTUAL EXPECTED: two strings that must be equal
	[ "$2" = "$3" ] || fail "$1: '$2', expected '$3'"
}

within() { # WHAT ACTUAL LOW HIGH: a number in a range, both included
	[ "$2" -ge "$3" ] && [ "$2" -le "$4" ] || fail "$1: $2, expected $3 to $4"
}

must_fail() { # COMMAND...: it must end with an error
	if "$@"; then fail "succeeded: $*"; fi
}

# wait_for SECONDS COMMAND...: until the command succeeds; after 2 s it tries twice a second. Its attempts are not traced.
wait_for() {
	(
		set +x
		left=$(($1 * 10))
		often=20
		shift
		until "$@"; do
			[ "$left" -gt 0 ] || exit 1
			if [ "$often" -gt 0 ]; then
				often=$((often - 1)) left=$((left - 1))
				sleep 0.1
			else
				left=$((left - 5))
				sleep 0.5
			fi
		done
	) >/dev/null 2>&1 || fail "in vain for $1 s: $*"
}

# space NAME: a network namespace with its loopback up. Namespaces and interfaces go when the case ends. Run something in it with
# `ip netns exec NAME COMMAND`; in the background $! is then the command itself.
space() {
	ip netns add "$1"
	ip -n "$1" link set lo up
}

# pair A B [SPACE]: a veth pair, both ends up; B lies in SPACE when given. No address, no ARP, no IPv6 chatter: only what is sent
# is seen. MAC addresses: 02:00:00:00:00:0a and ...:0b.
pair() {
	ip link add "$1" address 02:00:00:00:00:0a type veth peer name "$2" address 02:00:00:00:00:0b
	quiet "$1"
	quiet "$2"
	if [ -n "${3:-}" ]; then
		ip link set "$2" netns "$3"
		ip -n "$3" link set "$2" addrgenmode none arp off up
	else
		ip link set "$2" up
	fi
	ip link set "$1" up
}

quiet() { # INTERFACE
	ip link set "$1" addrgenmode none arp off
}

word() { # NAME: its value on the kernel's command line
	tr ' ' '\n' </proc/cmdline | sed -n "s/^$1=//p"
}

by_kernel() { # NUMBER NUMBER: the first with Debian's kernel, the second with the debug kernel, which is slow
	case $(uname -r) in *+deb*) echo "$1" ;; *) echo "$2" ;; esac
}

rounds() { # TEST RELEASE DEBUG: how often, in `make test`, in the release tier, and on the debug kernel in either
	case $(uname -r)/$(word vm_tier) in *+deb*/release) echo "$2" ;; *+deb*) echo "$1" ;; *) echo "$3" ;; esac
}

# inject ATTRIBUTE PROBABILITY TIMES [KEY VALUE]...: fault injection (debug kernel): failslab, fail_page_alloc, fail_usercopy.
# Only tasks with 1 in /proc/self/make-it-fail get it. It is off again when the case ends.
inject() {
	local attribute=/sys/kernel/debug/$1 probability=$2 times=$3
	shift 3
	echo "$times" >"$attribute/times"
	echo Y >"$attribute/task-filter"
	while [ $# -ge 2 ]; do
		echo "$2" >"$attribute/$1"
		shift 2
	done
	echo "$probability" >"$attribute/probability"
}

# check_leaks: fails when kmemleak (debug kernel) finds memory that nobody refers to. It takes some 20 s: only what is older than 5 s
# counts. The bed does it after the last case of a boot, too.
check_leaks() {
	local file=/sys/kernel/debug/kmemleak
	[ -e $file ] || fail "this kernel has no kmemleak"
	sleep 6
	# The first scan takes checksums: what changes between two scans is in use.
	echo scan >$file
	echo scan >$file
	cat $file
	! grep -q . $file || fail "leaked memory"
}

help() {
	echo "functions: $(sed -n 's/^\([a-z_]*\)() {.*/\1/p' /guest/lib.sh | tr '\n' ' ')"
	echo "programs:  $(ls /opt/bin | tr '\n' ' ')"
	echo "modules:   $(ls /modules | tr '\n' ' ')"
	echo "a case:    sh -eu /guest/case.sh NAME"
}
