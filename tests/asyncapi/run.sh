#!/bin/bash
# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# Validates an AsyncAPI document (default docs/reference/asyncapi.yaml) with @asyncapi/parser. Prints "ok" or "not ok" as scripts/test.sh counts. The parser is
# installed by its lock file below ~/.cache/capbox, once for each content of the two package files.
# usage: tests/asyncapi/run.sh [FILE]
set -euo pipefail
cd "$(dirname "$0")"
file=$(realpath "${1:-../../docs/reference/asyncapi.yaml}")
cache=${CAPBOX_CACHE:-$HOME/.cache/capbox}/asyncapi-$(cat package.json package-lock.json | sha256sum | cut -c1-16)
mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9
if [ ! -e "$cache/complete" ]; then
	cp package.json package-lock.json "$cache"
	if ! npm ci --prefix "$cache" --ignore-scripts --no-audit --no-fund --loglevel=error >&2; then
		echo "not ok asyncapi: npm ci failed in $cache"
		exit 1
	fi
	touch "$cache/complete"
fi
cp validate.mjs "$cache"
if node "$cache/validate.mjs" "$file"; then
	echo "ok asyncapi"
else
	echo "not ok asyncapi"
	exit 1
fi
