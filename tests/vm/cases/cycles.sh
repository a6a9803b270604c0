# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# timeout: 800
# module: none
# Many times load, open, set up, start, packets, close, unload: the kernel's memory is what it was.
# shellcheck shell=dash
pair a0 b0
cycles() { # COUNT
	i=0
	while [ $i -lt "$1" ]; do
		insmod /modules/capbox.ko
		cycle a0 b0
		rmmod capbox
		i=$((i + 1))
	done
}
held() { # kB that the kernel has for itself
	echo 3 >/proc/sys/vm/drop_caches
	sleep 2
	awk '/^(SUnreclaim|Percpu|VmallocUsed|KernelStack|PageTables):/ { sum += $2 } END { print sum }' /proc/meminfo
}
count=$(rounds 60 1000 100)
set +x
cycles 20
before=$(held)
cycles "$count"
after=$(held)
set -x
: "held before: $before kB, after $count cycles: $after kB"
# Less than a page a cycle, by far: 1 kB, and 100 kB of noise. The debug kernel keeps records of its own of every module that it ever loaded (lockdep's
# classes, stacks of allocations, KASAN's quarantine): there kmemleak reports the smallest leak.
if [ "$(by_kernel debian debug)" = debian ]; then
	within "growth in kB after $count cycles" $((after - before)) -100000 $((100 + count))
else
	check_leaks
fi
