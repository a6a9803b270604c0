// SPDX-License-Identifier: GPL-2.0-only
// SPDX-FileCopyrightText: 2026 The capbox authors
/*
 * lifetime WHAT [COUNT]: interfaces, namespaces, CPUs, filters and sessions appear and disappear while packets flow on all CPUs. WHAT is
 * one of the functions below. Each makes its own interfaces and checks that the counters add up and that all blocks are intact.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "session.h"
#include "traffic.h"

#define ALL_HOOKS (CAPBOX_HOOK_BIT(CAPBOX_HOOKS) - 1)
#define FLOODS 4

/*
 * No sender bypasses the queue discipline: on an interface that is being deleted Linux 6.12 then divides by the number of queues, which
 * is 0 (packet_xmit(), remove_queue_kobjects()), with or without capbox.ko. egress-bypass.sh and fuzz.sh have such senders, on
 * interfaces that stay.
 */
static struct traffic floods[FLOODS] = {
	{ .interface = "lta", .cpu = 0 },
	{ .interface = "lta", .cpu = 1 },
	{ .interface = "ltb", .cpu = 0 },
	{ .interface = "lta", .cpu = 1, .flags = TRAFFIC_UDP },
};

/* lta with 10.0.0.1, and its peer ltb: packets to 10.0.0.2 leave by lta, packets that ltb sends arrive there. */
static void make_pair(void)
{
	run("ip link add lta address 02:00:00:00:00:0a type veth peer name ltb address 02:00:00:00:00:0b");
	run("ip addr add 10.0.0.1/24 dev lta && ip link set ltb up && ip link set lta up");
	run("ip neigh replace 10.0.0.2 lladdr 02:00:00:00:00:0b dev lta");
}

static void start_floods(void)
{
	for (int i = 0; i < FLOODS; i++)
		traffic_start(&floods[i]);
}

/* A call that waits for all CPUs takes long if they are never idle. */
static void pace_floods(void)
{
	for (int i = 0; i < FLOODS; i++)
		floods[i].flags |= TRAFFIC_PACED;
}

static uint64_t stop_floods(void)
{
	uint64_t sent = 0;

	for (int i = 0; i < FLOODS; i++)
		sent += traffic_stop(&floods[i]);
	return sent;
}

static struct session open_all(uint32_t policy)
{
	struct session session = { .setup = setup_default() };

	session.setup.hooks = ALL_HOOKS;
	session.setup.policy = policy;
	session.setup.handover_us = 1000;
	session_setup(&session);
	return session;
}

/*
 * A second session keeps netfilter's static keys on. When they switch while packets flow, emulated CPUs sometimes run into the
 * breakpoint that patches code ("Oops: int3" in __netif_receive_skb_core, before any hook is called).
 */
static void hold_keys(void)
{
	struct session holder = { .setup = setup_default() };

	holder.setup.hooks = ALL_HOOKS;
	holder.setup.blocks = CAPBOX_BLOCKS_MIN;
	session_setup(&holder);
	run("ip link add ltkeys type dummy");
	session_add_port(&holder, "ltkeys", 0, 0);
	session_ioctl(&holder, CAPBOX_IOC_START, "START");
}

static void drain_for(const struct session *session, double seconds)
{
	for (double end = now_s() + seconds; now_s() < end; usleep(1000))
		session_drain(session, NULL, NULL);
}

static void finish(struct session *session)
{
	ioctl(session->fd, CAPBOX_IOC_STOP);
	session_drain(session, NULL, NULL);
	session_check_sum(session);
	session_close(session);
}

