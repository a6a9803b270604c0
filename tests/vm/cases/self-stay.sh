# suite: self
# module: bad how=stay
# expect: ^bad.ko stays: bad 
# A module that cannot be unloaded after its case is seen.
# shellcheck shell=dash
:
