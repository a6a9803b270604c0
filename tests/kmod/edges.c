// SPDX-License-Identifier: GPL-2.0-only
// SPDX-FileCopyrightText: 2026 The capbox authors
/*
 * edges TX RX: every wrong call of the module fails with the error, and the text, that docs/internals/ring.md names, and leaves a session that
 * works.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "session.h"
#include "traffic.h"

#define PAGE 4096ul
#define BAD ((void *)8)

static const char *tx, *rx;

/* The call fails with this error, and @said contains @text if there is one. */
#define refused(call, number, said, text)                                                                          \
	do {                                                                                                       \
		errno = 0;                                                                                         \
		expect((call) == -1 && errno == (number), "%s (%s)", strerror(errno), (said) ? (said) : "");      \
		expect(!(text) || strstr((said) ? (said) : "", (text) ? (text) : ""), "it says: %s", (said) ? (said) : ""); \
	} while (0)

static struct session ready(uint32_t hooks)
{
	struct session session = { .setup = setup_default() };

	session.setup.hooks = hooks;
	session_setup(&session);
	return session;
}

/* The session still records: no earlier call has harmed it. */
static void works(struct session *session)
{
	struct traffic traffic = { .interface = tx, .cpu = -1, .bytes = 100, .limit = 200 };
	uint64_t before = session_counters(session, CAPBOX_ALL_RINGS).seen.packets;

	session_add_port(session, rx, 0, 0);
	session_ioctl(session, CAPBOX_IOC_START, "START");
	traffic_start(&traffic);
	traffic_wait(&traffic);
	usleep(50000);
	session_ioctl(session, CAPBOX_IOC_STOP, "STOP");
	expect(session_counters(session, CAPBOX_ALL_RINGS).seen.packets == before + 200, "%llu of 200",
	       session_counters(session, CAPBOX_ALL_RINGS).seen.packets - before);
	expect(session_drain(session, NULL, NULL) == 200, "packets");
	session_check_sum(session);
	session_close(session);
}

static void test_calls(void)
{
	struct capbox_version version = { 0 };
	struct session session = { .fd = session_open() };

	expect(!ioctl(session.fd, CAPBOX_IOC_VERSION, &version) && version.abi == CAPBOX_ABI_VERSION && version.release[0], "VERSION");
	refused(ioctl(session.fd, CAPBOX_IOC_VERSION, BAD), EFAULT, NULL, NULL);
	for (unsigned int number = 0; number < 256; number++) {
		refused(ioctl(session.fd, _IO(CAPBOX_IOC_MAGIC ^ 1, number), &version), ENOTTY, NULL, NULL);
		refused(ioctl(session.fd, _IOC(_IOC_READ | _IOC_WRITE, CAPBOX_IOC_MAGIC, number, 4), &version), ENOTTY, NULL, NULL);
		if (number > _IOC_NR(CAPBOX_IOC_COUNTERS))
			refused(ioctl(session.fd, _IO(CAPBOX_IOC_MAGIC, number), &version), ENOTTY, NULL, NULL);
	}
	/* A structure with a field more, and with a field less. */
	refused(ioctl(session.fd, _IOC(_IOC_READ | _IOC_WRITE, CAPBOX_IOC_MAGIC, 1, sizeof(struct capbox_setup) + 8), &version), ENOTTY,
		NULL, NULL);
	refused(ioctl(session.fd, _IOC(_IOC_READ | _IOC_WRITE, CAPBOX_IOC_MAGIC, 1, sizeof(struct capbox_setup) - 8), &version), ENOTTY,
		NULL, NULL);
	refused(read(session.fd, &version, 8), EINVAL, NULL, NULL);
	refused(write(session.fd, &version, 8), EINVAL, NULL, NULL);
	refused(lseek(session.fd, 0, SEEK_SET), ESPIPE, NULL, NULL);
	session.setup = setup_default();
	session_setup(&session);
	works(&session);
}

