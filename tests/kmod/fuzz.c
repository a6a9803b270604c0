// SPDX-License-Identifier: GPL-2.0-only
// SPDX-FileCopyrightText: 2026 The capbox authors
/*
 * fuzz ITERATIONS [SEED]: hostile user space. Threads make random calls on shared sessions, write random values into all mappings, and
 * map, fork and close at random moments, while packets flow through all hooks. The kernel stays intact: the memory of another process
 * and a file keep their checksums, and afterwards a session records and counts correctly.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fuzzer.h"
#include "traffic.h"

#define SLOTS 6
#define CALLERS 3
#define SCRIBBLERS 2
#define CANARY_BYTES (4u << 20)
#define CANARY_FILE "/tmp/canary"

static struct slot slots[SLOTS];
static uint64_t seed, iterations, done;
static bool is_over;

static struct random random_of(uint64_t number)
{
	return (struct random){ .state = seed * 0x9e3779b97f4a7c15ull + number * 0xbf58476d1ce4e5b9ull + 1 };
}

static void *caller(void *context)
{
	struct random random = random_of((uintptr_t)context);

	while (__atomic_add_fetch(&done, 1, __ATOMIC_RELAXED) <= iterations)
		slot_act(&random, &slots[below(&random, SLOTS)]);
	return NULL;
}

/* Writes like a reader's, but wrong: indexes, queue entries, claims of blocks that do not exist, and noise anywhere. */
static void scribble(struct random *random, const struct slot *slot, uint8_t *map, uint64_t bytes)
{
	struct session session = { .setup = slot->setup, .map = map };
	uint32_t ring = below(random, 3);
	struct capbox_ring_head *head;
	uint32_t block;

	if (session.setup.map_bytes != bytes || ring >= session.setup.rings || !session.setup.blocks)
		return;
	head = ring_head(&session, ring);
	switch (below(random, 8)) {
	case 0:
		head->returned = once_in(random, 2) ? nasty(random) : head->accepted + below(random, 2 * session.setup.blocks);
		break;
	case 1:
		head->claimed = once_in(random, 2) ? nasty(random) : head->filled - below(random, 8);
		break;
	case 2:
		head->filled = head->accepted = nasty(random);
		break;
	case 3:
		for (uint32_t i = 0; i < session.setup.queue_entries; i++)
			((uint32_t *)(map + ring * session.setup.ring_bytes + session.setup.free_offset))[i] = below(random, session.setup.blocks + 2);
		break;
	case 4:
		memset(map + ring * session.setup.ring_bytes + session.setup.filled_offset, below(random, 256), 4 * session.setup.queue_entries);
		break;
	case 5:
		for (int i = 0; i < 64; i++)
			((uint64_t *)map)[next(random) % (bytes / 8)] = nasty(random);
		break;
	default:
		/* Sometimes the return is valid, so that the kernel has free blocks. */
		while (ring_claim(&session, ring, &block) && !once_in(random, 16))
			ring_give_back(&session, ring, block);
	}
}

static _Thread_local sigjmp_buf *volatile_jump;

static void on_fault(int signal)
{
	(void)signal;
	/* Another thread unmapped the memory during the write. */
	if (volatile_jump)
		siglongjmp(*volatile_jump, 1);
	_exit(99);
}

static void *scribbler(void *context)
{
	struct random random = random_of(100 + (uintptr_t)context);
	const struct slot *slot;
	sigjmp_buf jump;
	uint64_t bytes;

	while (!__atomic_load_n(&is_over, __ATOMIC_RELAXED)) {
		if (sigsetjmp(jump, 1))
			usleep(100);
		volatile_jump = &jump;
		slot = &slots[below(&random, SLOTS)];
		bytes = __atomic_load_n(&slot->map_bytes, __ATOMIC_ACQUIRE);
		if (bytes)
			scribble(&random, slot, slot->map, bytes);
		if (once_in(&random, 16))
			usleep(200);
	}
	return NULL;
}

static uint64_t checksum(const uint8_t *data, uint64_t bytes)
{
	uint64_t sum = 0xcbf29ce484222325ull;

	for (uint64_t i = 0; i < bytes; i++)
		sum = (sum ^ data[i]) * 0x100000001b3ull;
	return sum;
}

