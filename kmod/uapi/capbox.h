/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/* SPDX-FileCopyrightText: 2026 The capbox authors */
/*
 * capbox.ko: packet capture into memory shared with user space, as finished PCAPNG blocks.
 *
 * docs/internals/ring.md is the whole contract. In short: open /dev/capbox (a session of the opener's network
 * namespace), SETUP, mmap, ADD_PORT, SET_FILTER, START, then poll, claim blocks from each ring,
 * write them to disk, return them.
 *
 * All fields have fixed width and, unless noted, host byte order. Every reserved field must be
 * zero, or the call fails with EINVAL. Times are nanoseconds. Bytes of packets include the link
 * header and a restored VLAN tag.
 */
#ifndef _UAPI_CAPBOX_H
#define _UAPI_CAPBOX_H

#include <linux/ioctl.h>
#include <linux/types.h>

/*
 * CAPBOX_ABI_VERSION - grows with every change that breaks a reader built with an older header.
 */
#define CAPBOX_ABI_VERSION 1

#define CAPBOX_DEVICE "/dev/capbox"

/* Limits that do not depend on the machine. */
#define CAPBOX_BLOCK_BYTES_MIN (64 * 1024)
#define CAPBOX_BLOCK_BYTES_MAX (4 * 1024 * 1024)
#define CAPBOX_BLOCKS_MIN 2
#define CAPBOX_BLOCKS_MAX 16384
#define CAPBOX_HEAD_BYTES_MAX 4096
#define CAPBOX_PORTS_MAX 32
#define CAPBOX_FILTER_INSTRUCTIONS_MAX 4096
#define CAPBOX_HANDOVER_US_MIN 100
#define CAPBOX_HANDOVER_US_MAX 60000000
#define CAPBOX_PAGE_BYTES 4096
#define CAPBOX_ERROR_BYTES 96

/* struct capbox_version - the answer to VERSION; this layout never changes. */
struct capbox_version {
	__u32 abi;		/* CAPBOX_ABI_VERSION of the module */
	__u32 reserved;
	char release[56];	/* MODULE_VERSION, zero-terminated */
};

/*
 * Hook points, for capbox_setup.hooks. The module registers the two of the link layer on each port,
 * and the five of the network layer (IPv4 and IPv6) once a session: they see the packets whose
 * incoming or outgoing interface is a port.
 */
enum capbox_hook {
	/* in, before everything else; the only one that sees packets for other hosts */
	CAPBOX_HOOK_INGRESS = 0,
	CAPBOX_HOOK_EGRESS = 1,		/* out, last before the queue discipline */
	CAPBOX_HOOK_PRE_ROUTING = 2,	/* in, first of its chain */
	CAPBOX_HOOK_LOCAL_IN = 3,	/* to this host, last of its chain: what filter rules pass */
	/* first of its chain; belongs to the incoming port, if there is one, else to the outgoing */
	CAPBOX_HOOK_FORWARD = 4,
	/* from this host, first of its chain, before the link header */
	CAPBOX_HOOK_LOCAL_OUT = 5,
	CAPBOX_HOOK_POST_ROUTING = 6,	/* out, last of its chain, before the link header */
	CAPBOX_HOOKS = 7,
};

#define CAPBOX_HOOK_BIT(hook) (1u << (hook))

/* What the kernel does with a packet when no block is free. */
enum capbox_policy {
	CAPBOX_DROP_NEWEST = 0,	/* drops it, which keeps history */
	/* reclaims for it the oldest block that was handed over and not claimed */
	CAPBOX_DROP_OLDEST = 1,
};

/*
 * Drop every packet at INGRESS after the session has seen it, recorded or not: for a port that
 * only captures. Needs the hook INGRESS.
 */
#define CAPBOX_SETUP_CONSUME 0x1
/*
 * Make the kernel stamp packets on arrival (net_enable_timestamp), before receive packet steering.
 * Without it the hook reads the clock.
 */
#define CAPBOX_SETUP_EARLY_STAMPS 0x2
#define CAPBOX_SETUP_FLAGS (CAPBOX_SETUP_CONSUME | CAPBOX_SETUP_EARLY_STAMPS)

/*
 * struct capbox_setup - SETUP: makes a session's rings, once. Each CPU that is online gets a ring;
 * CPUs that come online later share one more, the spare ring.
 */
