# timeout: 300
# The filter is swapped many times under traffic.
# shellcheck shell=dash
lifetime filters "$(by_kernel 1000 200)"
