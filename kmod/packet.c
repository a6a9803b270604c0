// SPDX-License-Identifier: GPL-2.0
/*
 * One packet into one Enhanced Packet Block (draft-ietf-opsawg-pcapng, section 4.3), little endian:
 *
 *   type, total length, interface, stamp (high, low), captured length, original length     28 bytes
 *   data, padded with zeros to a multiple of 4
 *   epb_flags                                                                              8
 *   hook record, for hooks of the network layer                                            20
 *   opt_endofopt, total length                                                             8
 */
#include <linux/etherdevice.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_vlan.h>
#include <linux/skbuff.h>
#include <linux/timekeeping.h>

#include "capbox.h"
#include "pcapng.h"

#define CAPBOX_MAC_ADDRESSES_BYTES (2 * ETH_ALEN)

static bool capbox_copy(const struct sk_buff *skb, int offset, u8 *to, u32 bytes)
{
	if (likely(offset + (int)bytes <= (int)skb_headlen(skb))) {
		memcpy(to, skb->data + offset, bytes);
		return true;
	}
	return !skb_copy_bits(skb, offset, to, bytes);
}

/*
 * The packet with its tag where it was on the wire (IEEE 802.1Q, clause 9.3): after the two MAC addresses. Or with an Ethernet header
 * that is made up, where there is none yet: to 00:00:00:00:00:00, from the interface's address. Both at once do not occur: a tag out
 * of band is the link layer's. @bytes counts what is put in.
 */
static bool capbox_copy_with(const struct capbox_view *view, u8 *to, u32 bytes)
{
	const struct sk_buff *skb = view->skb;
	u8 head[ETH_HLEN + VLAN_HLEN];
	u32 head_bytes = 0, from_skb = 0, put;
	__be16 tag[2];

	if (view->made_header) {
		memset(head, 0, ETH_ALEN);
		memcpy(head + ETH_ALEN, view->dev->dev_addr, ETH_ALEN);
	} else {
		if (!capbox_copy(skb, view->offset, head, CAPBOX_MAC_ADDRESSES_BYTES))
			return false;
		from_skb = CAPBOX_MAC_ADDRESSES_BYTES;
	}
	head_bytes = CAPBOX_MAC_ADDRESSES_BYTES;
	if (view->port->has_link_header && skb_vlan_tag_present(skb)) {
		tag[0] = skb->vlan_proto;
		tag[1] = htons(skb_vlan_tag_get(skb));
		memcpy(head + head_bytes, tag, VLAN_HLEN);
		head_bytes += VLAN_HLEN;
	}
	if (view->made_header) {
		memcpy(head + head_bytes, &skb->protocol, sizeof(skb->protocol));
		head_bytes += sizeof(skb->protocol);
	}
	put = min(bytes, head_bytes);
	memcpy(to, head, put);
	return capbox_copy(skb, view->offset + from_skb, to + put, bytes - put);
}

static u32 capbox_reception(const struct sk_buff *skb)
{
	/* epb_flags, reception type: bits 2-4. Of a packet that leaves nothing is said. */
	switch (skb->pkt_type) {
	case PACKET_HOST:
		return 1 << 2;
	case PACKET_MULTICAST:
		return 2 << 2;
	case PACKET_BROADCAST:
		return 3 << 2;
	case PACKET_OTHERHOST:
		return 4 << 2;
	default:
		return 0;
	}
}

static s64 capbox_hardware_stamp(const struct capbox_view *view)
{
	const struct skb_shared_info *info = skb_shinfo(view->skb);

	/* Some drivers keep what their hardware wrote and convert when asked. */
	if (unlikely(info->tx_flags & SKBTX_HW_TSTAMP_NETDEV))
		return netdev_get_tstamp((struct net_device *)view->dev, &info->hwtstamps, false);
	return info->hwtstamps.hwtstamp;
}

/* The stamp of best source, and the interface that tells which clock it is of. */
static s64 capbox_stamp(struct capbox_ring *ring, const struct capbox_view *view, u32 *interface)
{
	const struct capbox_port_private *port = view->port;
	s64 stamp;

	*interface = port->software_interface;
	if (likely(view->is_received)) {
		if (port->flags & CAPBOX_PORT_HARDWARE_STAMPS) {
			stamp = capbox_hardware_stamp(view);
			if (stamp) {
				*interface = port->hardware_interface;
				ring->hardware_stamps++;
				ring->counters.hardware_stamps++;
				ring->hardware_min_ns = min(ring->hardware_min_ns, stamp);
				ring->hardware_max_ns = max(ring->hardware_max_ns, stamp);
				return stamp;
			}
		}
		/* Of a packet that leaves it would be when to send it. */
		stamp = skb_tstamp(view->skb);
		if (stamp)
			ring->counters.skb_stamps++;
		else
			stamp = ktime_get_real_fast_ns();
	} else {
		stamp = ktime_get_real_fast_ns();
	}
	ring->software_min_ns = min(ring->software_min_ns, stamp);
	ring->software_max_ns = max(ring->software_max_ns, stamp);
	return stamp;
}

