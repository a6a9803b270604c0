/* SPDX-License-Identifier: GPL-2.0-only */
/* SPDX-FileCopyrightText: 2026 The capbox authors */
/*
 * A session of /dev/capbox for test programs: opens and maps it, claims and returns blocks, walks packets. A failure that is not the
 * subject of the test ends the program with a line that names the call and its place.
 */
#ifndef CAPBOX_TEST_SESSION_H
#define CAPBOX_TEST_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "../../kmod/uapi/capbox.h"

#define fail(...) fail_at(__FILE__, __LINE__, NULL, __VA_ARGS__)

/* Ends the program unless the condition holds; the rest formats what it found. */
#define expect(condition, ...)                                             \
	do {                                                               \
		if (!(condition))                                          \
			fail_at(__FILE__, __LINE__, #condition, __VA_ARGS__); \
	} while (0)

__attribute__((noreturn, format(printf, 4, 5))) void fail_at(const char *file, int line, const char *expectation, const char *format, ...);

#define HEAD_BYTES 264

/* CAPBOX_SEED of the environment, else 1. */
unsigned long given_seed(void);

struct session {
	int fd;
	struct capbox_setup setup;
	uint8_t *map;
};

/* The setup of most tests: ingress only, 64 KiB blocks, 10 ms. Change it, then call session_setup(). */
struct capbox_setup setup_default(void);

int session_open(void);				/* returns the descriptor */
void session_setup(struct session *session);	/* SETUP with session->setup, and mmap */
struct session session_start(uint32_t hooks, const char *interface); /* open to START with the default setup */
uint32_t session_add_port(struct session *session, const char *interface, uint32_t software_interface, uint32_t flags);
void session_ioctl(const struct session *session, unsigned long command, const char *name);
void session_close(struct session *session);
struct capbox_counters session_counters(const struct session *session, uint32_t ring);
void session_check_sum(const struct session *session); /* checks seen = the sum, for each ring and for all */

struct capbox_ring_head *ring_head(const struct session *session, uint32_t ring);
uint8_t *ring_block(const struct session *session, uint32_t ring, uint32_t block);
struct capbox_block *ring_info(const struct session *session, uint32_t ring, uint32_t block);
bool ring_claim(const struct session *session, uint32_t ring, uint32_t *block); /* claims the oldest block, if there is one */
void ring_give_back(const struct session *session, uint32_t ring, uint32_t block);

/* A packet of a block, from its PCAPNG block. */
struct packet {
	uint32_t interface;
	uint64_t stamp_ns;
	uint32_t captured;
	uint32_t original;
	const uint8_t *data;
	uint32_t flags;		/* epb_flags */
	int hook;		/* from the hook record; -1: there is none */
	uint32_t hook_flags;
};

typedef void packet_function(const struct packet *packet, void *context);

/* Walks a block and checks all of its structure; ends the program at the first error. Returns the number of packets. */
uint32_t block_walk(const struct session *session, uint32_t ring, uint32_t block, packet_function *function, void *context);

/* Claims, walks and returns all blocks of all rings. Returns the number of packets. */
uint64_t session_drain(const struct session *session, packet_function *function, void *context);

/* Raw sending. */
int sender_open(const char *interface);
void sender_send(int fd, const void *frame, size_t bytes);

#endif