static void test_order(void)
{
	struct capbox_ring_counters counters = { .ring = CAPBOX_ALL_RINGS };
	struct capbox_port port = { .ifindex = if_nametoindex(rx) };
	struct session session = { .fd = session_open() };
	struct pollfd poll_fd = { .fd = session.fd, .events = POLLIN };

	refused(ioctl(session.fd, CAPBOX_IOC_START), EINVAL, NULL, NULL);
	refused(ioctl(session.fd, CAPBOX_IOC_STOP), EINVAL, NULL, NULL);
	refused(ioctl(session.fd, CAPBOX_IOC_FLUSH), EINVAL, NULL, NULL);
	refused(ioctl(session.fd, CAPBOX_IOC_COUNTERS, &counters), EINVAL, NULL, NULL);
	refused(ioctl(session.fd, CAPBOX_IOC_ADD_PORT, &port), EINVAL, port.error, "SETUP comes first");
	refused(ioctl(session.fd, CAPBOX_IOC_GET_PORT, &port), ENOENT, port.error, "no port 0");
	expect(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, session.fd, 0) == MAP_FAILED && errno == EINVAL, "mmap before SETUP");
	expect(poll(&poll_fd, 1, 0) == 1 && poll_fd.revents == POLLERR, "events %#x", poll_fd.revents);
	session.setup = setup_default();
	session_setup(&session);
	expect(poll(&poll_fd, 1, 0) == 0, "events %#x", poll_fd.revents);
	refused(ioctl(session.fd, CAPBOX_IOC_SETUP, &session.setup), EBUSY, session.setup.error, "set up already");
	refused(ioctl(session.fd, CAPBOX_IOC_STOP), EINVAL, NULL, NULL);
	session_ioctl(&session, CAPBOX_IOC_FLUSH, "FLUSH");
	session_ioctl(&session, CAPBOX_IOC_START, "START");
	refused(ioctl(session.fd, CAPBOX_IOC_START), EBUSY, NULL, NULL);
	session_ioctl(&session, CAPBOX_IOC_STOP, "STOP");
	refused(ioctl(session.fd, CAPBOX_IOC_STOP), EINVAL, NULL, NULL);
	counters.ring = session.setup.rings;
	refused(ioctl(session.fd, CAPBOX_IOC_COUNTERS, &counters), EINVAL, NULL, NULL);
	counters = (struct capbox_ring_counters){ .reserved = 1 };
	refused(ioctl(session.fd, CAPBOX_IOC_COUNTERS, &counters), EINVAL, NULL, NULL);
	works(&session);
}

static void test_setup(void)
{
	static const struct {
		size_t field;
		uint32_t value;
		int error;
		const char *text;
	} wrong[] = {
		{ offsetof(struct capbox_setup, abi), CAPBOX_ABI_VERSION + 41, EPROTO, "asked for 42, this module has 1" },
		{ offsetof(struct capbox_setup, abi), 0, EPROTO, "asked for 0, this module has 1" },
		{ offsetof(struct capbox_setup, flags), 4, EINVAL, "flags: unknown bits 0x4" },
		{ offsetof(struct capbox_setup, hooks), 0, EINVAL, "hooks: 0" },
		{ offsetof(struct capbox_setup, hooks), 0x80, EINVAL, "hooks: 0x80" },
		{ offsetof(struct capbox_setup, policy), 2, EINVAL, "policy: 2" },
		{ offsetof(struct capbox_setup, block_bytes), 0, EINVAL, "block_bytes: 0" },
		{ offsetof(struct capbox_setup, block_bytes), 32768, EINVAL, "block_bytes: 32768" },
		{ offsetof(struct capbox_setup, block_bytes), 65536 + 4096, EINVAL, "block_bytes: 69632" },
		{ offsetof(struct capbox_setup, block_bytes), 8 << 20, EINVAL, "block_bytes: 8388608" },
		{ offsetof(struct capbox_setup, block_bytes), 1u << 31, EINVAL, "block_bytes: 2147483648" },
		{ offsetof(struct capbox_setup, blocks), 0, EINVAL, "blocks: 0" },
		{ offsetof(struct capbox_setup, blocks), 1, EINVAL, "blocks: 1" },
		{ offsetof(struct capbox_setup, blocks), 16385, EINVAL, "blocks: 16385" },
		{ offsetof(struct capbox_setup, blocks), UINT32_MAX, EINVAL, "blocks: 4294967295" },
		{ offsetof(struct capbox_setup, blocks), 16384, ENOBUFS, "memory_limit_mib" },
		{ offsetof(struct capbox_setup, head_bytes), 2, EINVAL, "head_bytes: 2" },
		{ offsetof(struct capbox_setup, head_bytes), 4100, EINVAL, "head_bytes: 4100" },
		{ offsetof(struct capbox_setup, handover_us), 99, EINVAL, "handover_us: 99" },
		{ offsetof(struct capbox_setup, handover_us), 60000001, EINVAL, "handover_us: 60000001" },
		{ offsetof(struct capbox_setup, reserved), 1, EINVAL, "reserved" },
		{ offsetof(struct capbox_setup, reserved) + 8, 1, EINVAL, "reserved" },
	};
	struct session session = { .fd = session_open() };

	refused(ioctl(session.fd, CAPBOX_IOC_SETUP, BAD), EFAULT, NULL, NULL);
	refused(ioctl(session.fd, CAPBOX_IOC_SETUP, NULL), EFAULT, NULL, NULL);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		session.setup = setup_default();
		memcpy((char *)&session.setup + wrong[i].field, &wrong[i].value, sizeof(uint32_t));
		refused(ioctl(session.fd, CAPBOX_IOC_SETUP, &session.setup), wrong[i].error, session.setup.error, wrong[i].text);
	}
	session.setup = setup_default();
	session.setup.flags = CAPBOX_SETUP_CONSUME;
	session.setup.hooks = CAPBOX_HOOK_BIT(CAPBOX_HOOK_EGRESS);
	refused(ioctl(session.fd, CAPBOX_IOC_SETUP, &session.setup), EINVAL, session.setup.error, "consume needs the hook ingress");
	session.setup = setup_default();
	session_setup(&session);
	works(&session);
}

