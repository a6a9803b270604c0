// SPDX-License-Identifier: GPL-2.0-only
// SPDX-FileCopyrightText: 2026 The capbox authors
#define _GNU_SOURCE
#include "fuzzer.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <net/if.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define DISK_FILE "/data/fuzz"

static uint64_t calls[17], successes[17];

/* splitmix64 */
uint64_t next(struct random *random)
{
	uint64_t z = random->state += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

uint32_t below(struct random *random, uint32_t limit)
{
	return next(random) % limit;
}

bool once_in(struct random *random, uint32_t many)
{
	return !below(random, many);
}

uint64_t nasty(struct random *random)
{
	static const uint64_t values[] = { 0, 1, 2, 3, 4, 31, 32, 63, 64, 65, 4095, 4096, 4097, 65535, 65536, 1 << 20, 0x7fffffff, 0x80000000,
					   0xffffffff, 0x100000000, 0x7fffffffffffffff, 0x8000000000000000, 0xffffffffffffffff };

	return once_in(random, 3) ? next(random) : values[below(random, sizeof(values) / sizeof(values[0]))] - once_in(random, 4);
}

/* Changes some bytes of a request. */
static void damage(struct random *random, void *request, uint32_t bytes)
{
	uint32_t value;

	for (uint32_t times = 1 + below(random, 2); times; times--) {
		value = nasty(random);
		memcpy((char *)request + below(random, bytes / 4) * 4, &value, sizeof(value));
	}
}

static struct capbox_setup random_setup(struct random *random)
{
	struct capbox_setup setup = setup_default();

	setup.hooks = 1 + below(random, CAPBOX_HOOK_BIT(CAPBOX_HOOKS) - 1);
	setup.flags = once_in(random, 4) && setup.hooks & 1 ? CAPBOX_SETUP_CONSUME : 0;
	setup.policy = below(random, 2);
	setup.block_bytes <<= below(random, 3);
	setup.blocks = CAPBOX_BLOCKS_MIN + below(random, 12);
	setup.head_bytes = 4 * below(random, 1025);
	setup.snap_bytes = once_in(random, 2) ? 0 : nasty(random);
	setup.handover_us = once_in(random, 10) ? 100 : 1000 + below(random, 20000);
	if (once_in(random, 8))
		damage(random, &setup, sizeof(setup));
	/* The guest has little memory. */
	if (setup.blocks > 100)
		setup.block_bytes = CAPBOX_BLOCK_BYTES_MIN;
	return setup;
}

static void random_filter(struct random *random, struct capbox_filter *filter, struct sock_filter *program, uint32_t room)
{
	*filter = (struct capbox_filter){ .kind = below(random, 2), .count = 1 + below(random, room), .instructions = (uintptr_t)program };
	for (uint32_t i = 0; i < filter->count; i++)
		program[i] = (struct sock_filter){ .code = once_in(random, 2) ? BPF_LD | BPF_ABS | below(random, 4) << 3 : below(random, 256),
						   .jt = below(random, 4), .jf = below(random, 4), .k = once_in(random, 2) ? below(random, 100) : nasty(random) };
	program[filter->count - 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, nasty(random));
	if (once_in(random, 6))
		damage(random, filter, sizeof(*filter));
	if (once_in(random, 4))
		*filter = (struct capbox_filter){ .kind = below(random, 2) };
}

static const char *random_interface(struct random *random)
{
	static const char *const names[] = { "fza", "fzb", "lo", "fzd" };

	return names[below(random, 4)];
}

static struct capbox_port random_port(struct random *random)
{
	struct capbox_port port = { .ifindex = if_nametoindex(random_interface(random)), .flags = below(random, 2) };

	if (once_in(random, 30))
		port.flags |= CAPBOX_PORT_PROMISCUOUS;
	if (once_in(random, 4))
		damage(random, &port, sizeof(port));
	return port;
}

static void count(uint32_t what, bool success)
{
	__atomic_fetch_add(&calls[what], 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&successes[what], success, __ATOMIC_RELAXED);
}

enum action {
	OPEN, SETUP, MAP, UNMAP, ADD_PORT, REMOVE_PORT, GET_PORT, SET_FILTER, START, STOP, FLUSH, COUNTERS, POLL, ADVISE, DISK, CLOSE,
	WILD, ACTIONS
};

static const char *const names[] = { "open", "setup", "map",	  "unmap", "add",    "remove", "get",	"filter", "start",
				     "stop", "flush", "counters", "poll",  "advise", "disk",   "close", "wild" };

static bool do_setup(struct random *random, struct slot *slot)
{
	struct capbox_setup setup = random_setup(random);

	if (ioctl(slot->fd, CAPBOX_IOC_SETUP, &setup))
		return false;
	slot->setup = setup;
	return true;
}

/* Maps all of it in its place, or for a moment a part of it from a random offset. */
static bool do_map(struct random *random, struct slot *slot)
{
	uint64_t bytes = 4096ull * (1 + below(random, 64));
	uint8_t *map;

	if (once_in(random, 3)) {
		map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, once_in(random, 10) ? MAP_PRIVATE : MAP_SHARED, slot->fd, nasty(random) & ~4095ull);
		for (uint64_t at = 0; map != MAP_FAILED && at < bytes; at += 4096)
			map[at] = at;
		return map != MAP_FAILED && !munmap(map, bytes);
	}
	bytes = slot->setup.map_bytes;
	if (bytes > REGION_BYTES || mmap(slot->map, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, slot->fd, 0) == MAP_FAILED)
		return false;
	__atomic_store_n(&slot->map_bytes, bytes, __ATOMIC_RELEASE);
	return true;
}

