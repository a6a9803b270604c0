// SPDX-License-Identifier: GPL-2.0-only
// SPDX-FileCopyrightText: 2026 The capbox authors
/*
 * record: records one session of the module into a PCAPNG file that tcpdump reads. It captures until its standard input ends, then
 * stops, writes the remaining blocks, checks each block's structure and the sum of the counters, and prints the counters. See usage()
 * for the options.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/filter.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "session.h"

#define PORTS_MAX 4

struct options {
	const char *ports[PORTS_MAX];
	int port_count;
	const char *output;
	const char *filters[2];	/* files, by enum capbox_filter_kind */
	bool is_waiting;	/* claim nothing before the end of the input */
	bool is_shuffling;	/* hold claimed blocks, return them in random order */
};

static void usage(void)
{
	fputs("usage: record -i INTERFACE[...] [-w FILE] [-k HOOKS, a mask] [-l LINK FILTER FILE] [-n INET FILTER FILE] [-s SNAP BYTES]\n"
	      "  [-b BLOCKS] [-B BLOCK BYTES] [-t HANDOVER US] [-o: drop oldest] [-c: consume] [-e: early stamps]\n"
	      "  [-W: claim nothing before the end] [-R: give back in random order]\n"
	      "  FILTER FILE: as tcpdump -ddd prints it. Ends with its standard input. Prints the counters.\n",
	      stderr);
	exit(2);
}

static void set_filter(const struct session *session, uint32_t kind, const char *path)
{
	struct sock_filter program[CAPBOX_FILTER_INSTRUCTIONS_MAX];
	struct capbox_filter request = { .instructions = (uintptr_t)program, .kind = kind };
	unsigned int code, jt, jf, k;
	FILE *file = fopen(path, "r");

	if (!file || fscanf(file, "%u", &request.count) != 1 || !request.count || request.count > CAPBOX_FILTER_INSTRUCTIONS_MAX)
		fail("%s: not a program of tcpdump -ddd", path);
	for (uint32_t i = 0; i < request.count; i++) {
		if (fscanf(file, "%u %u %u %u", &code, &jt, &jf, &k) != 4)
			fail("%s: instruction %u", path, i);
		program[i] = (struct sock_filter){ code, jt, jf, k };
	}
	fclose(file);
	if (ioctl(session->fd, CAPBOX_IOC_SET_FILTER, &request))
		fail("SET_FILTER of %s: %s", path, strerror(errno));
}

static void put(FILE *file, const void *data, size_t bytes)
{
	if (fwrite(data, 1, bytes, file) != bytes)
		fail("write: %s", strerror(errno));
}

/* Writes a section header and two interfaces a port: all of one link type, in nanoseconds. */
static void write_head(FILE *file, int ports, uint16_t link_type)
{
	uint32_t section[] = { 0x0a0d0d0a, 28, 0x1a2b3c4d, 0x00000001, 0xffffffff, 0xffffffff, 28 };
	uint32_t interface[] = { 1, 32, link_type, 0, 9 | 1 << 16, 9, 0, 32 };

	put(file, section, sizeof(section));
	for (int i = 0; i < 2 * ports; i++)
		put(file, interface, sizeof(interface));
}

static void write_block(FILE *file, const struct session *session, uint32_t ring, uint32_t block)
{
	put(file, ring_block(session, ring, block) + HEAD_BYTES, ring_info(session, ring, block)->bytes - HEAD_BYTES);
}

/* The numbers with which `send` begins the payload of IPv4 and UDP: records which are stored, and whether one is missing. */
struct numbers {
	uint64_t count;
	uint64_t first;
	uint64_t last;
	uint64_t jumps;
};

static struct numbers numbers;

static void note_number(const struct packet *packet, void *context)
{
	uint64_t number = 0;

	(void)context;
	if (packet->captured < 50 || memcmp(packet->data + 12, "\x08\x00", 2) || packet->data[23] != 17)
		return;
	for (int i = 42; i < 50; i++)
		number = number << 8 | packet->data[i];
	if (!numbers.count++)
		numbers.first = number;
	else if (number != numbers.last + 1)
		numbers.jumps++;
	numbers.last = number;
}

/* Claims and writes all blocks. Shuffling: holds up to 8 blocks of each ring and returns a random one. */
static void take(const struct session *session, const struct options *options, FILE *file)
{
	static uint32_t held[64][8];
	static int count[64];
	uint32_t block;

	for (uint32_t ring = 0; ring < session->setup.rings && ring < 64; ring++) {
		while (ring_claim(session, ring, &block)) {
			block_walk(session, ring, block, note_number, NULL);
			if (file)
				write_block(file, session, ring, block);
			if (options->is_shuffling) {
				int which = rand() % 8;

				if (count[ring] < 8) {
					held[ring][count[ring]++] = block;
					continue;
				}
				uint32_t back = held[ring][which];

				held[ring][which] = block;
				block = back;
			}
			ring_give_back(session, ring, block);
		}
	}
}