/* An interface of PPP's hardware type: a tun interface can be given any. */
static int ppp_open(struct ifreq *request)
{
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	*request = (struct ifreq){ .ifr_name = "ppp0", .ifr_flags = IFF_TUN | IFF_NO_PI };
	expect(!ioctl(fd, TUNSETIFF, request) && !ioctl(fd, TUNSETLINK, ARPHRD_PPP), "tun: %s", strerror(errno));
	return fd;
}

static void test_ports(void)
{
	struct ifreq ppp;
	int tun = ppp_open(&ppp);
	struct session session = ready(CAPBOX_HOOK_BIT(CAPBOX_HOOK_INGRESS));
	struct capbox_port port = { .ifindex = 12345 };

	refused(ioctl(session.fd, CAPBOX_IOC_ADD_PORT, BAD), EFAULT, NULL, NULL);
	refused(ioctl(session.fd, CAPBOX_IOC_ADD_PORT, &port), ENODEV, port.error, "12345");
	port.ifindex = -1;
	refused(ioctl(session.fd, CAPBOX_IOC_ADD_PORT, &port), ENODEV, port.error, "-1");
	port.ifindex = if_nametoindex(ppp.ifr_name);
	refused(ioctl(session.fd, CAPBOX_IOC_ADD_PORT, &port), EPROTONOSUPPORT, port.error, "hardware type 512");
	close(tun);
	port = (struct capbox_port){ .ifindex = if_nametoindex(rx), .flags = 4 };
	refused(ioctl(session.fd, CAPBOX_IOC_ADD_PORT, &port), EINVAL, port.error, "flags: unknown bits 0x4");
	for (int i = 0; i < 4; i++) {
		port = (struct capbox_port){ .ifindex = if_nametoindex(rx), .port = i == 0, .state = i == 1, .link_type = i == 2, .reserved = i == 3 };
		refused(ioctl(session.fd, CAPBOX_IOC_ADD_PORT, &port), EINVAL, port.error, "must be zero");
	}
	expect(session_add_port(&session, rx, 7, CAPBOX_PORT_PROMISCUOUS) == 0, "the first slot");
	port = (struct capbox_port){ .ifindex = if_nametoindex(rx) };
	refused(ioctl(session.fd, CAPBOX_IOC_ADD_PORT, &port), EEXIST, port.error, "is already port 0");
	port = (struct capbox_port){ 0 };
	expect(!ioctl(session.fd, CAPBOX_IOC_GET_PORT, &port), "GET_PORT: %s", strerror(errno));
	expect(port.ifindex == (int)if_nametoindex(rx) && port.software_interface == 7 && port.hardware_interface == 8 &&
	       port.flags == CAPBOX_PORT_PROMISCUOUS && port.state == CAPBOX_PORT_ATTACHED && port.link_type == 1, "state %u", port.state);
	for (uint32_t slot = 1; slot; slot *= 3) {
		port = (struct capbox_port){ .port = slot };
		refused(ioctl(session.fd, CAPBOX_IOC_GET_PORT, &port), ENOENT, port.error, "no port");
		refused(ioctl(session.fd, CAPBOX_IOC_REMOVE_PORT, &port), ENOENT, port.error, "no port");
		if (slot > UINT32_MAX / 3)
			break;
	}
	port = (struct capbox_port){ .reserved = 1 };
	refused(ioctl(session.fd, CAPBOX_IOC_GET_PORT, &port), EINVAL, port.error, "reserved");
	refused(ioctl(session.fd, CAPBOX_IOC_REMOVE_PORT, &port), EINVAL, port.error, "reserved");
	port.reserved = 0;
	expect(!ioctl(session.fd, CAPBOX_IOC_REMOVE_PORT, &port), "REMOVE_PORT: %s", strerror(errno));
	refused(ioctl(session.fd, CAPBOX_IOC_REMOVE_PORT, &port), ENOENT, port.error, "no port 0");
	works(&session);
}

