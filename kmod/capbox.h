/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the parts of the module share. Who may touch what:
 *
 *   a ring's private part     its CPU, in softirq or with bottom halves off; nobody else while
 *                             hooks are registered. The spare ring (of CPUs that came after
 *                             SETUP) has a lock for that.
 *   a session's control part  under session->lock; never taken in a hook.
 *   shared memory             user space may write anything anywhere at any time: the kernel
 *                             writes it, and reads of it only the two indexes and the numbers in
 *                             the free queue, each once, each checked against the private part.
 *
 * Locks, outermost first: rtnl, capbox_sessions_lock, session->lock, cpus_read_lock. Nothing under
 * session->lock touches user memory.
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
struct capbox_session;

/* memory.c: pages that the kernel sees at one address and user space can map */

/*
 * How a session's memory is asked for: it counts as its opener's, and what is not to be had is
 * refused. Without RETRY_MAYFAIL the kernel would kill somebody for it, most likely the opener.
 */
#define CAPBOX_GFP (GFP_KERNEL_ACCOUNT | __GFP_RETRY_MAYFAIL | __GFP_NOWARN)

/**
 * struct capbox_area - zeroed pages, contiguous in the kernel's address space
 * @address: where the kernel sees them
 * @pages: the single pages, if they are not one physical run; else NULL
 * @page_count: how many
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
 * @user: whose locked memory (RLIMIT_MEMLOCK) it counts as, NULL if the opener may lock without
 * limit
 * @pages: how many
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
	CAPBOX_BLOCK_OPEN, /* packets are being written to it */
	CAPBOX_BLOCK_FILLED, /* handed over; claimed or not, that is for the indexes to tell */
};

/**
 * struct capbox_ring_block - what the kernel knows of a block, whatever shared memory says
 * @position: in the filled queue, when FILLED
 * @bytes: of its packets as they were on the wire
 * @packets: in it
 * @state: enum capbox_block_state
 */
struct capbox_ring_block {
	u64 position;
	u64 bytes;
	u32 packets;
	u32 state;
};

/**
 * struct capbox_ring - a CPU's ring
 * @at: where the next packet goes in the open block; NULL if there is none
 * @end: end of the open block; NULL if there is none, so that no packet fits
 * @last: the open block's last PCAPNG block; NULL if it has no packet
 * @run_last_ns: a run is packets of one interface whose stamps never go back: the last one's
 * @run_interface: and their interface
 * @sequence: lets other CPUs read @counters as one
 * @counters: as told to user space; blocks_filled is the position of the next block in the filled
 * queue
 * @run_first_ns: of the open block's present run
 * @run_is_hardware: its clock
 * @counters_at_open: the counters when the block was opened: what it has is the difference
 * @descriptor: what is known so far of the open block, but for the present run
 * @cut_bytes: of the open block's packets: bytes that were not kept
 * @published: blocks handed over as far as user space can see; poll() looks at it
 * @accepted: position in the free queue
 * @free: stack of free block numbers
 * @filled: the kernel's own copy of the filled queue
 * @is_full: the last packet found no free block
 * @opened_at: when the open block got its first packet, CLOCK_MONOTONIC
 * @timer: hands the open block over; runs in softirq on the ring's CPU
 * @is_timer_armed: it is going to run
 * @is_spare: many CPUs write to it
 */
struct capbox_ring {
	/* every packet's */
	u8 *at;
	u8 *end;
	u8 *last;
	s64 run_last_ns;
	u32 run_interface;
	bool is_spare;
	seqcount_t sequence;
	struct capbox_counters counters;

	/* every block's */
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
	/* of the spare ring's writers, and of handing over */
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

/* hooks.c: netfilter's side */

/**
 * struct capbox_session_port - a port of a session
 * @session: whose
 * @ring_of: the session's
 * @snap_bytes: the session's
 * @verdict: of INGRESS
 * @link_header_mask: all ones if @has_link_header, else 0
 * @needs_slow_path: packets of INGRESS have no Ethernet header, or may have stamps of the NIC
 * @ifindex: its interface's index, which stays when it is renamed
 * @dev: its interface, held while attached; NULL when it is gone
 * @has_link_header: packets start with an Ethernet header (LINKTYPE_ETHERNET), else with the
 * network header (LINKTYPE_RAW)
 * @is_changed: it went away and nobody has asked since
 * @ops: its hooks at INGRESS and EGRESS
 * @is_hooked: which of them are registered
 */
struct capbox_session_port {
	/* every packet's, at INGRESS */
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
 * @session: whose
 * @hook: enum capbox_hook
 * @is_hooked: it is registered
 * @ops: as netfilter wants it
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

/* setup.c: what SETUP is asked for */

int capbox_setup_check(struct capbox_setup *setup);
int capbox_setup_rings(struct capbox_session *session, struct capbox_setup *setup);
void capbox_setup_free_rings(struct capbox_session *session);

/* ports.c: which interfaces, and what becomes of them */

int capbox_port_add(struct capbox_session *session, struct capbox_port *request);
int capbox_port_remove(struct capbox_session *session, struct capbox_port *request);
int capbox_port_get(struct capbox_session *session, struct capbox_port *request);
void capbox_ports_remove_all(struct capbox_session *session);
void capbox_ports_detach_device(struct capbox_session *session, const struct net_device *dev);

/* session.c: what an open file is */

/**
 * struct capbox_session - an open file
 * @setup: as asked for; valid when @is_ready
 * @has_setup: SETUP was called, and has not failed
 * @is_ready: the rings exist, and stay as they are until the file is released
 * @is_running: hooks are registered
 * @is_ended: its namespace is gone
 * @net: the opener's namespace; NULL when it is gone. Not counted: a session does not keep a
 * namespace
 * @rings: @setup.rings of them, the spare one last
 * @ring_of: each CPU's
 * @filters: by enum capbox_filter_kind; NULL: all packets
 * @ports: slots; the hooks read them under RCU
 * @port_slots: slots from here on are free
 */
struct capbox_session {
	/* read by hooks */
	struct capbox_ring * __percpu *ring_of;
	struct bpf_prog __rcu *filters[2];
	struct capbox_session_port __rcu *ports[CAPBOX_PORTS_MAX];
	u32 port_slots;
	u32 snap_bytes;
	struct capbox_setup setup;

	/* what follows; never taken in a hook */
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
