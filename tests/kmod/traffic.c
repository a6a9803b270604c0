// SPDX-License-Identifier: GPL-2.0-only
// SPDX-FileCopyrightText: 2026 The capbox authors
#define _GNU_SOURCE
#include "traffic.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sched.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "session.h"

#define FRAME_BYTES_MAX 1514
#define NETWORK_HEADER_BYTES 28

/* UDP in IPv4 to 10.0.0.2. The packet's number selects the MAC address: the peer's, broadcast, multicast, another host's. */
static void fill(uint8_t *frame, uint32_t bytes, uint64_t number)
{
	static const uint8_t targets[4][ETH_ALEN] = {
		{ 2, 0, 0, 0, 0, 0x0b }, { 255, 255, 255, 255, 255, 255 }, { 1, 0, 0x5e, 0, 0, 1 }, { 2, 0, 0, 0, 0, 0x77 }
	};
	uint32_t length = htons(bytes - ETH_HLEN);

	memcpy(frame, targets[number % 4], ETH_ALEN);
	memcpy(frame + ETH_ALEN, "\x02\x00\x00\x00\x00\x0e\x08\x00", 8);
	memcpy(frame + ETH_HLEN, "\x45\x00\x00\x00\x00\x00\x00\x00\x40\x11\x00\x00\x0a\x00\x00\x01\x0a\x00\x00\x02\x10\x00\x10\x00", 24);
	memcpy(frame + ETH_HLEN + 2, &length, 2);
	length = htons(bytes - ETH_HLEN - 20);
	memcpy(frame + ETH_HLEN + 24, &length, 2);
	memcpy(frame + ETH_HLEN + NETWORK_HEADER_BYTES, &number, sizeof(number));
}

static int open_packet(const struct traffic *traffic)
{
	struct sockaddr_ll address = { .sll_family = AF_PACKET, .sll_ifindex = if_nametoindex(traffic->interface) };
	int one = 1, fd;

	if (!address.sll_ifindex)
		return -1;
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (fd < 0)
		fail("a packet socket: %s", strerror(errno));
	if (traffic->flags & TRAFFIC_BYPASS)
		expect(!setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one)), "%s", strerror(errno));
	if (bind(fd, (struct sockaddr *)&address, sizeof(address))) {
		close(fd);
		return -1;
	}
	return fd;
}

static int open_udp(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(4000) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	inet_pton(AF_INET, "10.0.0.2", &address.sin_addr);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address))) {
		close(fd);
		return -1;
	}
	return fd;
}

static bool send_one(int fd, const struct traffic *traffic, uint8_t *frame)
{
	uint32_t bytes = traffic->bytes ? traffic->bytes : 60 + traffic->sent * 13 % (FRAME_BYTES_MAX - 60);

	if (traffic->flags & TRAFFIC_UDP)
		return send(fd, frame, bytes - ETH_HLEN - NETWORK_HEADER_BYTES, MSG_DONTWAIT) > 0;
	fill(frame, bytes, traffic->sent);
	return send(fd, frame, bytes, 0) == (ssize_t)bytes;
}

void pin_to_cpu(int cpu)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(cpu, &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus))
		fail("CPU %d: %s", cpu, strerror(errno));
}

static bool is_over(const struct traffic *traffic)
{
	return __atomic_load_n(&traffic->is_stopped, __ATOMIC_RELAXED) || (traffic->limit && traffic->sent == traffic->limit);
}

static void *send_all(void *context)
{
	struct traffic *traffic = context;
	uint8_t frame[FRAME_BYTES_MAX] = { 0 };
	int fd = -1;

	if (traffic->cpu >= 0)
		pin_to_cpu(traffic->cpu);
	while (!is_over(traffic)) {
		if (fd < 0)
			fd = traffic->flags & TRAFFIC_UDP ? open_udp() : open_packet(traffic);
		if (fd >= 0 && send_one(fd, traffic, frame)) {
			__atomic_store_n(&traffic->sent, traffic->sent + 1, __ATOMIC_RELAXED);
			if (traffic->flags & TRAFFIC_PACED)
				usleep(200);
			continue;
		}
		if (fd >= 0 && errno != ENOBUFS && errno != EAGAIN) {
			close(fd);
			fd = -1;
		}
		usleep(500);
	}
	if (fd >= 0)
		close(fd);
	return NULL;
}

void traffic_start(struct traffic *traffic)
{
	traffic->sent = 0;
	traffic->is_stopped = false;
	if (pthread_create(&traffic->thread, NULL, send_all, traffic))
		fail("a thread for traffic");
}

uint64_t traffic_wait(struct traffic *traffic)
{
	pthread_join(traffic->thread, NULL);
	return traffic->sent;
}

uint64_t traffic_stop(struct traffic *traffic)
{
	__atomic_store_n(&traffic->is_stopped, true, __ATOMIC_RELAXED);
	return traffic_wait(traffic);
}

void run(const char *format, ...)
{
	char command[256];
	va_list arguments;
	int status;

	va_start(arguments, format);
	vsnprintf(command, sizeof(command), format, arguments);
	va_end(arguments);
	status = system(command);
	if (status)
		fail("`%s`: status %d", command, status);
}

double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}
