// SPDX-License-Identifier: GPL-2.0-only
// SPDX-FileCopyrightText: 2026 The capbox authors
/*
 * infos TX RX PACKETS [hardware]: the descriptor of each block agrees with a walk of the block in packets, bytes, stamps, interfaces and
 * order. The test covers all block sizes, both CPUs and packets of all lengths, some cut, some rejected, some lost. The counters of the
 * descriptors add up, never decrease, and end as COUNTERS reports. hardware: RX stamps most packets.
 */
#include <errno.h>
#include <linux/filter.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

#include "session.h"
#include "traffic.h"

#define CPUS 2
#define SNAP_BYTES 900
#define INTERFACE 6

/* Results of a walk, named as in struct capbox_block. */
struct found {
	uint32_t packets, truncated;
	uint64_t captured_bytes, original_bytes;
	uint32_t first_interface;
	int64_t first_ns, last_ns;	/* of first_interface */
	uint32_t stamps[2];		/* by clock: software, hardware */
	int64_t min_ns[2], max_ns[2];
	int64_t stamp_ns;		/* the last packet's */
	bool is_in_order;
};

static uint32_t port_flags;

static void note_stamp(struct found *found, int clock, int64_t stamp)
{
	found->is_in_order &= stamp >= found->stamp_ns && !found->stamps[!clock];
	found->stamp_ns = stamp;
	if (!found->stamps[clock]++)
		found->min_ns[clock] = found->max_ns[clock] = stamp;
	if (stamp < found->min_ns[clock])
		found->min_ns[clock] = stamp;
	if (stamp > found->max_ns[clock])
		found->max_ns[clock] = stamp;
}

static void note(const struct packet *packet, void *context)
{
	struct found *found = context;
	uint32_t captured = packet->original < SNAP_BYTES ? packet->original : SNAP_BYTES;

	expect(packet->interface == INTERFACE || (port_flags && packet->interface == INTERFACE + 1), "interface %u", packet->interface);
	expect(packet->captured == captured, "%u bytes of %u", packet->captured, packet->original);
	if (!found->packets++)
		*found = (struct found){ .packets = 1, .first_interface = packet->interface, .first_ns = packet->stamp_ns, .is_in_order = true };
	if (packet->interface == found->first_interface)
		found->last_ns = packet->stamp_ns;
	note_stamp(found, packet->interface - INTERFACE, packet->stamp_ns);
	found->truncated += packet->captured < packet->original;
	found->captured_bytes += packet->captured;
	found->original_bytes += packet->original;
}

/* For a clock that stamped no packet the minimum is above the maximum. */
static void check_range(const struct found *found, int clock, int64_t min_ns, int64_t max_ns)
{
	if (found->stamps[clock])
		expect(min_ns == found->min_ns[clock] && max_ns == found->max_ns[clock], "clock %d: %ld to %ld; found %ld to %ld", clock, min_ns, max_ns,
		       found->min_ns[clock], found->max_ns[clock]);
	else
		expect(min_ns > max_ns, "clock %d: %ld to %ld of no packet", clock, min_ns, max_ns);
}

static void check_counters(const struct capbox_counters *c, const struct capbox_counters *before, uint64_t sequence)
{
	const uint64_t *now = (const void *)c, *then = (const void *)before;

	for (size_t i = 0; i < sizeof(*c) / sizeof(*now); i++)
		expect(now[i] >= then[i], "block %lu: counter %zu went back from %lu to %lu", sequence, i, then[i], now[i]);
	expect(c->seen.packets == c->filtered.packets + c->stored.packets + c->lost_full.packets,
	       "block %lu: %llu seen, %llu filtered, %llu stored, %llu lost", sequence, c->seen.packets, c->filtered.packets,
	       c->stored.packets, c->lost_full.packets);
	expect(c->seen.bytes == c->filtered.bytes + c->stored.bytes + c->lost_full.bytes, "block %lu: %llu bytes seen", sequence, c->seen.bytes);
}

/* Checks a block against its descriptor; @before: the counters of the block before. */
static void check_block(const struct session *session, uint32_t ring, uint32_t block, struct capbox_counters *before)
{
	const struct capbox_block *info = ring_info(session, ring, block);
	const struct capbox_counters *c = &info->counters;
	struct found found = { 0 };

	block_walk(session, ring, block, note, &found);
	expect(info->sequence == before->blocks_filled && c->blocks_filled == info->sequence + 1, "block %llu after %llu", info->sequence,
	       before->blocks_filled);
	expect(info->packets == found.packets && info->truncated == found.truncated, "%u packets, %u cut; found %u, %u", info->packets,
	       info->truncated, found.packets, found.truncated);
	expect(info->captured_bytes == found.captured_bytes && info->original_bytes == found.original_bytes,
	       "%llu of %llu bytes; found %lu of %lu", info->captured_bytes, info->original_bytes, found.captured_bytes,
	       found.original_bytes);
	expect(info->first_interface == found.first_interface && info->first_ns == found.first_ns && info->last_ns == found.last_ns,
	       "interface %u: %lld to %lld; found %u: %ld to %ld", info->first_interface, info->first_ns, info->last_ns, found.first_interface,
	       found.first_ns, found.last_ns);
	check_range(&found, 0, info->software_min_ns, info->software_max_ns);
	check_range(&found, 1, info->hardware_min_ns, info->hardware_max_ns);
	expect(info->hardware_stamps == found.stamps[1] && c->hardware_stamps - before->hardware_stamps == found.stamps[1],
	       "%u hardware stamps; found %u", info->hardware_stamps, found.stamps[1]);
	expect(!!(info->flags & CAPBOX_BLOCK_IN_ORDER) == found.is_in_order, "flags %#x", info->flags);
	expect(!info->reserved[0] && !info->reserved[1], "reserved");
	expect(c->stored.packets - before->stored.packets == found.packets && c->stored.bytes - before->stored.bytes == found.original_bytes &&
	       c->truncated.packets - before->truncated.packets == found.truncated, "block %llu: the counters grew by %llu packets, found %u",
	       info->sequence, c->stored.packets - before->stored.packets, found.packets);
	check_counters(c, before, info->sequence);
	*before = *c;
}

