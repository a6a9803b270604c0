// SPDX-License-Identifier: GPL-2.0-only
// SPDX-FileCopyrightText: 2026 The capbox authors
/*
 * odd INTERFACE VLAN: records packets of every form that tests/vm/modules/odd.c can make, through the port INTERFACE, and tagged ones
 * through the port VLAN on top of it. Bytes, tags, stamps and interface ids are as expected; the module counts unreadable packets as
 * lost, and records nothing else of the kernel's memory.
 */
#include <linux/if_ether.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "session.h"
#include "traffic.h"

enum odd {
	ODD_STAMP = 1,
	ODD_LATE_STAMP = 2,
	ODD_LOST_STAMP = 4,
	ODD_PAGES = 8,
	ODD_LIST = 16,
	ODD_DEVICE_MEMORY = 32,
	ODD_TAG = 64,
	ODD_NO_HEADER = 128,
	ODD_LATE_HEADER = 256,
};

#define SOFTWARE 10
#define HARDWARE 11
#define FRAME_BYTES_MAX 1500
#define AFTER_2020_NS 1577836800000000000ull

struct sent {
	uint32_t what;
	uint64_t number;
	uint32_t bytes;
	uint32_t snap;
	bool stamps_wanted;
	bool is_untagged;	/* the port lies above the tag */
	uint32_t seen;
};

static uint8_t frame[FRAME_BYTES_MAX];

static void fill(const struct sent *sent)
{
	memcpy(frame, "\x02\x00\x00\x00\x00\x0b\x02\x00\x00\x00\x00\x0a\x88\xb5", ETH_HLEN);
	frame[ETH_HLEN] = sent->what >> 8;
	frame[ETH_HLEN + 1] = sent->what;
	memcpy(frame + ETH_HLEN + 2, &sent->number, sizeof(sent->number));
	for (uint32_t i = ETH_HLEN + 10; i < sent->bytes; i++)
		frame[i] = i * 31 + sent->number;
}

/* Makes the packet as on the wire; returns its length. */
static uint32_t expected(const struct sent *sent, uint8_t *wire)
{
	uint32_t skipped = sent->what & (ODD_NO_HEADER | ODD_LATE_HEADER) ? ETH_HLEN : 0;
	uint32_t bytes = sent->bytes - skipped;

	memcpy(wire, frame + skipped, bytes);
	if (sent->what & ODD_TAG && !sent->is_untagged) {
		memmove(wire + 16, wire + 12, bytes - 12);
		memcpy(wire + 12, "\x81\x00\x20\x05", 4);
		bytes += 4;
	}
	return bytes;
}

static bool has_stamp(const struct sent *sent)
{
	uint32_t stamps = sent->what & (ODD_STAMP | ODD_LATE_STAMP | ODD_LOST_STAMP);

	return sent->stamps_wanted && !(sent->what & (ODD_PAGES | ODD_LIST)) && stamps && stamps != ODD_LOST_STAMP;
}

/* Part of the bytes to keep lies in device memory; a tag follows the addresses, which are read whole. */
static bool is_lost(const struct sent *sent)
{
	bool has_header = !(sent->what & (ODD_NO_HEADER | ODD_LATE_HEADER));
	uint32_t readable = (has_header ? ETH_HLEN : 0) + sent->number % 8, wanted = sent->snap;

	if (sent->what & ODD_TAG)
		wanted = wanted < 16 ? 12 : wanted - 4;
	return sent->what & ODD_PAGES && sent->what & ODD_DEVICE_MEMORY && wanted > readable;
}

static void check(const struct packet *packet, void *context)
{
	struct sent *sent = context;
	uint8_t wire[FRAME_BYTES_MAX + 4];
	uint32_t bytes = expected(sent, wire);

	expect(packet->original == bytes, "%u of %u bytes, form %#x", packet->original, bytes, sent->what);
	if (bytes > sent->snap)
		bytes = sent->snap;
	expect(packet->captured == bytes && !memcmp(packet->data, wire, bytes), "%u of %u bytes, form %#x", packet->captured, bytes, sent->what);
	if (has_stamp(sent))
		expect(packet->interface == HARDWARE && packet->stamp_ns == sent->number, "interface %u, stamp %lu of %lu, form %#x",
		       packet->interface, packet->stamp_ns, sent->number, sent->what);
	else
		expect(packet->interface == SOFTWARE && packet->stamp_ns > AFTER_2020_NS && packet->stamp_ns < 2 * AFTER_2020_NS,
		       "interface %u, stamp %lx, form %#x", packet->interface, packet->stamp_ns, sent->what);
	sent->seen++;
}

