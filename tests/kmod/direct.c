// SPDX-License-Identifier: GPL-2.0-only
// SPDX-FileCopyrightText: 2026 The capbox authors
/*
 * direct TX RX DIRECTORY BLOCKS: a disk reads blocks directly from the mapping. While both CPUs send, the test writes blocks of 64 KiB,
 * 1 MiB and 4 MiB to a file opened with O_DIRECT: by write(), by pwrite() out of order, by pwritev() over blocks of both rings, and at
 * last by writes that outlive the session. The file has the blocks byte for byte.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "session.h"
#include "traffic.h"

#define CPUS 2
#define COPIES_BYTES (64ul << 20)

enum way { WRITE, PWRITE, PWRITEV, WAYS };

static const char *const way_names[WAYS] = { "write", "pwrite", "pwritev" };
static const char *tx, *rx, *directory;
static uint8_t *copies;		/* contents of the blocks when claimed, one after the other */
static uint64_t copied;

static int open_direct(const char *name, int flags)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	fd = open(path, flags | O_DIRECT | O_CLOEXEC, 0600);
	expect(fd >= 0, "%s: %s", path, strerror(errno));
	return fd;
}

/* The file system must reject unaligned writes. If it does not, it copies, and the test proves nothing. */
static void check_is_direct(int fd, uint8_t *block)
{
	struct statfs system;

	expect(!fstatfs(fd, &system) && (system.f_type == EXT4_SUPER_MAGIC || system.f_type == XFS_SUPER_MAGIC), "%s: file system %#lx", directory,
	       (long)system.f_type);
	expect(fcntl(fd, F_GETFL) & O_DIRECT, "O_DIRECT is off");
	expect(pwrite(fd, block + 4, 4096, 0) < 0 && errno == EINVAL, "an address that is not aligned: %s", strerror(errno));
}

static void save(const uint8_t *block, uint32_t bytes)
{
	expect(copied + bytes <= COPIES_BYTES, "too many blocks");
	memcpy(copies + copied, block, bytes);
	copied += bytes;
}

/* Waits for the next block of any ring; the traffic does not end. */
static uint32_t next_block(const struct session *session, uint32_t *block)
{
	for (uint32_t ring = 0;; ring = (ring + 1) % CPUS) {
		if (ring_claim(session, ring, block))
			return ring;
	}
}

struct claimed {
	uint32_t ring, block, bytes;
	uint8_t *data;
	uint64_t at; /* in the file */
};

static struct claimed claim(const struct session *session)
{
	struct claimed c;

	c.ring = next_block(session, &c.block);
	c.data = ring_block(session, c.ring, c.block);
	c.bytes = ring_info(session, c.ring, c.block)->bytes;
	c.at = copied;
	/* The kernel leaves the reader's part of a block alone. */
	memset(c.data, 0x40 + c.block, session->setup.head_bytes);
	save(c.data, c.bytes);
	return c;
}

static void must_write(ssize_t result, uint64_t bytes)
{
	expect(result == (ssize_t)bytes, "%zd of %lu bytes: %s", result, bytes, strerror(errno));
}

/* Claims four blocks, writes them in the given way, and only then returns them. */
static void write_four(const struct session *session, int fd, enum way way)
{
	struct claimed c[4];
	struct iovec vectors[4];
	uint64_t bytes = 0;

	for (int i = 0; i < 4; i++) {
		c[i] = claim(session);
		vectors[i] = (struct iovec){ c[i].data, c[i].bytes };
		bytes += c[i].bytes;
	}
	for (int i = 0; way == WRITE && i < 4; i++)
		must_write(write(fd, c[i].data, c[i].bytes), c[i].bytes);
	for (int i = 3; way == PWRITE && i >= 0; i--)
		must_write(pwrite(fd, c[i].data, c[i].bytes, c[i].at), c[i].bytes);
	if (way == PWRITEV)
		must_write(pwritev(fd, vectors, 4, c[0].at), bytes);
	for (int i = 3; i >= 0; i--)
		ring_give_back(session, c[i].ring, c[i].block);
}

