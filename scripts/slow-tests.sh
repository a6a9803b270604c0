#!/bin/bash
# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# Lists the tests that use more than 1 s of processor time of their own, and fails if there is any: scripts/slow-tests.sh REPORT
# REPORT has a line a test, "SECONDS NAME": the processor time of its thread and of what it waited for, as the unit tests write it to the file
# that CAPBOX_TEST_CPU names. Time as it passes would blame a test for what else the machine does.
set -euo pipefail
[ $# = 1 ] && [ -s "$1" ] || { echo "scripts/slow-tests.sh: no report${1:+ in $1}" >&2; exit 2; }
sort -rn "$1" | awk '$1 > 1 { seconds = $1; $1 = ""; printf "%.1f s of CPU:%s\n", seconds, $0; bad = 1 } END { exit bad }'
