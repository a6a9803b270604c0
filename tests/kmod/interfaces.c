// SPDX-License-Identifier: GPL-2.0-only
// SPDX-FileCopyrightText: 2026 The capbox authors
/*
 * interfaces FILE: prints for each interface of a PCAPNG file its number, its if_tsoffset in seconds and its packets, then the largest
 * step forward and the largest step back between the times of two consecutive packets, in nanoseconds, with if_tsoffset added.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "session.h"

#define INTERFACES_MAX 16
#define OPT_IF_TSOFFSET 14

struct interface {
	int64_t offset_ns;
	uint64_t packets;
};

static struct interface interfaces[INTERFACES_MAX];
static uint32_t interface_count;
static int64_t last_ns, forth_ns, back_ns;

static uint32_t get32(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

static void add_interface(const uint8_t *block, uint32_t bytes)
{
	struct interface *interface = &interfaces[interface_count++];
	uint32_t code, length;

	expect(interface_count <= INTERFACES_MAX, "%u interfaces", interface_count);
	for (uint32_t at = 16; at + 4 < bytes; at += 4 + ((length + 3) & ~3u)) {
		code = get32(block + at) & 0xffff;
		length = get32(block + at) >> 16;
		if (code == OPT_IF_TSOFFSET) {
			memcpy(&interface->offset_ns, block + at + 4, sizeof(interface->offset_ns));
			interface->offset_ns *= 1000000000;
		}
		if (!code)
			break;
	}
}

static void add_packet(const uint8_t *block)
{
	uint32_t number = get32(block + 8);
	int64_t utc_ns;

	expect(number < interface_count, "a packet of interface %u", number);
	interfaces[number].packets++;
	utc_ns = (int64_t)((uint64_t)get32(block + 12) << 32 | get32(block + 16)) + interfaces[number].offset_ns;
	if (last_ns && utc_ns - last_ns > forth_ns)
		forth_ns = utc_ns - last_ns;
	if (last_ns && last_ns - utc_ns > back_ns)
		back_ns = last_ns - utc_ns;
	last_ns = utc_ns;
}

int main(int argc, char **argv)
{
	int fd = argc == 2 ? open(argv[1], O_RDONLY | O_CLOEXEC) : -1;
	struct stat stat;
	uint32_t bytes;
	uint8_t *file;

	if (fd < 0 || fstat(fd, &stat))
		fail("usage: interfaces FILE: %s", strerror(errno));
	file = mmap(NULL, stat.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	for (off_t at = 0; at < stat.st_size; at += bytes) {
		expect(at + 12 <= stat.st_size, "a block at %ld of %ld", at, stat.st_size);
		bytes = get32(file + at + 4);
		expect(bytes >= 12 && bytes % 4 == 0 && at + bytes <= stat.st_size, "a block of %u bytes at %ld", bytes, at);
		if (get32(file + at) == 1)
			add_interface(file + at, bytes);
		else if (get32(file + at) == 6)
			add_packet(file + at);
	}
	for (uint32_t i = 0; i < interface_count; i++)
		printf("%u %ld %lu\n", i, interfaces[i].offset_ns / 1000000000, interfaces[i].packets);
	printf("forth %ld back %ld\n", forth_ns, back_ns);
	return 0;
}
