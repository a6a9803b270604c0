/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One packet into one Enhanced Packet Block (draft-ietf-opsawg-pcapng, section 4.3), little endian:
 *
 *   28 bytes  type, total length, interface, stamp (high, low), captured length, original length
 *             data, padded with zeros to a multiple of 4
 *    8        epb_flags
 *   20        hook record, for hooks of the network layer
 *    8        opt_endofopt, total length
 *
 * In a header because all of it is inlined into each hook: what a hook is (its number, direction,
 * whether it has link headers) is a constant there. Everything that is not every packet's is out of
 * line, in packet.c.
 */
#ifndef CAPBOX_PACKET_H
#define CAPBOX_PACKET_H

#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_vlan.h>
#include <linux/skbuff.h>
#include <linux/timekeeping.h>

#include "capbox.h"
#include "pcapng.h"

/**
 * struct capbox_view - a packet as a hook sees it
 * @skb: the packet
 * @port: whose it is
 * @dev: the interface that the hook saw it on
 * @offset: from skb->data to the first byte to record, not positive
 * @bytes: on the wire: with the link header, a restored tag, and a header that is made up
 * @hook: enum capbox_hook
 * @direction: as in epb_flags
 * @has_tag: a VLAN tag out of band is to be put back
 * @made_header: no Ethernet header was there, one is to be made up
 * @is_received: came in by a port, so that the stamps in the skb are times of arrival
 */
struct capbox_view {
	const struct sk_buff *skb;
	const struct capbox_port_private *port;
	const struct net_device *dev;
	int offset;
	u32 bytes;
	u32 hook;
	u32 direction;
	bool has_tag;
	bool made_header;
	bool is_received;
};

/* By value: a view whose address nobody takes lives in registers. */
bool capbox_copy_with(struct capbox_view view, u8 *to, u32 bytes);
bool capbox_copy_apart(const struct sk_buff *skb, int offset, u8 *to, u32 bytes);
s64 capbox_hardware_stamp(struct capbox_view view);

static __always_inline u32 capbox_reception(const struct sk_buff *skb)
{
	/*
	 * epb_flags, reception type, bits 2-4: unicast, multicast, broadcast, promiscuous. Of a
	 * packet that leaves nothing is said.
	 */
	const u64 by_type =
		(1ull << 2) << (8 * PACKET_HOST) | (3ull << 2) << (8 * PACKET_BROADCAST) |
		(2ull << 2) << (8 * PACKET_MULTICAST) | (4ull << 2) << (8 * PACKET_OTHERHOST);

	return (u8)(by_type >> (8 * skb->pkt_type));
}

#define CAPBOX_COPY_LEAST_BYTES 16

static __always_inline void capbox_copy_16(u8 *to, const u8 *from)
{
	u64 first = get_unaligned((const u64 *)from),
	    second = get_unaligned((const u64 *)(from + 8));

	put_unaligned(first, (u64 *)to);
	put_unaligned(second, (u64 *)(to + 8));
}

/*
 * Copies at least 16 bytes; the last 16 may overlap what is copied already. Word by word, since the
 * kernel's memcpy is a string instruction on today's CPUs: slow to start for small packets, and for
 * large ones slower to memory that is not in the cache, as a ring's is not (tests/kmod/copy.c
 * measures it).
 */
static __always_inline void capbox_copy_words(u8 *to, const u8 *from, u32 bytes)
{
	long at = 0, last = (long)bytes - 16;

	for (; at < last - 48; at += 64) {
		capbox_copy_16(to + at, from + at);
		capbox_copy_16(to + at + 16, from + at + 16);
		capbox_copy_16(to + at + 32, from + at + 32);
		capbox_copy_16(to + at + 48, from + at + 48);
	}
	for (; at < last; at += 16)
		capbox_copy_16(to + at, from + at);
	capbox_copy_16(to + last, from + last);
}

static __always_inline bool capbox_copy(const struct sk_buff *skb, int offset, u8 *to, u32 bytes)
{
	if (unlikely(offset + (int)bytes > (int)skb_headlen(skb)))
		return capbox_copy_apart(skb, offset, to, bytes);
	if (likely(bytes >= CAPBOX_COPY_LEAST_BYTES))
		capbox_copy_words(to, skb->data + offset, bytes);
	else
		memcpy(to, skb->data + offset, bytes);
	return true;
}

/* The stamp of best source. *is_hardware tells which clock it is of. */
static __always_inline s64 capbox_stamp(struct capbox_ring *ring, const struct capbox_view *view,
					bool *is_hardware)
{
	s64 stamp;

	*is_hardware = false;
	if (view->is_received) {
		if (unlikely(view->port->flags & CAPBOX_PORT_HARDWARE_STAMPS)) {
			stamp = capbox_hardware_stamp(*view);
			if (stamp) {
				ring->counters.hardware_stamps++;
				*is_hardware = true;
				return stamp;
			}
		}
		/* Of a packet that leaves it would be when to send it. */
		stamp = skb_tstamp(view->skb);
		if (stamp) {
			ring->counters.skb_stamps++;
			return stamp;
		}
	}
	return ktime_get_real_fast_ns();
}

