// SPDX-License-Identifier: GPL-2.0-only
// SPDX-FileCopyrightText: 2026 The capbox authors
/*
 * handover TX RX: when the kernel hands a block over, and when poll reports it. The kernel stamps the first packet right before it starts
 * the timeout, with the clock that this test reads: it hands a block over not before the timeout after the first packet, and not long
 * after. poll reports POLLIN from the first block handed over until the last is claimed, and POLLPRI from the end of a port until
 * GET_PORT; each event wakes all waiters.
 */
#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "session.h"
#include "traffic.h"

#define MS 1000000ll
#define LATE_NS (1500 * MS)	/* an emulated machine on a busy host may sleep long */
#define EARLY_NS 1000		/* the hook's fast clock and the one read here may differ by their steps */
#define LONG_US CAPBOX_HANDOVER_US_MAX

static const char *tx, *rx;
static int sender;

static int64_t real_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * 1000000000ll + now.tv_nsec;
}

static struct session start(uint32_t handover_us)
{
	struct session session = { .setup = setup_default() };

	session.setup.handover_us = handover_us;
	session.setup.blocks = 4;
	session_setup(&session);
	session_add_port(&session, rx, 0, 0);
	session_ioctl(&session, CAPBOX_IOC_START, "START");
	return session;
}

static void send_one(void)
{
	static const uint8_t frame[1000] = { 2, 0, 0, 0, 0, 0x0b, 2, 0, 0, 0, 0, 0x0e, 0x88, 0xb5 };

	sender_send(sender, frame, sizeof(frame));
}

static short events(const struct session *session, int timeout_ms)
{
	struct pollfd poll_fd = { .fd = session->fd, .events = POLLIN | POLLRDNORM | POLLPRI };

	expect(poll(&poll_fd, 1, timeout_ms) >= 0, "poll: %s", strerror(errno));
	return poll_fd.revents;
}

#define READABLE (POLLIN | POLLRDNORM)

#define expect_events(session, wanted)                                                   \
	do {                                                                             \
		short seen_ = events(session, 0);                                        \
		expect(seen_ == (wanted), "events %#x, expected %#x", seen_, (wanted)); \
	} while (0)

/* Claims the only block; @packets in it, 0: any number. Returns its descriptor. */
static struct capbox_block claim(const struct session *session, uint32_t packets, uint32_t flags)
{
	struct capbox_block info;
	uint32_t block;

	expect_events(session, READABLE);
	expect(ring_claim(session, 0, &block), "no block");
	expect_events(session, 0);
	info = *ring_info(session, 0, block);
	expect((!packets || info.packets == packets) && (info.flags & CAPBOX_BLOCK_TIMEOUT) == flags, "%u packets, flags %#x", info.packets,
	       info.flags);
	ring_give_back(session, 0, block);
	expect_events(session, 0);
	return info;
}

/* The timeout hands over a block with one packet. */
static void test_timeout(uint32_t handover_us)
{
	struct session session = start(handover_us);
	int64_t worst_ns = 0, first_ns, came_ns;

	for (int i = 0; i < 5; i++) {
		expect_events(&session, 0);
		send_one();
		while (events(&session, 0) == 0)
			;
		came_ns = real_ns();
		first_ns = claim(&session, 1, CAPBOX_BLOCK_TIMEOUT).first_ns;
		expect(came_ns - first_ns >= handover_us * 1000ll - EARLY_NS, "a block %ld ns after its packet, before %u us",
		       came_ns - first_ns, handover_us);
		worst_ns = came_ns - first_ns > worst_ns ? came_ns - first_ns : worst_ns;
	}
	expect(worst_ns < handover_us * 1000ll + LATE_NS, "a block %ld ns after its packet", worst_ns);
	printf("timeout %u us: at most %.3f ms\n", handover_us, worst_ns / 1e6);
	session_close(&session);
}

