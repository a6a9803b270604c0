#!/bin/sh
# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# Records ports with the published binary: those named in $PORT (eth2,eth3), else the one of the default route. Segments go to ./var.
# usage: scripts/run.sh [options of capbox run]
set -eu
cd "$(dirname "$0")/.."

port=${PORT:-$( (ip -4 route show default; ip -6 route show default) 2>/dev/null | sed -n 's/.* dev \([^ ]*\).*/\1/p' | head -n 1)}
if [ -z "$port" ]; then
	echo "there is no default route to take the port from: name one, make run PORT=eth2 (out/capbox ports lists them)" >&2
	exit 2
fi
set -- out/capbox run --port "$port" --archive var "$@"
if [ "$(id -u)" != 0 ]; then
	command -v sudo >/dev/null 2>&1 || { echo "recording needs root: run as root, or install sudo" >&2; exit 1; }
	set -- sudo "$@"
fi
exec "$@"