static __always_inline u32 capbox_options_bytes(u32 hook)
{
	return CAPBOX_FLAGS_OPTION_BYTES +
	       (hook >= CAPBOX_HOOK_PRE_ROUTING ? CAPBOX_HOOK_OPTION_BYTES : 0);
}

static __always_inline u8 *capbox_write_options(u8 *at, const struct capbox_view *view)
{
	capbox_put_pair(at, CAPBOX_OPTION(CAPBOX_EPB_FLAGS, 4),
			view->direction | capbox_reception(view->skb));
	at += CAPBOX_FLAGS_OPTION_BYTES;
	if (view->hook >= CAPBOX_HOOK_PRE_ROUTING) {
		capbox_put_pair(at,
				CAPBOX_OPTION(CAPBOX_OPT_CUSTOM_COPY,
					      4 + sizeof(struct capbox_hook_record)),
				CAPBOX_ENTERPRISE);
		capbox_put_pair(at + 8, CAPBOX_HOOK_RECORD_MAGIC,
				CAPBOX_HOOK_RECORD_VERSION | CAPBOX_HOOK_RECORD_KIND << 16);
		capbox_put32(at + 16,
			     view->hook |
				     (view->made_header ? CAPBOX_HOOK_MADE_LINK_HEADER << 16 : 0));
		at += CAPBOX_HOOK_OPTION_BYTES;
	}
	return at;
}

/* The packet's block at @epb, where there is room for it. False: the packet cannot be read. */
static __always_inline bool capbox_write(struct capbox_ring *ring, const struct capbox_view *view,
					 u8 *epb, u32 captured, u32 total)
{
	u32 padded = ALIGN(captured, 4);
	u8 *data = epb + CAPBOX_EPB_HEADER_BYTES;
	bool is_hardware, is_whole;
	u32 interface;
	s64 stamp;

	if (captured != padded)
		capbox_put32(data + padded - 4, 0);
	if (unlikely(view->made_header || view->has_tag))
		is_whole = capbox_copy_with(*view, data, captured);
	else
		is_whole = capbox_copy(view->skb, view->offset, data, captured);
	if (unlikely(!is_whole))
		return false;

	stamp = capbox_stamp(ring, view, &is_hardware);
	interface = is_hardware ? view->port->hardware_interface : view->port->software_interface;
	if (unlikely(stamp < ring->run_last_ns || interface != ring->run_interface))
		capbox_ring_begin_run(ring, stamp, interface, is_hardware);
	ring->run_last_ns = stamp;

	capbox_put_pair(epb, CAPBOX_EPB, total);
	capbox_put_pair(epb + 8, interface, (u64)stamp >> 32);
	capbox_put_pair(epb + 16, (u32)stamp, captured);
	capbox_put32(epb + 24, view->bytes);
	capbox_put_pair(capbox_write_options(data + padded, view), 0, total);
	return true;
}

/**
 * capbox_record - writes a packet into the ring, or counts why not
 * @ring: this CPU's
 * @view: the packet
 * @snap: bytes to keep at most
 *
 * Bottom halves are off, the spare ring's lock is held. Budget: hooks.c.
 */
static __always_inline void capbox_record(struct capbox_ring *ring, const struct capbox_view *view,
					  u32 snap)
{
	u32 captured = min(view->bytes, snap);
	u32 total = CAPBOX_EPB_HEADER_BYTES + ALIGN(captured, 4) +
		    capbox_options_bytes(view->hook) + CAPBOX_EPB_END_BYTES;
	u8 *epb;

	raw_write_seqcount_begin(&ring->sequence);
	epb = ring->at;
	if (unlikely(ring->end - epb < total)) {
		epb = capbox_ring_next_block(ring, total, view->bytes);
		if (!epb)
			goto out;
	}
	if (unlikely(!capbox_write(ring, view, epb, captured, total))) {
		capbox_count(&ring->counters.lost_unreadable, view->bytes);
		goto out;
	}
	ring->last = epb;
	ring->at = epb + total;
	capbox_count(&ring->counters.stored, view->bytes);
	if (unlikely(captured < view->bytes)) {
		capbox_count(&ring->counters.truncated, view->bytes);
		ring->cut_bytes += view->bytes - captured;
	}
out:
	/* Last: a block that was handed over for this packet has told of those before it alone. */
	capbox_count(&ring->counters.seen, view->bytes);
	raw_write_seqcount_end(&ring->sequence);
}

#endif /* CAPBOX_PACKET_H */
