#!/bin/bash
# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# Checks the C of the kernel module (scripts/kmod-check.sh) and, beside it, the C#: layout, everything the analyzers report (the build has their rules and those of
# .editorconfig, warnings being errors), and the rules of scripts/tidy.sh. Then no unit test may use more than 1 s of a processor.
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
# Alone on the machine, after the rest: where the unit tests have a project of their own they write what each of them uses.
if [ -d tests/Unit ]; then { scripts/test.sh unit && scripts/slow-tests.sh out/test/unit.cpu; } || status=1; fi
exit "$status"
