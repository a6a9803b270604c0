// SPDX-License-Identifier: GPL-2.0
/* What is not every packet's, of writing a packet: see packet.h. */
#include <linux/etherdevice.h>

#include "packet.h"

#define CAPBOX_MAC_ADDRESSES_BYTES (2 * ETH_ALEN)

/**
 * capbox_copy_apart - copies from a packet whose bytes are not in one piece
 * @skb: the packet
 * @offset: from skb->data
 * @to: where to
 * @bytes: how many
 *
 * Return: false if they are where the CPU cannot read them.
 */
noinline bool capbox_copy_apart(const struct sk_buff *skb, int offset, u8 *to, u32 bytes)
{
	return !skb_copy_bits(skb, offset, to, bytes);
}

/**
 * capbox_copy_with - copies a packet and puts in what is not in the skb
 * @view: the packet
 * @to: where to
 * @bytes: how many, with what is put in
 *
 * A tag goes where it was on the wire (IEEE 802.1Q, clause 9.3): after the two MAC addresses. An
 * Ethernet header is made up where there is none yet: to 00:00:00:00:00:00, from the interface's
 * address.
 *
 * Return: false if the packet cannot be read.
 */
noinline bool capbox_copy_with(struct capbox_view view, u8 *to, u32 bytes)
{
	const struct sk_buff *skb = view.skb;
	u32 head_bytes = CAPBOX_MAC_ADDRESSES_BYTES, from_skb = 0, put;
	u8 head[ETH_HLEN + VLAN_HLEN];
	__be16 tag[2];

	if (view.made_header) {
		memset(head, 0, ETH_ALEN);
		memcpy(head + ETH_ALEN, view.dev->dev_addr, ETH_ALEN);
	} else {
		from_skb = CAPBOX_MAC_ADDRESSES_BYTES;
		if (skb_copy_bits(skb, view.offset, head, from_skb))
			return false;
	}
	if (view.has_tag) {
		tag[0] = skb->vlan_proto;
		tag[1] = htons(skb_vlan_tag_get(skb));
		memcpy(head + head_bytes, tag, VLAN_HLEN);
		head_bytes += VLAN_HLEN;
	}
	if (view.made_header) {
		memcpy(head + head_bytes, &skb->protocol, sizeof(skb->protocol));
		head_bytes += sizeof(skb->protocol);
	}
	put = min(bytes, head_bytes);
	memcpy(to, head, put);
	return !skb_copy_bits(skb, view.offset + from_skb, to + put, bytes - put);
}

/**
 * capbox_hardware_stamp - the NIC's stamp of a packet
 * @view: the packet
 *
 * Return: nanoseconds of the NIC's clock, 0 if there is none.
 */
noinline s64 capbox_hardware_stamp(struct capbox_view view)
{
	struct skb_shared_info *info = skb_shinfo(view.skb);
	struct net_device *nic;

	if (likely(!(info->tx_flags & SKBTX_HW_TSTAMP_NETDEV)))
		return info->hwtstamps.hwtstamp;
	/*
	 * Some drivers leave the address of what their hardware wrote, and convert when asked. The
	 * hook's interface may be another that lies on top: it would hand out the address.
	 */
	nic = dev_get_by_napi_id(skb_napi_id(view.skb));
	if (!nic || !nic->netdev_ops->ndo_get_tstamp)
		return 0;
	return netdev_get_tstamp(nic, &info->hwtstamps, false);
}
