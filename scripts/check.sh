#!/bin/bash
# Checks the C of the kernel module (scripts/kmod-check.sh) and, beside it, the C#: layout, everything the analyzers say (the build has their rules and those of .editorconfig, warnings being
# errors), and the rules of scripts/tidy.sh.
set -uo pipefail
cd "$(dirname "$0")/.."
# A session of its own, so that it can be ended with all it has started.
setsid scripts/kmod-check.sh &
module=$!
trap 'kill -- "-$module" 2>/dev/null; exit 130' INT TERM
dotnet format whitespace Appliance.sln --verify-no-changes && dotnet build Appliance.sln -v q && scripts/tidy.sh &&
	{ reuse lint --quiet || reuse lint >&2; } # each file names its licence
status=$?
wait "$module" || status=1
exit "$status"
