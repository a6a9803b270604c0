/* SPDX-License-Identifier: GPL-2.0-only */
/* SPDX-FileCopyrightText: 2026 The capbox authors */
/*
 * Writes one packet as one Enhanced Packet Block (draft-ietf-opsawg-pcapng, section 4.3), little
 * endian:
 *
 *   28 bytes  type, total length, interface, stamp (high, low), captured length, original length
 *             data, padded with zeros to a multiple of 4
 *    8        epb_flags
 *   20        hook record, for hooks of the network layer
 *    8        opt_endofopt, total length
 *
 * There are two paths. The fast path, capbox_record_plain(), is inlined into INGRESS, which sees
 * nearly all packets of a capture port, and handles only plain packets. The slow path,
 * capbox_record_any() in slowpath.c, records any packet of any hook.
 */
#ifndef CAPBOX_FASTPATH_H
#define CAPBOX_FASTPATH_H

#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_vlan.h>
#include <linux/skbuff.h>
#include <linux/timekeeping.h>

#include "capbox.h"
#include "copy.h"
#include "pcapng.h"

/* epb_flags, direction: bits 0-1. */
#define CAPBOX_INBOUND 1
#define CAPBOX_OUTBOUND 2

/**
 * struct capbox_view - a packet as a hook sees it
 * @skb: the packet
 * @port: the port that records it
 * @dev: the interface on which the hook saw it
 * @offset: from skb->data to the first byte to record, not positive
 * @bytes: length on the wire, with the link header (also a synthesized one) and a restored tag
 * @hook: enum capbox_hook
 * @direction: CAPBOX_INBOUND or CAPBOX_OUTBOUND
 * @has_tag: the skb holds a VLAN tag out of band, which the block gets back
 * @needs_header: the packet has no Ethernet header yet, the block gets a synthesized one
 * @is_received: the packet came in by a port, so the stamps in the skb are times of arrival
 */
struct capbox_view {
	const struct sk_buff *skb;
	const struct capbox_session_port *port;
	const struct net_device *dev;
	int offset;
	u32 bytes;
	u32 hook;
	u32 direction;
	bool has_tag;
	bool needs_header;
	bool is_received;
};

void capbox_record_any(const struct capbox_session *session, const struct capbox_view *view,
		       u32 wanted);

static __always_inline u32 capbox_reception_type(const struct sk_buff *skb)
{
	/*
	 * epb_flags, reception type, bits 2-4: unicast, multicast, broadcast, promiscuous. Zero,
	 * not specified, for packets that leave.
	 */
	static const u32 by_type[8] = {
		[PACKET_HOST] = 1 << 2,
		[PACKET_MULTICAST] = 2 << 2,
		[PACKET_BROADCAST] = 3 << 2,
		[PACKET_OTHERHOST] = 4 << 2,
	};

	return by_type[skb->pkt_type];
}

/* Writes the block's part before the data. */
static __always_inline void capbox_write_epb_header(u8 *epb, u32 total, u32 interface, s64 stamp,
						    u32 captured, u32 bytes)
{
	capbox_put32(epb, CAPBOX_EPB);
	capbox_put32(epb + 4, total);
	capbox_put32(epb + 8, interface);
	/* The format wants the upper half first. */
	capbox_put64(epb + 12, rol64(stamp, 32));
	capbox_put32(epb + 20, captured);
	capbox_put32(epb + 24, bytes);
}

static __always_inline u8 *capbox_write_flags(u8 *at, u32 flags)
{
	capbox_put32(at, CAPBOX_OPTION(CAPBOX_EPB_FLAGS, 4));
	capbox_put32(at + 4, flags);
	return at + CAPBOX_FLAGS_OPTION_BYTES;
}

static __always_inline void capbox_write_end(u8 *at, u32 total)
{
	capbox_put32(at, 0);
	capbox_put32(at + 4, total);
}

/* The kernel's stamp of arrival, if there is one (docs/internals/ring.md), else the time now. */
static __always_inline s64 capbox_software_stamp(struct capbox_ring *ring,
						 const struct sk_buff *skb)
{
	if (likely(!skb->tstamp) || skb->tstamp_type != SKB_CLOCK_REALTIME)
		return ktime_get_real_fast_ns();
	ring->counters.skb_stamps++;
	return skb->tstamp;
}

/* Upper bound of what capbox_record_plain() writes besides the packet. */
#define CAPBOX_PLAIN_EXTRA_BYTES \
	(CAPBOX_EPB_HEADER_BYTES + 3 + CAPBOX_FLAGS_OPTION_BYTES + CAPBOX_EPB_END_BYTES)

/* Whether the fast path may write: no other CPU writes to the ring, and the packet fits. */
static __always_inline bool capbox_has_room(const struct capbox_ring *ring, u32 bytes)
{
	return !ring->is_spare && ring->end - ring->at >= (long)bytes + CAPBOX_PLAIN_EXTRA_BYTES;
}

/*
 * The fast path: records a received packet that is kept whole, is linear, and has a size that is
 * copied by words. Bottom halves are off. Budget: hooks.c. The stamp comes first, since no function
 * is called after it, so that the compiler keeps everything else in registers.
 */
static __always_inline void capbox_record_plain(struct capbox_ring *ring,
						const struct capbox_session_port *port,
						const struct sk_buff *skb, const u8 *from,
						u32 bytes)
{
	u32 interface, padded, total;
	u8 *epb, *data, *after;
	s64 stamp;

	raw_write_seqcount_begin(&ring->sequence);
	stamp = capbox_software_stamp(ring, skb);
	interface = port->software_interface;
	if (unlikely(stamp < ring->run_last_ns || interface != ring->run_interface))
		stamp = capbox_ring_begin_run(ring, stamp, interface, false);
	ring->run_last_ns = stamp;

	padded = ALIGN(bytes, 4);
	total = padded + CAPBOX_EPB_HEADER_BYTES + CAPBOX_FLAGS_OPTION_BYTES + CAPBOX_EPB_END_BYTES;
	epb = ring->at;
	data = epb + CAPBOX_EPB_HEADER_BYTES;
	after = data + padded;
	capbox_write_epb_header(epb, total, interface, stamp, bytes, bytes);
	/* Zeroes the padding; the copy overwrites the bytes that are not padding. */
	capbox_put32(after - 4, 0);
	capbox_copy_words(data, from, bytes);
	capbox_write_end(capbox_write_flags(after, CAPBOX_INBOUND | capbox_reception_type(skb)),
			 total);
	ring->last = epb;
	ring->at = epb + total;
	capbox_count(&ring->counters.stored, bytes);
	capbox_count(&ring->counters.seen, bytes);
	raw_write_seqcount_end(&ring->sequence);
}

static __always_inline void capbox_count_filtered(struct capbox_ring *ring, u32 bytes)
{
	raw_write_seqcount_begin(&ring->sequence);
	capbox_count(&ring->counters.seen, bytes);
	capbox_count(&ring->counters.filtered, bytes);
	raw_write_seqcount_end(&ring->sequence);
}

#endif /* CAPBOX_FASTPATH_H */
