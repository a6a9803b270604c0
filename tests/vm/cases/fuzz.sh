# timeout: 400
# Hostile user space: random calls and random writes to shared memory under traffic. The kernel stays whole, the module can be unloaded.
# shellcheck shell=dash
fuzz "$(by_kernel 20000 1500)"
rmmod capbox