/* A full block has no room for another packet of the largest size. */
static void check_fill(const struct session *session, uint32_t ring, uint32_t block)
{
	const struct capbox_block *info = ring_info(session, ring, block);

	if (!(info->flags & CAPBOX_BLOCK_TIMEOUT))
		expect(info->bytes + SNAP_BYTES + 64 + CAPBOX_PAGE_BYTES > session->setup.block_bytes, "%u bytes of %u", info->bytes,
		       session->setup.block_bytes);
}

/* Cuts packets, and rejects about half: those with bit 2 of the length in the IPv4 header. */
static void set_filter(const struct session *session)
{
	struct sock_filter program[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 17),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 4, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SNAP_BYTES),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct capbox_filter request = { .instructions = (uintptr_t)program, .count = sizeof(program) / sizeof(program[0]) };

	expect(!ioctl(session->fd, CAPBOX_IOC_SET_FILTER, &request), "SET_FILTER: %s", strerror(errno));
}

#define FEW 100

static void send_on_all(const char *tx, uint64_t packets)
{
	struct traffic traffic[CPUS];

	for (int cpu = 0; cpu < CPUS; cpu++) {
		traffic[cpu] = (struct traffic){ .interface = tx, .cpu = cpu, .limit = packets };
		traffic_start(&traffic[cpu]);
	}
	for (int cpu = 0; cpu < CPUS; cpu++)
		traffic_wait(&traffic[cpu]);
}

/* Returns the number of blocks. @last: the counters of each ring's last block. */
static uint64_t check_blocks(const struct session *session, struct capbox_counters *last)
{
	uint64_t blocks = 0;
	uint32_t block;

	for (uint32_t cpu = 0; cpu < CPUS; cpu++) {
		for (; ring_claim(session, cpu, &block); blocks++) {
			check_block(session, cpu, block, &last[cpu]);
			check_fill(session, cpu, block);
			ring_give_back(session, cpu, block);
		}
	}
	return blocks;
}

/* The last block's counters equal those of COUNTERS, because STOP handed it over after all packets. */
static uint64_t check_sums(const struct session *session, const struct capbox_counters *last, uint64_t sent)
{
	uint64_t stored = 0;

	for (uint32_t cpu = 0; cpu < CPUS; cpu++) {
		struct capbox_counters c = session_counters(session, cpu);

		expect(c.seen.packets == sent, "CPU %u: %llu seen", cpu, c.seen.packets);
		expect(!memcmp(&c, &last[cpu], sizeof(c)), "CPU %u: the last block says %llu seen, %llu stored, COUNTERS %llu, %llu", cpu,
		       last[cpu].seen.packets, last[cpu].stored.packets, c.seen.packets, c.stored.packets);
		expect(!!c.hardware_stamps == !!port_flags && c.hardware_stamps < c.stored.packets, "%llu hardware stamps", c.hardware_stamps);
		expect(c.filtered.packets && c.truncated.packets && c.lost_full.packets, "%llu filtered, %llu cut, %llu lost", c.filtered.packets,
		       c.truncated.packets, c.lost_full.packets);
		stored += c.stored.packets;
	}
	session_check_sum(session);
	return stored;
}

/* Fills every block and loses the rest; then FLUSH and STOP after a few packets each, for blocks that are not full. */
static void test(const char *tx, const char *rx, uint32_t block_bytes, uint64_t packets)
{
	struct session session = { .setup = setup_default() };
	struct capbox_counters last[CPUS] = { 0 };
	uint64_t blocks;

	session.setup.block_bytes = block_bytes;
	session.setup.blocks = CAPBOX_BLOCKS_MIN;
	session.setup.handover_us = CAPBOX_HANDOVER_US_MAX;
	session_setup(&session);
	session_add_port(&session, rx, INTERFACE, port_flags);
	set_filter(&session);
	session_ioctl(&session, CAPBOX_IOC_START, "START");
	send_on_all(tx, packets);
	blocks = check_blocks(&session, last);
	expect(blocks == CPUS * session.setup.blocks, "%lu blocks", blocks);
	send_on_all(tx, FEW);
	session_ioctl(&session, CAPBOX_IOC_FLUSH, "FLUSH");
	expect(check_blocks(&session, last) == CPUS, "blocks");
	send_on_all(tx, FEW);
	session_ioctl(&session, CAPBOX_IOC_STOP, "STOP");
	expect(check_blocks(&session, last) == CPUS, "blocks");
	printf("%u KiB: %lu packets stored\n", block_bytes / 1024, check_sums(&session, last, packets + 2 * FEW));
	session_close(&session);
}

int main(int argc, char **argv)
{
	expect(argc == 4 || (argc == 5 && !strcmp(argv[4], "hardware")), "usage: infos TX RX PACKETS [hardware]");
	port_flags = argc == 5 ? CAPBOX_PORT_HARDWARE_STAMPS : 0;
	for (uint32_t bytes = CAPBOX_BLOCK_BYTES_MIN; bytes <= CAPBOX_BLOCK_BYTES_MAX; bytes *= 2)
		test(argv[1], argv[2], bytes, bytes / CAPBOX_BLOCK_BYTES_MIN * strtoull(argv[3], NULL, 10));
	return 0;
}
