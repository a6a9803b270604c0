# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# memory: 1024
# icount: shift=1,sleep=off
# module: none
# A module of another ABI: refused with both versions where it was asked for; auto says so and goes on with packet sockets.
# shellcheck shell=dash
insmod /modules/nextabi.ko
pair a0 b0
must_fail timeout 20 capbox run --port b0 --backend kmod --archive /data/refused 2>log
cat log
grep "capbox.ko has ABI 2 (release 9.9.9), this capbox needs ABI 1" log || fail "not both versions were named"
[ -z "$(ls /data/refused/*.pcapng 2>/dev/null)" ] || fail "a segment was begun"
capbox run --port b0 --archive /data/archive --duration 3 --json >status 2>log
cat log
grep -q '"backend":"packet"' status || fail "auto did not take packet sockets"
grep "has ABI 2" log || fail "auto did not say why"
rmmod nextabi
