#!/bin/bash
# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# Makes what the guest boots in out/vm/KERNEL/image: vmlinuz, initrd, release. usage: tests/vm/image.sh debian|debug
set -euo pipefail
cd "$(dirname "$0")/../.."
kernel=$1
dir=$(scripts/kernel.sh "$kernel")
release=$(cat "$dir/release")
work=out/vm/$kernel/image
tree=$work/tree
rm -rf "$work"
mkdir -p "$tree"/{bin,sbin,opt/bin,proc,sys,dev,tmp,run,data,etc,root,guest,cases,modules,lib,lib64,var} out/vm/bin
ln -s ../run "$tree/var/run"

# busybox, then the real programs over its applets, then capbox; /bin/NAME either way.

for applet in $(busybox --list | grep -vx busybox); do ln -s busybox "$tree/bin/$applet"; done
cp /bin/busybox "$tree/bin/"
add_program() { # FILE: with its libraries
	local library
	rm -f "$tree/bin/$(basename "$1")"
	cp "$1" "$tree/opt/bin/"
	ln -s "/opt/bin/$(basename "$1")" "$tree/bin/"
	for library in $(ldd "$1" 2>/dev/null | grep -o '/[^ ]*'); do add_library "$library"; done
}
add_library() { # FILE: at its own path
	[ ! -e "$tree$1" ] || return 0
	mkdir -p "$tree$(dirname "$1")"
	cp -L "$1" "$tree$1"
	local library
	for library in $(ldd "$1" 2>/dev/null | grep -o '/[^ ]*'); do add_library "$library"; done
}
for program in $(grep -v '^#' tests/vm/guest/programs.txt); do
	path=$(PATH=$PATH:/usr/sbin:/sbin command -v "$program") || { echo "tests/vm/guest/programs.txt: this machine has no $program" >&2; exit 1; }
	add_program "$path"
done
ln -sf /opt/bin/dash "$tree/bin/sh"
add_program out/capbox
# What capbox loads by name.
for name in libpcap.so.0.8 libssl.so.3 libcrypto.so.3; do
	path=$(ldconfig -p | sed -n "s/^[[:space:]]*$name (libc6,x86-64.*=> //p" | head -n 1)
	[ -n "$path" ] || { echo "this machine has no $name" >&2; exit 1; }
	add_library "$path"
done

# The C programs of the cases, static. A file of tests/kmod without main() is linked to every program there.
mapfile -t library < <(grep -L '^int main(' tests/kmod/*.c 2>/dev/null)
compile() { # PROGRAM SOURCE...: when one of them, or a header, is newer
	if [ -e "$1" ] && [ -z "$(find "${@:2}" tests/kmod/*.h kmod/uapi kmod/copy.h "$0" -newer "$1" 2>/dev/null)" ]; then return 0; fi
	gcc -O2 -g -Wall -Wextra -Werror -static -pthread -Ikmod/uapi -Itests/kmod -o "$@"
}
for source in tests/vm/guest/*.c $(grep -l '^int main(' tests/kmod/*.c 2>/dev/null); do
	program=out/vm/bin/$(basename "$source" .c)
	case $source in
	tests/kmod/*) compile "$program" "$source" "${library[@]}" ;;
	*) compile "$program" "$source" ;;
	esac
	add_program "$program"
done

# The kernel's modules, unpacked, and ours.
mkdir -p "$tree/lib/modules/$release"
# modinfo asks for it although there is none.
: >"$tree/lib/modules/$release/modules.dep"
: >"$tree/lib/modules.txt"
if [ -f "$dir/modules/modules.dep" ]; then
	grep -v '^#' tests/vm/guest/modules.txt >"$tree/lib/modules.txt"
	mapfile -t wanted <"$tree/lib/modules.txt"
	modprobe -d "$dir" -S "$release" --show-depends -a "${wanted[@]}" | sed -n 's/^insmod \([^ ]*\).*/\1/p' | sort -u |
		while read -r file; do
			case $file in
			*.xz) xz -dc "$file" >"$tree/lib/modules/$release/$(basename "$file" .xz)" ;;
			*) cp "$file" "$tree/lib/modules/$release/" ;;
			esac
		done
	depmod -b "$tree" "$release" 2>/dev/null
fi
for source in kmod tests/vm/modules; do
	[ -f "$source/Kbuild" ] || continue
	built=$(scripts/kmod.sh -C "$source" "$dir/build")
	for module in "$built"/*.ko; do strip --strip-debug -o "$tree/modules/$(basename "$module")" "$module"; done
done

cp tests/vm/guest/init "$tree/init"
chmod +x "$tree/init"
cp tests/vm/guest/*.sh "$tree/guest/"
cp tests/vm/cases/*.sh "$tree/cases/"
[ ! -d tests/kmod/data ] || cp -r tests/kmod/data "$tree/"
printf 'root:x:0:0:root:/root:/bin/sh\ntcpdump:x:100:100:tcpdump:/tmp:/bin/false\nnobody:x:65534:65534:nobody:/:/bin/false\n' >"$tree/etc/passwd"
printf 'root:x:0:\ntcpdump:x:100:\nnogroup:x:65534:\n' >"$tree/etc/group"
printf '127.0.0.1 localhost\n' >"$tree/etc/hosts"
echo "$release" >"$tree/etc/release"
awk '$1 == "version" || $1 == "release"' packages/kernel.txt >"$tree/etc/kernel.txt"
(cd "$tree" && find . | cpio -o -H newc -R 0:0 --quiet) >"$work/initrd"
cp "$dir/vmlinuz" "$work/vmlinuz"
cp "$dir/release" "$work/release"
rm -rf "$tree"
