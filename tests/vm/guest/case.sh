# Runs one case: its functions are those of lib.sh; every command is traced into the log.
# shellcheck shell=dash
CASE=$1
cd /tmp
. /guest/lib.sh
set -x
. "/cases/$CASE.sh"
