# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# What process 1 knows: running one case from a clean state to a clean state.
# shellcheck shell=dash
. /guest/lib.sh

prepare() { # NETWORK MODULE [PARAMETER...]
	local network=$1 module=$2
	shift 2
	if [ "$module" != none ]; then
		insmod "/modules/$module.ko" "$@" || { echo "insmod $module $*: failed"; return 1; }
	fi
	within=
	if [ "$network" = own ]; then
		ip netns add case
		ip -n case link set lo up
		within="ip netns exec case"
	fi
}

run() { # NAME NETWORK MODULE [PARAMETER...]
	local name=$1 status=0
	shift
	echo "capbox-vm: begin $name" >/dev/kmsg
	if prepare "$@"; then
		# shellcheck disable=SC2086  # words
		setsid $within sh -eu /guest/case.sh "$name" </dev/null 3>&- || status=$?
	else
		status=1
	fi
	clean || status="$status, and what it left could not be cleaned up"
	echo "capbox-vm: end $name" >/dev/kmsg
	printf '\036end %s %s\n' "$name" "$status"
}

# clean: nothing of a case is left: processes, namespaces, interfaces, modules, files. Fails when a module does not go.
clean() {
	local path module status=0
	kill -9 -1
	for path in /sys/devices/system/cpu/cpu*/online; do [ ! -e "$path" ] || echo 1 >"$path"; done
	fault_injection_off
	ip -all netns delete
	for path in /sys/class/net/*/; do
		path=${path%/}
		if [ -e "$path/device" ]; then
			ip link set "${path##*/}" nomaster promisc off down
		elif [ "${path##*/}" != lo ]; then
			ip link delete "${path##*/}"
		fi
	done
	for path in /modules/*.ko; do
		[ -e "$path" ] || continue
		module=$(basename "$path" .ko)
		unload "$module" || { echo "$module.ko stays: $(grep "^$module " /proc/modules)"; status=1; }
	done
	find /data /tmp /dev/shm -mindepth 1 -maxdepth 1 ! -name lost+found -exec rm -rf {} +
	return $status
}

unload() { # MODULE: files of killed processes close a little later
	local tries=0
	while grep -q "^$1 " /proc/modules; do
		rmmod "$1" 2>/dev/null && return 0
		tries=$((tries + 1))
		[ $tries -lt 50 ] || return 1
		sleep 0.1
	done
}

fault_injection_off() {
	local path
	for path in /sys/kernel/debug/fail*/; do
		[ -e "$path/probability" ] || continue
		echo 0 >"$path/probability"
		echo 0 >"$path/verbose"
	done
}

# leaks: what kmemleak finds when all cases of a boot have run.
leaks() {
	local status=0
	echo "capbox-vm: begin leaks" >/dev/kmsg
	sh -eu -c '. /guest/lib.sh; check_leaks' || status=$?
	echo "capbox-vm: end leaks" >/dev/kmsg
	printf '\036end leaks %s\n' "$status"
}

shell() { # NAME:NETWORK:MODULE
	local name=${1%%:*} rest=${1#*:}
	# shellcheck disable=SC2086  # words
	prepare "${rest%%:*}" ${rest#*:}
	export CASE="$name"
	# shellcheck disable=SC2086  # words
	setsid cttyhack /bin/env $within bash --rcfile /guest/lib.sh -i
}