static void capbox_note_order(struct capbox_ring *ring, s64 stamp, u32 interface)
{
	if (unlikely(!ring->packets)) {
		ring->first_interface = interface;
		ring->first_ns = stamp;
		ring->flags |= CAPBOX_BLOCK_IN_ORDER;
		capbox_ring_arm(ring);
	} else if (stamp < ring->before_ns || interface != ring->before_interface) {
		/* Another port's interface on the same clock would be in order too; nobody needs to know. */
		ring->flags &= ~CAPBOX_BLOCK_IN_ORDER;
	}
	if (interface == ring->first_interface)
		ring->last_ns = stamp;
	ring->before_ns = stamp;
	ring->before_interface = interface;
}

static u8 *capbox_write_options(u8 *at, const struct capbox_view *view)
{
	capbox_put32(at, CAPBOX_OPTION(CAPBOX_EPB_FLAGS, 4));
	capbox_put32(at + 4, view->flags | capbox_reception(view->skb));
	at += CAPBOX_FLAGS_OPTION_BYTES;
	if (view->hook >= CAPBOX_HOOK_PRE_ROUTING) {
		capbox_put32(at, CAPBOX_OPTION(CAPBOX_OPT_CUSTOM_COPY, 4 + sizeof(struct capbox_hook_record)));
		capbox_put32(at + 4, CAPBOX_ENTERPRISE);
		capbox_put32(at + 8, CAPBOX_HOOK_RECORD_MAGIC);
		capbox_put32(at + 12, CAPBOX_HOOK_RECORD_VERSION | CAPBOX_HOOK_RECORD_KIND << 16);
		capbox_put32(at + 16, view->hook | (view->made_header ? CAPBOX_HOOK_MADE_LINK_HEADER << 16 : 0));
		at += CAPBOX_HOOK_OPTION_BYTES;
	}
	capbox_put32(at, 0);
	return at + 4;
}

/**
 * capbox_record - writes a packet into the ring, or counts why not
 * @ring: this CPU's
 * @view: the packet
 *
 * Bottom halves are off, the spare ring's lock is held. Cost: see hooks.c.
 */
void capbox_record(struct capbox_ring *ring, const struct capbox_view *view)
{
	u32 captured = min(view->bytes, view->snap);
	u32 padded = ALIGN(captured, 4);
	u32 options = view->hook >= CAPBOX_HOOK_PRE_ROUTING ? CAPBOX_FLAGS_OPTION_BYTES + CAPBOX_HOOK_OPTION_BYTES
							     : CAPBOX_FLAGS_OPTION_BYTES;
	u32 total = CAPBOX_EPB_HEADER_BYTES + padded + options + CAPBOX_EPB_END_BYTES;
	u32 interface;
	bool is_whole;
	s64 stamp;
	u8 *epb, *data;

	raw_write_seqcount_begin(&ring->sequence);
	capbox_count(&ring->counters.seen, view->bytes);
	epb = ring->at;
	if (unlikely(ring->end - epb < total)) {
		epb = capbox_ring_next_block(ring, total, view->bytes);
		if (!epb)
			goto out;
	}

	data = epb + CAPBOX_EPB_HEADER_BYTES;
	if (captured != padded)
		capbox_put32(data + padded - 4, 0);
	if (unlikely(view->made_header || (view->port->has_link_header && skb_vlan_tag_present(view->skb))))
		is_whole = capbox_copy_with(view, data, captured);
	else
		is_whole = capbox_copy(view->skb, view->offset, data, captured);
	if (unlikely(!is_whole)) {
		capbox_count(&ring->counters.lost_unreadable, view->bytes);
		goto out;
	}

	stamp = capbox_stamp(ring, view, &interface);
	capbox_note_order(ring, stamp, interface);
	capbox_put32(epb, CAPBOX_EPB);
	capbox_put32(epb + 4, total);
	capbox_put32(epb + 8, interface);
	capbox_put32(epb + 12, (u64)stamp >> 32);
	capbox_put32(epb + 16, (u32)stamp);
	capbox_put32(epb + 20, captured);
	capbox_put32(epb + 24, view->bytes);
	capbox_put32(capbox_write_options(data + padded, view), total);

	ring->last = epb;
	ring->at = epb + total;
	ring->packets++;
	ring->captured_bytes += captured;
	ring->original_bytes += view->bytes;
	capbox_count(&ring->counters.stored, view->bytes);
	if (captured < view->bytes) {
		ring->truncated++;
		capbox_count(&ring->counters.truncated, view->bytes);
	}
out:
	raw_write_seqcount_end(&ring->sequence);
}