/* A process and a file that take no part; the exit code of the process says whether its memory has changed. */
static pid_t canary_start(uint64_t *file_sum)
{
	struct random random = random_of(1000);
	uint8_t *memory = malloc(CANARY_BYTES);
	int fd = open(CANARY_FILE, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	sigset_t set;
	uint64_t sum;
	pid_t child;

	for (uint64_t i = 0; i < CANARY_BYTES / 8; i++)
		((uint64_t *)memory)[i] = next(&random);
	expect(write(fd, memory, CANARY_BYTES) == CANARY_BYTES, "%s", strerror(errno));
	close(fd);
	*file_sum = sum = checksum(memory, CANARY_BYTES);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	child = fork();
	if (!child) {
		int signal;

		sigwait(&set, &signal);
		_exit(checksum(memory, CANARY_BYTES) == sum ? 0 : 1);
	}
	free(memory);
	return child;
}

static void canary_check(pid_t child, uint64_t file_sum)
{
	int fd = open(CANARY_FILE, O_RDONLY | O_CLOEXEC), status;
	uint8_t *file = mmap(NULL, CANARY_BYTES, PROT_READ, MAP_PRIVATE, fd, 0);

	expect(checksum(file, CANARY_BYTES) == file_sum, "the canary's file has changed");
	kill(child, SIGTERM);
	expect(waitpid(child, &status, 0) == child && status == 0, "the canary's memory has changed: status %#x", status);
	close(fd);
}

static void make_interfaces(void)
{
	run("ip link add fza address 02:00:00:00:00:0a type veth peer name fzb address 02:00:00:00:00:0b");
	run("ip addr add 10.0.0.1/24 dev fza && ip link set fzb up && ip link set fza up");
	run("ip neigh replace 10.0.0.2 lladdr 02:00:00:00:00:0b dev fza; ip link add fzd type dummy; ip link set fzd up");
}

/* Deletes interfaces while the other threads run. */
static void *remover(void *context)
{
	(void)context;
	while (!__atomic_load_n(&is_over, __ATOMIC_RELAXED)) {
		usleep(300000);
		if (system("ip link delete fzd; ip link add fzd type dummy && ip link set fzd up") == -1)
			break;
	}
	return NULL;
}

/* Afterwards a new session finds all packets of a sender. */
static void afterwards(void)
{
	struct traffic traffic = { .interface = "fza", .cpu = -1, .bytes = 300, .limit = 1000, .flags = TRAFFIC_PACED };
	struct session session = { .setup = setup_default() };
	struct capbox_counters counters;
	uint64_t found;

	/* No reader runs meanwhile, so that the kernel hands over full blocks. */
	session.setup.handover_us = 1000000;
	session_setup(&session);
	session_add_port(&session, "fzb", 0, 0);
	session_ioctl(&session, CAPBOX_IOC_START, "START");
	traffic_start(&traffic);
	traffic_wait(&traffic);
	usleep(100000);
	session_ioctl(&session, CAPBOX_IOC_STOP, "STOP");
	session_check_sum(&session);
	counters = session_counters(&session, CAPBOX_ALL_RINGS);
	found = session_drain(&session, NULL, NULL);
	expect(found == traffic.limit, "%lu of %lu packets; seen %llu, stored %llu", found, traffic.limit, counters.seen.packets,
	       counters.stored.packets);
	session_close(&session);
}

/* The kernel's own counters add up, whatever user space wrote to shared memory. */
static void check_slots(void)
{
	struct capbox_ring_counters counters;
	struct session session = { 0 };

	for (int i = 0; i < SLOTS; i++) {
		counters = (struct capbox_ring_counters){ .ring = CAPBOX_ALL_RINGS };
		session.fd = slots[i].fd;
		if (session.fd >= 0 && !ioctl(session.fd, CAPBOX_IOC_COUNTERS, &counters))
			session_check_sum(&session);
	}
}

/* A session that only keeps netfilter's static keys on: see lifetime.c. */
static void hold_keys(void)
{
	struct session holder = { .setup = setup_default() };

	holder.setup.hooks = CAPBOX_HOOK_BIT(CAPBOX_HOOKS) - 1;
	holder.setup.blocks = CAPBOX_BLOCKS_MIN;
	session_setup(&holder);
	run("ip link add fzkeys type dummy");
	session_add_port(&holder, "fzkeys", 0, 0);
	session_ioctl(&holder, CAPBOX_IOC_START, "START");
}

int main(int argc, char **argv)
{
	static struct traffic floods[] = { { .interface = "fza", .cpu = 0, .flags = TRAFFIC_PACED },
					   { .interface = "fzb", .cpu = 1, .flags = TRAFFIC_PACED | TRAFFIC_BYPASS },
					   { .interface = "fza", .cpu = 1, .flags = TRAFFIC_PACED | TRAFFIC_UDP },
					   { .interface = "lo", .cpu = -1, .flags = TRAFFIC_PACED } };
	struct sigaction action = { .sa_handler = on_fault, .sa_flags = SA_NODEFER };
	pthread_t callers[CALLERS], scribblers[SCRIBBLERS], remove;
	uint64_t file_sum, sent = 0;
	pid_t canary;

	if (argc < 2)
		fail("usage: fuzz ITERATIONS [SEED]");
	iterations = strtoull(argv[1], NULL, 10);
	seed = argc > 2 ? strtoull(argv[2], NULL, 0) : given_seed();
	printf("seed %lu, %lu iterations\n", seed, iterations);
	fflush(stdout);
	make_interfaces();
	canary = canary_start(&file_sum);
	hold_keys();
	for (int i = 0; i < SLOTS; i++)
		slot_init(&slots[i]);
	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
	for (size_t i = 0; i < sizeof(floods) / sizeof(floods[0]); i++)
		traffic_start(&floods[i]);
	for (uintptr_t i = 0; i < CALLERS; i++)
		pthread_create(&callers[i], NULL, caller, (void *)i);
	for (uintptr_t i = 0; i < SCRIBBLERS; i++)
		pthread_create(&scribblers[i], NULL, scribbler, (void *)i);
	pthread_create(&remove, NULL, remover, NULL);
	for (int i = 0; i < CALLERS; i++)
		pthread_join(callers[i], NULL);
	check_slots();
	__atomic_store_n(&is_over, true, __ATOMIC_RELAXED);
	for (int i = 0; i < SCRIBBLERS; i++)
		pthread_join(scribblers[i], NULL);
	pthread_join(remove, NULL);
	for (size_t i = 0; i < sizeof(floods) / sizeof(floods[0]); i++)
		sent += traffic_stop(&floods[i]);
	for (int i = 0; i < SLOTS; i++) {
		munmap(slots[i].map, REGION_BYTES);
		close(slots[i].fd);
	}
	fuzzer_print();
	canary_check(canary, file_sum);
	afterwards();
	printf("%lu iterations, %lu packets sent\n", iterations, sent);
	return 0;
}
