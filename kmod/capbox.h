/* SPDX-License-Identifier: GPL-2.0-only */
/* SPDX-FileCopyrightText: 2026 The capbox authors */
/*
 * What the parts of the module share, in reading order. Who may access what:
 *
 *   a ring's private part     its CPU, in softirq or with bottom halves off; no other CPU while
 *                             hooks are registered. The spare ring, which several CPUs share,
 *                             has a lock for that.
 *   a session's control part  the holder of session->lock; hooks never take it.
 *   shared memory             the kernel writes it and user space may write anything anywhere at
 *                             any time. The kernel reads only the two indexes and the numbers in
 *                             the free queue, each once, and checks each against the private part.
 *
 * Locks, outermost first: rtnl, capbox_sessions_lock, session->lock, cpus_read_lock. The holder of
 * session->lock never accesses user memory.
 */
#ifndef CAPBOX_H
#define CAPBOX_H

#include <linux/cpuhotplug.h>
#include <linux/hrtimer.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/netdevice.h>
#include <linux/netfilter.h>
#include <linux/seqlock.h>
#include <linux/spinlock.h>
#include <linux/wait.h>

#include "uapi/capbox.h"

struct bpf_prog;
struct capbox_ring;
struct capbox_session;

/* hooks.c: packets from netfilter's hook points */

/**
 * struct capbox_session_port - a port of a session
 * @session: the session
 * @ring_of: copy of the session's
 * @snap_bytes: copy of the session's
 * @verdict: returned by INGRESS
 * @link_header_mask: all ones if @has_link_header, else 0
 * @needs_slow_path: packets at INGRESS lack an Ethernet header, or may carry the NIC's stamps
 * @software_interface: PCAPNG interface id of packets with the system clock's stamps
 * @ifindex: the interface's index, which a rename does not change
 * @flags: CAPBOX_PORT_*
 * @hardware_interface: PCAPNG interface id of packets with the NIC's stamps
 * @has_link_header: packets start with an Ethernet header (LINKTYPE_ETHERNET), else with the
 * network header (LINKTYPE_RAW)
 * @is_changed: set when the interface disappears, cleared by GET_PORT
 * @is_hooked: which of @ops are registered
 * @dev: the interface, with a reference while attached; NULL after it disappeared
 * @tracker: of the reference
 * @ops: hooks at INGRESS and EGRESS
 * @rcu: frees the port after the hooks that still read it
 */
struct capbox_session_port {
	/* INGRESS reads these for every packet. */
	struct capbox_session *session;
	struct capbox_ring * __percpu *ring_of;
	u32 snap_bytes;
	u32 verdict;
	u32 link_header_mask;
	u32 needs_slow_path;
	u32 software_interface;

	int ifindex;
	u32 flags;
	u32 hardware_interface;
	bool has_link_header;
	bool is_changed;
	bool is_hooked[2];
	struct net_device *dev;
	netdevice_tracker tracker;
	struct nf_hook_ops ops[2];
	struct rcu_head rcu;
};

/**
 * struct capbox_inet_hook - one of a session's five hooks of the network layer
 * @session: the session
 * @hook: enum capbox_hook
 * @is_hooked: @ops are registered
 * @ops: netfilter's description of the hook
 */
struct capbox_inet_hook {
	struct capbox_session *session;
	u32 hook;
	bool is_hooked;
	struct nf_hook_ops ops;
};

int capbox_hooks_add_port(struct capbox_session_port *port);
void capbox_hooks_remove_port(struct capbox_session_port *port);
int capbox_hooks_start(struct capbox_session *session);
void capbox_hooks_stop(struct capbox_session *session);

/* memory.c: pages that the kernel maps at one address and user space can map too */

/*
 * How the module allocates a session's memory: charged to the opener's control group, and failing
 * rather than invoking the OOM killer, which would most likely kill the opener (RETRY_MAYFAIL).
 */
#define CAPBOX_GFP (GFP_KERNEL_ACCOUNT | __GFP_RETRY_MAYFAIL | __GFP_NOWARN)

/**
 * struct capbox_area - zeroed pages, contiguous in the kernel's address space
 * @address: address of the first page in the kernel
 * @pages: the single pages; NULL if they are one physically contiguous run
 * @page_count: number of pages
 */
struct capbox_area {
	void *address;
	struct page **pages;
	unsigned int page_count;
};

