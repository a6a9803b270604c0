#!/bin/bash
# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# Proves that the test bed sees failures: cases that fail, hang and break the kernel must be reported as such.
exec "$(dirname "$0")/run.sh" --self-test "$@"
