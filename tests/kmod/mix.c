// SPDX-License-Identifier: GPL-2.0-only
// SPDX-FileCopyrightText: 2026 The capbox authors
/*
 * mix TX ROUNDS: sends frames of every kind that the list of filter expressions distinguishes: tags, fragments, IPv4 and IPv6, TCP
 * flags, ARP, MPLS, PPPoE. Prints their number.
 */
#include <arpa/inet.h>
#include <string.h>

#include "session.h"

static uint8_t frame[1600];
static uint32_t length;
static int sender;
static unsigned int sent;

static void put8(uint32_t value)
{
	frame[length++] = value;
}

static void put16(uint32_t value)
{
	put8(value >> 8 & 0xff);
	put8(value & 0xff);
}

static void put32(uint32_t value)
{
	put16(value >> 16);
	put16(value & 0xffff);
}

static void begin(const char *target, uint32_t source)
{
	length = 0;
	for (int i = 0; i < 6; i++)
		put8((uint8_t)target[i]);
	put32(0x02000000);
	put16(source);
}

static const char to_peer[] = "\x02\x00\x00\x00\x00\x0b", to_other[] = "\x02\x00\x00\x00\x00\x77", to_all[] = "\xff\xff\xff\xff\xff\xff",
		  to_group[] = "\x01\x00\x5e\x01\x01\x01";

static void ip4(uint32_t protocol, uint32_t source, uint32_t target, uint32_t payload, uint32_t fragment, uint32_t ttl)
{
	put16(0x4500);
	put16(20 + payload);
	put16(0x1234);
	put16(fragment);
	put8(ttl);
	put8(protocol);
	put16(0);
	put32(source);
	put32(target);
}

static void ip6(uint32_t next, uint32_t source, uint32_t target, uint32_t payload)
{
	put32(0x60000000);
	put16(payload);
	put8(next);
	put8(64);
	put32(0x20010db8), put32(0), put32(0), put32(source);
	put32(0x20010db8), put32(0), put32(0), put32(target);
}

static void udp(uint32_t source, uint32_t target, uint32_t payload)
{
	put16(source);
	put16(target);
	put16(8 + payload);
	put16(0);
	put32(0xcafe0000 | target);
	for (uint32_t i = 4; i < payload; i++)
		put8(i);
}

static void tcp(uint32_t source, uint32_t target, uint32_t flags)
{
	put16(source);
	put16(target);
	put32(1000);
	put32(2000);
	put16(0x5000 | flags);
	put16(1024);
	put32(0);
}

static void finish(void)
{
	while (length < 60)
		put8(0);
	sender_send(sender, frame, length);
	sent++;
}

static void udp4(const char *target, uint32_t tags, uint32_t address, uint32_t port, uint32_t payload)
{
	begin(target, 0x0001);
	if (tags & 0xffff0000)
		put16(0x88a8), put16(tags >> 16);
	if (tags & 0xffff)
		put16(0x8100), put16(tags & 0xffff);
	put16(0x0800);
	ip4(17, 0x0a000001, address, 8 + payload, 0, 64);
	udp(5000, port, payload);
	finish();
}

static void tcp4(uint32_t source, uint32_t target, uint32_t flags)
{
	begin(to_peer, 0x0002);
	put16(0x0800);
	ip4(6, 0x0a000001, 0x0a000002, 20, 0x4000, 64);
	tcp(source, target, flags);
	finish();
}

static void small_kinds(void)
{
	begin(to_all, 0x0003); /* ARP request */
	put16(0x0806), put16(1), put16(0x0800), put16(0x0604), put16(1);
	put32(0x02000000), put16(3), put32(0x0a000001), put32(0), put16(0), put32(0x0a000002);
	finish();
	begin(to_peer, 0x0001); /* ICMP echo request, then reply */
	put16(0x0800), ip4(1, 0x0a000001, 0x0a000002, 16, 0, 64), put16(0x0800), put16(0), put32(0x00010001), put32(7), put32(8);
	finish();
	begin(to_peer, 0x0001);
	put16(0x0800), ip4(1, 0x0a000002, 0x0a000001, 16, 0, 1), put16(0x0000), put16(0), put32(0x00010001), put32(7), put32(8);
	finish();
	begin(to_peer, 0x0001); /* first and second fragment */
	put16(0x0800), ip4(17, 0x0a000001, 0x0a000002, 32, 0x2000, 64), udp(5000, 53, 24);
	finish();
	begin(to_peer, 0x0001);
	put16(0x0800), ip4(17, 0x0a000001, 0x0a000002, 24, 4, 64), put32(1), put32(2), put32(3), put32(4), put32(5), put32(6);
	finish();
	begin(to_peer, 0x0004); /* MPLS, PPPoE, an experimental type */
	put16(0x8847), put32(0x00064140), ip4(17, 0x0a000001, 0x0a000002, 16, 0, 64), udp(1, 2, 8);
	finish();
	begin(to_peer, 0x0004);
	put16(0x8864), put16(0x1100), put16(7), put16(38), put16(0x0021), ip4(17, 0x0a000001, 0x0a000002, 16, 0, 64), udp(3, 4, 8);
	finish();
	begin(to_peer, 0x0005);
	put16(0x88b5), put32(0xdeadbeef);
	finish();
}

static void six(void)
{
	begin(to_peer, 0x0006);
	put16(0x86dd), ip6(17, 1, 2, 24), udp(5000, 53, 16);
	finish();
	begin(to_peer, 0x0006);
	put16(0x86dd), ip6(6, 1, 3, 20), tcp(40000, 443, 0x02);
	finish();
	begin(to_peer, 0x0006);
	put16(0x86dd), ip6(58, 4, 2, 8), put16(0x8000), put16(0), put32(1);
	finish();
	begin(to_peer, 0x0006); /* tagged */
	put16(0x8100), put16(10), put16(0x86dd), ip6(17, 1, 2, 24), udp(5000, 123, 16);
	finish();
}

int main(int argc, char **argv)
{
	static const uint32_t ports[] = { 53, 123, 319, 5001, 30001, 65535 };

	if (argc != 3)
		fail("usage: mix TX ROUNDS");
	sender = sender_open(argv[1]);
	for (int round = atoi(argv[2]); round > 0; round--) {
		for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
			udp4(to_peer, 0, 0x0a000002 + i, ports[i], 18 + 100 * i);
			udp4(to_group, 0, 0xef010101, ports[i], 40);
			udp4(to_peer, 10 + i, 0x0a000002, ports[i], 60);
		}
		udp4(to_other, 0, 0xc0a80105, 9999, 1400);
		udp4(to_all, 0, 0xffffffff, 67, 200);
		udp4(to_peer, 20 << 16 | 30, 0x0a000002, 53, 50);
		udp4(to_peer, 0x6000 | 10, 0x0a000002, 53, 50); /* priority 3 */
		tcp4(40000, 80, 0x02);
		tcp4(80, 40000, 0x12);
		tcp4(40000, 80, 0x18);
		tcp4(40000, 443, 0x11);
		tcp4(40000, 22, 0x04);
		small_kinds();
		six();
	}
	printf("%u\n", sent);
	return 0;
}