int capbox_area_alloc(struct capbox_area *area, size_t bytes, int node);
void capbox_area_free(struct capbox_area *area);
struct page *capbox_area_page(const struct capbox_area *area, unsigned int index);

/**
 * struct capbox_charge - memory charged to the opener
 * @user: the user whose locked memory (RLIMIT_MEMLOCK) includes it; NULL if the opener may lock
 * without limit
 * @pages: number of pages
 */
struct capbox_charge {
	struct user_struct *user;
	unsigned long pages;
};

int capbox_charge(struct capbox_charge *charge, u64 bytes);
void capbox_uncharge(struct capbox_charge *charge);
void capbox_memory_init(void);
u64 capbox_memory_reserve(u64 bytes);
void capbox_memory_release(u64 bytes);

/* ring.c: blocks, queues, counters */

enum capbox_block_state {
	CAPBOX_BLOCK_FREE, /* on the ring's stack of free blocks */
	CAPBOX_BLOCK_OPEN, /* the ring's writer adds packets to it */
	CAPBOX_BLOCK_FILLED, /* handed over; whether it is claimed, the index `claimed` decides */
};

/**
 * struct capbox_ring_block - the kernel's own record of a block, independent of shared memory
 * @position: position in the filled queue, when FILLED
 * @bytes: bytes of its packets as they were on the wire
 * @packets: packets in it
 * @state: enum capbox_block_state
 */
struct capbox_ring_block {
	u64 position;
	u64 bytes;
	u32 packets;
	u32 state;
};

/**
 * struct capbox_ring - the ring of one CPU, or the spare ring of several
 * @at: address of the next packet in the open block; NULL if no block is open
 * @end: end of the open block; NULL if no block is open, so that no packet fits
 * @last: the open block's last PCAPNG block; NULL if it has no packet
 * @run_last_ns: the last stamp of the present run: packets of one interface in order of time
 * @run_interface: the run's PCAPNG interface id
 * @is_spare: several CPUs write to it
 * @sequence: lets other CPUs read @counters consistently
 * @counters: what COUNTERS and block descriptors report; blocks_filled is the position of the
 * next block in the filled queue
 * @session: the session
 * @run_first_ns: the first stamp of the present run
 * @run_is_hardware: the NIC stamped the run
 * @is_full: the last packet found no free block
 * @is_timer_armed: @timer will run
 * @open_block: number of the open block
 * @cut_bytes: bytes of the open block's packets that the snap length cut off
 * @counters_at_open: @counters when the block was opened; the difference is the block's
 * @descriptor: descriptor of the open block, without its present run
 * @opened_at: when the open block got its first packet, CLOCK_MONOTONIC
 * @published: blocks handed over, as far as user space can see them; poll() reads it
 * @accepted: position in the free queue
 * @free_count: entries of @free
 * @free: stack of free block numbers
 * @filled: the kernel's own copy of the filled queue
 * @blocks: the kernel's record of each block
 * @areas: memory of each block
 * @head: indexes, in shared memory
 * @shared_filled: filled queue, in shared memory
 * @shared_free: free queue, in shared memory
 * @descriptors: descriptor of each block, in shared memory
 * @control: memory of the four above
 * @timer: hands the open block over; runs in softirq on the ring's CPU
 * @lock: serializes the spare ring's writers, and the handover with each of them
 * @index: place of the ring in the mapping
 * @cpu: the CPU that writes to it; -1 for the spare ring
 * @node: NUMA node of its memory
 */
struct capbox_ring {
	/* accessed for every packet */
	u8 *at;
	u8 *end;
	u8 *last;
	s64 run_last_ns;
	u32 run_interface;
	bool is_spare;
	seqcount_t sequence;
	struct capbox_counters counters;

	/* accessed for every block */
	struct capbox_session *session;
	s64 run_first_ns;
	bool run_is_hardware;
	bool is_full;
	bool is_timer_armed;
	u32 open_block;
	u64 cut_bytes;
	struct capbox_counters counters_at_open;
	struct capbox_block descriptor;
	ktime_t opened_at;
	u64 published;
	u64 accepted;
	u32 free_count;
	u32 *free;
	u32 *filled;
	struct capbox_ring_block *blocks;
	struct capbox_area *areas;

	struct capbox_ring_head *head;
	__u32 *shared_filled;
	__u32 *shared_free;
	struct capbox_block *descriptors;
	struct capbox_area control;

