// SPDX-License-Identifier: GPL-2.0-only
// SPDX-FileCopyrightText: 2026 The capbox authors
/* The slow path: records any packet of any hook. fastpath.h describes both paths. */
#include <linux/etherdevice.h>

#include "fastpath.h"

#define CAPBOX_MAC_ADDRESSES_BYTES (2 * ETH_ALEN)

/* Returns false if the bytes lie in memory that the CPU cannot read. */
static bool capbox_copy(const struct sk_buff *skb, int offset, u8 *to, u32 bytes)
{
	if (offset + (int)bytes > (int)skb_headlen(skb))
		return !skb_copy_bits(skb, offset, to, bytes);
	if (capbox_is_for_words(bytes))
		capbox_copy_words(to, skb->data + offset, bytes);
	else
		memcpy(to, skb->data + offset, bytes);
	return true;
}

/*
 * Copies a packet with the header bytes that the skb does not hold; @bytes includes them. Returns
 * false if the CPU cannot read the packet.
 *
 * The VLAN tag returns to its place on the wire, after the two MAC addresses (IEEE 802.1Q, clause
 * 9.3). A synthesized Ethernet header is to 00:00:00:00:00:00, from the interface's address.
 */
static bool capbox_copy_with_header(const struct capbox_view *view, u8 *to, u32 bytes)
{
	const struct sk_buff *skb = view->skb;
	u32 head_bytes = CAPBOX_MAC_ADDRESSES_BYTES, from_skb = 0, put;
	u8 head[ETH_HLEN + VLAN_HLEN];
	__be16 tag[2];

	if (view->needs_header) {
		memset(head, 0, ETH_ALEN);
		memcpy(head + ETH_ALEN, view->dev->dev_addr, ETH_ALEN);
	} else {
		from_skb = CAPBOX_MAC_ADDRESSES_BYTES;
		if (skb_copy_bits(skb, view->offset, head, from_skb))
			return false;
	}
	if (view->has_tag) {
		tag[0] = skb->vlan_proto;
		tag[1] = htons(skb_vlan_tag_get(skb));
		memcpy(head + head_bytes, tag, VLAN_HLEN);
		head_bytes += VLAN_HLEN;
	}
	if (view->needs_header) {
		memcpy(head + head_bytes, &skb->protocol, sizeof(skb->protocol));
		head_bytes += sizeof(skb->protocol);
	}
	put = min(bytes, head_bytes);
	memcpy(to, head, put);
	return !skb_copy_bits(skb, view->offset + from_skb, to + put, bytes - put);
}

/* The NIC's stamp, in nanoseconds of its clock; 0 if the packet has none. */
static s64 capbox_hardware_stamp(const struct sk_buff *skb)
{
	struct skb_shared_info *info = skb_shinfo(skb);
	struct net_device *nic;

	if (likely(!(info->tx_flags & SKBTX_HW_TSTAMP_NETDEV)))
		return info->hwtstamps.hwtstamp;
	/*
	 * Some drivers leave an address of what their hardware wrote and convert it on request.
	 * Only the NIC's own driver can: the hook's interface may be stacked on top of it, and
	 * would return the address as a stamp.
	 */
	nic = dev_get_by_napi_id(skb_napi_id(skb));
	if (!nic || !nic->netdev_ops->ndo_get_tstamp)
		return 0;
	return netdev_get_tstamp(nic, &info->hwtstamps, false);
}

/* The stamp of the best source; sets *is_hardware if the NIC's clock made it. */
static s64 capbox_stamp(struct capbox_ring *ring, const struct capbox_view *view, bool *is_hardware)
{
	s64 stamp;

	*is_hardware = false;
	if (view->is_received) {
		/* The NIC of another port stamped a packet that is forwarded out of this one. */
		if (view->direction == CAPBOX_INBOUND &&
		    view->port->flags & CAPBOX_PORT_HARDWARE_STAMPS) {
			stamp = capbox_hardware_stamp(view->skb);
			if (stamp) {
				ring->counters.hardware_stamps++;
				*is_hardware = true;
				return stamp;
			}
		}
		return capbox_software_stamp(ring, view->skb);
	}
	/* The stamp in the skb of a packet that leaves is the time to send it. */
	return ktime_get_real_fast_ns();
}

