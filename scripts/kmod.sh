#!/bin/bash
# Builds the modules of a directory for one kernel, warnings being errors: scripts/kmod.sh [-C SOURCE] [KDIR]
# SOURCE is kmod by default, KDIR the build directory of the pinned kernel (packages/kernel.txt). What comes out goes to
# out/SOURCE/<release>/, for example out/kmod/6.12.95+deb12-amd64/capbox.ko; that directory is what is printed. Nothing is written to SOURCE.
set -euo pipefail
cd "$(dirname "$0")/.."
source=kmod
if [ "${1:-}" = -C ]; then
	source=$2
	shift 2
fi
kdir=${1:-}
[ -n "$kdir" ] || kdir=$(scripts/kernel.sh debian)/build
kdir=$(realpath "$kdir")
[ -f "$kdir/include/config/kernel.release" ] || { echo "KDIR $kdir: not the build directory of a kernel" >&2; exit 1; }
out=out/$source/$(cat "$kdir/include/config/kernel.release")
mkdir -p "$out"

# Modules of tests may include what lies in kmod/.
inputs=$(echo "$kdir"; find "$source" kmod VERSION -type f ! -name '*.md' -exec sha256sum {} + 2>/dev/null | sort; sha256sum "$kdir/Module.symvers" "$0")
(
	flock 9
	if [ "$inputs" != "$(cat "$out/inputs" 2>/dev/null)" ]; then
		rm -rf "$out/inputs" "$out"/*.ko "$out/build"
		mkdir "$out/build"
		# The same place relative to each other, so that ../../kmod means the same.
		for directory in kmod "$source"; do
			[ ! -d "$directory" ] || { mkdir -p "$out/build/$directory" && cp -rp "$directory/." "$out/build/$directory"; }
		done
		cp VERSION "$out/build/"
		make -s -C "$kdir" M="$PWD/$out/build/$source" W=1 KCFLAGS="-Werror -g -ffile-prefix-map=$PWD/$out/build/=" KBUILD_MODPOST_WARN= modules >&2
		cp "$out/build/$source"/*.ko "$out/"
		echo "$inputs" >"$out/inputs"
	fi
) 9>"$out/lock"
echo "$out"