/* The interface is deleted: poll reports it, GET_PORT reports GONE, the packets stay. */
static void delete(int count)
{
	start_floods();
	for (int i = 0; i < count; i++) {
		struct session session = open_all(i % 2);
		struct pollfd poll_fd = { .fd = session.fd, .events = POLLPRI };
		struct capbox_port port = { 0 };

		make_pair();
		session_add_port(&session, "lta", 0, CAPBOX_PORT_PROMISCUOUS);
		session_add_port(&session, "ltb", 2, 0);
		session_ioctl(&session, CAPBOX_IOC_START, "START");
		drain_for(&session, 0.1);
		run("ip link delete lta");
		for (; port.port < 2; port.port++) {
			expect(poll(&poll_fd, 1, 1000) == 1 && poll_fd.revents & POLLPRI, "events %#x", poll_fd.revents);
			expect(!ioctl(session.fd, CAPBOX_IOC_GET_PORT, &port) && port.state == CAPBOX_PORT_GONE, "state %u", port.state);
		}
		expect(poll(&poll_fd, 1, 0) == 0, "events %#x", poll_fd.revents);
		expect(session_counters(&session, CAPBOX_ALL_RINGS).seen.packets > 0, "no packets in round %d", i);
		finish(&session);
	}
	printf("%d interfaces deleted, %lu packets sent\n", count, stop_floods());
}

/* The interface moves to another namespace and back. */
static void move(int count)
{
	run("ip netns add lifetime");
	make_pair();
	start_floods();
	for (int i = 0; i < count; i++) {
		struct session session = open_all(i % 2);
		struct capbox_port port = { 0 };

		session_add_port(&session, "ltb", 0, CAPBOX_PORT_PROMISCUOUS);
		session_ioctl(&session, CAPBOX_IOC_START, "START");
		drain_for(&session, 0.05);
		run("ip link set ltb netns lifetime");
		expect(!ioctl(session.fd, CAPBOX_IOC_GET_PORT, &port) && port.state == CAPBOX_PORT_GONE, "state %u", port.state);
		run("ip -n lifetime -d link show ltb | grep -q 'promiscuity 0'");
		run("ip -n lifetime link set ltb netns $$ && ip link set ltb up");
		/* Adds the same interface again, besides the port that is GONE. */
		expect(session_add_port(&session, "ltb", 0, 0) == 1, "slot");
		drain_for(&session, 0.05);
		finish(&session);
	}
	printf("%d moves, %lu packets sent\n", count, stop_floods());
	run("ip link delete lta; ip netns delete lifetime");
}

/* The session's namespace ends, while its opener is in another one. The opener can still read all blocks. */
static void namespace_exit(int count)
{
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	int hangups = 0;

	start_floods();
	for (int i = 0; i < count; i++) {
		struct session session;
		struct pollfd poll_fd = { .events = 0 };
		struct capbox_port port = { 0 };

		run("ip netns add lifetime");
		make_pair();
		run("ip link set ltb netns lifetime && ip -n lifetime addr add 10.0.0.2/24 dev ltb && ip -n lifetime link set ltb up");
		int there = open("/run/netns/lifetime", O_RDONLY | O_CLOEXEC);
		expect(there >= 0 && !setns(there, CLONE_NEWNET), "setns: %s", strerror(errno));
		close(there);
		session = open_all(i % 2);
		session_add_port(&session, "ltb", 0, CAPBOX_PORT_PROMISCUOUS);
		session_add_port(&session, "lo", 2, 0);
		session_ioctl(&session, CAPBOX_IOC_START, "START");
		expect(!setns(home, CLONE_NEWNET), "home: %s", strerror(errno));
		drain_for(&session, 0.1);
		expect(session_counters(&session, CAPBOX_ALL_RINGS).seen.packets > 0, "no packets in round %d", i);
		run("ip netns delete lifetime");
		poll_fd.fd = session.fd;
		for (int tries = 0; tries < 10 && !(poll_fd.revents & POLLHUP); tries++)
			poll(&poll_fd, 1, 1000);
		hangups += !!(poll_fd.revents & POLLHUP);
		errno = 0;
		expect(ioctl(session.fd, CAPBOX_IOC_START) && errno == ENODEV, "START: %s", strerror(errno));
		expect(ioctl(session.fd, CAPBOX_IOC_ADD_PORT, &port) && errno == ENODEV, "ADD_PORT: %s", strerror(errno));
		expect(!ioctl(session.fd, CAPBOX_IOC_STOP) && !ioctl(session.fd, CAPBOX_IOC_FLUSH), "STOP, FLUSH: %s", strerror(errno));
		finish(&session);
	}
	expect(hangups == count, "%d of %d namespaces told", hangups, count);
	printf("%d namespaces ended, %lu packets sent\n", count, stop_floods());
}

