# timeout: 300
# The namespace of a session ends while packets flow; the session outlives it.
# shellcheck shell=dash
lifetime namespace "$(rounds 6 40 3)"