struct capbox_setup {
	/* in */
	__u32 abi;		/* CAPBOX_ABI_VERSION of the caller's header */
	__u32 flags;		/* CAPBOX_SETUP_* */
	__u32 hooks;		/* CAPBOX_HOOK_BIT()s, at least one */
	__u32 policy;		/* enum capbox_policy */
	__u32 block_bytes;	/* a power of two, CAPBOX_BLOCK_BYTES_MIN to _MAX */
	__u32 blocks;		/* blocks of each ring, CAPBOX_BLOCKS_MIN to _MAX */
	/*
	 * bytes at the start of each block that the kernel leaves to the reader; a multiple of 4,
	 * at most CAPBOX_HEAD_BYTES_MAX
	 */
	__u32 head_bytes;
	__u32 snap_bytes;	/* bytes to keep of a packet; 0: all */
	__u32 handover_us;	/* from a block's first packet to its handover, at most */
	__u32 reserved[3];
	/* out: layout of the mapping, offsets in bytes */
	__u32 rings;
	__u32 queue_entries;	/* length of each of a ring's two queues, a power of two */
	__u64 ring_bytes;	/* ring i's struct capbox_ring_head is at i * ring_bytes */
	__u64 filled_offset;	/* from a ring's start: its __u32 filled[queue_entries] */
	__u64 free_offset;	/* from a ring's start: its __u32 free[queue_entries] */
	__u64 info_offset;	/* from a ring's start: its struct capbox_block[blocks] */
	/* ring i's block b is at blocks_offset + (i * blocks + b) * block_bytes */
	__u64 blocks_offset;
	__u64 map_bytes;	/* length of the mapping */
	/* rejected field and reason, zero-terminated; empty on success */
	char error[CAPBOX_ERROR_BYTES];
};

/*
 * Packets of this port that carry a hardware stamp are recorded with it, and with the hardware
 * interface id. The caller enables such stamps (SIOCSHWTSTAMP).
 */
#define CAPBOX_PORT_HARDWARE_STAMPS 0x1
/* Promiscuous mode for as long as the session has the port. */
#define CAPBOX_PORT_PROMISCUOUS 0x2
#define CAPBOX_PORT_FLAGS (CAPBOX_PORT_HARDWARE_STAMPS | CAPBOX_PORT_PROMISCUOUS)

enum capbox_port_state {
	CAPBOX_PORT_ATTACHED = 1,
	/* the interface was deleted or left the namespace; REMOVE_PORT frees the slot */
	CAPBOX_PORT_GONE = 2,
};

/* struct capbox_port - an interface that a session captures: ADD_PORT, GET_PORT, REMOVE_PORT. */
struct capbox_port {
	/* in */
	__s32 ifindex;		/* in the session's namespace; GET_PORT fills it */
	__u32 flags;		/* CAPBOX_PORT_*; GET_PORT fills it */
	/* PCAPNG interface id of packets that the system clock (UTC) stamped; GET_PORT fills it */
	__u32 software_interface;
	/* PCAPNG interface id of packets that the NIC stamped; GET_PORT fills it */
	__u32 hardware_interface;
	/* in for GET_PORT and REMOVE_PORT, out for ADD_PORT */
	__u32 port;		/* slot in the session, 0 to CAPBOX_PORTS_MAX - 1 */
	/* out */
	__u32 state;		/* enum capbox_port_state */
	__u32 link_type;	/* LINKTYPE_ number: 1 Ethernet, 101 raw IP */
	__u32 reserved;
	char error[CAPBOX_ERROR_BYTES];
};

enum capbox_filter_kind {
	/* for INGRESS and EGRESS: runs from the link header on */
	CAPBOX_FILTER_LINK = 0,
	/* for the other five hooks: runs from the network header on (DLT_RAW) */
	CAPBOX_FILTER_INET = 1,
};

/*
 * struct capbox_filter - SET_FILTER: a classic BPF program that replaces the present one, also
 * while capturing.
 */
struct capbox_filter {
	/* address of struct sock_filter[count]; 0 with count 0: no filter, accepts all packets */
	__u64 instructions;
	__u32 count;
	__u32 kind;		/* enum capbox_filter_kind */
	__u64 reserved;
};

/* struct capbox_count - packets, and their bytes as on the wire. */
struct capbox_count {
	__u64 packets;
	__u64 bytes;
};

/*
 * struct capbox_counters - counters of a ring since SETUP.
 * seen = filtered + stored + lost_full + lost_taken_back + lost_oversize + lost_unreadable, in
 * every state that a reader can see.
 */
struct capbox_counters {
	struct capbox_count seen;
	struct capbox_count filtered;		/* rejected by the filter */
	/* in a block that is open, or was handed over and not reclaimed */
	struct capbox_count stored;
	struct capbox_count lost_full;		/* no block was free */
	struct capbox_count lost_taken_back;	/* in a block that the kernel reclaimed */
	struct capbox_count lost_oversize;	/* larger than a block */
	struct capbox_count lost_unreadable;	/* in device memory that the CPU cannot read */
	/* of those ever stored: kept in part only */
	struct capbox_count truncated;
	__u64 hardware_stamps;			/* of those ever stored: the NIC stamped them */
	/* of those ever stored: the kernel stamped them on arrival; the hook stamped the rest */
	__u64 skb_stamps;
	__u64 blocks_filled;			/* handed over */
	__u64 blocks_taken_back;		/* reclaimed by the kernel */
	__u64 times_full;			/* runs of packets in lost_full */
	/* invalid numbers in the free queue and invalid indexes, which the kernel ignored */
	__u64 bad_returns;
};

