// SPDX-License-Identifier: GPL-2.0-only
// SPDX-FileCopyrightText: 2026 The capbox authors
/*
 * readers TX RX: several sessions on one port, some of which consume, besides the stack and packet sockets. After each step of a table
 * the test sends the same numbered packets, and each reader gets all of them in order, or none, as docs/internals/ring.md describes (Hook points).
 * RX has the address 10.0.0.2.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "session.h"
#include "traffic.h"

#define PACKETS 300
#define FRAME_BYTES 400
#define PORT 4096
#define NUMBER_OFFSET 42

static const char *tx, *rx;
static int sender;

/* Readers. */
enum reader {
	LOOK_A, LOOK_B,		/* sessions at INGRESS */
	INET,			/* a session at PRE_ROUTING and LOCAL_IN */
	FULL,			/* a session at INGRESS without a reader */
	EAT_A, EAT_B,		/* sessions that consume */
	SESSIONS,
	STACK = SESSIONS,	/* a UDP socket */
	OWN_TYPE,		/* a packet socket bound to its own EtherType */
	ALL_TYPES,		/* a packet socket for all types, like tcpdump's */
	READERS,
};

#define ONE(reader) (1u << (reader))

static const char *const names[READERS] = { "look-a", "look-b", "inet", "full", "eat-a", "eat-b", "stack", "own-type", "all-types" };
static struct session sessions[SESSIONS];
static int sockets[READERS];

enum action { START, STOP, CLOSE, REJECT, ADD_PORT, REMOVE_PORT };

static const char *const action_names[] = { "START", "STOP", "close", "reject all", "ADD_PORT", "REMOVE_PORT" };

#define ALWAYS (ONE(ALL_TYPES))
#define BEHIND (ONE(STACK) | ONE(OWN_TYPE))	/* readers from which consuming hides packets; INET too, if it runs */

/* An action on a session, and the readers that see the packets sent after it. */
static const struct step {
	enum reader reader;
	enum action action;
	uint32_t seen;
} steps[] = {
	{ LOOK_A, START, ALWAYS | BEHIND | ONE(LOOK_A) },
	{ LOOK_B, START, ALWAYS | BEHIND | ONE(LOOK_A) | ONE(LOOK_B) },
	{ INET, START, ALWAYS | BEHIND | ONE(LOOK_A) | ONE(LOOK_B) | ONE(INET) },
	{ LOOK_A, STOP, ALWAYS | BEHIND | ONE(LOOK_B) | ONE(INET) },
	/* A session that consumes runs after those that only record, whatever the order of START; nothing runs after it. */
	{ EAT_A, START, ALWAYS | ONE(LOOK_B) | ONE(EAT_A) },
	{ LOOK_A, START, ALWAYS | ONE(LOOK_A) | ONE(LOOK_B) | ONE(EAT_A) },
	/* Of two sessions that consume, only the last to start sees packets. */
	{ EAT_B, START, ALWAYS | ONE(LOOK_A) | ONE(LOOK_B) | ONE(EAT_B) },
	{ LOOK_B, STOP, ALWAYS | ONE(LOOK_A) | ONE(EAT_B) },
	{ EAT_A, STOP, ALWAYS | ONE(LOOK_A) | ONE(EAT_B) },
	{ EAT_A, START, ALWAYS | ONE(LOOK_A) | ONE(EAT_A) },
	{ EAT_B, REMOVE_PORT, ALWAYS | ONE(LOOK_A) | ONE(EAT_A) },
	{ EAT_B, ADD_PORT, ALWAYS | ONE(LOOK_A) | ONE(EAT_B) },
	/* The module also consumes packets that a filter rejects or that find no room. */
	{ EAT_B, REJECT, ALWAYS | ONE(LOOK_A) },
	{ FULL, START, ALWAYS | ONE(LOOK_A) | ONE(FULL) },
	{ EAT_B, CLOSE, ALWAYS | ONE(LOOK_A) | ONE(EAT_A) | ONE(FULL) },
	{ EAT_A, REJECT, ALWAYS | ONE(LOOK_A) | ONE(FULL) },
	{ EAT_A, REMOVE_PORT, ALWAYS | BEHIND | ONE(LOOK_A) | ONE(INET) | ONE(FULL) },
	{ EAT_A, ADD_PORT, ALWAYS | ONE(LOOK_A) | ONE(FULL) },
	{ EAT_A, CLOSE, ALWAYS | BEHIND | ONE(LOOK_A) | ONE(INET) | ONE(FULL) },
	{ FULL, CLOSE, ALWAYS | BEHIND | ONE(LOOK_A) | ONE(INET) },
	{ LOOK_A, CLOSE, ALWAYS | BEHIND | ONE(INET) },
	{ INET, CLOSE, ALWAYS | BEHIND },
};

