// SPDX-License-Identifier: GPL-2.0-only
// SPDX-FileCopyrightText: 2026 The capbox authors
/*
 * cost TX RX: measures the instructions that capturing a packet costs the kernel. The guest's time must count instructions (QEMU
 * -icount shift=0, one CPU): the time-stamp counter is then the count. The test sends packets like those of a mirror port (IPv4, UDP,
 * to another host's MAC address) on TX. The sender runs until the receiving side of RX has finished with each packet, so the
 * difference between a run with capture and one without is the cost of capture. No reader runs meanwhile: a ring holds a round.
 *
 * Prints a line for each size and way: bytes, way, instructions a packet, instructions added to "none".
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "session.h"

#define ROUNDS 5
#define PACKETS 2000
#define BLOCK_BYTES (1024 * 1024)
#define BLOCKS 8

static uint8_t frame[1514];
static int sender;

static uint64_t instructions(void)
{
	return __builtin_ia32_rdtsc();
}

static void make_frame(void)
{
	static const uint8_t head[] = {
		0x02, 0, 0, 0, 0, 0x99, 0x02, 0, 0, 0, 0, 0x01, 0x08, 0x00,		    /* another host's MAC */
		0x45, 0, 0, 0, 0, 0, 0, 0, 64, 17, 0, 0, 10, 9, 9, 1, 10, 9, 9, 2,	    /* IPv4, UDP */
		0x30, 0x39, 0x27, 0x10, 0, 0, 0, 0,					    /* 12345 to 10000 */
	};

	memcpy(frame, head, sizeof(head));
}

/* Instructions a packet: the minimum of the rounds, since disturbances only add. */
static uint64_t measure(size_t bytes, void (*between)(void *context), void *context)
{
	uint64_t least = UINT64_MAX, start, sum;
	int round, i;

	for (round = 0; round < ROUNDS; round++) {
		start = instructions();
		for (i = 0; i < PACKETS; i++)
			sender_send(sender, frame, bytes);
		sum = instructions() - start;
		if (sum < least)
			least = sum;
		if (between)
			between(context);
	}
	return least / PACKETS;
}

/* The packet backend's ring: TPACKET_V3 as src/Platform/Linux/PacketRing.cs sets it up. */

struct packet_ring {
	int fd;
	uint8_t *map;
	int next;
	uint64_t packets;
};