/* The timeout starts with the first packet of the block itself, and later packets do not postpone it. */
static void test_rearm(void)
{
	const uint32_t handover_us = 1500000;
	struct session session = start(handover_us);
	struct capbox_block info;
	int64_t came_ns;

	send_one();
	usleep(100000);
	for (int i = 1; ring_head(&session, 0)->filled == 0; i++) {
		expect(i < 100, "no full block");
		send_one();
	}
	info = claim(&session, 0, 0);
	expect(info.packets > 50, "%u packets in a full block", info.packets);
	for (int packets = 1;; packets++) {
		if (events(&session, 60)) {
			came_ns = real_ns();
			info = claim(&session, 0, CAPBOX_BLOCK_TIMEOUT);
			/* The last packet may have arrived right after the handover: it is in the next block. */
			expect(info.packets == (uint32_t)packets || info.packets == (uint32_t)packets - 1, "%u of %d packets", info.packets, packets);
			break;
		}
		send_one();
	}
	expect(came_ns - info.first_ns >= handover_us * 1000ll - EARLY_NS, "the second block after %lld ns", came_ns - info.first_ns);
	expect(came_ns - info.first_ns < handover_us * 1000ll + LATE_NS, "the second block after %lld ns", came_ns - info.first_ns);
	printf("second block: %.3f ms, %u packets\n", (came_ns - info.first_ns) / 1e6, info.packets);
	session_close(&session);
}

/* When FLUSH or STOP returns, the kernel has handed over all packets, and no block without packets. */
static void test_at_once(void)
{
	struct session session = start(LONG_US);

	for (int i = 0; i < 20; i++) {
		session_ioctl(&session, CAPBOX_IOC_FLUSH, "FLUSH of nothing");
		expect_events(&session, 0);
		for (int packet = 0; packet <= i; packet++)
			send_one();
		expect_events(&session, 0);
		session_ioctl(&session, CAPBOX_IOC_FLUSH, "FLUSH");
		claim(&session, i + 1, CAPBOX_BLOCK_TIMEOUT);
	}
	send_one();
	session_ioctl(&session, CAPBOX_IOC_STOP, "STOP");
	claim(&session, 1, CAPBOX_BLOCK_TIMEOUT);
	session_ioctl(&session, CAPBOX_IOC_START, "START");
	session_ioctl(&session, CAPBOX_IOC_STOP, "STOP");
	expect_events(&session, 0);
	expect(session_counters(&session, CAPBOX_ALL_RINGS).blocks_filled == 21, "blocks");
	session_close(&session);
}

/* poll reports POLLIN while a block is unclaimed; a return does not affect it. */
static void test_many(void)
{
	struct session session = start(LONG_US);
	uint32_t blocks[4];

	for (int i = 0; i < 4; i++) {
		send_one();
		session_ioctl(&session, CAPBOX_IOC_FLUSH, "FLUSH");
	}
	for (int i = 0; i < 4; i++) {
		expect_events(&session, READABLE);
		expect(ring_claim(&session, 0, &blocks[i]), "block %d", i);
	}
	expect_events(&session, 0);
	for (int i = 3; i >= 0; i--)
		ring_give_back(&session, 0, blocks[i]);
	expect_events(&session, 0);
	session_close(&session);
}

/* A thread that waits in poll without a timeout. */
struct waiter {
	pthread_t thread;
	const struct session *session;
	short events;
	bool is_waiting;
	bool is_woken;
};

static void *wait_for_events(void *context)
{
	struct waiter *waiter = context;

	__atomic_store_n(&waiter->is_waiting, true, __ATOMIC_RELEASE);
	waiter->events = events(waiter->session, -1);
	__atomic_store_n(&waiter->is_woken, true, __ATOMIC_RELEASE);
	return NULL;
}

