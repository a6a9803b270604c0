#!/bin/bash
# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# Checks the C of the kernel module: checkpatch --strict, sparse, the direction of calls, and the kernel's own Coccinelle rules.
# Anything they report is an error.
set -euo pipefail
cd "$(dirname "$0")/.."
[ -f kmod/Kbuild ] || { echo "no kmod/Kbuild" >&2; exit 1; }
kdir=$(scripts/kernel.sh debian)/build
tools=$(scripts/kernel.sh source)/scripts
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bad=0
mkdir -p "$work/tests/vm" "$work/include"
cp -r kmod VERSION "$work/"
cp -r tests/vm/modules "$work/tests/vm/"

checkpatch() { # WHERE [OPTION]...
	local files
	echo "checkpatch --strict $1"
	mapfile -t files < <(cd "$work" && find "$1" -maxdepth 1 -name '*.[ch]' | sort)
	(cd "$work" && perl "$tools/checkpatch.pl" --no-tree --root "$work" --strict --terse --no-summary --show-types \
		--max-line-length=140 "${@:2}" -f "${files[@]}") >&2 || bad=1
}

sparse() { # DIRECTORY
	echo "sparse $1"
	make -s -C "$kdir" M="$work/$1" W=1 C=2 CF=-Wsparse-error KCFLAGS=-Werror modules 2>&1 | sed "s|$work/||" >&2 || bad=1
}

# Runs one rule as scripts/coccicheck does in mode report: with the options of its header.
rule() { # COCCI: prints what it reports
	grep -q '^virtual report' "$1" || return 0
	local options
	options=$(sed -n 's|^// *Options: *||p' "$1")
	# shellcheck disable=SC2086  # a list of words
	spatch -D report --very-quiet --no-show-diff --cocci-file "$1" $options --dir "$work" 2>/dev/null | sed "s|$work/||" ||
		echo "$1: spatch failed"
}

coccicheck() {
	echo "coccicheck"
	export -f rule
	export work
	find "$tools/coccinelle" -name '*.cocci' | sort | xargs -P "$(nproc)" -I{} bash -c 'rule {}' | sort -u >"$work/report"
	if grep -q . "$work/report"; then
		cat "$work/report" >&2
		bad=1
	fi
}

# The object files of a module call each other in one direction only: tsort finds no order for a circle.
circles() { # DIRECTORY, built
	echo "circles $1"
	(cd "$work/$1" && find . -name '*.o' ! -name capbox.o ! -name '*.mod.o' -exec nm -A -g {} +) | awk '
		{ split($1, file, ":") }
		$(NF - 1) == "U" { uses[file[1], $NF]; next }
		{ owner[$NF] = file[1] }
		END {
			for (pair in uses) {
				split(pair, use, SUBSEP)
				if (use[2] in owner) print use[1], owner[use[2]]
			}
		}' >"$work/calls"
	[ -s "$work/calls" ] || bad=1
	tsort "$work/calls" >/dev/null || bad=1
}

checkpatch kmod
# A uapi header cannot use BIT().
checkpatch kmod/uapi --ignore BIT_MACRO,CAMELCASE
checkpatch tests/vm/modules
sparse kmod
circles kmod
sparse tests/vm/modules
rm -rf "$work"/kmod/.??* "$work"/kmod/*.mod.c
coccicheck
exit $bad
