/* SPDX-License-Identifier: GPL-2.0-only */
/* SPDX-FileCopyrightText: 2026 The capbox authors */
/* Asserts the layout that user space was built with: changing the uapi header breaks the build. */
#ifndef CAPBOX_LAYOUT_H
#define CAPBOX_LAYOUT_H

#include <linux/build_bug.h>
#include <linux/stddef.h>

#include "uapi/capbox.h"

#define CAPBOX_BYTES(type, bytes) static_assert(sizeof(struct type) == (bytes))
#define CAPBOX_AT(type, field, at) static_assert(offsetof(struct type, field) == (at))

CAPBOX_BYTES(capbox_version, 64);
CAPBOX_AT(capbox_version, abi, 0);
CAPBOX_AT(capbox_version, reserved, 4);
CAPBOX_AT(capbox_version, release, 8);

CAPBOX_BYTES(capbox_setup, 200);
CAPBOX_AT(capbox_setup, abi, 0);
CAPBOX_AT(capbox_setup, flags, 4);
CAPBOX_AT(capbox_setup, hooks, 8);
CAPBOX_AT(capbox_setup, policy, 12);
CAPBOX_AT(capbox_setup, block_bytes, 16);
CAPBOX_AT(capbox_setup, blocks, 20);
CAPBOX_AT(capbox_setup, head_bytes, 24);
CAPBOX_AT(capbox_setup, snap_bytes, 28);
CAPBOX_AT(capbox_setup, handover_us, 32);
CAPBOX_AT(capbox_setup, reserved, 36);
CAPBOX_AT(capbox_setup, rings, 48);
CAPBOX_AT(capbox_setup, queue_entries, 52);
CAPBOX_AT(capbox_setup, ring_bytes, 56);
CAPBOX_AT(capbox_setup, filled_offset, 64);
CAPBOX_AT(capbox_setup, free_offset, 72);
CAPBOX_AT(capbox_setup, info_offset, 80);
CAPBOX_AT(capbox_setup, blocks_offset, 88);
CAPBOX_AT(capbox_setup, map_bytes, 96);
CAPBOX_AT(capbox_setup, error, 104);

CAPBOX_BYTES(capbox_port, 128);
CAPBOX_AT(capbox_port, ifindex, 0);
CAPBOX_AT(capbox_port, flags, 4);
CAPBOX_AT(capbox_port, software_interface, 8);
CAPBOX_AT(capbox_port, hardware_interface, 12);
CAPBOX_AT(capbox_port, port, 16);
CAPBOX_AT(capbox_port, state, 20);
CAPBOX_AT(capbox_port, link_type, 24);
CAPBOX_AT(capbox_port, reserved, 28);
CAPBOX_AT(capbox_port, error, 32);

CAPBOX_BYTES(capbox_filter, 24);
CAPBOX_AT(capbox_filter, instructions, 0);
CAPBOX_AT(capbox_filter, count, 8);
CAPBOX_AT(capbox_filter, kind, 12);
CAPBOX_AT(capbox_filter, reserved, 16);

CAPBOX_BYTES(capbox_count, 16);
CAPBOX_AT(capbox_count, packets, 0);
CAPBOX_AT(capbox_count, bytes, 8);

CAPBOX_BYTES(capbox_counters, 176);
CAPBOX_AT(capbox_counters, seen, 0);
CAPBOX_AT(capbox_counters, filtered, 16);
CAPBOX_AT(capbox_counters, stored, 32);
CAPBOX_AT(capbox_counters, lost_full, 48);
CAPBOX_AT(capbox_counters, lost_taken_back, 64);
CAPBOX_AT(capbox_counters, lost_oversize, 80);
CAPBOX_AT(capbox_counters, lost_unreadable, 96);
CAPBOX_AT(capbox_counters, truncated, 112);
CAPBOX_AT(capbox_counters, hardware_stamps, 128);
CAPBOX_AT(capbox_counters, skb_stamps, 136);
CAPBOX_AT(capbox_counters, blocks_filled, 144);
CAPBOX_AT(capbox_counters, blocks_taken_back, 152);
CAPBOX_AT(capbox_counters, times_full, 160);
CAPBOX_AT(capbox_counters, bad_returns, 168);

CAPBOX_BYTES(capbox_ring_counters, 184);
CAPBOX_AT(capbox_ring_counters, ring, 0);
CAPBOX_AT(capbox_ring_counters, reserved, 4);
CAPBOX_AT(capbox_ring_counters, counters, 8);

CAPBOX_BYTES(capbox_block, 288);
CAPBOX_AT(capbox_block, sequence, 0);
CAPBOX_AT(capbox_block, bytes, 8);
CAPBOX_AT(capbox_block, packets, 12);
CAPBOX_AT(capbox_block, flags, 16);
CAPBOX_AT(capbox_block, truncated, 20);
CAPBOX_AT(capbox_block, hardware_stamps, 24);
CAPBOX_AT(capbox_block, first_interface, 28);
CAPBOX_AT(capbox_block, captured_bytes, 32);
CAPBOX_AT(capbox_block, original_bytes, 40);
CAPBOX_AT(capbox_block, first_ns, 48);
CAPBOX_AT(capbox_block, last_ns, 56);
CAPBOX_AT(capbox_block, software_min_ns, 64);
CAPBOX_AT(capbox_block, software_max_ns, 72);
CAPBOX_AT(capbox_block, hardware_min_ns, 80);
CAPBOX_AT(capbox_block, hardware_max_ns, 88);
CAPBOX_AT(capbox_block, counters, 96);
CAPBOX_AT(capbox_block, reserved, 272);

CAPBOX_BYTES(capbox_ring_head, 320);
CAPBOX_AT(capbox_ring_head, filled, 0);
CAPBOX_AT(capbox_ring_head, pad0, 8);
CAPBOX_AT(capbox_ring_head, claimed, 64);
CAPBOX_AT(capbox_ring_head, pad1, 72);
CAPBOX_AT(capbox_ring_head, returned, 128);
CAPBOX_AT(capbox_ring_head, pad2, 136);
CAPBOX_AT(capbox_ring_head, accepted, 192);
CAPBOX_AT(capbox_ring_head, pad3, 200);
CAPBOX_AT(capbox_ring_head, cpu, 256);
CAPBOX_AT(capbox_ring_head, node, 260);
CAPBOX_AT(capbox_ring_head, pad4, 264);

CAPBOX_BYTES(capbox_hook_record, 12);
CAPBOX_AT(capbox_hook_record, magic, 0);
CAPBOX_AT(capbox_hook_record, version, 4);
CAPBOX_AT(capbox_hook_record, kind, 6);
CAPBOX_AT(capbox_hook_record, hook, 8);
CAPBOX_AT(capbox_hook_record, flags, 10);

#endif /* CAPBOX_LAYOUT_H */
