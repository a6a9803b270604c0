// The part of abi.c that is about kmod/uapi/capbox.h; uses its macros.
#include "../../kmod/uapi/capbox.h"

static void module(void)
{
	SIZE(CapboxVersion, struct capbox_version);
	FIELD(CapboxVersion, Abi, struct capbox_version, abi);
	FIELD(CapboxVersion, Reserved, struct capbox_version, reserved);
	FIELD(CapboxVersion, Release, struct capbox_version, release);

	SIZE(CapboxSetup, struct capbox_setup);
	FIELD(CapboxSetup, Abi, struct capbox_setup, abi);
	FIELD(CapboxSetup, Flags, struct capbox_setup, flags);
	FIELD(CapboxSetup, Hooks, struct capbox_setup, hooks);
	FIELD(CapboxSetup, Policy, struct capbox_setup, policy);
	FIELD(CapboxSetup, BlockBytes, struct capbox_setup, block_bytes);
	FIELD(CapboxSetup, Blocks, struct capbox_setup, blocks);
	FIELD(CapboxSetup, HeadBytes, struct capbox_setup, head_bytes);
	FIELD(CapboxSetup, SnapBytes, struct capbox_setup, snap_bytes);
	FIELD(CapboxSetup, HandoverUs, struct capbox_setup, handover_us);
	FIELD(CapboxSetup, Reserved, struct capbox_setup, reserved);
	FIELD(CapboxSetup, Rings, struct capbox_setup, rings);
	FIELD(CapboxSetup, QueueEntries, struct capbox_setup, queue_entries);
	FIELD(CapboxSetup, RingBytes, struct capbox_setup, ring_bytes);
	FIELD(CapboxSetup, FilledOffset, struct capbox_setup, filled_offset);
	FIELD(CapboxSetup, FreeOffset, struct capbox_setup, free_offset);
	FIELD(CapboxSetup, InfoOffset, struct capbox_setup, info_offset);
	FIELD(CapboxSetup, BlocksOffset, struct capbox_setup, blocks_offset);
	FIELD(CapboxSetup, MapBytes, struct capbox_setup, map_bytes);
	FIELD(CapboxSetup, Error, struct capbox_setup, error);

	SIZE(CapboxPort, struct capbox_port);
	FIELD(CapboxPort, IfIndex, struct capbox_port, ifindex);
	FIELD(CapboxPort, Flags, struct capbox_port, flags);
	FIELD(CapboxPort, SoftwareInterface, struct capbox_port, software_interface);
	FIELD(CapboxPort, HardwareInterface, struct capbox_port, hardware_interface);
	FIELD(CapboxPort, Port, struct capbox_port, port);
	FIELD(CapboxPort, State, struct capbox_port, state);
	FIELD(CapboxPort, LinkType, struct capbox_port, link_type);
	FIELD(CapboxPort, Reserved, struct capbox_port, reserved);
	FIELD(CapboxPort, Error, struct capbox_port, error);

	SIZE(CapboxFilter, struct capbox_filter);
	FIELD(CapboxFilter, Instructions, struct capbox_filter, instructions);
	FIELD(CapboxFilter, Count, struct capbox_filter, count);
	FIELD(CapboxFilter, Kind, struct capbox_filter, kind);
	FIELD(CapboxFilter, Reserved, struct capbox_filter, reserved);

	SIZE(CapboxCount, struct capbox_count);
	FIELD(CapboxCount, Packets, struct capbox_count, packets);
	FIELD(CapboxCount, Bytes, struct capbox_count, bytes);

	SIZE(CapboxCounters, struct capbox_counters);
	FIELD(CapboxCounters, Seen, struct capbox_counters, seen);
	FIELD(CapboxCounters, Filtered, struct capbox_counters, filtered);
	FIELD(CapboxCounters, Stored, struct capbox_counters, stored);
	FIELD(CapboxCounters, LostFull, struct capbox_counters, lost_full);
	FIELD(CapboxCounters, LostTakenBack, struct capbox_counters, lost_taken_back);
	FIELD(CapboxCounters, LostOversize, struct capbox_counters, lost_oversize);
	FIELD(CapboxCounters, LostUnreadable, struct capbox_counters, lost_unreadable);
	FIELD(CapboxCounters, Truncated, struct capbox_counters, truncated);
	FIELD(CapboxCounters, HardwareStamps, struct capbox_counters, hardware_stamps);
	FIELD(CapboxCounters, SkbStamps, struct capbox_counters, skb_stamps);
	FIELD(CapboxCounters, BlocksFilled, struct capbox_counters, blocks_filled);
	FIELD(CapboxCounters, BlocksTakenBack, struct capbox_counters, blocks_taken_back);
	FIELD(CapboxCounters, TimesFull, struct capbox_counters, times_full);
	FIELD(CapboxCounters, BadReturns, struct capbox_counters, bad_returns);

	SIZE(CapboxRingCounters, struct capbox_ring_counters);
	FIELD(CapboxRingCounters, Ring, struct capbox_ring_counters, ring);
	FIELD(CapboxRingCounters, Reserved, struct capbox_ring_counters, reserved);
	FIELD(CapboxRingCounters, Counters, struct capbox_ring_counters, counters);

	SIZE(CapboxBlock, struct capbox_block);
	FIELD(CapboxBlock, Sequence, struct capbox_block, sequence);
	FIELD(CapboxBlock, Bytes, struct capbox_block, bytes);
	FIELD(CapboxBlock, Packets, struct capbox_block, packets);
	FIELD(CapboxBlock, Flags, struct capbox_block, flags);
	FIELD(CapboxBlock, Truncated, struct capbox_block, truncated);
	FIELD(CapboxBlock, HardwareStamps, struct capbox_block, hardware_stamps);
	FIELD(CapboxBlock, FirstInterface, struct capbox_block, first_interface);
	FIELD(CapboxBlock, CapturedBytes, struct capbox_block, captured_bytes);
	FIELD(CapboxBlock, OriginalBytes, struct capbox_block, original_bytes);
	FIELD(CapboxBlock, FirstNs, struct capbox_block, first_ns);
	FIELD(CapboxBlock, LastNs, struct capbox_block, last_ns);
	FIELD(CapboxBlock, SoftwareMinNs, struct capbox_block, software_min_ns);
	FIELD(CapboxBlock, SoftwareMaxNs, struct capbox_block, software_max_ns);
	FIELD(CapboxBlock, HardwareMinNs, struct capbox_block, hardware_min_ns);
	FIELD(CapboxBlock, HardwareMaxNs, struct capbox_block, hardware_max_ns);
	FIELD(CapboxBlock, Counters, struct capbox_block, counters);
	FIELD(CapboxBlock, Reserved, struct capbox_block, reserved);

	SIZE(CapboxRingHead, struct capbox_ring_head);
	FIELD(CapboxRingHead, Filled, struct capbox_ring_head, filled);
	FIELD(CapboxRingHead, Claimed, struct capbox_ring_head, claimed);
	FIELD(CapboxRingHead, Returned, struct capbox_ring_head, returned);
	FIELD(CapboxRingHead, Accepted, struct capbox_ring_head, accepted);
	FIELD(CapboxRingHead, Cpu, struct capbox_ring_head, cpu);
	FIELD(CapboxRingHead, Node, struct capbox_ring_head, node);

	SAME(CapboxNumbers, CAPBOX_ABI_VERSION);
	SAME(CapboxNumbers, CAPBOX_BLOCK_BYTES_MIN);
	SAME(CapboxNumbers, CAPBOX_BLOCK_BYTES_MAX);
	SAME(CapboxNumbers, CAPBOX_BLOCKS_MAX);
	SAME(CapboxNumbers, CAPBOX_HOOK_INGRESS);
	SAME(CapboxNumbers, CAPBOX_HOOK_EGRESS);
	SAME(CapboxNumbers, CAPBOX_HOOK_PRE_ROUTING);
	SAME(CapboxNumbers, CAPBOX_HOOK_LOCAL_IN);
	SAME(CapboxNumbers, CAPBOX_HOOK_FORWARD);
	SAME(CapboxNumbers, CAPBOX_HOOK_LOCAL_OUT);
	SAME(CapboxNumbers, CAPBOX_HOOK_POST_ROUTING);
	SAME(CapboxNumbers, CAPBOX_DROP_NEWEST);
	SAME(CapboxNumbers, CAPBOX_DROP_OLDEST);
	SAME(CapboxNumbers, CAPBOX_SETUP_CONSUME);
	SAME(CapboxNumbers, CAPBOX_PORT_HARDWARE_STAMPS);
	SAME(CapboxNumbers, CAPBOX_PORT_PROMISCUOUS);
	SAME(CapboxNumbers, CAPBOX_FILTER_LINK);
	SAME(CapboxNumbers, CAPBOX_FILTER_INET);
	SAME(CapboxNumbers, CAPBOX_BLOCK_IN_ORDER);
	SAME(CapboxNumbers, CAPBOX_IOC_VERSION);
	SAME(CapboxNumbers, CAPBOX_IOC_SETUP);
	SAME(CapboxNumbers, CAPBOX_IOC_ADD_PORT);
	SAME(CapboxNumbers, CAPBOX_IOC_GET_PORT);
	SAME(CapboxNumbers, CAPBOX_PORT_GONE);
	SAME(CapboxNumbers, CAPBOX_IOC_SET_FILTER);
	SAME(CapboxNumbers, CAPBOX_IOC_START);
	SAME(CapboxNumbers, CAPBOX_IOC_STOP);
	SAME(CapboxNumbers, CAPBOX_IOC_COUNTERS);
}
