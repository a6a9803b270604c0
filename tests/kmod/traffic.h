/* SPDX-License-Identifier: GPL-2.0-only */
/* Packets from threads of their own, for tests that do something else meanwhile. */
#ifndef CAPBOX_TEST_TRAFFIC_H
#define CAPBOX_TEST_TRAFFIC_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define TRAFFIC_BYPASS (1u << 0)	/* around the queue discipline: EGRESS runs in process context */
#define TRAFFIC_UDP (1u << 1)		/* through the network layer, to TRAFFIC_ADDRESS of the interface's network */
#define TRAFFIC_NUMBERED (1u << 2)	/* frames of one length whose first 8 payload bytes count from 0 */
#define TRAFFIC_PACED (1u << 3)		/* some thousand packets a second, not all there is */

struct traffic {
	pthread_t thread;
	const char *interface;
	uint32_t flags;
	int cpu;		/* pinned to it; -1: anywhere */
	uint32_t bytes;		/* of a frame, with TRAFFIC_NUMBERED */
	uint64_t limit;		/* packets at most; 0: until it is stopped */
	uint64_t sent;
	bool is_stopped;
};

/*
 * Starts a thread that sends frames of many lengths, kinds and targets on an interface. The interface may go and come: what cannot be
 * sent is not counted in @sent and tried again.
 */
void traffic_start(struct traffic *traffic);
uint64_t traffic_stop(struct traffic *traffic); /* ends it; returns what was sent */
uint64_t traffic_wait(struct traffic *traffic); /* until its limit is reached */
void pin_to_cpu(int cpu);

/* Runs a command line; its failure ends the program. */
void run(const char *format, ...) __attribute__((format(printf, 1, 2)));
double now_s(void);

#endif