#define CAPBOX_ALL_RINGS 0xffffffffu

/* struct capbox_ring_counters - COUNTERS: counters of one ring, or the sum of all. */
struct capbox_ring_counters {
	__u32 ring;		/* in: index or CAPBOX_ALL_RINGS */
	__u32 reserved;
	struct capbox_counters counters;	/* out */
};

/* Flags of struct capbox_block. */
/* one clock stamped all packets, and the stamps never decrease */
#define CAPBOX_BLOCK_IN_ORDER 0x1
/* handed over by the timeout, FLUSH or STOP, not because it was full */
#define CAPBOX_BLOCK_TIMEOUT 0x2

/*
 * struct capbox_block - descriptor of a block that the kernel hands over. The kernel writes it
 * before the block's number appears in the filled queue (A in docs/internals/ring.md), and never reads it.
 */
struct capbox_block {
	/* position in the filled queue; a gap means that the kernel reclaimed blocks */
	__u64 sequence;
	/* from the block's start to the end of its last packet; a multiple of 4096 */
	__u32 bytes;
	__u32 packets;
	__u32 flags;		/* CAPBOX_BLOCK_* */
	__u32 truncated;
	__u32 hardware_stamps;
	__u32 first_interface;	/* PCAPNG interface id of the first packet */
	__u64 captured_bytes;
	__u64 original_bytes;
	__s64 first_ns;		/* first and last stamp of the packets of first_interface */
	__s64 last_ns;
	/* stamps of all packets that the system clock stamped; min > max: there are none */
	__s64 software_min_ns;
	__s64 software_max_ns;
	__s64 hardware_min_ns;
	__s64 hardware_max_ns;
	struct capbox_counters counters;	/* the ring's at the moment of the handover */
	__u64 reserved[2];
};

/*
 * struct capbox_ring_head - head of a ring in shared memory. Indexes count from 0 and never wrap in
 * practice; entry i of a queue is at i modulo queue_entries. Each index has a cache line of its
 * own.
 */
struct capbox_ring_head {
	__u64 filled;		/* kernel writes (release): blocks handed over */
	__u64 pad0[7];
	/* both write, by compare-and-swap: blocks that user space claimed or the kernel reclaimed */
	__u64 claimed;
	__u64 pad1[7];
	__u64 returned;		/* user space writes (release): blocks returned */
	__u64 pad2[7];
	__u64 accepted;		/* kernel writes: returned blocks that it has processed */
	__u64 pad3[7];
	/* the ring's CPU, ~0 for the spare ring; the kernel never reads it */
	__u32 cpu;
	__u32 node;		/* NUMA node of its memory, ~0 if unknown */
	__u64 pad4[7];
};

/*
 * The custom option (code 2989) after epb_flags in packets of the five network-layer hooks:
 * enterprise number 32473, then this record, little endian.
 */
#define CAPBOX_HOOK_RECORD_MAGIC 0x58425043u	/* "CPBX" */
#define CAPBOX_HOOK_RECORD_VERSION 1
#define CAPBOX_HOOK_RECORD_KIND 7
/* the module synthesized the Ethernet header, which the hook does not see */
#define CAPBOX_HOOK_MADE_LINK_HEADER 0x1

struct capbox_hook_record {
	__u32 magic;
	__u16 version;
	__u16 kind;
	__u16 hook;		/* enum capbox_hook */
	__u16 flags;		/* CAPBOX_HOOK_MADE_LINK_HEADER */
};

#define CAPBOX_IOC_MAGIC 0xCB
#define CAPBOX_IOC_VERSION _IOR(CAPBOX_IOC_MAGIC, 0, struct capbox_version)
#define CAPBOX_IOC_SETUP _IOWR(CAPBOX_IOC_MAGIC, 1, struct capbox_setup)
#define CAPBOX_IOC_ADD_PORT _IOWR(CAPBOX_IOC_MAGIC, 2, struct capbox_port)
#define CAPBOX_IOC_REMOVE_PORT _IOWR(CAPBOX_IOC_MAGIC, 3, struct capbox_port)
#define CAPBOX_IOC_GET_PORT _IOWR(CAPBOX_IOC_MAGIC, 4, struct capbox_port)
#define CAPBOX_IOC_SET_FILTER _IOW(CAPBOX_IOC_MAGIC, 5, struct capbox_filter)
#define CAPBOX_IOC_START _IO(CAPBOX_IOC_MAGIC, 6)
#define CAPBOX_IOC_STOP _IO(CAPBOX_IOC_MAGIC, 7)
#define CAPBOX_IOC_FLUSH _IO(CAPBOX_IOC_MAGIC, 8)
#define CAPBOX_IOC_COUNTERS _IOWR(CAPBOX_IOC_MAGIC, 9, struct capbox_ring_counters)

#endif /* _UAPI_CAPBOX_H */
