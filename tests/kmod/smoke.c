// SPDX-License-Identifier: GPL-2.0
/* smoke TX RX: packets of all lengths sent on TX are found on RX, in order, byte for byte, with rising stamps. */
#define _GNU_SOURCE
#include <sched.h>
#include <string.h>

#include "session.h"

#define FIRST_BYTES 60
#define LAST_BYTES 1514

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
	expect(packet->flags == (1 | 3 << 2), "flags %#x", packet->flags);
	expect(packet->stamp_ns >= seen->stamp_ns, "stamp %lu after %lu", packet->stamp_ns, seen->stamp_ns);
	expect(packet->hook == -1 && packet->interface == 0, "interface %u", packet->interface);
	seen->stamp_ns = packet->stamp_ns;
	seen->next_bytes++;
}

int main(int argc, char **argv)
{
	struct seen seen = { .next_bytes = FIRST_BYTES };
	struct session session;
	cpu_set_t first;
	int sender;

	/* One CPU, one ring, one order. */
	CPU_ZERO(&first);
	CPU_SET(0, &first);
	sched_setaffinity(0, sizeof(first), &first);
	if (argc != 3)
		fail("usage: smoke TX RX");
	sender = sender_open(argv[1]);
	session = session_start(CAPBOX_HOOK_BIT(CAPBOX_HOOK_INGRESS), argv[2]);
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
	printf("%llu packets\n", session_counters(&session, CAPBOX_ALL_RINGS).stored.packets);
	session_close(&session);
	return 0;
}
