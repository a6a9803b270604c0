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
 * Two ways lead there. capbox_take() records any packet of any hook. capbox_record_plain() is inlined
 * into INGRESS, where nearly all packets of a capture port come from, and does only what such a packet
 * needs; it writes nothing of a packet that needs more.
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
#include "copy.h"
#include "pcapng.h"

/* epb_flags, direction: bits 0-1. */
#define CAPBOX_INBOUND 1
#define CAPBOX_OUTBOUND 2

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

void capbox_take(const struct capbox_session *session, const struct capbox_view *view, u32 wanted);

static __always_inline u32 capbox_reception(const struct sk_buff *skb)
{
	/*
	 * epb_flags, reception type, bits 2-4: unicast, multicast, broadcast, promiscuous. Of a
	 * packet that leaves nothing is said.
	 */
	static const u32 by_type[8] = {
		[PACKET_HOST] = 1 << 2,
		[PACKET_MULTICAST] = 2 << 2,
		[PACKET_BROADCAST] = 3 << 2,
		[PACKET_OTHERHOST] = 4 << 2,
	};

	return by_type[skb->pkt_type];
}

/* The block's part before the data. */
static __always_inline void capbox_put_epb(u8 *epb, u32 total, u32 interface, s64 stamp,
					   u32 captured, u32 bytes)
{
	capbox_put32(epb, CAPBOX_EPB);
	capbox_put32(epb + 4, total);
	capbox_put32(epb + 8, interface);
	/* The upper half comes first. */
	capbox_put64(epb + 12, rol64(stamp, 32));
	capbox_put32(epb + 20, captured);
	capbox_put32(epb + 24, bytes);
}

static __always_inline u8 *capbox_put_flags(u8 *at, u32 flags)
{
	capbox_put32(at, CAPBOX_OPTION(CAPBOX_EPB_FLAGS, 4));
	capbox_put32(at + 4, flags);
	return at + CAPBOX_FLAGS_OPTION_BYTES;
}

static __always_inline void capbox_put_end(u8 *at, u32 total)
{
	capbox_put32(at, 0);
	capbox_put32(at + 4, total);
}

/* The kernel's of arrival, if it has made one (docs/RING.md), else of now. */
static __always_inline s64 capbox_software_stamp(struct capbox_ring *ring,
						 const struct sk_buff *skb)
{
	if (likely(!skb->tstamp) || skb->tstamp_type != SKB_CLOCK_REALTIME)
		return ktime_get_real_fast_ns();
	ring->counters.skb_stamps++;
	return skb->tstamp;
}

/* What a block of capbox_record_plain() has beside the packet, at most. */
#define CAPBOX_PLAIN_EXTRA_BYTES \
	(CAPBOX_EPB_HEADER_BYTES + 3 + CAPBOX_FLAGS_OPTION_BYTES + CAPBOX_EPB_END_BYTES)

/* Whether capbox_record_plain() may be called: no other CPU writes to the ring, and there is room. */
static __always_inline bool capbox_has_room(const struct capbox_ring *ring, u32 bytes)
{
	return !ring->is_spare && ring->end - ring->at >= (long)bytes + CAPBOX_PLAIN_EXTRA_BYTES;
}

/*
 * The short way: writes a packet that was received, is kept whole, in one piece, and of a size for
 * words. Bottom halves are off. Budget: hooks.c. The stamp comes first: what follows calls nothing,
 * so that all of it is done in registers.
 */
static __always_inline void capbox_record_plain(struct capbox_ring *ring,
						const struct capbox_port_private *port,
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
	capbox_put_epb(epb, total, interface, stamp, bytes, bytes);
	/* The padding; the packet's last bytes go over what is not. */
	capbox_put32(after - 4, 0);
	capbox_copy_words(data, from, bytes);
	capbox_put_end(capbox_put_flags(after, CAPBOX_INBOUND | capbox_reception(skb)), total);
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

#endif /* CAPBOX_PACKET_H */