/* A port for each slot, and one more. */
static void test_port_limit(void)
{
	struct session session = ready(CAPBOX_HOOK_BIT(CAPBOX_HOOK_INGRESS) | CAPBOX_HOOK_BIT(CAPBOX_HOOK_EGRESS));
	struct capbox_port port = { 0 };
	char name[16];

	session_ioctl(&session, CAPBOX_IOC_START, "START");
	for (uint32_t i = 0; i <= CAPBOX_PORTS_MAX; i++) {
		run("ip link add d%u type dummy", i);
		snprintf(name, sizeof(name), "d%u", i);
		if (i < CAPBOX_PORTS_MAX)
			expect(session_add_port(&session, name, 2 * i, 0) == i, "slot %u", i);
	}
	port.ifindex = if_nametoindex(name);
	refused(ioctl(session.fd, CAPBOX_IOC_ADD_PORT, &port), ENOSPC, port.error, "at most 32");
	run("for i in $(seq 0 %u); do ip link delete d$i; done", CAPBOX_PORTS_MAX);
	for (port.port = 0; port.port < CAPBOX_PORTS_MAX; port.port++) {
		expect(!ioctl(session.fd, CAPBOX_IOC_GET_PORT, &port) && port.state == CAPBOX_PORT_GONE, "port %u: state %u", port.port, port.state);
		expect(!ioctl(session.fd, CAPBOX_IOC_REMOVE_PORT, &port), "REMOVE_PORT");
	}
	session_ioctl(&session, CAPBOX_IOC_STOP, "STOP");
	works(&session);
}

static int set_filter(const struct session *session, uint32_t kind, const struct sock_filter *program, uint32_t count)
{
	struct capbox_filter filter = { .instructions = (uintptr_t)program, .count = count, .kind = kind };

	return ioctl(session->fd, CAPBOX_IOC_SET_FILTER, &filter);
}

