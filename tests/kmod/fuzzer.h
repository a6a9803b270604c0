/* SPDX-License-Identifier: GPL-2.0-only */
/* SPDX-FileCopyrightText: 2026 The capbox authors */
/* The random calls of fuzz.c. */
#ifndef CAPBOX_TEST_FUZZER_H
#define CAPBOX_TEST_FUZZER_H

#include <stdbool.h>
#include <stdint.h>

#include "session.h"

#define REGION_BYTES (256ull << 20)

/* A session that all threads use at once. A call may meet a closed one, which is intended. */
struct slot {
	int fd;
	struct capbox_setup setup;
	uint8_t *map;		/* REGION_BYTES reserved for good, over which the session's memory is mapped */
	uint64_t map_bytes;
};

struct random {
	uint64_t state;
};

uint64_t next(struct random *random);
uint32_t below(struct random *random, uint32_t limit);
bool once_in(struct random *random, uint32_t many);
uint64_t nasty(struct random *random); /* a boundary value */

void slot_init(struct slot *slot);
void slot_act(struct random *random, struct slot *slot); /* makes one random call */
void fuzzer_print(void); /* prints the calls of each kind, and how many succeeded */

#endif