static void *map_nothing(void *address, uint64_t bytes)
{
	return mmap(address, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | (address ? MAP_FIXED : 0), -1, 0);
}

static bool do_unmap(struct random *random, struct slot *slot)
{
	uint64_t bytes = __atomic_exchange_n(&slot->map_bytes, 0, __ATOMIC_ACQ_REL);

	if (!bytes)
		return false;
	/* Unmaps it in two pieces. */
	map_nothing(slot->map, 4096);
	if (once_in(random, 2))
		usleep(below(random, 1000));
	return map_nothing(slot->map, REGION_BYTES) != MAP_FAILED;
}

/* Writes blocks to a disk, which keeps references to their pages, whatever happens to the mapping. */
static bool do_disk(struct random *random, struct slot *slot)
{
	int fd = open(DISK_FILE, O_WRONLY | O_CREAT | O_CLOEXEC | O_DIRECT, 0600);
	uint64_t bytes = slot->map_bytes;
	bool success;

	success = bytes > 65536 && pwrite(fd, slot->map + 4096 * below(random, bytes / 4096 - 16), 65536, 65536 * below(random, 16)) > 0;
	close(fd);
	return success;
}

static bool do_advise(struct random *random, struct slot *slot)
{
	static const int advices[] = { MADV_DONTNEED, MADV_COLD, MADV_PAGEOUT, MADV_FREE, MADV_REMOVE, MADV_HUGEPAGE, MADV_MERGEABLE, MADV_DOFORK,
				       MADV_WILLNEED, 23 /* POPULATE_WRITE */, 25 /* COLLAPSE */ };
	uint64_t bytes = slot->map_bytes;

	if (bytes < 8192)
		return false;
	if (once_in(random, 4)) {
		pid_t child = fork();

		if (!child) {
			ioctl(slot->fd, CAPBOX_IOC_FLUSH);
			_exit(0);
		}
		waitpid(child, NULL, 0);
	}
	return !madvise(slot->map + 4096 * below(random, bytes / 4096), 4096 * (1 + below(random, 32)), advices[below(random, 11)]);
}

/* A random ioctl number with a random argument. */
static bool do_wild(struct random *random, struct slot *slot)
{
	static char argument[4096];
	unsigned long command =
		_IOC(below(random, 4), once_in(random, 4) ? below(random, 256) : CAPBOX_IOC_MAGIC, below(random, 12), below(random, 300));

	return !ioctl(slot->fd, command, once_in(random, 2) ? (void *)nasty(random) : argument);
}