static void test_filters(void)
{
	static struct sock_filter many[CAPBOX_FILTER_INSTRUCTIONS_MAX + 1];
	struct sock_filter accept = BPF_STMT(BPF_RET | BPF_K, 0xffffffff), load = BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0);
	struct sock_filter divide[] = { BPF_STMT(BPF_ALU | BPF_DIV | BPF_K, 0), accept };
	struct sock_filter divide_x[] = { BPF_STMT(BPF_LDX | BPF_IMM, 0), BPF_STMT(BPF_ALU | BPF_DIV | BPF_X, 0), accept };
	struct sock_filter outside[] = { BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 1000000), accept };
	struct sock_filter before[] = { BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_LL_OFF - 1000)), accept };
	struct sock_filter jump[] = { BPF_JUMP(BPF_JMP | BPF_JA, 100, 0, 0), accept };
	struct sock_filter store[] = { BPF_STMT(BPF_ST, BPF_MEMWORDS), accept };
	struct session session = ready(CAPBOX_HOOK_BIT(CAPBOX_HOOK_INGRESS));
	struct capbox_filter filter = { .instructions = (uintptr_t)&accept, .count = 1, .reserved = 1 };
	struct sock_filter *rejecting[] = { divide_x, outside, before };
	struct traffic traffic = { .interface = tx, .cpu = -1, .bytes = 100, .limit = 10 };
	struct capbox_counters counters;

	refused(ioctl(session.fd, CAPBOX_IOC_SET_FILTER, BAD), EFAULT, NULL, NULL);
	refused(ioctl(session.fd, CAPBOX_IOC_SET_FILTER, &filter), EINVAL, NULL, NULL);
	refused(set_filter(&session, 2, &accept, 1), EINVAL, NULL, NULL);
	refused(set_filter(&session, UINT32_MAX, &accept, 1), EINVAL, NULL, NULL);
	refused(set_filter(&session, 0, &accept, 0), EINVAL, NULL, NULL);
	refused(set_filter(&session, 0, NULL, 1), EINVAL, NULL, NULL);
	refused(set_filter(&session, 0, BAD, 1), EFAULT, NULL, NULL);
	refused(set_filter(&session, 0, many, CAPBOX_FILTER_INSTRUCTIONS_MAX + 1), EINVAL, NULL, NULL);
	refused(set_filter(&session, 0, many, 65536 + 1), EINVAL, NULL, NULL);
	refused(set_filter(&session, 0, &load, 1), EINVAL, NULL, NULL); /* falls off its end */
	refused(set_filter(&session, 0, divide, 2), EINVAL, NULL, NULL);
	refused(set_filter(&session, 0, jump, 2), EINVAL, NULL, NULL);
	refused(set_filter(&session, 0, store, 2), EINVAL, NULL, NULL);
	for (uint32_t i = 0; i < CAPBOX_FILTER_INSTRUCTIONS_MAX; i++)
		many[i] = accept;
	expect(!set_filter(&session, 0, many, CAPBOX_FILTER_INSTRUCTIONS_MAX), "the longest: %s", strerror(errno));
	expect(!set_filter(&session, 0, NULL, 0), "none: %s", strerror(errno));
	/* A program that fails at run time rejects the packet. */
	session_add_port(&session, rx, 0, 0);
	session_ioctl(&session, CAPBOX_IOC_START, "START");
	for (uint32_t i = 0; i < 3; i++) {
		expect(!set_filter(&session, 0, rejecting[i], i == 0 ? 3 : 2), "filter %u: %s", i, strerror(errno));
		traffic_start(&traffic);
		traffic_wait(&traffic);
		usleep(50000);
		counters = session_counters(&session, CAPBOX_ALL_RINGS);
		expect(counters.filtered.packets == 10 * (i + 1) && counters.seen.packets == 10 * (i + 1), "%llu filtered", counters.filtered.packets);
	}
	session_ioctl(&session, CAPBOX_IOC_STOP, "STOP");
	expect(!set_filter(&session, 0, NULL, 0), "none: %s", strerror(errno));
	struct capbox_port port = { 0 };
	expect(!ioctl(session.fd, CAPBOX_IOC_REMOVE_PORT, &port), "REMOVE_PORT");
	works(&session);
}

static void no_map(int fd, uint64_t bytes, int protection, int flags, uint64_t offset, int error)
{
	void *map = mmap(NULL, bytes, protection, flags, fd, offset);

	expect(map == MAP_FAILED && errno == error, "%lu bytes at %lu: %s", bytes, offset, strerror(errno));
}

static void test_mapping(void)
{
	struct session session = ready(CAPBOX_HOOK_BIT(CAPBOX_HOOK_INGRESS));
	uint64_t bytes = session.setup.map_bytes;
	const int both = PROT_READ | PROT_WRITE;
	uint8_t *map;

	no_map(session.fd, bytes + PAGE, both, MAP_SHARED, 0, EINVAL);
	no_map(session.fd, PAGE, both, MAP_SHARED, bytes, EINVAL);
	no_map(session.fd, PAGE, both, MAP_SHARED, 1ull << 62, EINVAL);
	no_map(session.fd, bytes, both, MAP_SHARED, PAGE, EINVAL);
	no_map(session.fd, bytes, both, MAP_PRIVATE, 0, EINVAL);
	no_map(session.fd, bytes, both | PROT_EXEC, MAP_SHARED, 0, EINVAL);
	refused(mprotect(session.map, PAGE, both | PROT_EXEC), EACCES, NULL, NULL);
	expect(mremap(session.map, bytes, bytes + PAGE, MREMAP_MAYMOVE) == MAP_FAILED && errno == EFAULT, "grown: %s", strerror(errno));
	expect(mremap(session.map, 0, PAGE, MREMAP_MAYMOVE) == MAP_FAILED, "doubled");
	/* A mapping of a single page, the last one too, is the same memory. */
	for (uint64_t offset = 0; offset < bytes; offset += offset < 16 * PAGE ? PAGE : bytes / 61 / PAGE * PAGE) {
		map = mmap(NULL, PAGE, both, MAP_SHARED, session.fd, offset);
		expect(map != MAP_FAILED, "page at %lu: %s", offset, strerror(errno));
		map[PAGE - 1] = 0x5a;
		expect(session.map[offset + PAGE - 1] == 0x5a, "page at %lu", offset);
		map[PAGE - 1] = 0;
		munmap(map, PAGE);
	}
	map = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, session.fd, bytes - PAGE);
	expect(map != MAP_FAILED, "the last page: %s", strerror(errno));
	munmap(map, PAGE);
	/* Advice that does not suit such memory returns. */
	for (int advice = 0; advice < 26; advice++)
		madvise(session.map + session.setup.blocks_offset + PAGE, 3 * PAGE, advice);
	munmap(session.map, bytes);
	session.map = mmap(NULL, bytes, both, MAP_SHARED, session.fd, 0);
	/* The mapping can be moved. */
	map = mremap(session.map, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	expect(map != MAP_FAILED, "moved: %s", strerror(errno));
	session.map = map;
	expect(ring_head(&session, 0)->cpu == 0, "ring 0 is CPU %u's", ring_head(&session, 0)->cpu);
	works(&session);
}

