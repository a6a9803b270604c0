// SPDX-License-Identifier: GPL-2.0-only
// SPDX-FileCopyrightText: 2026 The capbox authors
/*
 * overload TX RX WAY PACKETS: two CPUs send PACKETS numbered packets each, at the same time, far more than their rings hold. WAY is
 * policy and reader:
 *
 *   newest, oldest           no reader before the end: a ring has exactly the oldest packets, or exactly the newest
 *   newest-held, oldest-held a reader claims two blocks early and keeps them to the end, unchanged; the rest is as above
 *   newest-slow, oldest-slow a slow reader holds blocks and returns them in random order: no packet twice, none out of order
 *
 * Each time every missing packet was lost by the policy's cause, each ring's counters have the numbers that were sent, and with
 * drop-oldest the gaps in the blocks' sequence are the reclaimed blocks.
 */
#include <string.h>

#include "session.h"
#include "traffic.h"

#define CPUS 2
#define FRAME_BYTES 1000
#define BLOCKS 6
#define HELD 2
#define SLOW_PACKETS 500	/* a slow reader claims one block, some 60 packets, in that many */

struct stream {
	uint64_t count, first, last, jumps;	/* packets; their numbers; where one is missing */
	uint64_t blocks, next_sequence, skipped;	/* blocks; those missing before one */
};

static struct stream streams[CPUS];
static uint32_t held[CPUS][BLOCKS];
static uint32_t held_count[CPUS];
static struct stream early[CPUS]; /* packets claimed before the end */

static void note(const struct packet *packet, void *context)
{
	struct stream *stream = context;
	uint64_t number;

	memcpy(&number, packet->data + 42, sizeof(number));
	expect(packet->captured == FRAME_BYTES, "%u bytes", packet->captured);
	if (!stream->count++) {
		stream->first = number;
	} else {
		expect(number > stream->last, "packet %lu after %lu", number, stream->last);
		stream->jumps += number != stream->last + 1;
	}
	stream->last = number;
}

static bool take(const struct session *session, uint32_t cpu, struct stream *stream, uint32_t *block)
{
	uint64_t sequence;

	if (!ring_claim(session, cpu, block))
		return false;
	sequence = ring_info(session, cpu, *block)->sequence;
	expect(sequence >= stream->next_sequence, "CPU %u: block %lu after %lu", cpu, sequence, stream->next_sequence);
	stream->skipped += sequence - stream->next_sequence;
	stream->next_sequence = sequence + 1;
	stream->blocks++;
	block_walk(session, cpu, *block, note, stream);
	return true;
}

/* Claims the first blocks and does not return them. */
static void hold(const struct session *session)
{
	for (uint32_t cpu = 0; cpu < CPUS; cpu++) {
		while (held_count[cpu] < HELD) {
			if (take(session, cpu, &streams[cpu], &held[cpu][held_count[cpu]]))
				held_count[cpu]++;
		}
	}
}

static uint64_t sent(const struct traffic *traffic)
{
	return __atomic_load_n(&traffic->sent, __ATOMIC_RELAXED);
}

/* Claims one block in the time of several, and returns one of those that it holds, at random. */
static void read_slowly(const struct session *session, const struct traffic *traffic)
{
	uint64_t next[CPUS] = { 0 };

	while (sent(&traffic[0]) < traffic[0].limit || sent(&traffic[1]) < traffic[1].limit) {
		uint32_t cpu = rand() % CPUS, which = rand() % HELD, block;

		if (sent(&traffic[cpu]) < next[cpu] || !take(session, cpu, &streams[cpu], &block))
			continue;
		next[cpu] = sent(&traffic[cpu]) + SLOW_PACKETS;
		if (held_count[cpu] == HELD) {
			ring_give_back(session, cpu, held[cpu][which]);
			held[cpu][which] = block;
		} else {
			held[cpu][held_count[cpu]++] = block;
		}
	}
}

/* The kernel has not written to a block since its claim. */
static void check_held(const struct session *session)
{
	for (uint32_t cpu = 0; cpu < CPUS; cpu++) {
		for (uint32_t i = 0; i < held_count[cpu]; i++) {
			struct stream again = { 0 };

			block_walk(session, cpu, held[cpu][i], note, &again);
			expect(!again.jumps, "CPU %u: a block that is held has a gap", cpu);
		}
	}
}

