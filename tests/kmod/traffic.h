/* SPDX-License-Identifier: GPL-2.0-only */
/* SPDX-FileCopyrightText: 2026 The capbox authors */
/* Threads that send packets while the test does something else. */
#ifndef CAPBOX_TEST_TRAFFIC_H
#define CAPBOX_TEST_TRAFFIC_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define TRAFFIC_BYPASS (1u << 0)	/* around the queue discipline: EGRESS runs in process context */
#define TRAFFIC_UDP (1u << 1)		/* through the network layer, to TRAFFIC_ADDRESS of the interface's network */
#define TRAFFIC_NUMBERED (1u << 2)	/* frames of one length whose first 8 payload bytes count from 0 */
#define TRAFFIC_PACED (1u << 3)		/* some thousand packets a second, not as fast as possible */

struct traffic {
	pthread_t thread;
	const char *interface;
	uint32_t flags;
	int cpu;		/* pinned to it; -1: anywhere */
	uint32_t bytes;		/* of a frame, with TRAFFIC_NUMBERED */
	uint64_t limit;		/* packets at most; 0: until traffic_stop() */
	uint64_t sent;
	bool is_stopped;
};

/*
 * Starts a thread that sends frames of many lengths, kinds and targets on an interface. The interface may disappear and return: the
 * thread retries a frame that it cannot send, and counts only sent frames in @sent.
 */
void traffic_start(struct traffic *traffic);
uint64_t traffic_stop(struct traffic *traffic); /* ends the thread; returns the packets sent */
uint64_t traffic_wait(struct traffic *traffic); /* waits until its limit; returns the packets sent */
void pin_to_cpu(int cpu);

/* Runs a command line; its failure ends the program. */
void run(const char *format, ...) __attribute__((format(printf, 1, 2)));
double now_s(void);

#endif