/* The owner is killed while it captures and has claimed blocks. */
static void kill_owner(int count)
{
	int status;

	make_pair();
	start_floods();
	for (int i = 0; i < count; i++) {
		pid_t child = fork();

		if (!child) {
			struct session session = open_all(i % 2);
			uint32_t block;

			session_add_port(&session, "lta", 0, CAPBOX_PORT_PROMISCUOUS);
			session_ioctl(&session, CAPBOX_IOC_START, "START");
			for (;;)
				ring_claim(&session, 0, &block);
		}
		usleep(1000 * (i % 50));
		kill(child, SIGKILL);
		expect(waitpid(child, &status, 0) == child && WIFSIGNALED(status), "status %#x", status);
	}
	run("ip -d link show lta | grep -q 'promiscuity 0'");
	printf("%d owners killed, %lu packets sent\n", count, stop_floods());
	run("ip link delete lta");
}

/* One of three filters runs on each packet: one rejects, one cuts, one keeps. */
static void filters(int count)
{
	struct sock_filter programs[3][1] = { { BPF_STMT(BPF_RET | BPF_K, 0) },
					      { BPF_STMT(BPF_RET | BPF_K, 64) },
					      { BPF_STMT(BPF_RET | BPF_K, 65535) } };
	struct session session = open_all(CAPBOX_DROP_OLDEST);
	struct capbox_counters counters;

	make_pair();
	session_add_port(&session, "lta", 0, 0);
	session_ioctl(&session, CAPBOX_IOC_START, "START");
	start_floods();
	for (int i = 0; i < count; i++) {
		struct capbox_filter filter = { .instructions = (uintptr_t)programs[i % 3], .count = 1, .kind = i / 3 % 2 };

		expect(!ioctl(session.fd, CAPBOX_IOC_SET_FILTER, &filter), "filter %d: %s", i, strerror(errno));
		if (i % 10 == 0)
			session_drain(&session, NULL, NULL);
	}
	printf("%d filters, %lu packets sent\n", count, stop_floods());
	counters = session_counters(&session, CAPBOX_ALL_RINGS);
	expect(counters.filtered.packets && counters.truncated.packets, "%llu filtered, %llu cut", counters.filtered.packets,
	       counters.truncated.packets);
	finish(&session);
	run("ip link delete lta");
}

static void start_stop(int count)
{
	struct session session = open_all(CAPBOX_DROP_NEWEST);
	uint64_t before = 0;

	make_pair();
	session_add_port(&session, "lta", 0, 0);
	session_add_port(&session, "ltb", 2, 0);
	pace_floods();
	start_floods();
	for (int i = 0; i < count; i++) {
		session_ioctl(&session, CAPBOX_IOC_START, "START");
		if (i % 3)
			sched_yield();
		else
			usleep(100);
		session_ioctl(&session, CAPBOX_IOC_STOP, "STOP");
		before = session_counters(&session, CAPBOX_ALL_RINGS).seen.packets;
		session_drain(&session, NULL, NULL);
		expect(session_counters(&session, CAPBOX_ALL_RINGS).seen.packets == before, "packets after STOP %d", i);
	}
	printf("%d times started and stopped, %lu packets sent, %lu seen\n", count, stop_floods(), before);
	finish(&session);
	run("ip link delete lta");
}

#define NUMBERED_BYTES 1000

