// SPDX-License-Identifier: GPL-2.0-only
// SPDX-FileCopyrightText: 2026 The capbox authors
/*
 * Completes QEMU's igb (an 82576) for PTP, and changes its oscillator, by the card's registers in resource0, which the kernel allows with
 * iomem=relaxed.
 *
 *	igbclock serve MASTER SLAVE	for ever: releases the latch of receive stamps that were read; makes the master's card stamp
 *					Delay_Req
 *	igbclock turn CARD N		runs the oscillator N / 2^23 faster from now on, without a step of time; prints the cost of the
 *					two reads of the clock
 *
 * MASTER, SLAVE and CARD are directories of PCI devices in /sys.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define REGION_BYTES 0x20000

/* Intel 82576EB Gigabit Ethernet Controller Datasheet, 8.16 */
#define TSYNCRXCTL 0xB620
#define TSYNCRXCTL_VALID 1u
#define RXSATRH 0xB630
#define TSYNCRXCFG 0x5F50
#define TSYNCRXCFG_DELAY_REQ 0x100u
#define TIMINCA 0xB608
#define SYSTIML 0xB600
#define SYSTIMH 0xB604
#define TIMADJL 0xB60C
#define TIMADJH 0xB610

#define POLL_NS 2000000

static volatile uint32_t *map(const char *device)
{
	char path[256];
	int fd;
	void *at;

	snprintf(path, sizeof(path), "%s/resource0", device);
	fd = open(path, O_RDWR | O_SYNC | O_CLOEXEC);
	at = fd < 0 ? MAP_FAILED : mmap(NULL, REGION_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		exit(1);
	}
	return at;
}

/* Units of 2^-19 ns. The low half latches the high one. */
static uint64_t now(volatile uint32_t *card)
{
	uint32_t low = card[SYSTIML / 4];

	return low | (uint64_t)card[SYSTIMH / 4] << 32;
}

static void serve(volatile uint32_t *master, volatile uint32_t *slave)
{
	volatile uint32_t *cards[2] = { master, slave };
	const struct timespec poll = { 0, POLL_NS };
	int seen[2] = { 0, 0 };

	for (;;) {
		for (int i = 0; i < 2; i++) {
			seen[i] = cards[i][TSYNCRXCTL / 4] & TSYNCRXCTL_VALID ? seen[i] + 1 : 0;
			/* The driver has read the stamp when it got the packet. This card releases the latch by another register than a real one. */
			if (seen[i] < 2)
				continue;
			(void)cards[i][RXSATRH / 4];
			seen[i] = 0;
		}
		/* The driver resets it whenever stamps are configured. */
		if (master[TSYNCRXCFG / 4] != TSYNCRXCFG_DELAY_REQ)
			master[TSYNCRXCFG / 4] = TSYNCRXCFG_DELAY_REQ;
		nanosleep(&poll, NULL);
	}
}

/* Reads, turns, reads: the difference of the reads beyond the time that passed is the step of the card. */
static int64_t turned(volatile uint32_t *card, uint32_t increment)
{
	uint64_t before = now(card);

	card[TIMINCA / 4] = increment;
	return (int64_t)(now(card) - before);
}

static void turn(volatile uint32_t *card, int steps)
{
	const struct sched_param first = { .sched_priority = 50 };
	uint32_t increment = card[TIMINCA / 4];
	int64_t cost = INT64_MAX;
	int64_t jump;

	/* No other task may run in between. */
	if (sched_setscheduler(0, SCHED_FIFO, &first))
		perror("SCHED_FIFO");
	for (int i = 0; i < 100; i++) {
		int64_t one = turned(card, increment);

		cost = one < cost ? one : cost;
	}
	jump = turned(card, increment + steps) - cost;
	/* Added to the clock. */
	card[TIMADJL / 4] = (uint32_t)-jump;
	card[TIMADJH / 4] = (uint32_t)((uint64_t)-jump >> 32);
	printf("turned by %.1f ppb; two reads cost %.1f ns, the card jumped by %.1f ns\n", steps * 1e9 / (1 << 23), cost / 524288.0,
	       jump / 524288.0);
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "serve"))
		serve(map(argv[2]), map(argv[3]));
	if (argc != 4 || strcmp(argv[1], "turn")) {
		fprintf(stderr, "usage: igbclock serve MASTER SLAVE | turn CARD N\n");
		return 2;
	}
	turn(map(argv[2]), atoi(argv[3]));
	return 0;
}
