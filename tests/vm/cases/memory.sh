# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# memory: 1024
# icount: shift=1,sleep=off
# A session counts as its opener's memory, and one that does not fit into the control group, or into the machine, is refused: nothing is killed for it, the controller's auto goes on with
# packet sockets.
# shellcheck shell=dash
pair a0 b0
mkdir /tmp/groups
mount -t cgroup2 none /tmp/groups
echo +memory >/tmp/groups/cgroup.subtree_control
group=/tmp/groups/box
mkdir $group
echo $((128 << 20)) >$group/memory.max

# In a file of its own: in the background a function would be a process more.
cat >in_group <<END
echo \$\$ >$group/cgroup.procs
exec "\$@"
END
killed() {
	expect "killed in the group" "$(sed -n 's/^oom_kill //p' $group/memory.events)" 0
	expect "killed in the machine" "$(sed -n 's/^oom_kill //p' /proc/vmstat)" 0
	expect "sessions" "$(cat /sys/module/capbox/refcnt)" 0
}
config() { # BACKEND RINGSIZE
	echo "{\"storage\": {\"directory\": \"/data/archive\"}, \"ports\": [{\"name\": \"b0\", \"backend\": \"$1\", \"ringSize\": \"$2\"}]}" >config.json
}
records() { # BACKEND: 1000 packets, all of them, with the configuration of config.json
	rm -rf /data/archive
	sh in_group capbox run --config config.json --json >status 2>log &
	capbox=$!
	(wait_for 20 grep -q '"state":"Capturing"' status) || fail "$(cat log)"
	expect "backend" "$(tail -n 1 status | jq -r '.ports[0].backend')" "$1"
	counted=$(cat $group/memory.current)
	expect "sent" "$(send -i a0 -n 1000 -r 4000)" 1000
	sleep 1
	kill -TERM $capbox
	wait $capbox || fail "capbox run: exit $?: $(cat log)"
	expect "stored, lost" "$(tail -n 1 status | jq -c '.ports[0] | [.storedPackets, .lostPackets]')" "[1000,0]"
}

# Two rings of 16 MiB, one for each CPU, are the opener's.
config kmod 16MiB
records kmod
within "MiB of the group" $((counted >> 20)) 32 128
killed
before=$(cat $group/memory.current)
within "MiB given back" $(((counted - before) >> 20)) 30 128

# Two of 128 MiB are more than the group may have, and less than the module's limit.
config kmod 128MiB
echo 512 >/sys/module/capbox/parameters/memory_limit_mib
must_fail sh in_group timeout 60 capbox run --config config.json --json >/dev/null 2>log
cat log
grep "blocks: 25[67] MiB cannot be allocated" log || fail "not the reason"
killed
config auto 128MiB
records packet
grep "blocks: 25[67] MiB cannot be allocated.*; using packet" log || fail "not told"
killed

# More than the machine has, to an opener that no group limits.
echo 100000 >/sys/module/capbox/parameters/memory_limit_mib
config kmod 8GiB
must_fail timeout 120 capbox run --config config.json --json >/dev/null 2>log
cat log
grep "blocks: 163[0-9]* MiB cannot be allocated" log || fail "not the reason"
killed
umount /tmp/groups || true