static void open_session(enum reader reader)
{
	struct session *session = &sessions[reader];

	session->setup = setup_default();
	session->setup.handover_us = CAPBOX_HANDOVER_US_MAX;
	session->setup.blocks = 8;
	if (reader == INET)
		session->setup.hooks = CAPBOX_HOOK_BIT(CAPBOX_HOOK_PRE_ROUTING) | CAPBOX_HOOK_BIT(CAPBOX_HOOK_LOCAL_IN);
	if (reader == EAT_A || reader == EAT_B)
		session->setup.flags = CAPBOX_SETUP_CONSUME;
	if (reader == FULL)
		session->setup.blocks = 2;
	session_setup(session);
	session_add_port(session, rx, 2 * reader, 0);
}

static int packet_socket(uint16_t type)
{
	struct sockaddr_ll address = { .sll_family = AF_PACKET, .sll_ifindex = if_nametoindex(rx), .sll_protocol = htons(type) };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	expect(fd >= 0 && !bind(fd, (struct sockaddr *)&address, sizeof(address)), "a packet socket: %s", strerror(errno));
	return fd;
}

static void open_sockets(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	int bytes = 8 << 20;

	sockets[STACK] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	inet_pton(AF_INET, "10.0.0.2", &address.sin_addr);
	expect(!bind(sockets[STACK], (struct sockaddr *)&address, sizeof(address)), "10.0.0.2: %s", strerror(errno));
	sockets[OWN_TYPE] = packet_socket(ETH_P_IP);
	sockets[ALL_TYPES] = packet_socket(ETH_P_ALL);
	for (int i = STACK; i < READERS; i++)
		setsockopt(sockets[i], SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
}

static void act(enum reader reader, enum action action)
{
	struct sock_filter none = BPF_STMT(BPF_RET | BPF_K, 0);
	struct capbox_filter filter = { .instructions = (uintptr_t)&none, .count = 1 };
	struct capbox_port port = { .port = 0 };
	struct session *session = &sessions[reader];

	switch (action) {
	case START: session_ioctl(session, CAPBOX_IOC_START, "START"); break;
	case STOP: session_ioctl(session, CAPBOX_IOC_STOP, "STOP"); break;
	case CLOSE: session_close(session); break;
	case REJECT: expect(!ioctl(session->fd, CAPBOX_IOC_SET_FILTER, &filter), "%s", strerror(errno)); break;
	case ADD_PORT: session_add_port(session, rx, 2 * reader, 0); break;
	case REMOVE_PORT: expect(!ioctl(session->fd, CAPBOX_IOC_REMOVE_PORT, &port), "%s", strerror(errno)); break;
	}
}

/* IPv4 and UDP to 10.0.0.2, valid for the stack; each packet adds its number. */
static void build(uint8_t *frame)
{
	static const uint8_t header[] = {
		2, 0, 0, 0, 0, 0x0b, 2, 0, 0, 0, 0, 0x0e, 8, 0,
		0x45, 0, (FRAME_BYTES - 14) >> 8, (FRAME_BYTES - 14) & 255, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2,
		PORT >> 8, PORT & 255, PORT >> 8, PORT & 255, (FRAME_BYTES - 34) >> 8, (FRAME_BYTES - 34) & 255, 0, 0,
	};
	uint32_t sum = 0;

	memcpy(frame, header, sizeof(header));
	for (int i = 14; i < 34; i += 2)
		sum += frame[i] << 8 | frame[i + 1];
	sum = ~((sum & 0xffff) + (sum >> 16)) & 0xffff;
	frame[24] = sum >> 8;
	frame[25] = sum & 255;
}

static void send_all(uint64_t first)
{
	uint8_t frame[FRAME_BYTES] = { 0 };

	build(frame);
	for (uint64_t number = first; number < first + PACKETS; number++) {
		memcpy(frame + NUMBER_OFFSET, &number, sizeof(number));
		sender_send(sender, frame, sizeof(frame));
	}
}

/* A reader's view: every packet has the next number. */
struct view {
	const char *name;
	uint64_t first, count;
	uint32_t per_packet;	/* how often a session sees each: at two hooks */
	uint32_t interface;
};

static void note(struct view *view, const uint8_t *number_at)
{
	uint64_t number;

	memcpy(&number, number_at, sizeof(number));
	expect(number == view->first + view->count / view->per_packet, "%s: packet %lu after %lu of %lu", view->name, number, view->count,
	       view->first);
	view->count++;
}

static void note_packet(const struct packet *packet, void *context)
{
	struct view *view = context;

	expect(packet->original == FRAME_BYTES && packet->interface == view->interface, "%s: %u bytes, interface %u", view->name, packet->original,
	       packet->interface);
	note(view, packet->data + NUMBER_OFFSET);
}

static uint64_t count_session(enum reader reader, struct view *view, uint64_t seen_before)
{
	const struct session *session = &sessions[reader];

	if (!session->map)
		return 0;
	if (reader == FULL)
		return session_counters(session, CAPBOX_ALL_RINGS).seen.packets - seen_before;
	ioctl(session->fd, CAPBOX_IOC_FLUSH);
	session_drain(session, note_packet, view);
	session_check_sum(session);
	return view->count / view->per_packet;
}

static uint64_t count_socket(enum reader reader, struct view *view)
{
	uint8_t frame[2048];
	ssize_t bytes;

	while ((bytes = recv(sockets[reader], frame, sizeof(frame), MSG_DONTWAIT)) > 0)
		note(view, frame + (reader == STACK ? 0 : NUMBER_OFFSET));
	return view->count;
}

static void check(const struct step *step, uint64_t first, const uint64_t *seen_before)
{
	for (enum reader reader = 0; reader < READERS; reader++) {
		struct view view = { .name = names[reader], .first = first, .per_packet = reader == INET ? 2 : 1, .interface = 2 * reader };
		uint64_t count = reader < SESSIONS ? count_session(reader, &view, seen_before[reader]) : count_socket(reader, &view);

		expect(count == (step->seen & ONE(reader) ? PACKETS : 0), "after %s of %s: %s sees %lu", action_names[step->action], names[step->reader],
		       names[reader], count);
	}
}

static void check_full(void)
{
	struct capbox_counters c = session_counters(&sessions[FULL], CAPBOX_ALL_RINGS);

	expect(c.lost_full.packets && c.stored.packets && c.lost_full.packets + c.stored.packets == c.seen.packets, "full: %llu lost",
	       c.lost_full.packets);
}

int main(int argc, char **argv)
{
	const int count = sizeof(steps) / sizeof(steps[0]);
	uint64_t seen_before[SESSIONS] = { 0 };

	expect(argc == 3, "usage: readers TX RX");
	tx = argv[1];
	rx = argv[2];
	pin_to_cpu(0);
	sender = sender_open(tx);
	open_sockets();
	for (enum reader reader = 0; reader < SESSIONS; reader++)
		open_session(reader);
	for (int i = 0; i < count; i++) {
		if (steps[i].reader == FULL && steps[i].action == CLOSE)
			check_full();
		act(steps[i].reader, steps[i].action);
		if (sessions[FULL].map)
			seen_before[FULL] = session_counters(&sessions[FULL], CAPBOX_ALL_RINGS).seen.packets;
		send_all(i * PACKETS);
		usleep(20000);
		check(&steps[i], i * PACKETS, seen_before);
	}
	printf("%d steps\n", count);
	return 0;
}
