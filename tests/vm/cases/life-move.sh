# timeout: 300
# An interface moves to another namespace and back while packets flow.
# shellcheck shell=dash
lifetime move "$(by_kernel 20 3)"
