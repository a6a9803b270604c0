// SPDX-License-Identifier: GPL-2.0-only
// SPDX-FileCopyrightText: 2026 The capbox authors
/*
 * swap TX RX COUNT: replaces the filter COUNT times while both CPUs send numbered packets as fast as they can. Every filter keeps another
 * length, so the length of a stored packet identifies its filter. The test checks of each packet that this filter accepts it, that no
 * packet before it met a later filter, that the module saw it neither before the call of this filter's SET_FILTER nor after the return
 * of the next one's. Missing packets were rejected or lost, and the counters have their number.
 */
#include <errno.h>
#include <linux/filter.h>
#include <string.h>
#include <sys/ioctl.h>

#include "session.h"
#include "traffic.h"

#define CPUS 2
#define FRAME_BYTES 1400
#define NUMBER_OFFSET 42
#define SNAP_BYTES 64		/* filter e keeps SNAP_BYTES + e */
#define CHANGES_MAX 1000

enum rule { NONE, EVEN, ALL, ODD, NO_FILTER, EIGHTH, RULES };

/* Packets of each CPU that the module had seen when a SET_FILTER was called, and when it had returned. */
struct change {
	uint64_t before[CPUS];
	uint64_t after[CPUS];
};

struct stream {
	uint64_t next;		/* number of the next packet */
	uint32_t filter;	/* of the last packet */
	uint64_t unexplained;	/* missing, although all filters that may have run accept them */
	uint64_t missing;
};

static struct change changes[CHANGES_MAX + 1];
static struct stream streams[CPUS];
static uint32_t current;

static enum rule rule_of(uint32_t filter)
{
	return filter ? filter % RULES : NO_FILTER;
}

static bool is_wanted(enum rule rule, uint64_t number)
{
	switch (rule) {
	case NONE: return false;
	case EVEN: return number % 2 == 0;
	case ODD: return number % 2 == 1;
	case EIGHTH: return number % 8 == 5;
	default: return true;
	}
}

static void set_filter(const struct session *session, uint32_t filter)
{
	static const uint32_t masks[RULES] = { [EVEN] = 1, [ODD] = 1, [EIGHTH] = 7 }, values[RULES] = { [ODD] = 1, [EIGHTH] = 5, [NONE] = 1 };
	enum rule rule = rule_of(filter);
	struct sock_filter program[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, NUMBER_OFFSET),
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, masks[rule]),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, values[rule], 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SNAP_BYTES + filter),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct capbox_filter request = { .instructions = (uintptr_t)program, .count = sizeof(program) / sizeof(program[0]) };

	if (rule == NO_FILTER)
		request = (struct capbox_filter){ 0 };
	expect(!ioctl(session->fd, CAPBOX_IOC_SET_FILTER, &request), "filter %u: %s", filter, strerror(errno));
}

/* A rejected filter changes nothing. */
static void set_bad_filter(const struct session *session)
{
	struct sock_filter program[] = { BPF_STMT(0xffff, 0), BPF_STMT(BPF_RET | BPF_K, 0) };
	struct capbox_filter request = { .instructions = (uintptr_t)program, .count = 2 };

	expect(ioctl(session->fd, CAPBOX_IOC_SET_FILTER, &request) && errno == EINVAL, "a bad program: %s", strerror(errno));
}

/* The first and the last filter that may have run on a packet. */
static uint32_t earliest(int cpu, uint64_t number)
{
	uint32_t filter = current;

	while (filter && number < changes[filter].after[cpu])
		filter--;
	return filter;
}

static uint32_t latest(int cpu, uint64_t number)
{
	uint32_t filter = current;

	while (filter && number < changes[filter].before[cpu])
		filter--;
	return filter;
}

static void note_missing(int cpu, uint64_t number)
{
	struct stream *stream = &streams[cpu];
	uint32_t filter = earliest(cpu, number), last = latest(cpu, number);

	stream->missing++;
	for (filter = filter > stream->filter ? filter : stream->filter; filter <= last; filter++) {
		if (!is_wanted(rule_of(filter), number))
			return;
	}
	stream->unexplained++;
}

static uint32_t judged_by(const struct packet *packet, int cpu, uint64_t number)
{
	uint32_t filter = streams[cpu].filter, first = earliest(cpu, number);

	if (packet->captured != FRAME_BYTES)
		return packet->captured - SNAP_BYTES;
	for (filter = first > filter ? first : filter; filter <= latest(cpu, number) && rule_of(filter) != NO_FILTER; filter++)
		;
	return filter;
}

