# timeout: 120
# The filter is swapped a thousand times under traffic.
# shellcheck shell=dash
lifetime filters 1000
