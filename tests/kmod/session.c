// SPDX-License-Identifier: GPL-2.0-only
// SPDX-FileCopyrightText: 2026 The capbox authors
#include "session.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

unsigned long given_seed(void)
{
	const char *text = getenv("CAPBOX_SEED");

	return text && *text ? strtoul(text, NULL, 10) : 1;
}

void fail_at(const char *file, int line, const char *expectation, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	fprintf(stderr, "%s:%d: ", file, line);
	if (expectation)
		fprintf(stderr, "expected %s, but: ", expectation);
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
	va_end(arguments);
	exit(1);
}

struct capbox_setup setup_default(void)
{
	return (struct capbox_setup){
		.abi = CAPBOX_ABI_VERSION,
		.hooks = CAPBOX_HOOK_BIT(CAPBOX_HOOK_INGRESS),
		.block_bytes = CAPBOX_BLOCK_BYTES_MIN,
		.blocks = 64,
		.head_bytes = HEAD_BYTES,
		.handover_us = 10000,
	};
}

int session_open(void)
{
	int fd = open(CAPBOX_DEVICE, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		fail("open %s: %s", CAPBOX_DEVICE, strerror(errno));
	return fd;
}

void session_setup(struct session *session)
{
	if (!session->fd)
		session->fd = session_open();
	if (ioctl(session->fd, CAPBOX_IOC_SETUP, &session->setup))
		fail("SETUP: %s: %s", strerror(errno), session->setup.error);
	session->map = mmap(NULL, session->setup.map_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, session->fd, 0);
	if (session->map == MAP_FAILED)
		fail("mmap of %llu bytes: %s", session->setup.map_bytes, strerror(errno));
}

struct session session_start(uint32_t hooks, const char *interface)
{
	struct session session = { .setup = setup_default() };

	session.setup.hooks = hooks;
	session_setup(&session);
	session_add_port(&session, interface, 0, 0);
	session_ioctl(&session, CAPBOX_IOC_START, "START");
	return session;
}

uint32_t session_add_port(struct session *session, const char *interface, uint32_t software_interface, uint32_t flags)
{
	struct capbox_port port = {
		.ifindex = if_nametoindex(interface),
		.flags = flags,
		.software_interface = software_interface,
		.hardware_interface = software_interface + 1,
	};

	if (ioctl(session->fd, CAPBOX_IOC_ADD_PORT, &port))
		fail("ADD_PORT %s: %s: %s", interface, strerror(errno), port.error);
	return port.port;
}

void session_ioctl(const struct session *session, unsigned long command, const char *name)
{
	if (ioctl(session->fd, command))
		fail("%s: %s", name, strerror(errno));
}

void session_close(struct session *session)
{
	munmap(session->map, session->setup.map_bytes);
	close(session->fd);
	*session = (struct session){ 0 };
}

struct capbox_counters session_counters(const struct session *session, uint32_t ring)
{
	struct capbox_ring_counters request = { .ring = ring };

	if (ioctl(session->fd, CAPBOX_IOC_COUNTERS, &request))
		fail("COUNTERS of ring %u: %s", ring, strerror(errno));
	return request.counters;
}

static void check_sum(const struct capbox_counters *c, const char *what)
{
	expect(c->seen.packets == c->filtered.packets + c->stored.packets + c->lost_full.packets + c->lost_taken_back.packets +
					  c->lost_oversize.packets + c->lost_unreadable.packets,
	       "packets of %s: seen %llu", what, c->seen.packets);
	expect(c->seen.bytes == c->filtered.bytes + c->stored.bytes + c->lost_full.bytes + c->lost_taken_back.bytes +
					c->lost_oversize.bytes + c->lost_unreadable.bytes,
	       "bytes of %s: seen %llu", what, c->seen.bytes);
}

void session_check_sum(const struct session *session)
{
	struct capbox_counters counters;
	char name[32];

	for (uint32_t ring = 0; ring < session->setup.rings; ring++) {
		counters = session_counters(session, ring);
		snprintf(name, sizeof(name), "ring %u", ring);
		check_sum(&counters, name);
	}
	counters = session_counters(session, CAPBOX_ALL_RINGS);
	check_sum(&counters, "all rings");
}

struct capbox_ring_head *ring_head(const struct session *session, uint32_t ring)
{
	return (void *)(session->map + ring * session->setup.ring_bytes);
}

uint8_t *ring_block(const struct session *session, uint32_t ring, uint32_t block)
{
	return session->map + session->setup.blocks_offset +
	       ((uint64_t)ring * session->setup.blocks + block) * session->setup.block_bytes;
}

struct capbox_block *ring_info(const struct session *session, uint32_t ring, uint32_t block)
{
	return (struct capbox_block *)((uint8_t *)ring_head(session, ring) + session->setup.info_offset) + block;
}

static uint32_t *queue(const struct session *session, uint32_t ring, uint64_t offset, uint64_t position)
{
	return (uint32_t *)((uint8_t *)ring_head(session, ring) + offset) + (position & (session->setup.queue_entries - 1));
}

bool ring_claim(const struct session *session, uint32_t ring, uint32_t *block)
{
	struct capbox_ring_head *head = ring_head(session, ring);
	uint64_t claimed = __atomic_load_n(&head->claimed, __ATOMIC_RELAXED);

	for (;;) {
		/* B, pairs with the kernel's A. */
		if (__atomic_load_n(&head->filled, __ATOMIC_ACQUIRE) == claimed)
			return false;
		*block = __atomic_load_n(queue(session, ring, session->setup.filled_offset, claimed), __ATOMIC_RELAXED);
		/* E, against the kernel's F. On failure @claimed is updated to the present value. */
		if (__atomic_compare_exchange_n(&head->claimed, &claimed, claimed + 1, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
			return true;
	}
}

void ring_give_back(const struct session *session, uint32_t ring, uint32_t block)
{
	struct capbox_ring_head *head = ring_head(session, ring);
	uint64_t returned = head->returned;

	__atomic_store_n(queue(session, ring, session->setup.free_offset, returned), block, __ATOMIC_RELAXED);
	/* C, pairs with the kernel's D. */
	__atomic_store_n(&head->returned, returned + 1, __ATOMIC_RELEASE);
}

static uint32_t get32(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

/* Checks an option list up to @end, where it must end, with or without opt_endofopt. */
static void walk_options(const uint8_t *at, const uint8_t *end, struct packet *packet)
{
	while (at < end) {
		uint32_t code = get32(at) & 0xffff, length = get32(at) >> 16;

		if (!code) {
			expect(!length && at + 4 == end, "opt_endofopt %td bytes before the end, length %u", end - at, length);
			return;
		}
		expect(at + 4 + ((length + 3) & ~3u) <= end, "option %u of %u bytes leaves its block", code, length);
		if (code == 2) {
			expect(length == 4, "epb_flags of %u bytes", length);
			packet->flags = get32(at + 4);
		} else if (code == 2989) {
			expect(length == 16 && get32(at + 4) == 32473 && get32(at + 8) == CAPBOX_HOOK_RECORD_MAGIC, "a hook record");
			packet->hook = get32(at + 16) & 0xffff;
			packet->hook_flags = get32(at + 16) >> 16;
		} else {
			expect(code == 19373 && get32(at + 4) == 32473, "option %u", code);
			for (uint32_t i = 4; i < length; i++)
				expect(!at[4 + i], "padding has 0x%02x", at[4 + i]);
		}
		at += 4 + ((length + 3) & ~3u);
	}
	expect(at == end, "options end %td bytes early", end - at);
}

uint32_t block_walk(const struct session *session, uint32_t ring, uint32_t block, packet_function *function, void *context)
{
	const struct capbox_block *info = ring_info(session, ring, block);
	const uint8_t *start = ring_block(session, ring, block), *end = start + info->bytes;
	const uint8_t *at = start + session->setup.head_bytes;
	uint64_t captured = 0, original = 0;
	uint32_t packets = 0;

	expect(info->bytes % CAPBOX_PAGE_BYTES == 0 && info->bytes <= session->setup.block_bytes, "bytes %u", info->bytes);
	while (at < end) {
		uint32_t total = get32(at + 4), padded = (get32(at + 20) + 3) & ~3u;
		struct packet packet = {
			.interface = get32(at + 8),
			.stamp_ns = (uint64_t)get32(at + 12) << 32 | get32(at + 16),
			.captured = get32(at + 20),
			.original = get32(at + 24),
			.data = at + 28,
			.hook = -1,
		};

		expect(get32(at) == 6, "block type %u at %td", get32(at), at - start);
		expect(total % 4 == 0 && total >= 32 + padded && at + total <= end, "total length %u at %td", total, at - start);
		expect(get32(at + total - 4) == total, "lengths differ at %td", at - start);
		for (uint32_t i = packet.captured; i < padded; i++)
			expect(!packet.data[i], "pad byte of packet %u", packets);
		walk_options(packet.data + padded, at + total - 4, &packet);
		if (function)
			function(&packet, context);
		captured += packet.captured;
		original += packet.original;
		packets++;
		at += total;
	}
	expect(at == end && packets == info->packets, "%u packets, info says %u", packets, info->packets);
	expect(captured == info->captured_bytes && original == info->original_bytes, "bytes %lu of %lu", captured, original);
	return packets;
}

uint64_t session_drain(const struct session *session, packet_function *function, void *context)
{
	uint64_t packets = 0;
	uint32_t block;

	for (uint32_t ring = 0; ring < session->setup.rings; ring++) {
		while (ring_claim(session, ring, &block)) {
			packets += block_walk(session, ring, block, function, context);
			ring_give_back(session, ring, block);
		}
	}
	return packets;
}

int sender_open(const char *interface)
{
	struct sockaddr_ll address = { .sll_family = AF_PACKET, .sll_ifindex = if_nametoindex(interface) };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)))
		fail("a packet socket on %s: %s", interface, strerror(errno));
	return fd;
}

void sender_send(int fd, const void *frame, size_t bytes)
{
	int tries;

	/* A full queue drains by itself, so try again. */
	for (tries = 0; tries < 1000; tries++) {
		if (send(fd, frame, bytes, 0) == (ssize_t)bytes)
			return;
		if (errno != ENOBUFS && errno != EAGAIN)
			break;
		usleep(1000);
	}
	fail("send %zu bytes: %s", bytes, strerror(errno));
}
