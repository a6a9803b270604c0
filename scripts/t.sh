#!/bin/bash
# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# Runs one thing and builds only what it needs: scripts/t.sh vm/CASE, or scripts/t.sh TEXT, the xunit tests whose class or method has TEXT in its name.
# make t T=vm/filters, make t T=ConfigText, make t T=A_filter_is_kept
set -euo pipefail
cd "$(dirname "$0")/.."
text=${1:-}
case $text in
"") echo "usage: make t T=TEXT, a part of the name of an xunit class or method, or make t T=vm/CASE; tests/vm/run.sh --list prints the cases" >&2; exit 2 ;;
vm/*) exec tests/vm/run.sh --keep-log "${text#vm/}" ;;
*[!A-Za-z0-9_]*) echo "make t: '$text' is no part of a name" >&2; exit 2 ;;
esac
scripts/setup.sh build run test

# Projects of tests: a class of that name first, else a method.
projects() { # REGEX
	grep -rlE --include='*.cs' --exclude-dir=bin --exclude-dir=obj "$1" tests | while read -r file; do
		directory=$(dirname "$file")
		until [ "$directory" = tests ] || compgen -G "$directory/*.csproj" >/dev/null; do directory=$(dirname "$directory"); done
		! grep -qs 'Include="xunit' "$directory"/*.csproj || echo "$directory $file"
	done
}
filter=-class
found=$(projects "class +[A-Za-z0-9_]*${text}[A-Za-z0-9_]*Tests?\b|class +[A-Za-z0-9_]*Tests?[A-Za-z0-9_]*${text}")
if [ -z "$found" ]; then
	filter=-method
	found=$(projects "(void|Task) +[A-Za-z0-9_]*$text[A-Za-z0-9_]*\(")
fi
[ -n "$found" ] || { echo "make t: no class and no method of the xunit tests has '$text' in its name" >&2; exit 2; }
# Tests of the program need the program.
if grep -q Integration <<<"$found"; then make -s --no-print-directory publish; fi
status=0
for project in $(cut -d ' ' -f 1 <<<"$found" | sort -u); do
	dotnet build "$project" -v q -clp:NoSummary
	report=$(mktemp)
	dotnet "$project/bin/Debug/net10.0/$(basename "$project").dll" -noColor -noLogo $filter "*$text*" -result-xml "$report" || status=1
	grep -q '<test ' "$report" || { echo "make t: '$text' ran no test of $project" >&2; status=1; }
	rm -f "$report"
done
exit $status
