#!/bin/bash
# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# Tests the module under DKMS, as docs/guide/kmod.md describes it: DKMS builds it for the pinned kernel, signs it, installs it where
# that kernel looks for it, removes it, and rejects a kernel that is too old. The test runs in a mount namespace where /usr/lib is
# an overlay, so that nothing stays on this machine. It prints "ok NAME" or "not ok NAME" for each.
set -uo pipefail
cd "$(dirname "$0")/../.."
if [ -z "${CAPBOX_DKMS:-}" ]; then
	scripts/setup.sh kmod test dkms || exit 1
	kernel=$(scripts/kernel.sh debian) || exit 1
	exec env CAPBOX_DKMS="$kernel" unshare --mount --propagation private "$0"
fi

kernel=$CAPBOX_DKMS
release=$(cat "$kernel/release")
version=$(cat VERSION)
work=$(mktemp -d)
log=$work.log
trap 'umount -l "$work"; rm -rf "$work" "$log"' EXIT
mount -t tmpfs none "$work" && mkdir "$work"/{upper,work} &&
	mount -t overlay -o "lowerdir=/usr/lib,upperdir=$work/upper,workdir=$work/work" none /usr/lib &&
	mount -t tmpfs none /usr/src && mount -t tmpfs none /var/lib/dkms || exit 1
modules=/lib/modules/$release
mkdir -p "$modules" && cp "$kernel"/modules/modules.{builtin,order} "$modules/" && ln -sfn "$kernel/build" "$modules/build" || exit 1

check() { # NAME COMMAND...
	local name=$1
	shift
	if "$@" >"$log" 2>&1; then
		echo "ok $name"
	else
		echo "not ok $name: $*"
		sed 's/^/    /' "$log"
	fi
}

installed() {
	dkms install "capbox/$version" -k "$release" && [ -f "$modules/updates/dkms/capbox.ko" ] && grep -q '/capbox.ko:' "$modules/modules.dep" &&
		modinfo -k "$release" capbox | grep "^vermagic: *$release " && [ "$(modinfo -k "$release" -F version capbox)" = "$version" ]
}

signed() {
	modinfo -k "$release" capbox && modinfo -k "$release" -F signer capbox | grep -q .
}

removed() {
	dkms remove "capbox/$version" --all && ! modinfo -k "$release" capbox &&
		[ -z "$(find "$modules" /var/lib/dkms/capbox -name 'capbox*' 2>/dev/null)" ]
}

# DKMS knows a kernel before 6.12 by its name alone.
refused() {
	local old=6.11.10-amd64
	mkdir -p "/lib/modules/$old" && ln -sfn "$kernel/build" "/lib/modules/$old/build" || return
	dkms install "capbox/$version" -k "$old" >"$work/said" 2>&1 && return 1
	cat "$work/said"
	grep -q BUILD_EXCLUSIVE "$work/said" && [ ! -e "/lib/modules/$old/updates" ]
}

scripts/dkms.sh >/dev/null || exit 1
check dkms-install installed
check dkms-signed signed
check dkms-too-old refused
check dkms-remove removed