/* Blocks unclaimed until the end have no gap: drop-newest keeps all packets before the ring was full, drop-oldest all after some packet. */
static void check_numbers(uint32_t cpu, const struct capbox_counters *c, bool is_oldest, uint64_t sent)
{
	const struct stream *stream = &streams[cpu];
	uint64_t gaps = stream->jumps - early[cpu].jumps;

	if (is_oldest) {
		expect(stream->last == sent - 1 && gaps == !!early[cpu].count, "CPU %u: last %lu of %lu, %lu gaps", cpu, stream->last, sent, gaps);
		expect(early[cpu].count || stream->first == sent - stream->count, "CPU %u: first %lu", cpu, stream->first);
	} else {
		expect(stream->first == 0 && stream->last == stream->count - 1 && !stream->jumps, "CPU %u: %lu packets, %lu to %lu, %lu gaps", cpu,
		       stream->count, stream->first, stream->last, stream->jumps);
		expect(c->times_full == 1, "CPU %u: full %llu times", cpu, c->times_full);
	}
}

static void check(const struct session *session, const struct traffic *traffic, const char *way)
{
	bool is_oldest = !strncmp(way, "oldest", 6), is_slow = strstr(way, "slow");

	for (uint32_t cpu = 0; cpu < CPUS; cpu++) {
		struct capbox_counters c = session_counters(session, cpu);
		const struct stream *stream = &streams[cpu];
		uint64_t lost = is_oldest ? c.lost_taken_back.packets : c.lost_full.packets;

		printf("%s: CPU %u: %lu sent, %llu stored in %lu blocks, %llu full, %llu taken back in %llu blocks, %lu gaps\n", way, cpu,
		       traffic[cpu].sent, c.stored.packets, stream->blocks, c.lost_full.packets, c.lost_taken_back.packets, c.blocks_taken_back,
		       stream->jumps);
		expect(c.seen.packets == traffic[cpu].sent && c.seen.bytes == c.seen.packets * FRAME_BYTES, "CPU %u: %llu seen", cpu, c.seen.packets);
		expect(c.stored.packets == stream->count && c.stored.bytes == stream->count * FRAME_BYTES, "CPU %u: %lu found", cpu, stream->count);
		expect(lost && lost + stream->count == c.seen.packets, "CPU %u: %lu lost, %lu found", cpu, lost, stream->count);
		expect(c.blocks_filled == stream->blocks + c.blocks_taken_back && c.blocks_taken_back == stream->skipped,
		       "CPU %u: %lu blocks, %lu skipped", cpu, stream->blocks, stream->skipped);
		expect(!c.bad_returns && !c.truncated.packets && !c.filtered.packets, "CPU %u: %llu bad returns", cpu, c.bad_returns);
		if (!is_slow)
			check_numbers(cpu, &c, is_oldest, traffic[cpu].sent);
		else
			expect(stream->jumps, "CPU %u: nothing was lost between two blocks", cpu);
	}
}

int main(int argc, char **argv)
{
	struct session session = { .setup = setup_default() };
	struct traffic traffic[CPUS];
	uint32_t block;
	const char *way;

	expect(argc == 5, "usage: overload TX RX newest|oldest[-held|-slow] PACKETS");
	srand(given_seed());
	way = argv[3];
	session.setup.policy = strncmp(way, "oldest", 6) ? CAPBOX_DROP_NEWEST : CAPBOX_DROP_OLDEST;
	session.setup.blocks = BLOCKS;
	session.setup.handover_us = CAPBOX_HANDOVER_US_MAX;
	session_setup(&session);
	session_add_port(&session, argv[2], 0, 0);
	session_ioctl(&session, CAPBOX_IOC_START, "START");
	for (int cpu = 0; cpu < CPUS; cpu++) {
		traffic[cpu] = (struct traffic){ .interface = argv[1], .cpu = cpu, .bytes = FRAME_BYTES, .limit = strtoull(argv[4], NULL, 10) };
		traffic_start(&traffic[cpu]);
	}
	if (strstr(way, "held"))
		hold(&session);
	else if (strstr(way, "slow"))
		read_slowly(&session, traffic);
	for (int cpu = 0; cpu < CPUS; cpu++)
		traffic_wait(&traffic[cpu]);
	session_ioctl(&session, CAPBOX_IOC_STOP, "STOP");
	check_held(&session);
	for (uint32_t cpu = 0; cpu < CPUS; cpu++) {
		early[cpu] = streams[cpu];
		while (take(&session, cpu, &streams[cpu], &block))
			;
	}
	session_check_sum(&session);
	check(&session, traffic, way);
	session_close(&session);
	return 0;
}