static bool act(struct random *random, struct slot *slot, enum action action)
{
	struct capbox_ring_counters counters = { .ring = once_in(random, 2) ? CAPBOX_ALL_RINGS : nasty(random) };
	struct capbox_port port = random_port(random);
	struct pollfd poll_fd = { .fd = slot->fd, .events = POLLIN | POLLPRI };
	struct sock_filter program[8];
	struct capbox_filter filter;
	int fd;

	switch (action) {
	case OPEN:
		fd = open(CAPBOX_DEVICE, (once_in(random, 8) ? O_RDONLY : O_RDWR) | O_CLOEXEC);
		fd = __atomic_exchange_n(&slot->fd, fd, __ATOMIC_ACQ_REL);
		return fd > 2 && !close(fd);
	case SETUP:
		return do_setup(random, slot);
	case MAP:
		return do_map(random, slot);
	case UNMAP:
		return do_unmap(random, slot);
	case ADD_PORT:
		return !ioctl(slot->fd, CAPBOX_IOC_ADD_PORT, &port);
	case REMOVE_PORT:
	case GET_PORT:
		port.port = once_in(random, 5) ? nasty(random) : below(random, 4);
		return !ioctl(slot->fd, action == GET_PORT ? CAPBOX_IOC_GET_PORT : CAPBOX_IOC_REMOVE_PORT, &port);
	case SET_FILTER:
		random_filter(random, &filter, program, 8);
		return !ioctl(slot->fd, CAPBOX_IOC_SET_FILTER, &filter);
	case START:
	case STOP:
	case FLUSH:
		return !ioctl(slot->fd, action == START ? CAPBOX_IOC_START : action == STOP ? CAPBOX_IOC_STOP : CAPBOX_IOC_FLUSH);
	case COUNTERS:
		return !ioctl(slot->fd, CAPBOX_IOC_COUNTERS, &counters);
	case POLL:
		return poll(&poll_fd, 1, below(random, 3)) > 0;
	case ADVISE:
		return do_advise(random, slot);
	case DISK:
		return do_disk(random, slot);
	case CLOSE:
		fd = __atomic_exchange_n(&slot->fd, -1, __ATOMIC_ACQ_REL);
		return fd > 2 && !close(fd);
	case WILD:
	default:
		return do_wild(random, slot);
	}
}

/* Calls that make a session capture are more frequent than calls that end it. */
static enum action choose(struct random *random, const struct slot *slot)
{
	static const enum action mix[] = { SETUP,      MAP,  ADD_PORT, ADD_PORT, START, START, START, GET_PORT, REMOVE_PORT,
					   SET_FILTER, STOP, FLUSH,    COUNTERS, POLL,	WILD,  WILD,  ADVISE,	DISK };

	if (slot->fd < 0)
		return OPEN;
	if (!slot->setup.map_bytes && once_in(random, 2))
		return SETUP;
	if (!slot->map_bytes && once_in(random, 3))
		return MAP;
	if (once_in(random, 30))
		return once_in(random, 3) ? CLOSE : once_in(random, 2) ? OPEN : UNMAP;
	return mix[below(random, sizeof(mix) / sizeof(mix[0]))];
}

void slot_act(struct random *random, struct slot *slot)
{
	enum action action = choose(random, slot);

	count(action, act(random, slot, action));
	if (action == CLOSE || action == OPEN)
		slot->setup.map_bytes = 0;
}

void slot_init(struct slot *slot)
{
	*slot = (struct slot){ .fd = -1, .map = map_nothing(NULL, REGION_BYTES) };
}

void fuzzer_print(void)
{
	for (uint32_t i = 0; i < ACTIONS; i++)
		printf("%s %lu of %lu%s", names[i], successes[i], calls[i], i + 1 < ACTIONS ? ", " : "\n");
}
