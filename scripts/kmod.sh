#!/bin/bash
# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# Builds the modules of a directory for one kernel, with warnings as errors: scripts/kmod.sh [-C SOURCE] [KDIR]
# SOURCE is kmod by default, KDIR the build directory of the pinned kernel (packages/kernel.txt). The script writes to
# out/SOURCE/<release>/, for example out/kmod/6.12.95+deb12-amd64/capbox.ko, prints that directory, and writes nothing to SOURCE.
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

# Test modules may include files of kmod/.
inputs=$(
	echo "$kdir"
	find "$source" kmod VERSION -type f ! -name '*.md' -exec sha256sum {} + 2>/dev/null | sort
	sha256sum "$kdir/Module.symvers" "$0"
)
(
	flock 9
	if [ "$inputs" != "$(cat "$out/inputs" 2>/dev/null)" ]; then
		rm -rf "$out/inputs" "$out"/*.ko "$out/build"
		mkdir "$out/build"
		# The copies keep their relative places, so that ../../kmod and ../VERSION are found.
		for directory in kmod "$source"; do
			[ ! -d "$directory" ] || { mkdir -p "$out/build/$directory" && cp -rp "$directory/." "$out/build/$directory"; }
		done
		cp VERSION "$out/build/"
		make -s -C "$kdir" M="$PWD/$out/build/$source" W=1 KBUILD_MODPOST_WARN= \
			KCFLAGS="-Werror -g -ffile-prefix-map=$PWD/$out/build/=" modules >&2
		cp "$out/build/$source"/*.ko "$out/"
		echo "$inputs" >"$out/inputs"
	fi
) 9>"$out/lock"
echo "$out"
