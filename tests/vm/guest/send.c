// SPDX-License-Identifier: GPL-2.0-only
// SPDX-FileCopyrightText: 2026 The capbox authors
/*
 * Sends sequence-numbered UDP frames out of an interface through a packet socket: ingress of the peer sees them, the IP hooks of this
 * side do not. The payload starts with the number, 8 bytes, most significant first. See usage() for the options.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct options {
	const char *interface;
	const char *source;
	const char *target;
	uint8_t mac[ETH_ALEN];
	uint64_t count;
	uint64_t first;
	unsigned int bytes;
	unsigned int rate;
	unsigned int port;
	int vlan;
};

static void usage(void)
{
	fputs("usage: send -i INTERFACE [-n COUNT] [-f FIRST] [-b FRAME BYTES] [-r PACKETS/S, 0: full speed]\n"
	      "  [-m TARGET MAC] [-v VLAN] [-s SOURCE IP] [-t TARGET IP] [-p UDP PORT]\n"
	      "  IPv6 when the addresses are. Prints how many were sent.\n", stderr);
	exit(2);
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

/* The ones' complement sum of RFC 1071 over big-endian words. */
static uint32_t sum(uint32_t start, const uint8_t *data, size_t bytes)
{
	for (size_t i = 0; i + 1 < bytes; i += 2)
		start += data[i] << 8 | data[i + 1];
	if (bytes & 1)
		start += data[bytes - 1] << 8;
	return start;
}

static uint16_t fold(uint32_t value)
{
	while (value >> 16)
		value = (value & 0xffff) + (value >> 16);
	return ~value & 0xffff;
}

static void put16(uint8_t *at, unsigned int value)
{
	at[0] = value >> 8;
	at[1] = value;
}

static void address(int family, const char *text, uint8_t *at)
{
	if (inet_pton(family, text, at) != 1) {
		fprintf(stderr, "send: no address: %s\n", text);
		exit(2);
	}
}

/* Fills the headers; returns where the UDP header is. */
static unsigned int build(const struct options *o, uint8_t *frame)
{
	static const uint8_t own[ETH_ALEN] = { 2, 0, 0, 0, 0, 0x0e };
	int six = strchr(o->target, ':') != NULL;
	unsigned int at = 2 * ETH_ALEN, l4;

	memcpy(frame, o->mac, ETH_ALEN);
	memcpy(frame + ETH_ALEN, own, ETH_ALEN);
	if (o->vlan >= 0) {
		put16(frame + at, ETH_P_8021Q);
		put16(frame + at + 2, o->vlan);
		at += 4;
	}
	put16(frame + at, six ? ETH_P_IPV6 : ETH_P_IP);
	at += 2;
	l4 = at + (six ? 40 : 20);
	if (o->bytes < l4 + 16) {
		fprintf(stderr, "send: a frame has at least %u bytes\n", l4 + 16);
		exit(2);
	}
	if (six) {
		frame[at] = 0x60;
		put16(frame + at + 4, o->bytes - l4);
		frame[at + 6] = IPPROTO_UDP;
		frame[at + 7] = 64;
		address(AF_INET6, o->source, frame + at + 8);
		address(AF_INET6, o->target, frame + at + 24);
	} else {
		frame[at] = 0x45;
		put16(frame + at + 2, o->bytes - at);
		frame[at + 8] = 64;
		frame[at + 9] = IPPROTO_UDP;
		address(AF_INET, o->source, frame + at + 12);
		address(AF_INET, o->target, frame + at + 16);
		put16(frame + at + 10, fold(sum(0, frame + at, 20)));
	}
	put16(frame + l4, o->port);
	put16(frame + l4 + 2, o->port);
	put16(frame + l4 + 4, o->bytes - l4);
	for (unsigned int i = l4 + 16; i < o->bytes; i++)
		frame[i] = i;
	return l4;
}

/* The number and the checksum, the pseudo header included. */
static void number(const struct options *o, uint8_t *frame, unsigned int l4, uint64_t value)
{
	unsigned int addresses = strchr(o->target, ':') ? 32 : 8;
	uint16_t check;

	for (int i = 0; i < 8; i++)
		frame[l4 + 8 + i] = value >> (56 - 8 * i);
	put16(frame + l4 + 6, 0);
	check = fold(sum(sum(IPPROTO_UDP + o->bytes - l4, frame + l4 - addresses, addresses), frame + l4, o->bytes - l4));
	put16(frame + l4 + 6, check ? check : 0xffff);
}

static void pace(const struct timespec *start, uint64_t sent, unsigned int rate)
{
	uint64_t ns = sent * 1000000000ull / rate + start->tv_nsec;
	struct timespec due = { start->tv_sec + ns / 1000000000ull, ns % 1000000000ull };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL) == EINTR)
		;
}

static void send_all(const struct options *o)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_ifindex = if_nametoindex(o->interface), .sll_halen = ETH_ALEN };
	uint8_t *frame = calloc(1, o->bytes);
	unsigned int l4 = build(o, frame);
	int fd = socket(AF_PACKET, SOCK_RAW, 0);
	struct timespec start;

	if (fd < 0 || !to.sll_ifindex)
		die(o->interface);
	clock_gettime(CLOCK_MONOTONIC, &start);
	for (uint64_t i = 0; i < o->count; i++) {
		if (o->rate)
			pace(&start, i, o->rate);
		number(o, frame, l4, o->first + i);
		while (sendto(fd, frame, o->bytes, 0, (struct sockaddr *)&to, sizeof(to)) < 0) {
			if (errno != ENOBUFS && errno != EAGAIN)
				die("send");
			usleep(100);
		}
	}
	close(fd);
	free(frame);
	printf("%llu\n", (unsigned long long)o->count);
}

int main(int argc, char **argv)
{
	struct options o = {
		.source = "10.0.0.1", .target = "10.0.0.2", .mac = { 2, 0, 0, 0, 0, 0x0b }, .count = 1, .bytes = 64, .port = 4000, .vlan = -1
	};
	int c;

	while ((c = getopt(argc, argv, "i:n:f:b:r:m:v:s:t:p:")) != -1) {
		switch (c) {
		case 'i': o.interface = optarg; break;
		case 'n': o.count = strtoull(optarg, NULL, 10); break;
		case 'f': o.first = strtoull(optarg, NULL, 10); break;
		case 'b': o.bytes = atoi(optarg); break;
		case 'r': o.rate = atoi(optarg); break;
		case 'v': o.vlan = atoi(optarg); break;
		case 's': o.source = optarg; break;
		case 't': o.target = optarg; break;
		case 'p': o.port = atoi(optarg); break;
		case 'm':
			if (sscanf(optarg, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", o.mac, o.mac + 1, o.mac + 2, o.mac + 3, o.mac + 4, o.mac + 5) != 6)
				usage();
			break;
		default: usage();
		}
	}
	if (!o.interface || optind != argc || o.bytes > 65536)
		usage();
	send_all(&o);
	return 0;
}
