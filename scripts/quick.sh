#!/bin/bash
# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# What is run after an edit: the rules of tidy.sh, all unit tests, a handful of cases in one guest. The suites: part quick of scripts/test.sh.
set -uo pipefail
cd "$(dirname "$0")/.."
scripts/tidy.sh || exit 1
exec scripts/test.sh --part quick