static struct session start(const char *interface, uint32_t flags, uint32_t snap)
{
	struct session session = { .setup = setup_default() };

	session.setup.snap_bytes = snap;
	/* The stack after the hooks does not tolerate broken packets. */
	session.setup.flags = CAPBOX_SETUP_CONSUME;
	session_setup(&session);
	session_add_port(&session, interface, SOFTWARE, flags);
	session_ioctl(&session, CAPBOX_IOC_START, "START");
	return session;
}

static void one(const struct session *session, int sender, struct sent *sent, struct capbox_counters *sum)
{
	fill(sent);
	sent->seen = 0;
	sender_send(sender, frame, sent->bytes);
	sum->seen.packets++;
	for (int tries = 0; tries < 1000 && session_counters(session, CAPBOX_ALL_RINGS).seen.packets < sum->seen.packets; tries++)
		usleep(100);
	session_ioctl(session, CAPBOX_IOC_FLUSH, "FLUSH");
	session_drain(session, check, sent);
	expect(sent->seen == !is_lost(sent), "%u packets, form %#x", sent->seen, sent->what);
	sum->lost_unreadable.packets += is_lost(sent);
	sum->hardware_stamps += sent->seen && has_stamp(sent);
}

/* Sends all forms that have these bits under the mask. */
static void forms(const char *interface, const char *sender_name, uint32_t flags, uint32_t snap, uint32_t mask, uint32_t forms)
{
	struct session session = start(interface, flags, snap);
	int sender = sender_open(sender_name);
	struct capbox_counters sum = { 0 }, counters;
	struct sent sent = { .snap = snap ? snap : UINT32_MAX, .stamps_wanted = flags & CAPBOX_PORT_HARDWARE_STAMPS,
			     .is_untagged = strcmp(interface, sender_name) };

	for (sent.what = 0; sent.what < 2 * ODD_LATE_HEADER; sent.what++) {
		if ((sent.what & mask) != forms)
			continue;
		/* A stamp has one kind of address, not both. */
		if (sent.what & ODD_STAMP && sent.what & (ODD_LATE_STAMP | ODD_LOST_STAMP))
			continue;
		sent.number = 1000000007ull * (sent.what + 1);
		sent.bytes = 60 + sent.what * 37 % (FRAME_BYTES_MAX - 60);
		one(&session, sender, &sent, &sum);
	}
	counters = session_counters(&session, CAPBOX_ALL_RINGS);
	expect(counters.seen.packets == sum.seen.packets, "%llu of %llu seen", counters.seen.packets, sum.seen.packets);
	expect(counters.lost_unreadable.packets == sum.lost_unreadable.packets, "%llu of %llu lost", counters.lost_unreadable.packets,
	       sum.lost_unreadable.packets);
	expect(counters.hardware_stamps == sum.hardware_stamps, "%llu of %llu stamps", counters.hardware_stamps, sum.hardware_stamps);
	session_check_sum(&session);
	printf("%s, flags %u, snap %u: %llu packets, %llu with a hardware stamp, %llu in device memory\n", interface, flags, snap,
	       counters.seen.packets, counters.hardware_stamps, counters.lost_unreadable.packets);
	close(sender);
	session_close(&session);
}

int main(int argc, char **argv)
{
	static const uint32_t snaps[] = { 0, 1, 13, 16, 17, 100 };
	const uint32_t headers = ODD_NO_HEADER | ODD_LATE_HEADER;

	if (argc != 3)
		fail("usage: odd INTERFACE VLAN");
	for (uint32_t i = 0; i < sizeof(snaps) / sizeof(snaps[0]); i++) {
		forms(argv[1], argv[1], 0, snaps[i], headers, 0);
		forms(argv[1], argv[1], CAPBOX_PORT_HARDWARE_STAMPS, snaps[i], 0, 0);
	}
	forms(argv[2], argv[1], CAPBOX_PORT_HARDWARE_STAMPS, 0, ODD_TAG | ODD_DEVICE_MEMORY | headers, ODD_TAG);
	return 0;
}