static void waiter_start(struct waiter *waiter, const struct session *session)
{
	*waiter = (struct waiter){ .session = session };
	expect(!pthread_create(&waiter->thread, NULL, wait_for_events, waiter), "a thread");
	while (!__atomic_load_n(&waiter->is_waiting, __ATOMIC_ACQUIRE))
		usleep(1000);
	usleep(50000);
	expect(!__atomic_load_n(&waiter->is_woken, __ATOMIC_ACQUIRE), "events %#x", waiter->events);
}

static void waiter_check(struct waiter *waiter, short wanted, const char *what)
{
	double until_s = now_s() + LATE_NS / 1e9;

	while (!__atomic_load_n(&waiter->is_woken, __ATOMIC_ACQUIRE)) {
		expect(now_s() < until_s, "%s does not wake", what);
		usleep(1000);
	}
	pthread_join(waiter->thread, NULL);
	expect(waiter->events == wanted, "%s: events %#x", what, waiter->events);
}

/* Each cause of an event wakes all waiters. */
static void test_wake(void)
{
	struct session session = start(LONG_US);
	struct waiter waiters[2];

	for (int cause = 0; cause < 3; cause++) {
		for (int i = 0; i < 2; i++)
			waiter_start(&waiters[i], &session);
		send_one();
		usleep(50000);
		expect(!__atomic_load_n(&waiters[0].is_woken, __ATOMIC_ACQUIRE), "a packet wakes");
		if (cause == 0)
			session_ioctl(&session, CAPBOX_IOC_FLUSH, "FLUSH");
		else if (cause == 1)
			session_ioctl(&session, CAPBOX_IOC_STOP, "STOP");
		for (int i = 0; cause == 2 && ring_head(&session, 0)->filled == 2; i++)
			send_one();
		for (int i = 0; i < 2; i++)
			waiter_check(&waiters[i], READABLE, cause == 0 ? "FLUSH" : cause == 1 ? "STOP" : "a full block");
		claim(&session, cause < 2 ? 1 : 0, cause < 2 ? CAPBOX_BLOCK_TIMEOUT : 0);
		if (cause == 1)
			session_ioctl(&session, CAPBOX_IOC_START, "START");
	}
	session_close(&session);
}

/* poll reports POLLPRI besides POLLIN until GET_PORT of that very port. */
static void test_port(void)
{
	struct session session = start(LONG_US);
	struct capbox_port port = { .port = 0 };
	struct waiter waiter;

	run("ip link add hdummy type dummy");
	expect(session_add_port(&session, "hdummy", 2, 0) == 1, "slot");
	waiter_start(&waiter, &session);
	run("ip link delete hdummy");
	waiter_check(&waiter, POLLPRI, "a port that is gone");
	send_one();
	session_ioctl(&session, CAPBOX_IOC_FLUSH, "FLUSH");
	expect_events(&session, READABLE | POLLPRI);
	expect(!ioctl(session.fd, CAPBOX_IOC_GET_PORT, &port) && port.state == CAPBOX_PORT_ATTACHED, "port 0: state %u", port.state);
	expect_events(&session, READABLE | POLLPRI);
	port = (struct capbox_port){ .port = 1 };
	expect(!ioctl(session.fd, CAPBOX_IOC_GET_PORT, &port) && port.state == CAPBOX_PORT_GONE, "port 1: state %u", port.state);
	claim(&session, 1, CAPBOX_BLOCK_TIMEOUT);
	session_close(&session);
}

int main(int argc, char **argv)
{
	static const uint32_t timeouts_us[] = { CAPBOX_HANDOVER_US_MIN, 1000, 20000, 150000, 700000 };

	expect(argc == 3, "usage: handover TX RX");
	tx = argv[1];
	rx = argv[2];
	pin_to_cpu(0);
	sender = sender_open(tx);
	for (size_t i = 0; i < sizeof(timeouts_us) / sizeof(timeouts_us[0]); i++)
		test_timeout(timeouts_us[i]);
	test_rearm();
	test_at_once();
	test_many();
	test_wake();
	test_port();
	return 0;
}
