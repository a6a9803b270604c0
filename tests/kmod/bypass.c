// SPDX-License-Identifier: GPL-2.0-only
// SPDX-FileCopyrightText: 2026 The capbox authors
/*
 * bypass INTERFACE PACKETS: packets that a packet socket sends around the queue discipline meet EGRESS in process context. The test
 * finds every packet once and in order, although the handover timer interrupts the hook as often as it can and two senders share a
 * CPU.
 */
#include <linux/filter.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "session.h"
#include "traffic.h"

#define SENDERS 2
#define FRAME_BYTES(sender) (100 + (sender))

static uint64_t next[SENDERS];

static void check(const struct packet *packet, void *context)
{
	uint32_t sender = packet->original - FRAME_BYTES(0);
	uint64_t number;

	(void)context;
	expect(sender < SENDERS && packet->captured == packet->original, "%u bytes", packet->original);
	memcpy(&number, packet->data + 42, sizeof(number));
	expect(number == next[sender], "packet %lu of sender %u after %lu", number, sender, next[sender]);
	next[sender]++;
}

int main(int argc, char **argv)
{
	struct session session = { .setup = setup_default() };
	struct sock_filter accept = BPF_STMT(BPF_RET | BPF_K, 0xffffffff);
	struct capbox_filter filter = { .instructions = (uintptr_t)&accept, .count = 1, .kind = CAPBOX_FILTER_LINK };
	struct traffic traffic[SENDERS];
	uint64_t limit;

	if (argc != 3)
		fail("usage: bypass INTERFACE PACKETS");
	limit = strtoull(argv[2], NULL, 10);
	session.setup.hooks = CAPBOX_HOOK_BIT(CAPBOX_HOOK_EGRESS);
	session.setup.handover_us = CAPBOX_HANDOVER_US_MIN;
	session.setup.blocks = 256;
	session_setup(&session);
	session_add_port(&session, argv[1], 0, 0);
	/* The debug kernel checks whether a filter can migrate to another CPU. */
	expect(!ioctl(session.fd, CAPBOX_IOC_SET_FILTER, &filter), "SET_FILTER");
	session_ioctl(&session, CAPBOX_IOC_START, "START");
	for (uint32_t i = 0; i < SENDERS; i++) {
		traffic[i] = (struct traffic){ .interface = argv[1], .flags = TRAFFIC_BYPASS, .cpu = 0, .bytes = FRAME_BYTES(i), .limit = limit };
		traffic_start(&traffic[i]);
	}
	pin_to_cpu(1);
	while (session_counters(&session, CAPBOX_ALL_RINGS).seen.packets < SENDERS * limit) {
		session_drain(&session, check, NULL);
		usleep(200);
	}
	for (uint32_t i = 0; i < SENDERS; i++)
		traffic_wait(&traffic[i]);
	session_ioctl(&session, CAPBOX_IOC_STOP, "STOP");
	session_drain(&session, check, NULL);
	session_check_sum(&session);
	expect(next[0] == limit && next[1] == limit, "%lu and %lu of %lu", next[0], next[1], limit);
	printf("%lu packets of each of %d senders, %llu blocks\n", limit, SENDERS, session_counters(&session, 0).blocks_filled);
	session_close(&session);
	return 0;
}
