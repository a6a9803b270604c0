# suite: self
# module: none
# expect: ^exit 3$
# A case that fails is seen.
# shellcheck shell=dash
exit 3
