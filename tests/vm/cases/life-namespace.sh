# timeout: 300
# The namespace of a session ends while packets flow; the session outlives it.
# shellcheck shell=dash
lifetime namespace "$(by_kernel 20 3)"
