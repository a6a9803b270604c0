#!/bin/bash
# Proves that the test bed sees failures: cases that fail, hang and break the kernel must be reported as such.
exec "$(dirname "$0")/run.sh" --self-test "$@"