static void test_close(void)
{
	struct session session = session_start(CAPBOX_HOOK_BIT(CAPBOX_HOOK_INGRESS), rx);
	struct traffic traffic = { .interface = tx, .cpu = -1, .bytes = 1000, .limit = 500 };
	uint32_t block, ring;
	int other = dup(session.fd);

	/* Capture continues while nothing is mapped; a new mapping has all packets. */
	munmap(session.map, session.setup.map_bytes);
	traffic_start(&traffic);
	traffic_wait(&traffic);
	close(session.fd);
	session.fd = other;
	session.map = mmap(NULL, session.setup.map_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, other, 0);
	expect(session.map != MAP_FAILED, "%s", strerror(errno));
	session_ioctl(&session, CAPBOX_IOC_FLUSH, "FLUSH");
	/* The descriptor is closed while a block is claimed: capture lasts as long as the mapping. */
	for (ring = 0; !ring_claim(&session, ring, &block); ring++)
		expect(ring + 1 < session.setup.rings, "no block");
	uint64_t before = ring_head(&session, 0)->filled + ring_head(&session, 1)->filled;
	close(session.fd);
	traffic_start(&traffic);
	traffic_wait(&traffic);
	usleep(100000);
	expect(ring_head(&session, 0)->filled + ring_head(&session, 1)->filled > before, "it stays at %lu", before);
	expect(block_walk(&session, ring, block, NULL, NULL) > 0, "packets in the block that was held");
	expect(system("rmmod capbox 2>/dev/null") != 0, "the module went while a mapping is there");
	munmap(session.map, session.setup.map_bytes);
}

/* A forked child has the descriptor, but not the memory. */
static void test_fork(void)
{
	struct session session = session_start(CAPBOX_HOOK_BIT(CAPBOX_HOOK_INGRESS), rx);
	int status;
	pid_t child = fork();

	if (!child) {
		if (session_counters(&session, 0).bad_returns)
			_exit(1);
		((volatile uint8_t *)session.map)[0] = 1;
		_exit(2);
	}
	expect(waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV, "status %#x", status);
	session_ioctl(&session, CAPBOX_IOC_STOP, "STOP");
	struct capbox_port port = { 0 };
	expect(!ioctl(session.fd, CAPBOX_IOC_REMOVE_PORT, &port), "REMOVE_PORT");
	works(&session);
}

/* Two sessions that only record and one that consumes: the former see all packets, whatever the order of START. */
static void test_consume(void)
{
	struct session sessions[3];
	struct traffic traffic = { .interface = tx, .cpu = -1, .bytes = 100, .limit = 100 };

	for (int i = 0; i < 3; i++) {
		sessions[i] = (struct session){ .setup = setup_default() };
		if (i == 1)
			sessions[i].setup.flags = CAPBOX_SETUP_CONSUME;
		session_setup(&sessions[i]);
		session_add_port(&sessions[i], rx, 0, 0);
		session_ioctl(&sessions[i], CAPBOX_IOC_START, "START");
	}
	traffic_start(&traffic);
	traffic_wait(&traffic);
	usleep(50000);
	for (int i = 0; i < 3; i++) {
		expect(session_counters(&sessions[i], CAPBOX_ALL_RINGS).seen.packets == 100, "session %d saw %llu of 100", i,
		       session_counters(&sessions[i], CAPBOX_ALL_RINGS).seen.packets);
		session_close(&sessions[i]);
	}
}

int main(int argc, char **argv)
{
	if (argc != 3)
		fail("usage: edges TX RX");
	tx = argv[1];
	rx = argv[2];
	test_calls();
	test_order();
	test_setup();
	test_ports();
	test_port_limit();
	test_filters();
	test_mapping();
	test_close();
	test_fork();
	test_consume();
	puts("10 groups of wrong calls");
	return 0;
}
