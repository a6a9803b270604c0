# suite: self
# kernel: debug
# module: bad how=lock-order
# expect: possible circular locking dependency
# It sees locks that are taken in both orders.
# shellcheck shell=dash
sleep 1000
