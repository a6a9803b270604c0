#!/bin/sh
# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# Makes tests/golden/ptp/answers.txt: what a real ptp4l and a real chronyd answer on their local sockets, in hexadecimal. Neither may touch the clock: ptp4l runs
# without CAP_SYS_TIME, chronyd with -x as well.
# usage, as root: tests/golden/ptp/answers.sh [FILE]. The committed ones were made with linuxptp 3.1.1 and chrony 4.3 of Debian 12.
set -eu
cd "$(dirname "$0")"
out=${1:-answers.txt}
work=$(mktemp -d) master=cba$$m slave=cba$$s pids=
cleanup() {
	for pid in $pids; do kill "$pid" 2>/dev/null || :; done
	ip netns del "$master" 2>/dev/null || :
	ip netns del "$slave" 2>/dev/null || :
	rm -rf "$work"
}
trap cleanup EXIT
noclock='setpriv --bounding-set=-sys_time'
$noclock grep -q 'CapEff:.*[014589cd]......$' /proc/self/status || { echo "setpriv did not take away CAP_SYS_TIME" >&2; exit 1; }

ip netns add "$master"
ip netns add "$slave"
ip link add p0 netns "$master" address 02:00:00:00:00:01 type veth peer name p0 netns "$slave" address 02:00:00:00:00:02
for space in "$master" "$slave"; do
	ip -n "$space" link set lo up
	ip -n "$space" link set p0 up
done
ip -n "$master" addr add 192.0.2.1/24 dev p0
ip -n "$slave" addr add 192.0.2.2/24 dev p0

cat >"$work/master.conf" <<END
[global]
time_stamping software
free_running 1
masterOnly 1
network_transport L2
logSyncInterval -3
logAnnounceInterval -1
uds_address $work/master
[p0]
END
cat >"$work/slave.conf" <<END
[global]
time_stamping software
slaveOnly 1
network_transport L2
step_threshold 0
first_step_threshold 0
uds_address $work/slave
[p0]
END
ip netns exec "$master" ptp4l -f "$work/master.conf" -q & pids="$pids $!"
# shellcheck disable=SC2086  # words
ip netns exec "$slave" $noclock ptp4l -f "$work/slave.conf" -q & pids="$pids $!"
echo 'local stratum 8
allow
cmdport 0
pidfile '"$work"'/master.pid' >"$work/server.conf"
echo "server 192.0.2.1 minpoll 0 maxpoll 0 iburst
port 0
bindcmdaddress $work/chronyd.sock
cmdport 0
pidfile $work/client.pid" >"$work/client.conf"
# shellcheck disable=SC2086
ip netns exec "$master" $noclock chronyd -x -d -u root -f "$work/server.conf" >/dev/null 2>&1 & pids="$pids $!"
# shellcheck disable=SC2086
ip netns exec "$slave" $noclock chronyd -x -d -u root -f "$work/client.conf" >/dev/null 2>&1 & pids="$pids $!"
sleep 45

# ask SOCKET HEX: sends it, prints the answer.
ask() {
	echo "$2" | xxd -r -p | socat -t 1 - "UNIX-SENDTO:$1,bind=$work/ask" | xxd -p | tr -d '\n'
	rm -f "$work/ask"
}
# header (type 0xD, version 2, 54 bytes), source 0123456789abcdef-1, sequence 7, target: all; GET; TLV.
get() { ask "$work/slave" "0d020036000000000000000000000000000000000123456789abcdef00010007047fffffffffffffffffffff0000000000010002$1"; }
for id in 2000 2001 2002 2003 2004 c000 c004 c009; do
	echo "ptp4l $id $(get $id)"
done >"$out"
# version 6, request 33, sequence 01020304, padded to 104 bytes.
echo "chronyd tracking $(ask "$work/chronyd.sock" "0601000000210000010203040000000000000000$(printf '%0168d' 0)")" >>"$out"