static void check_packet(const struct packet *packet, void *context)
{
	int cpu = *(int *)context;
	struct stream *stream = &streams[cpu];
	uint64_t number;
	uint32_t filter;

	memcpy(&number, packet->data + NUMBER_OFFSET, sizeof(number));
	expect(packet->original == FRAME_BYTES && number >= stream->next, "CPU %d: packet %lu after %lu", cpu, number, stream->next);
	for (; stream->next < number; stream->next++)
		note_missing(cpu, stream->next);
	filter = judged_by(packet, cpu, number);
	expect(filter >= earliest(cpu, number) && filter <= latest(cpu, number), "CPU %d: packet %lu of %u bytes, filter %u of %u to %u",
	       cpu, number, packet->captured, filter, earliest(cpu, number), latest(cpu, number));
	expect(filter >= stream->filter, "CPU %d: packet %lu met filter %u after %u", cpu, number, filter, stream->filter);
	expect(is_wanted(rule_of(filter), number) && (packet->captured == FRAME_BYTES) == (rule_of(filter) == NO_FILTER),
	       "CPU %d: filter %u has kept %u bytes of packet %lu", cpu, filter, packet->captured, number);
	stream->filter = filter;
	stream->next = number + 1;
}

static void drain(const struct session *session)
{
	uint32_t block;

	for (int cpu = 0; cpu < CPUS; cpu++) {
		while (ring_claim(session, cpu, &block)) {
			block_walk(session, cpu, block, check_packet, &cpu);
			ring_give_back(session, cpu, block);
		}
	}
}

/* After STOP: every missing packet was rejected or lost. */
static void check_ledger(const struct session *session, const struct traffic *traffic)
{
	for (int cpu = 0; cpu < CPUS; cpu++) {
		struct capbox_counters c = session_counters(session, cpu);
		struct stream *stream = &streams[cpu];

		for (; stream->next < traffic[cpu].sent; stream->next++)
			note_missing(cpu, stream->next);
		expect(c.seen.packets == traffic[cpu].sent, "CPU %d: %llu seen of %lu", cpu, c.seen.packets, traffic[cpu].sent);
		expect(stream->missing == c.filtered.packets + c.lost_full.packets, "CPU %d: %lu missing, %llu filtered, %llu lost", cpu,
		       stream->missing, c.filtered.packets, c.lost_full.packets);
		expect(stream->unexplained <= c.lost_full.packets, "CPU %d: %lu wanted and missing, %llu lost", cpu, stream->unexplained,
		       c.lost_full.packets);
		printf("CPU %d: %lu sent, %llu stored, %llu filtered, %llu lost\n", cpu, traffic[cpu].sent, c.stored.packets, c.filtered.packets,
		       c.lost_full.packets);
		expect(c.stored.packets > traffic[cpu].sent / 10 && c.filtered.packets > traffic[cpu].sent / 10, "too one-sided to prove anything");
	}
}

static void note_seen(const struct session *session, uint64_t *packets)
{
	for (int cpu = 0; cpu < CPUS; cpu++)
		packets[cpu] = session_counters(session, cpu).seen.packets;
}

int main(int argc, char **argv)
{
	struct session session = { .setup = setup_default() };
	struct traffic traffic[CPUS];
	uint32_t count;

	expect(argc == 4 && atoi(argv[3]) <= CHANGES_MAX, "usage: swap TX RX COUNT (at most %d)", CHANGES_MAX);
	count = atoi(argv[3]);
	session.setup.blocks = 400;
	session.setup.handover_us = 1000;
	session_setup(&session);
	session_add_port(&session, argv[2], 0, 0);
	session_ioctl(&session, CAPBOX_IOC_START, "START");
	for (int cpu = 0; cpu < CPUS; cpu++) {
		traffic[cpu] = (struct traffic){ .interface = argv[1], .cpu = cpu, .bytes = FRAME_BYTES };
		traffic_start(&traffic[cpu]);
	}
	while (current < count) {
		note_seen(&session, changes[current + 1].before);
		set_filter(&session, current + 1);
		note_seen(&session, changes[current + 1].after);
		current++;
		if (current % 10 == 0)
			set_bad_filter(&session);
		session_check_sum(&session);
		drain(&session);
	}
	for (int cpu = 0; cpu < CPUS; cpu++)
		traffic_stop(&traffic[cpu]);
	session_ioctl(&session, CAPBOX_IOC_STOP, "STOP");
	drain(&session);
	session_check_sum(&session);
	check_ledger(&session, traffic);
	printf("%u changes\n", count);
	session_close(&session);
	return 0;
}