static void print(const struct session *session)
{
	struct capbox_counters c = session_counters(session, CAPBOX_ALL_RINGS);

	session_check_sum(session);
	printf("seen=%llu filtered=%llu stored=%llu full=%llu taken_back=%llu oversize=%llu truncated=%llu hardware=%llu skb=%llu "
	       "blocks=%llu blocks_back=%llu bad=%llu stored_bytes=%llu seen_bytes=%llu\n",
	       c.seen.packets, c.filtered.packets, c.stored.packets, c.lost_full.packets, c.lost_taken_back.packets, c.lost_oversize.packets,
	       c.truncated.packets, c.hardware_stamps, c.skb_stamps, c.blocks_filled, c.blocks_taken_back, c.bad_returns, c.stored.bytes,
	       c.seen.bytes);
	printf("numbers=%lu first=%lu last=%lu jumps=%lu\n", numbers.count, numbers.first, numbers.last, numbers.jumps);
}

static uint32_t link_type_of(const struct session *session)
{
	struct capbox_port port = { .port = 0 };

	if (ioctl(session->fd, CAPBOX_IOC_GET_PORT, &port))
		fail("GET_PORT: %s", strerror(errno));
	return port.link_type;
}

static void record(struct session *session, const struct options *options, FILE *file)
{
	struct pollfd fds[] = { { .fd = 0, .events = POLLIN }, { .fd = session->fd, .events = POLLIN } };
	char byte;

	session_ioctl(session, CAPBOX_IOC_START, "START");
	puts("recording");
	fflush(stdout);
	for (;;) {
		if (poll(fds, options->is_waiting ? 1 : 2, 1000) < 0)
			fail("poll: %s", strerror(errno));
		if (!options->is_waiting)
			take(session, options, file);
		if (fds[0].revents && read(0, &byte, 1) <= 0)
			break;
		/* The sum must hold at any moment. */
		session_check_sum(session);
	}
	session_ioctl(session, CAPBOX_IOC_STOP, "STOP");
	take(session, options, file);
}

int main(int argc, char **argv)
{
	struct session session = { .setup = setup_default() };
	struct options options = { 0 };
	FILE *file = NULL;
	int option;

	srand(given_seed());
	while ((option = getopt(argc, argv, "i:w:k:l:n:s:b:B:t:oceWR")) >= 0) {
		switch (option) {
		case 'i':
			if (options.port_count == PORTS_MAX)
				usage();
			options.ports[options.port_count++] = optarg;
			break;
		case 'w': options.output = optarg; break;
		case 'k': session.setup.hooks = strtoul(optarg, NULL, 0); break;
		case 'l': options.filters[CAPBOX_FILTER_LINK] = optarg; break;
		case 'n': options.filters[CAPBOX_FILTER_INET] = optarg; break;
		case 's': session.setup.snap_bytes = strtoul(optarg, NULL, 0); break;
		case 'b': session.setup.blocks = strtoul(optarg, NULL, 0); break;
		case 'B': session.setup.block_bytes = strtoul(optarg, NULL, 0); break;
		case 't': session.setup.handover_us = strtoul(optarg, NULL, 0); break;
		case 'o': session.setup.policy = CAPBOX_DROP_OLDEST; break;
		case 'c': session.setup.flags |= CAPBOX_SETUP_CONSUME; break;
		case 'e': session.setup.flags |= CAPBOX_SETUP_EARLY_STAMPS; break;
		case 'W': options.is_waiting = true; break;
		case 'R': options.is_shuffling = true; break;
		default: usage();
		}
	}
	if (!options.port_count)
		usage();
	session_setup(&session);
	for (int i = 0; i < options.port_count; i++)
		session_add_port(&session, options.ports[i], 2 * i, 0);
	for (int kind = 0; kind < 2; kind++) {
		if (options.filters[kind])
			set_filter(&session, kind, options.filters[kind]);
	}
	if (options.output) {
		file = fopen(options.output, "w");
		if (!file)
			fail("%s: %s", options.output, strerror(errno));
		write_head(file, options.port_count, link_type_of(&session));
	}
	record(&session, &options, file);
	if (file && fclose(file))
		fail("%s: %s", options.output, strerror(errno));
	print(&session);
	session_close(&session);
	return 0;
}
