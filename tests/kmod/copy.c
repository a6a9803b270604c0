// SPDX-License-Identifier: GPL-2.0-only
// SPDX-FileCopyrightText: 2026 The capbox authors
/*
 * copy: compares the module's copy of a packet with the string instruction, which is the kernel's memcpy() on today's CPUs. The source
 * is in the cache, like a packet; the destination is not, like a ring. Runs on the machine itself, not in a guest.
 *
 * Prints a line for each size: bytes, ns of each method, and their ratio. Each time is the minimum of the rounds.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The kernel's names that kmod/copy.h uses. */
typedef uint8_t u8;
typedef uint32_t u32;
typedef uint64_t u64;
#define put_unaligned(value, at) memcpy(at, &(u64){ value }, 8)
/* The compiler would join two loads into a vector load, which the kernel does not use. */
#define get_unaligned(at) \
	({ u64 value_; memcpy(&value_, at, 8); __asm__ volatile("" : "+r"(value_)); value_; })
#include "../../kmod/copy.h"

#define SOURCE_BYTES (256 * 1024)
#define RING_BYTES (64 * 1024 * 1024)
#define PACKETS 200000
#define ROUNDS 7
#define RECORD_BYTES 44

typedef void copy_function(uint8_t *to, const uint8_t *from, size_t bytes);

static void copy_string(uint8_t *to, const uint8_t *from, size_t bytes)
{
	__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(bytes) : : "memory");
}

static void copy_words(uint8_t *to, const uint8_t *from, size_t bytes)
{
	capbox_copy_words(to, from, bytes);
}

static double now_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1e9 + time.tv_nsec;
}

static double measure(copy_function *copy, uint8_t *ring, const uint8_t *source, size_t bytes)
{
	double least = 1e18, start, time;

	for (int round = 0; round < ROUNDS; round++) {
		size_t at = 28;

		start = now_ns();
		for (int i = 0; i < PACKETS; i++) {
			copy(ring + at, source + (i * 2048 & (SOURCE_BYTES - 1)) + 14, bytes);
			at = (at + bytes + RECORD_BYTES) & ~3ul;
			if (at > RING_BYTES - 16384)
				at = 28;
		}
		time = (now_ns() - start) / PACKETS;
		if (time < least)
			least = time;
	}
	return least;
}

int main(void)
{
	static const size_t sizes[] = { 60, 128, 256, 512, 1514, 9014 };
	uint8_t *source = aligned_alloc(4096, SOURCE_BYTES + 16384), *ring = aligned_alloc(4096, RING_BYTES);

	if (!source || !ring)
		return 1;
	memset(source, 1, SOURCE_BYTES + 16384);
	memset(ring, 2, RING_BYTES);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		double words = measure(copy_words, ring, source, sizes[i]), string = measure(copy_string, ring, source, sizes[i]);

		printf("copy bytes=%zu words=%.1f string=%.1f ratio=%.2f\n", sizes[i], words, string, words / string);
	}
	return 0;
}
