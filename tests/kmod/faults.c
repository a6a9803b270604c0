// SPDX-License-Identifier: GPL-2.0-only
// SPDX-FileCopyrightText: 2026 The capbox authors
/*
 * faults TX RX: the debug kernel fails one allocation, or one copy from or to user space. In each call of a session's life the test fails
 * the first, then the second, and so on until the call has no more. Each time the call fails cleanly or succeeds without it, and
 * succeeds when repeated.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "session.h"
#include "traffic.h"

#define FAULTS_MAX 2000

static int tx, rx; /* indexes: looking them up would allocate */
static int nth_fd;

/* Arms a fault at the nth chance from now on; 0: none. */
static void arm(int nth)
{
	char text[16];
	int length = snprintf(text, sizeof(text), "%d", nth);

	/* The kernel copies the number itself from user space, which may meet the armed fault. */
	while (pwrite(nth_fd, text, length, 0) != length)
		expect(errno == EFAULT || errno == ENOMEM, "fail-nth: %s", strerror(errno));
}

/* Whether a call has met the fault; disarms it. */
static bool has_failed(void)
{
	char text[16] = "";
	/* If this read meets the fault, then the call did not. */
	bool failed = pread(nth_fd, text, sizeof(text) - 1, 0) > 0 && atoi(text) == 0;

	arm(0);
	return failed;
}

static struct capbox_port port_of(int interface)
{
	return (struct capbox_port){ .ifindex = interface, .flags = CAPBOX_PORT_PROMISCUOUS };
}

static int do_open(struct session *session)
{
	session->fd = open(CAPBOX_DEVICE, O_RDWR | O_CLOEXEC);
	return session->fd < 0 ? -1 : 0;
}

static int do_setup(struct session *session)
{
	int result;

	session->setup = setup_default();
	session->setup.blocks = 3;
	session->setup.hooks = CAPBOX_HOOK_BIT(CAPBOX_HOOKS) - 1;
	session->setup.flags = CAPBOX_SETUP_EARLY_STAMPS;
	result = ioctl(session->fd, CAPBOX_IOC_SETUP, &session->setup);
	/* The session is set up, but the kernel could not copy the answer. */
	return result && errno == EBUSY ? 0 : result;
}

static int do_map(struct session *session)
{
	/* Fills the answer in. */
	session->map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, session->fd, 0);
	return session->map == MAP_FAILED ? -1 : 0;
}

static int do_add(struct session *session)
{
	struct capbox_port port = port_of(rx);
	int result = ioctl(session->fd, CAPBOX_IOC_ADD_PORT, &port);

	return result && errno == EEXIST ? 0 : result;
}

static int do_start(struct session *session)
{
	return ioctl(session->fd, CAPBOX_IOC_START);
}

static int do_add_running(struct session *session)
{
	struct capbox_port port = port_of(tx);
	int result = ioctl(session->fd, CAPBOX_IOC_ADD_PORT, &port);

	return result && errno == EEXIST ? 0 : result;
}

static int do_filter(struct session *session)
{
	struct sock_filter program[] = { BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 12), BPF_JUMP(BPF_JMP | BPF_JEQ, 0x800, 0, 1),
					 BPF_STMT(BPF_RET | BPF_K, 65535), BPF_STMT(BPF_RET | BPF_K, 0) };
	struct capbox_filter filter = { .instructions = (uintptr_t)program, .count = 4 };

	return ioctl(session->fd, CAPBOX_IOC_SET_FILTER, &filter);
}

static int do_flush(struct session *session)
{
	return ioctl(session->fd, CAPBOX_IOC_FLUSH);
}

static int do_counters(struct session *session)
{
	struct capbox_ring_counters request = { .ring = CAPBOX_ALL_RINGS };

	return ioctl(session->fd, CAPBOX_IOC_COUNTERS, &request);
}

static int do_remove(struct session *session)
{
	struct capbox_port port = { .port = 1 };
	int result = ioctl(session->fd, CAPBOX_IOC_REMOVE_PORT, &port);

	return result && errno == ENOENT ? 0 : result;
}

static int do_stop(struct session *session)
{
	return ioctl(session->fd, CAPBOX_IOC_STOP);
}

static int do_close(struct session *session)
{
	munmap(session->map, 4096);
	return close(session->fd);
}

static const struct {
	const char *name;
	int (*call)(struct session *session);
} steps[] = {
	{ "open", do_open },   { "SETUP", do_setup },		 { "mmap", do_map },	      { "ADD_PORT", do_add },
	{ "START", do_start }, { "ADD_PORT running", do_add_running }, { "SET_FILTER", do_filter }, { "FLUSH", do_flush },
	{ "COUNTERS", do_counters }, { "REMOVE_PORT", do_remove }, { "STOP", do_stop }, { "START again", do_start }, { "close", do_close },
};

#define STEPS (sizeof(steps) / sizeof(steps[0]))

/* Runs a whole session in which one step meets a fault. Returns whether it met one. */
static bool live(size_t faulty, int nth, uint64_t *refused)
{
	struct session session = { 0 };
	bool failed = false;
	int result;

	for (size_t i = 0; i < STEPS; i++) {
		arm(i == faulty ? nth : 0);
		errno = 0;
		result = steps[i].call(&session);
		if (i == faulty) {
			int error = errno;

			failed = has_failed();
			expect(!result || (failed && (error == ENOMEM || error == EFAULT)), "%s, fault %d: %s", steps[i].name, nth, strerror(error));
			*refused += result != 0;
			if (result)
				result = steps[i].call(&session);
		}
		expect(!result, "%s, after fault %d of %s: %s", steps[i].name, nth, steps[faulty].name, strerror(errno));
	}
	return failed;
}

int main(int argc, char **argv)
{
	struct traffic traffic = { .cpu = -1, .flags = TRAFFIC_PACED };
	struct session session;
	uint64_t refused;
	int nth;

	if (argc != 3)
		fail("usage: faults TX RX");
	tx = if_nametoindex(argv[1]);
	rx = if_nametoindex(argv[2]);
	traffic.interface = argv[1];
	traffic_start(&traffic);
	nth_fd = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	expect(nth_fd >= 0, "fail-nth: %s", strerror(errno));
	for (size_t step = 0; step < STEPS; step++) {
		refused = 0;
		for (nth = 1; live(step, nth, &refused); nth++)
			expect(nth < FAULTS_MAX, "%s has no end", steps[step].name);
		printf("%s: %d faults, %lu of them refused the call\n", steps[step].name, nth - 1, refused);
		fflush(stdout);
	}
	traffic_stop(&traffic);
	/* A later session can use the same ports. */
	session = session_start(CAPBOX_HOOK_BIT(CAPBOX_HOOK_INGRESS), argv[2]);
	traffic = (struct traffic){ .interface = argv[1], .cpu = -1, .bytes = 100, .limit = 100 };
	traffic_start(&traffic);
	traffic_wait(&traffic);
	usleep(50000);
	session_ioctl(&session, CAPBOX_IOC_STOP, "STOP");
	expect(session_drain(&session, NULL, NULL) == 100, "packets");
	session_check_sum(&session);
	session_close(&session);
	return 0;
}
