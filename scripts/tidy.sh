#!/bin/bash
# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# Rules that no compiler knows. Each offence is one line, "file: rule"; exit 1 if there is any.
set -euo pipefail
cd "$(dirname "$0")/.."
bad=0
offend() { echo "$1: $2" >&2; bad=1; }

# Files of the tree: what git tracks or would track.
mapfile -t files < <(git ls-files --cached --others --exclude-standard | while read -r f; do [ -f "$f" ] && echo "$f"; done)

# Pointers live in Platform/Linux and in the hot files that rewrite blocks.
hot=$(grep -v '^#' scripts/unsafe-files.txt)
while read -r f; do
	case $f in src/Platform/Linux/*) continue ;; esac
	grep -qxF "$f" <<<"$hot" || offend "$f" "unsafe outside Platform/Linux and the files named in scripts/unsafe-files.txt"
done < <(grep -lwE 'unsafe|LibraryImport|DllImport' -r src --include=*.cs | grep -v '/obj/' || :)
while read -r f; do [ -f "$f" ] || offend scripts/unsafe-files.txt "names $f, which does not exist"; done <<<"$hot"

for f in "${files[@]}"; do
	case $f in
	tests/golden/* | tests/Fuzz/corpus/*) continue ;;
	esac
	[ -s "$f" ] || continue
	if ! grep -qI . "$f"; then offend "$f" "a binary file"; continue; fi
	case $f in
	*.cs | *.c | *.h | *.sh)
		lines=$(wc -l <"$f")
		[ "$lines" -le 500 ] || offend "$f" "$lines lines, at most 500"
		;;
	esac
	case $f in
	scripts/tidy.sh) ;;
	*.cs | *.c | *.h | *.sh | *.md | Makefile | *.csproj | *.props)
		grep -qwE 'TO''DO|FIX''ME|X''XX|HA''CK' "$f" && offend "$f" "unfinished work is an issue, not a comment" || :
		;;
	esac
	tail -c 1 "$f" | grep -q . && offend "$f" "no newline at the end" || :
done

# Every link of a page leads to a file of the tree.
for f in "${files[@]}"; do
	case $f in *.md) ;; *) continue ;; esac
	while read -r target; do
		[ -e "$(dirname "$f")/$target" ] || offend "$f" "links to $target, which does not exist"
	done < <(grep -oE '\]\([^)# ]+' "$f" | cut -c3- | grep -vE '^[a-z]+:' || :)
done

# Every Debian package is named once.
while read -r p; do offend packages/debian.txt "$p is named twice"; done < <(
	sed -n 's/^[a-z]*: *//p' packages/debian.txt | tr ' ' '\n' | sed '/^$/d' | sort | uniq -d)

for f in scripts/*.sh .ci/run; do
	[ -x "$f" ] || offend "$f" "not executable"
	if command -v shellcheck >/dev/null; then shellcheck "$f" >&2 || bad=1; fi
done
exit $bad