/* Returns the blocks handed over. A round of small packets ends inside a block, which the kernel keeps. */
static void packet_ring_drain(void *context)
{
	struct packet_ring *ring = context;

	for (;;) {
		struct tpacket_block_desc *block = (void *)(ring->map + (size_t)ring->next * BLOCK_BYTES);

		if (!(__atomic_load_n(&block->hdr.bh1.block_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER))
			return;
		ring->packets += block->hdr.bh1.num_pkts;
		__atomic_store_n(&block->hdr.bh1.block_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
		ring->next = (ring->next + 1) % BLOCKS;
	}
}

static void packet_ring_open(struct packet_ring *ring, const char *interface, const struct sock_fprog *filter)
{
	struct sockaddr_ll address = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = if_nametoindex(interface) };
	struct tpacket_req3 request = {
		.tp_block_size = BLOCK_BYTES,
		.tp_block_nr = BLOCKS,
		.tp_frame_size = 2048,
		.tp_frame_nr = BLOCKS * (BLOCK_BYTES / 2048),
		.tp_retire_blk_tov = 100,
	};
	int version = TPACKET_V3, reserve = 6;

	ring->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (ring->fd < 0 || setsockopt(ring->fd, SOL_PACKET, PACKET_VERSION, &version, sizeof(version)) ||
	    setsockopt(ring->fd, SOL_PACKET, PACKET_RESERVE, &reserve, sizeof(reserve)) ||
	    (filter && setsockopt(ring->fd, SOL_SOCKET, SO_ATTACH_FILTER, filter, sizeof(*filter))) ||
	    setsockopt(ring->fd, SOL_PACKET, PACKET_RX_RING, &request, sizeof(request)))
		fail("a TPACKET_V3 ring: %s", strerror(errno));
	ring->map = mmap(NULL, (size_t)BLOCKS * BLOCK_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_LOCKED | MAP_POPULATE, ring->fd, 0);
	if (ring->map == MAP_FAILED || bind(ring->fd, (struct sockaddr *)&address, sizeof(address)))
		fail("mapping a TPACKET_V3 ring: %s", strerror(errno));
}

/* As many rings as the backend makes for two CPUs, and its default fanout: by a hash of the flow. */
static void packet_rings_join(const struct packet_ring *rings)
{
	int first = PACKET_FANOUT_HASH | PACKET_FANOUT_FLAG_UNIQUEID, group;
	socklen_t length = sizeof(group);

	first <<= 16;
	if (setsockopt(rings[0].fd, SOL_PACKET, PACKET_FANOUT, &first, sizeof(first)) ||
	    getsockopt(rings[0].fd, SOL_PACKET, PACKET_FANOUT, &group, &length))
		fail("a fanout group: %s", strerror(errno));
	group = (group & 0xffff) | PACKET_FANOUT_HASH << 16;
	if (setsockopt(rings[1].fd, SOL_PACKET, PACKET_FANOUT, &group, sizeof(group)))
		fail("joining a fanout group: %s", strerror(errno));
}

static void packet_rings_drain(void *context)
{
	struct packet_ring *rings = context;

	packet_ring_drain(&rings[0]);
	if (rings[1].map)
		packet_ring_drain(&rings[1]);
}

static uint64_t cost_packet(const char *interface, size_t bytes, int count, const struct sock_fprog *filter)
{
	struct packet_ring rings[2] = { 0 };
	uint64_t cost, packets;
	int i;

	for (i = 0; i < count; i++)
		packet_ring_open(&rings[i], interface, filter);
	if (count > 1)
		packet_rings_join(rings);
	cost = measure(bytes, packet_rings_drain, rings);
	usleep(300000); /* longer than the last block's timeout */
	packet_rings_drain(rings);
	packets = rings[0].packets + rings[1].packets;
	expect(packets == (filter ? 0 : ROUNDS * PACKETS), "the rings have %lu packets", packets);
	for (i = 0; i < count; i++) {
		munmap(rings[i].map, (size_t)BLOCKS * BLOCK_BYTES);
		close(rings[i].fd);
	}
	return cost;
}

static void module_drain(void *context)
{
	session_drain(context, NULL, NULL);
}

static uint64_t cost_module(const char *interface, size_t bytes, enum capbox_hook hook, uint32_t flags, const struct sock_fprog *filter)
{
	struct session session = { .setup = setup_default() };
	struct capbox_counters counters;
	uint64_t cost;

	session.setup.hooks = CAPBOX_HOOK_BIT(hook);
	session.setup.flags = flags;
	session.setup.block_bytes = BLOCK_BYTES;
	session.setup.blocks = BLOCKS;
	session.setup.handover_us = 100000;
	session_setup(&session);
	session_add_port(&session, interface, 0, 0);
	if (filter) {
		struct capbox_filter request = { .instructions = (uintptr_t)filter->filter, .count = filter->len };

		if (ioctl(session.fd, CAPBOX_IOC_SET_FILTER, &request))
			fail("SET_FILTER: %s", strerror(errno));
	}
	session_ioctl(&session, CAPBOX_IOC_START, "START");
	cost = measure(bytes, module_drain, &session);
	session_ioctl(&session, CAPBOX_IOC_STOP, "STOP");
	counters = session_counters(&session, CAPBOX_ALL_RINGS);
	expect((filter ? counters.filtered : counters.stored).packets == ROUNDS * PACKETS, "stored %llu, filtered %llu of %llu",
	       counters.stored.packets, counters.filtered.packets, counters.seen.packets);
	session_check_sum(&session);
	session_close(&session);
	return cost;
}

/* A hook that does nothing: tests/vm/modules/idle.c. */
static uint64_t cost_idle(const char *interface, size_t bytes)
{
	char parameters[64];
	uint64_t cost;
	int file = open("/modules/idle.ko", O_RDONLY | O_CLOEXEC);

	snprintf(parameters, sizeof(parameters), "interface=%s", interface);
	if (syscall(SYS_finit_module, file, parameters, 0))
		fail("idle.ko: %s", strerror(errno));
	close(file);
	cost = measure(bytes, NULL, NULL);
	if (syscall(SYS_delete_module, "idle", O_NONBLOCK))
		fail("idle.ko stays: %s", strerror(errno));
	return cost;
}

int main(int argc, char **argv)
{
	/* tcpdump -dd 'udp dst port 9999', by hand: rejects the packets of this test by their destination port. */
	struct sock_filter rejecting[] = {
		{ 0x28, 0, 0, 12 },	   { 0x15, 0, 8, 0x0800 }, { 0x30, 0, 0, 23 }, { 0x15, 0, 6, 17 },
		{ 0x28, 0, 0, 20 },	   { 0x45, 4, 0, 0x1fff }, { 0xb1, 0, 0, 14 }, { 0x48, 0, 0, 16 },
		{ 0x15, 0, 1, 9999 },	   { 0x06, 0, 0, 262144 }, { 0x06, 0, 0, 0 },
	};
	struct sock_filter rejecting_all[] = { { 0x06, 0, 0, 0 } };
	struct sock_fprog filter = { .len = sizeof(rejecting) / sizeof(rejecting[0]), .filter = rejecting };
	struct sock_fprog filter_all = { .len = 1, .filter = rejecting_all };
	static const size_t sizes[] = { 60, 1514 };
	uint64_t none, cost;
	size_t i;

	if (argc != 3)
		fail("usage: cost TX RX");
	sender = sender_open(argv[1]);
	make_frame();
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
#define REPORT(way, call)                                                                                    \
	(cost = (call), printf("cost bytes=%zu way=%s instructions=%lu added=%ld\n", sizes[i], way, cost, (long)(cost - none)))
		measure(sizes[i], NULL, NULL); /* warms up */
		none = measure(sizes[i], NULL, NULL);
		REPORT("none", measure(sizes[i], NULL, NULL));
		REPORT("hook", cost_idle(argv[2], sizes[i]));
		REPORT("packet", cost_packet(argv[2], sizes[i], 1, NULL));
		REPORT("packet-fanout", cost_packet(argv[2], sizes[i], 2, NULL));
		REPORT("packet-reject", cost_packet(argv[2], sizes[i], 1, &filter));
		REPORT("packet-reject-all", cost_packet(argv[2], sizes[i], 1, &filter_all));
		REPORT("kmod", cost_module(argv[2], sizes[i], CAPBOX_HOOK_INGRESS, 0, NULL));
		REPORT("kmod-consume", cost_module(argv[2], sizes[i], CAPBOX_HOOK_INGRESS, CAPBOX_SETUP_CONSUME, NULL));
		REPORT("kmod-egress", cost_module(argv[1], sizes[i], CAPBOX_HOOK_EGRESS, 0, NULL));
		REPORT("kmod-reject", cost_module(argv[2], sizes[i], CAPBOX_HOOK_INGRESS, 0, &filter));
		REPORT("kmod-reject-all", cost_module(argv[2], sizes[i], CAPBOX_HOOK_INGRESS, 0, &filter_all));
	}
	return 0;
}
