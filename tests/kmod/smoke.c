// SPDX-License-Identifier: GPL-2.0-only
// SPDX-FileCopyrightText: 2026 The capbox authors
/*
 * smoke TX RX: sends packets of all lengths on TX and finds them on RX in order, byte for byte, with rising stamps: first those of the
 * hook, then those that the kernel makes on arrival.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "session.h"

#define FIRST_BYTES 15 /* an Ethernet header and a byte */
#define LAST_BYTES 1514
#define TRIES 10000

static uint8_t frame[LAST_BYTES];

struct seen {
	uint32_t next_bytes;
	uint64_t stamp_ns;
};

static void fill(uint32_t bytes)
{
	memset(frame, 0xff, 6);
	memcpy(frame + 6, "\x02\x00\x00\x00\x00\x01\x88\xb5", 8);
	for (uint32_t i = 14; i < bytes; i++)
		frame[i] = (uint8_t)(bytes * 7 + i);
}

static void check(const struct packet *packet, void *context)
{
	struct seen *seen = context;

	if (packet->original < 14 || memcmp(packet->data + 12, "\x88\xb5", 2))
		return;
	fill(seen->next_bytes);
	expect(packet->captured == seen->next_bytes && packet->original == seen->next_bytes, "%u bytes", packet->captured);
	expect(!memcmp(packet->data, frame, packet->captured), "of %u bytes", packet->captured);
	for (uint32_t i = packet->captured; i % 4; i++)
		expect(!packet->data[i], "padding of %u bytes", packet->captured);
	expect(packet->flags == (1 | 3 << 2), "flags %#x", packet->flags);
	expect(packet->stamp_ns >= seen->stamp_ns, "stamp %lu after %lu", packet->stamp_ns, seen->stamp_ns);
	expect(packet->hook == -1 && packet->interface == 0, "interface %u", packet->interface);
	seen->stamp_ns = packet->stamp_ns;
	seen->next_bytes++;
}

/* The kernel begins to stamp some time after START: sends packets, which the test ignores, until one has a stamp. */
static void wait_for_stamps(const struct session *session, int sender)
{
	uint8_t other[60] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02, 0, 0, 0, 0, 1, 0x88, 0xb6 };

	for (int tries = 0; tries < TRIES && !session_counters(session, CAPBOX_ALL_RINGS).skb_stamps; tries++) {
		sender_send(sender, other, sizeof(other));
		usleep(1000);
		session_drain(session, NULL, NULL);
	}
}

static void test(const char *tx, const char *rx, uint32_t flags)
{
	struct session session = { .setup = setup_default() };
	struct seen seen = { .next_bytes = FIRST_BYTES };
	struct capbox_counters counters;
	int sender = sender_open(tx);

	session.setup.flags = flags;
	session_setup(&session);
	session_add_port(&session, rx, 0, 0);
	session_ioctl(&session, CAPBOX_IOC_START, "START");
	if (flags & CAPBOX_SETUP_EARLY_STAMPS)
		wait_for_stamps(&session, sender);
	for (uint32_t bytes = FIRST_BYTES; bytes <= LAST_BYTES; bytes++) {
		fill(bytes);
		sender_send(sender, frame, bytes);
		if (bytes % 64 == 0)
			session_drain(&session, check, &seen);
	}
	session_ioctl(&session, CAPBOX_IOC_STOP, "STOP");
	session_drain(&session, check, &seen);
	expect(seen.next_bytes == LAST_BYTES + 1, "the last was of %u", seen.next_bytes - 1);
	session_check_sum(&session);
	counters = session_counters(&session, CAPBOX_ALL_RINGS);
	printf("%llu packets, the kernel stamped %llu\n", counters.stored.packets, counters.skb_stamps);
	if (flags & CAPBOX_SETUP_EARLY_STAMPS)
		expect(counters.skb_stamps > LAST_BYTES - FIRST_BYTES, "the kernel stamped %llu", counters.skb_stamps);
	else
		expect(!counters.skb_stamps, "the kernel stamped %llu", counters.skb_stamps);
	session_close(&session);
	close(sender);
}

static void check_sent(const struct packet *packet, void *context)
{
	if (packet->original < 14 || memcmp(packet->data + 12, "\x88\xb5", 2))
		return;
	/* A packet that leaves has no reception type. */
	expect(packet->flags == 2, "flags of a sent packet %#x", packet->flags);
	++*(int *)context;
}

static void test_egress(const char *tx)
{
	struct session session = session_start(CAPBOX_HOOK_BIT(CAPBOX_HOOK_EGRESS), tx);
	int sender = sender_open(tx), seen = 0;

	for (int i = 0; i < 10; i++) {
		fill(100);
		sender_send(sender, frame, 100);
	}
	session_ioctl(&session, CAPBOX_IOC_STOP, "STOP");
	session_drain(&session, check_sent, &seen);
	expect(seen == 10, "%d of 10 sent packets", seen);
	session_close(&session);
	close(sender);
}

int main(int argc, char **argv)
{
	cpu_set_t first;

	/* One CPU, one ring, one order. */
	CPU_ZERO(&first);
	CPU_SET(0, &first);
	sched_setaffinity(0, sizeof(first), &first);
	if (argc != 3)
		fail("usage: smoke TX RX");
	test(argv[1], argv[2], 0);
	test(argv[1], argv[2], CAPBOX_SETUP_EARLY_STAMPS);
	test_egress(argv[1]);
	return 0;
}
