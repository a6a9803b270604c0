// SPDX-License-Identifier: GPL-2.0-only
// SPDX-FileCopyrightText: 2026 The capbox authors
/*
 * rights TX RX: which process may open a session, of which namespace, and which user's locked memory it counts as: docs/internals/ring.md,
 * "A session". A process of its own checks each case, after dropping the rights that it must not have.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "session.h"
#include "traffic.h"

#define NOBODY 65534
#define PACKETS 200
#define ALL_CAPABILITIES (~0ull)

static const char *tx, *rx;

static void give_up(uint64_t capabilities)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	expect(!syscall(SYS_capget, &head, data), "capget: %s", strerror(errno));
	for (int i = 0; i < 2; i++) {
		data[i].effective &= ~(uint32_t)(capabilities >> (32 * i));
		data[i].permitted = data[i].effective;
		data[i].inheritable = 0;
	}
	expect(!syscall(SYS_capset, &head, data), "capset: %s", strerror(errno));
}

static void set_memlock(uint64_t bytes)
{
	struct rlimit limit = { .rlim_cur = bytes, .rlim_max = bytes };

	expect(!setrlimit(RLIMIT_MEMLOCK, &limit), "setrlimit: %s", strerror(errno));
}

static void write_file(const char *path, const char *text)
{
	int file = open(path, O_WRONLY | O_CLOEXEC);

	expect(file >= 0, "%s: %s", path, strerror(errno));
	expect(write(file, text, strlen(text)) == (ssize_t)strlen(text), "%s: %s", path, strerror(errno));
	close(file);
}

static void must_not_open(const char *who)
{
	errno = 0;
	expect(open(CAPBOX_DEVICE, O_RDWR | O_CLOEXEC) == -1 && errno == EPERM, "%s: %s", who, strerror(errno));
}

/* The session records packets that arrive on an interface of its namespace. */
static void must_work(struct session *session, const char *sender, const char *interface)
{
	struct traffic traffic = { .interface = sender, .cpu = -1, .bytes = 100, .limit = PACKETS };

	session_add_port(session, interface, 0, 0);
	session_ioctl(session, CAPBOX_IOC_START, "START");
	traffic_start(&traffic);
	traffic_wait(&traffic);
	for (int tries = 0; tries < 10000 && session_counters(session, CAPBOX_ALL_RINGS).seen.packets < PACKETS; tries++)
		usleep(1000);
	session_ioctl(session, CAPBOX_IOC_STOP, "STOP");
	expect(session_drain(session, NULL, NULL) == PACKETS, "packets");
	session_check_sum(session);
}

static void no_admin(void)
{
	give_up(1ull << CAP_NET_ADMIN);
	must_not_open("without CAP_NET_ADMIN");
}

static void no_raw(void)
{
	give_up(1ull << CAP_NET_RAW);
	must_not_open("without CAP_NET_RAW");
}

/* These two capabilities suffice. */
static void only_both(void)
{
	struct session session = { .setup = setup_default() };

	give_up(~(1ull << CAP_NET_ADMIN | 1ull << CAP_NET_RAW | 1ull << CAP_IPC_LOCK));
	session_setup(&session);
	must_work(&session, tx, rx);
	session_close(&session);
}

/* As with a socket, the kernel checks rights at open only. */
static void handed_on(void)
{
	struct session session = { .setup = setup_default() };
	int sender = sender_open(tx);
	uint8_t frame[60] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02, 0, 0, 0, 0, 1, 0x88, 0xb5 };

	session_setup(&session);
	give_up(ALL_CAPABILITIES);
	must_not_open("without any");
	session_add_port(&session, rx, 0, 0);
	session_ioctl(&session, CAPBOX_IOC_START, "START");
	sender_send(sender, frame, sizeof(frame));
	for (int tries = 0; tries < 10000 && !session_counters(&session, CAPBOX_ALL_RINGS).seen.packets; tries++)
		usleep(1000);
	session_ioctl(&session, CAPBOX_IOC_STOP, "STOP");
	expect(session_drain(&session, NULL, NULL) == 1, "packets");
	session_close(&session);
}

/* A container: root in a user namespace has rights over the network namespaces that belong to it, and over no other. */
static void container(void)
{
	struct session session = { .setup = setup_default() };

	set_memlock(64 << 20);
	expect(!setgid(NOBODY) && !setuid(NOBODY), "setuid: %s", strerror(errno));
	/* A process that changed its user owns its /proc/self again only when it is dumpable. */
	expect(!prctl(PR_SET_DUMPABLE, 1), "prctl: %s", strerror(errno));
	must_not_open("nobody");
	expect(!unshare(CLONE_NEWUSER), "a user namespace: %s", strerror(errno));
	write_file("/proc/self/setgroups", "deny");
	write_file("/proc/self/uid_map", "0 65534 1");
	write_file("/proc/self/gid_map", "0 65534 1");
	must_not_open("root of a user namespace, in a network namespace that is not its own");
	expect(!unshare(CLONE_NEWNET), "a network namespace: %s", strerror(errno));
	run("ip link add c0 type veth peer name c1 && ip link set c0 up addrgenmode none && ip link set c1 up addrgenmode none");
	session_setup(&session);
	must_work(&session, "c0", "c1");
	session_close(&session);
}

/* Locked memory counts per user, over all sessions, and is released when one ends. */
static void memlock(void)
{
	struct session first = { .setup = setup_default() }, second = { .setup = setup_default() };
	uint64_t bytes;

	session_setup(&first);
	bytes = first.setup.map_bytes;
	session_close(&first);

	give_up(1ull << CAP_IPC_LOCK);
	set_memlock(bytes * 3 / 2);
	for (int i = 0; i < 3; i++) {
		first = (struct session){ .setup = setup_default() };
		session_setup(&first);
		second = (struct session){ .setup = setup_default(), .fd = session_open() };
		errno = 0;
		expect(ioctl(second.fd, CAPBOX_IOC_SETUP, &second.setup) == -1 && errno == ENOBUFS &&
			       strstr(second.setup.error, "RLIMIT_MEMLOCK"), "%s: %s", strerror(errno), second.setup.error);
		close(second.fd);
		must_work(&first, tx, rx);
		session_close(&first);
	}
	set_memlock(bytes - 4096);
	second = (struct session){ .setup = setup_default(), .fd = session_open() };
	expect(ioctl(second.fd, CAPBOX_IOC_SETUP, &second.setup) == -1 && errno == ENOBUFS, "a page less: %s", strerror(errno));
	close(second.fd);
}

static void apart(const char *name, void (*question)(void))
{
	int status;
	pid_t child = fork();

	expect(child >= 0, "fork: %s", strerror(errno));
	if (!child) {
		question();
		_exit(0);
	}
	expect(waitpid(child, &status, 0) == child && !status, "%s: status %#x", name, status);
	printf("%s\n", name);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	struct stat device;

	if (argc != 3)
		fail("usage: rights TX RX");
	tx = argv[1];
	rx = argv[2];
	expect(!stat(CAPBOX_DEVICE, &device) && (device.st_mode & 0777) == 0600 && !device.st_uid, "mode %o", device.st_mode);
	/* Rules the file's mode out as the cause of an error. */
	expect(!chmod(CAPBOX_DEVICE, 0666), "chmod: %s", strerror(errno));
	apart("no CAP_NET_ADMIN", no_admin);
	apart("no CAP_NET_RAW", no_raw);
	apart("these two alone", only_both);
	apart("handed on", handed_on);
	apart("a container", container);
	apart("locked memory", memlock);
	chmod(CAPBOX_DEVICE, 0600);
	return 0;
}