static u32 capbox_options_bytes(u32 hook)
{
	return CAPBOX_FLAGS_OPTION_BYTES +
	       (hook >= CAPBOX_HOOK_PRE_ROUTING ? CAPBOX_HOOK_OPTION_BYTES : 0);
}

static u8 *capbox_write_hook_record(u8 *at, const struct capbox_view *view)
{
	capbox_put32(at,
		     CAPBOX_OPTION(CAPBOX_OPT_CUSTOM_COPY, 4 + sizeof(struct capbox_hook_record)));
	capbox_put32(at + 4, CAPBOX_ENTERPRISE);
	capbox_put32(at + 8, CAPBOX_HOOK_RECORD_MAGIC);
	capbox_put32(at + 12, CAPBOX_HOOK_RECORD_VERSION | CAPBOX_HOOK_RECORD_KIND << 16);
	capbox_put32(at + 16,
		     view->hook | (view->needs_header ? CAPBOX_HOOK_MADE_LINK_HEADER << 16 : 0));
	return at + CAPBOX_HOOK_OPTION_BYTES;
}

/* Writes the packet's block at @epb, which has room. Returns false if the CPU cannot read it. */
static bool capbox_write_epb(struct capbox_ring *ring, const struct capbox_view *view, u8 *epb,
			     u32 captured, u32 total)
{
	u32 padded = ALIGN(captured, 4), interface;
	u8 *data = epb + CAPBOX_EPB_HEADER_BYTES, *at = data + padded;
	bool is_hardware, is_whole;
	s64 stamp;

	capbox_put32(data + padded - 4, 0);
	if (view->needs_header || view->has_tag)
		is_whole = capbox_copy_with_header(view, data, captured);
	else
		is_whole = capbox_copy(view->skb, view->offset, data, captured);
	if (unlikely(!is_whole))
		return false;

	stamp = capbox_stamp(ring, view, &is_hardware);
	interface = is_hardware ? view->port->hardware_interface : view->port->software_interface;
	if (unlikely(stamp < ring->run_last_ns || interface != ring->run_interface))
		capbox_ring_begin_run(ring, stamp, interface, is_hardware);
	ring->run_last_ns = stamp;

	capbox_write_epb_header(epb, total, interface, stamp, captured, view->bytes);
	at = capbox_write_flags(at, view->direction == CAPBOX_INBOUND ?
					    CAPBOX_INBOUND | capbox_reception_type(view->skb) :
					    CAPBOX_OUTBOUND);
	if (view->hook >= CAPBOX_HOOK_PRE_ROUTING)
		at = capbox_write_hook_record(at, view);
	capbox_write_end(at, total);
	return true;
}

/* Stores at most @snap bytes of a packet in the ring, or counts why it is lost. */
static void capbox_store(struct capbox_ring *ring, const struct capbox_view *view, u32 snap)
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
	if (unlikely(!capbox_write_epb(ring, view, epb, captured, total))) {
		capbox_count(&ring->counters.lost_unreadable, view->bytes);
		goto out;
	}
	ring->last = epb;
	ring->at = epb + total;
	capbox_count(&ring->counters.stored, view->bytes);
	if (captured < view->bytes) {
		capbox_count(&ring->counters.truncated, view->bytes);
		ring->cut_bytes += view->bytes - captured;
	}
out:
	/* Last: the block handed over for this packet reports only the packets before it. */
	capbox_count(&ring->counters.seen, view->bytes);
	raw_write_seqcount_end(&ring->sequence);
}

static void capbox_record_in(struct capbox_ring *ring, const struct capbox_view *view, u32 snap)
{
	if (snap)
		capbox_store(ring, view, snap);
	else
		capbox_count_filtered(ring, view->bytes);
}

/**
 * capbox_record_any - records a packet in this CPU's ring, or counts why it is not recorded
 * @session: the session
 * @view: the packet
 * @wanted: return value of the filter: bytes to keep, 0 to reject the packet
 *
 * Bottom halves are off.
 */
noinline void capbox_record_any(const struct capbox_session *session,
				const struct capbox_view *view, u32 wanted)
{
	struct capbox_ring *ring = this_cpu_read(*session->ring_of);
	u32 snap = min(wanted, session->snap_bytes);

	if (likely(!ring->is_spare)) {
		capbox_record_in(ring, view, snap);
		return;
	}
	/* All CPUs without a ring of their own write to this one. */
	spin_lock(&ring->lock);
	capbox_record_in(ring, view, snap);
	spin_unlock(&ring->lock);
}
