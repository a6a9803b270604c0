#!/bin/bash
# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# Makes a kernel of packages/kernel.txt ready and prints the directory it lies in. Made once; the directory is named by what it is made of.
# usage: scripts/kernel.sh debian|debug|source
#   debian  Debian's kernel:          vmlinuz, release, config, build/ (KDIR of external modules), modules/ (with modules.dep)
#   debug   tests/vm/debug.config:    the same, and vmlinux with its symbols; needs about 15 minutes and 5 GB on 2 cores the first time
#   source  what checks the module:   scripts/checkpatch.pl, scripts/coccinelle/
# The cache is ~/.cache/capbox, or CAPBOX_CACHE. Two that want the same kernel wait for each other.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
cache=${CAPBOX_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/capbox}
layout=1 # of the directories made here: a new number makes them anew

pinned=$(grep -E '^[a-z]' packages/kernel.txt)
config=$(grep -E '^CONFIG_|^# CONFIG_.* is not set' tests/vm/debug.config)
field() { sed -n "s/^$1 //p" <<<"$pinned"; }

# fetch PACKAGE SHA256: the .deb into the current directory. Nothing is installed.
fetch() {
	local version deb
	version=$(field version)
	if ! apt-get -o APT::Sandbox::User=root download -qq "$1=$version" >/dev/null 2>&1; then
		"$root/scripts/suite.sh" "$(field suite)" >&2
		apt-get -o APT::Sandbox::User=root download -qq "$1=$version" >&2 || {
			echo "the suite $(field suite) has no $1 $version (any more): see packages/kernel.txt" >&2
			return 1
		}
	fi
	deb=$(ls "$1"_*.deb)
	echo "$2  $deb" | sha256sum --check --quiet - >&2
}

# source_tar WHAT...: those members of the kernel's source into the current directory, without the leading directory.
source_tar() {
	local package digest
	read -r _ package digest < <(grep '^source ' <<<"$pinned")
	(
		flock 9
		if [ ! -d "$cache/deb-$digest" ]; then
			rm -rf "$cache/deb-$digest.tmp"
			mkdir "$cache/deb-$digest.tmp"
			cd "$cache/deb-$digest.tmp"
			fetch "$package" "$digest"
			mv -T "$cache/deb-$digest.tmp" "$cache/deb-$digest"
		fi
	) 9>"$cache/lock-deb"
	dpkg-deb --fsys-tarfile "$cache/deb-$digest/"*.deb | tar xO --wildcards './usr/src/linux-source-*.tar.xz' |
		tar xJ --wildcards --strip-components=1 "${@/#/*/}"
}

make_debian() { # final directory
	local release package digest
	release=$(field release)
	while read -r _ package digest; do
		fetch "$package" "$digest"
		dpkg-deb -x "$package"_*.deb .
		rm "$package"_*.deb
	done < <(grep '^debian ' <<<"$pinned")
	# Debian's headers are meant to lie in /usr/src.
	sed -i "s|/usr/src/|$1/usr/src/|" "usr/src/linux-headers-$release/Makefile"
	rm -f "lib/modules/$release/build" "lib/modules/$release/source"
	depmod -b . "$release"
	mv "boot/vmlinuz-$release" vmlinuz
	cp "usr/src/linux-headers-$release/.config" config
	ln -s "usr/src/linux-headers-$release" build
	ln -s "lib/modules/$release" modules
	echo "$release" >release
	rm -rf boot usr/share
}

make_source() {
	source_tar scripts/checkpatch.pl scripts/spelling.txt scripts/const_structs.checkpatch 'scripts/coccinelle/*' .clang-format
}

make_debug() {
	local line
	mkdir build modules
	cd build
	source_tar '*'
	make -s tinyconfig
	scripts/kconfig/merge_config.sh -m .config "$root/tests/vm/debug.config"
	make -s olddefconfig
	while read -r line; do
		grep -qxF "$line" .config || { echo "tests/vm/debug.config: the kernel did not take $line"; return 1; }
	done <<<"$config"
	nice make -s -j"$(nproc)" KBUILD_BUILD_TIMESTAMP=@0 KBUILD_BUILD_USER=capbox KBUILD_BUILD_HOST=capbox bzImage modules
	mv arch/x86/boot/bzImage ../vmlinuz
	mv vmlinux ../vmlinux
	cp .config ../config
	make -s kernelrelease >../release
	prune
}

# prune: leaves of a built tree what external modules need (what Debian's header packages have, too).
prune() {
	local directory
	for directory in block certs crypto Documentation drivers fs init io_uring ipc kernel lib LICENSES mm net rust samples security sound usr virt; do
		rm -rf "$directory"
	done
	find arch -mindepth 1 -maxdepth 1 -type d ! -name x86 -exec rm -rf {} +
	find tools -mindepth 1 -maxdepth 1 ! -name objtool -exec rm -rf {} +
	find . \( -name '*.o' -o -name '*.a' -o -name '.*.cmd' -o -name 'vmlinux*' -a -type f -size +1M \) -delete
}

kind=${1:-}
case $kind in
debian | source) what="$layout $pinned" ;;
debug) what="$layout $pinned $config $(gcc --version | head -n 1)" ;;
*) echo "usage: scripts/kernel.sh debian|debug|source" >&2; exit 2 ;;
esac
key=$(sha256sum <<<"$what" | cut -c 1-16)
dir=$cache/$kind-$key
mkdir -p "$cache"
(
	flock 9
	[ ! -d "$dir" ] || exit 0
	began=$SECONDS
	echo "making $kind of packages/kernel.txt in $dir" >&2
	rm -rf "$dir.tmp"
	mkdir "$dir.tmp"
	cd "$dir.tmp"
	trap '[ $? = 0 ] || tail -n 30 "$dir.tmp/log" >&2' EXIT
	"make_$kind" "$dir" >log 2>&1
	echo $((SECONDS - began)) >"$dir.tmp/seconds"
	mv -T "$dir.tmp" "$dir"
	echo "made in $((SECONDS - began)) s" >&2
) 9>"$cache/lock-$kind"
echo "$dir"