/* Reads the device's own bytes, with O_DIRECT, too, into other memory. */
static void check_file(const char *name)
{
	const uint64_t step = 1 << 20;
	uint8_t *there = mmap(NULL, step, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = open_direct(name, O_RDONLY);

	for (uint64_t at = 0; at < copied;) {
		ssize_t bytes = pread(fd, there, step, at);

		expect(bytes > 0 && at + bytes <= copied, "%zd bytes at %lu of %lu: %s", bytes, at, copied, strerror(errno));
		for (ssize_t i = 0; i < bytes; i += 4096)
			expect(!memcmp(there + i, copies + at + i, 4096), "the page at %lu differs", at + i);
		at += bytes;
	}
	expect(pread(fd, there, step, copied) == 0, "the file is longer");
	close(fd);
	munmap(there, step);
}

static struct session start(uint32_t block_bytes, struct traffic *traffic)
{
	struct session session = { .setup = setup_default() };

	session.setup.block_bytes = block_bytes;
	session.setup.blocks = 6;
	session.setup.policy = CAPBOX_DROP_OLDEST;
	session.setup.handover_us = block_bytes == CAPBOX_BLOCK_BYTES_MAX ? CAPBOX_HANDOVER_US_MAX : 20000;
	session_setup(&session);
	session_add_port(&session, rx, 0, 0);
	session_ioctl(&session, CAPBOX_IOC_START, "START");
	for (int cpu = 0; cpu < CPUS; cpu++) {
		traffic[cpu] = (struct traffic){ .interface = tx, .cpu = cpu };
		traffic_start(&traffic[cpu]);
	}
	return session;
}

static void finish(struct session *session, struct traffic *traffic)
{
	for (int cpu = 0; cpu < CPUS; cpu++)
		traffic_stop(&traffic[cpu]);
	session_ioctl(session, CAPBOX_IOC_STOP, "STOP");
	session_drain(session, NULL, NULL);
	session_check_sum(session);
	expect(!session_counters(session, CAPBOX_ALL_RINGS).bad_returns, "bad returns");
	session_close(session);
}

static void test(uint32_t block_bytes, int blocks, enum way way)
{
	struct traffic traffic[CPUS];
	struct session session = start(block_bytes, traffic);
	int fd = open_direct("blocks", O_WRONLY | O_CREAT | O_TRUNC);

	copied = 0;
	check_is_direct(fd, ring_block(&session, 0, 0));
	for (int i = 0; i < blocks; i += 4)
		write_four(&session, fd, way);
	expect(!close(fd), "close: %s", strerror(errno));
	check_file("blocks");
	printf("%s: %u KiB blocks, %lu KiB written\n", way_names[way], block_bytes / 1024, copied / 1024);
	finish(&session, traffic);
}

#define ASYNCHRONOUS 8

/*
 * Unmaps and closes the session, which frees its memory, while writes are under way, then allocates and overwrites the free memory.
 * The disk still reads what the blocks held.
 */
static void test_close(void)
{
	struct traffic traffic[CPUS];
	struct session session = start(CAPBOX_BLOCK_BYTES_MAX, traffic);
	int fd = open_direct("blocks", O_WRONLY | O_CREAT | O_TRUNC);
	struct io_event events[ASYNCHRONOUS];
	struct iocb writes[ASYNCHRONOUS], *list[ASYNCHRONOUS];
	aio_context_t context = 0;
	long done;

	copied = 0;
	/* Allocates the file first: otherwise the write would wait for it. */
	expect(!posix_fallocate(fd, 0, ASYNCHRONOUS * CAPBOX_BLOCK_BYTES_MAX), "posix_fallocate");
	expect(!syscall(SYS_io_setup, ASYNCHRONOUS, &context), "io_setup: %s", strerror(errno));
	for (int i = 0; i < ASYNCHRONOUS; i++) {
		struct claimed c = claim(&session);

		writes[i] = (struct iocb){ .aio_fildes = fd, .aio_lio_opcode = IOCB_CMD_PWRITE, .aio_buf = (uintptr_t)c.data, .aio_nbytes = c.bytes,
					   .aio_offset = c.at, .aio_data = c.bytes };
		list[i] = &writes[i];
	}
	done = syscall(SYS_io_submit, context, ASYNCHRONOUS, list);
	expect(done == ASYNCHRONOUS, "io_submit: %ld: %s", done, strerror(errno));
	done = syscall(SYS_io_getevents, context, 0, ASYNCHRONOUS, events, &(struct timespec){ 0 });
	session_close(&session);
	printf("close: %ld of %d writes were done\n", done, ASYNCHRONOUS);
	for (int i = 0; i < 8; i++) {
		uint8_t *other = mmap(NULL, 8 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

		expect(other != MAP_FAILED, "memory");
		memset(other, 0xee, 8 << 20);
	}
	done += syscall(SYS_io_getevents, context, ASYNCHRONOUS - done, ASYNCHRONOUS - done, events + done, NULL);
	expect(done == ASYNCHRONOUS, "io_getevents: %ld", done);
	for (int i = 0; i < ASYNCHRONOUS; i++)
		expect(events[i].res == (int64_t)events[i].data, "write %d: %lld", i, events[i].res);
	expect(!ftruncate(fd, copied) && !close(fd), "close: %s", strerror(errno));
	check_file("blocks");
	for (int cpu = 0; cpu < CPUS; cpu++)
		traffic_stop(&traffic[cpu]);
}

int main(int argc, char **argv)
{
	int blocks;

	expect(argc == 5, "usage: direct TX RX DIRECTORY BLOCKS");
	tx = argv[1];
	rx = argv[2];
	directory = argv[3];
	blocks = atoi(argv[4]);
	copies = malloc(COPIES_BYTES);
	expect(copies, "memory");
	for (enum way way = 0; way < WAYS; way++) {
		test(CAPBOX_BLOCK_BYTES_MIN, 4 * blocks, way);
		test(1 << 20, blocks, way);
	}
	test(CAPBOX_BLOCK_BYTES_MAX, 4, PWRITEV);
	test_close();
	return 0;
}