	struct hrtimer timer;
	/* of the spare ring's writers, and of the handover */
	spinlock_t lock;
	u32 index;
	int cpu;
	int node;
};

struct capbox_ring *capbox_ring_new(struct capbox_session *session, u32 index, int cpu);
void capbox_ring_free(struct capbox_ring *ring);
u8 *capbox_ring_next_block(struct capbox_ring *ring, u32 bytes, u32 wire_bytes);
void capbox_ring_hand_over(struct capbox_ring *ring, u32 flags);
s64 capbox_ring_begin_run(struct capbox_ring *ring, s64 stamp, u32 interface, bool is_hardware);
void capbox_ring_read_counters(struct capbox_ring *ring, struct capbox_counters *counters);

static inline void capbox_count(struct capbox_count *count, u32 bytes)
{
	count->packets++;
	count->bytes += bytes;
}

/* setup.c: checks a SETUP request and makes the rings */

int capbox_setup_check(struct capbox_setup *setup);
int capbox_setup_rings(struct capbox_session *session, struct capbox_setup *setup);
void capbox_setup_free_rings(struct capbox_session *session);

/* ports.c: interfaces that a session captures */

int capbox_port_add(struct capbox_session *session, struct capbox_port *request);
int capbox_port_remove(struct capbox_session *session, struct capbox_port *request);
int capbox_port_get(struct capbox_session *session, struct capbox_port *request);
void capbox_ports_remove_all(struct capbox_session *session);
void capbox_ports_detach_device(struct capbox_session *session, const struct net_device *dev);

/* session.c: the life of a session */

/**
 * struct capbox_session - an open file of /dev/capbox
 * @ring_of: the ring of each CPU
 * @filters: programs by enum capbox_filter_kind; NULL accepts all packets
 * @ports: slots; hooks read them under RCU
 * @port_slots: all slots from this one on are free
 * @snap_bytes: bytes to keep of a packet; U32_MAX without a limit
 * @setup: the SETUP request with its answer; valid when @is_ready
 * @lock: guards what follows, and changes of @filters and @ports
 * @has_setup: SETUP runs or has succeeded
 * @is_ready: the rings exist, and stay unchanged until the file is released
 * @is_running: hooks are registered
 * @is_ended: its namespace has ended
 * @is_cpu_watched: @cpu_node is registered
 * @net: the opener's namespace; NULL after it ended. A session holds no reference to it
 * @rings: @setup.rings of them, the spare ring last
 * @inet_hooks: hooks of the network layer by enum capbox_hook
 * @wait: readers that sleep in poll()
 * @cpu_node: for CPU hotplug
 * @node: in the list of sessions
 * @charge: its memory as the opener's locked memory
 * @reserved_bytes: its share of memory_limit_mib
 */
struct capbox_session {
	/* read by hooks */
	struct capbox_ring * __percpu *ring_of;
	struct bpf_prog __rcu *filters[2];
	struct capbox_session_port __rcu *ports[CAPBOX_PORTS_MAX];
	u32 port_slots;
	u32 snap_bytes;
	struct capbox_setup setup;

	/* guards what follows; hooks never take it */
	struct mutex lock;
	bool has_setup;
	bool is_ready;
	bool is_running;
	bool is_ended;
	bool is_cpu_watched;
	struct net *net;
	struct capbox_ring **rings;
	struct capbox_inet_hook inet_hooks[CAPBOX_HOOKS];
	wait_queue_head_t wait;
	struct hlist_node cpu_node;
	struct list_head node;
	struct capbox_charge charge;
	u64 reserved_bytes;
};

struct capbox_session *capbox_session_open(struct net *net);
void capbox_session_release(struct capbox_session *session);
int capbox_session_setup(struct capbox_session *session, struct capbox_setup *setup);
int capbox_session_set_filter(struct capbox_session *session, const struct capbox_filter *filter);
int capbox_session_start(struct capbox_session *session);
int capbox_session_stop(struct capbox_session *session);
int capbox_session_flush(struct capbox_session *session);
int capbox_session_counters(struct capbox_session *session, struct capbox_ring_counters *request);
int capbox_sessions_register(void);
void capbox_sessions_unregister(void);

/* device.c: /dev/capbox */

int capbox_device_register(void);
void capbox_device_unregister(void);

#endif /* CAPBOX_H */