static void count_numbered(const struct packet *packet, void *context)
{
	*(uint64_t *)context += packet->original == NUMBERED_BYTES;
}

/* CPU 1 goes offline and online; the test finds every packet that was sent. */
static void hotplug(int count)
{
	struct traffic numbered = { .interface = "lta", .cpu = -1, .bytes = NUMBERED_BYTES, .flags = TRAFFIC_PACED };
	struct session session = { .setup = setup_default() };
	uint64_t sent, found = 0, handed_over = 0;

	make_pair();
	session.setup.handover_us = CAPBOX_HANDOVER_US_MAX; /* only the end of the CPU hands blocks over */
	session_setup(&session);
	session_add_port(&session, "ltb", 0, 0);
	session_ioctl(&session, CAPBOX_IOC_START, "START");
	traffic_start(&numbered);
	for (int i = 0; i < count; i++) {
		usleep(20000);
		run("echo 0 >/sys/devices/system/cpu/cpu1/online");
		handed_over += ring_head(&session, 1)->filled - ring_head(&session, 1)->claimed;
		session_drain(&session, count_numbered, &found);
		session_ioctl(&session, CAPBOX_IOC_FLUSH, "FLUSH");
		usleep(20000);
		run("echo 1 >/sys/devices/system/cpu/cpu1/online");
	}
	sent = traffic_stop(&numbered);
	usleep(100000);
	session_ioctl(&session, CAPBOX_IOC_STOP, "STOP");
	session_drain(&session, count_numbered, &found);
	expect(found == sent, "%lu found, %lu sent", found, sent);
	expect(handed_over, "CPU 1 has handed nothing over in %d ends", count);
	printf("CPU 1 gone %d times, %lu packets\n", count, sent);
	finish(&session);
	run("ip link delete lta");
}

/* CPU 1 comes online after SETUP: its packets are in the spare ring. Boot with maxcpus=1. */
static void spare(int count)
{
	struct traffic traffic = { .interface = "lta", .cpu = 1, .bytes = 200 };
	struct session session = { .setup = setup_default() };
	struct capbox_counters counters;

	make_pair();
	session_setup(&session);
	expect(session.setup.rings == 2 && ring_head(&session, 1)->cpu == UINT32_MAX, "%u rings", session.setup.rings);
	session_add_port(&session, "ltb", 0, 0);
	session_ioctl(&session, CAPBOX_IOC_START, "START");
	run("echo 1 >/sys/devices/system/cpu/cpu1/online");
	traffic.limit = count;
	traffic_start(&traffic);
	while (session_counters(&session, CAPBOX_ALL_RINGS).seen.packets < traffic.limit) {
		session_drain(&session, NULL, NULL);
		usleep(100);
	}
	traffic_wait(&traffic);
	counters = session_counters(&session, 1);
	expect(counters.seen.packets == traffic.limit && counters.stored.packets == traffic.limit, "%llu of %d in the spare ring",
	       counters.stored.packets, count);
	printf("%d packets in the spare ring\n", count);
	finish(&session);
	run("ip link delete lta");
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*function)(int count);
		int count;
	} tests[] = {
		{ "delete", delete, 20 },     { "move", move, 20 },	      { "namespace", namespace_exit, 20 }, { "kill", kill_owner, 50 },
		{ "filters", filters, 1000 }, { "start-stop", start_stop, 1000 }, { "hotplug", hotplug, 20 },	   { "spare", spare, 5000 },
	};

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (size_t i = 0; argc > 1 && i < sizeof(tests) / sizeof(tests[0]); i++) {
		if (strcmp(argv[1], tests[i].name))
			continue;
		hold_keys();
		tests[i].function(argc > 2 ? atoi(argv[2]) : tests[i].count);
		return 0;
	}
	fail("usage: lifetime delete|move|namespace|kill|filters|start-stop|hotplug|spare [COUNT]");
}
