# suite: self
# module: none
# expect: sysrq_handle_crash
# An oops is seen, with its trace.
# shellcheck shell=dash
echo c >/proc/sysrq-trigger
sleep 1000
