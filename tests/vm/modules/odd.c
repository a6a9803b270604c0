// SPDX-License-Identifier: GPL-2.0-only
// SPDX-FileCopyrightText: 2026 The capbox authors
/*
 * An Ethernet interface, odd0, that receives each frame it sends, in the form that the frame selects: with a hardware stamp, in pieces,
 * with a tag out of band, or broken in ways that no driver should cause. It plays NICs that the test bed does not have.
 *
 * A frame of EtherType 0x88b5 has after its link header: the form (2 bytes, big endian, the bits of enum odd), and a number
 * (8 bytes, little endian).
 */
#include <linux/etherdevice.h>
#include <linux/if_vlan.h>
#include <linux/module.h>
#include <linux/netdevice.h>
#include <linux/unaligned.h>
#include <net/busy_poll.h>

/* tests/kmod/odd.c has the same. */
enum odd {
	ODD_STAMP = 1,		/* stamped with the number */
	ODD_LATE_STAMP = 2,	/* stamped with the address of the number, which ndo_get_tstamp() converts */
	ODD_LOST_STAMP = 4,	/* the same, but the skb does not name the receiving NIC */
	ODD_PAGES = 8,		/* the link header and up to 7 bytes in one piece, the rest in pages */
	ODD_LIST = 16,		/* or in a list of packets */
	ODD_DEVICE_MEMORY = 32,	/* and the pages cannot be read */
	ODD_TAG = 64,		/* a VLAN tag out of band: 0x2005 */
	ODD_NO_HEADER = 128,	/* the start of the link header is not set */
	ODD_LATE_HEADER = 256,	/* or set to a place after its end */
};

#define ODD_PIECE_BYTES 500

static struct net_device *odd_device;
static struct napi_struct odd_napi;

static int odd_poll(struct napi_struct *napi, int budget)
{
	return 0;
}

static bool odd_add_pages(struct sk_buff *skb, const u8 *from, unsigned int bytes)
{
	unsigned int piece;
	struct page *page;
	int i;

	for (i = 0; bytes && i < MAX_SKB_FRAGS; i++, from += piece, bytes -= piece) {
		piece = min(bytes, ODD_PIECE_BYTES);
		page = alloc_page(GFP_ATOMIC);
		if (!page)
			return false;
		memcpy(page_address(page) + 123, from, piece);
		skb_add_rx_frag(skb, i, page, 123, piece, PAGE_SIZE);
	}
	return !bytes;
}

static bool odd_add_list(struct sk_buff *skb, const u8 *from, unsigned int bytes)
{
	struct sk_buff **next = &skb_shinfo(skb)->frag_list;
	unsigned int piece;

	for (; bytes; next = &(*next)->next, from += piece, bytes -= piece) {
		piece = min(bytes, ODD_PIECE_BYTES);
		*next = alloc_skb(piece, GFP_ATOMIC);
		if (!*next)
			return false;
		skb_put_data(*next, from, piece);
		skb->len += piece;
		skb->data_len += piece;
		skb->truesize += (*next)->truesize;
	}
	return true;
}

static struct sk_buff *odd_copy(struct net_device *dev, const struct sk_buff *sent, u32 what, u64 number)
{
	unsigned int linear = what & (ODD_PAGES | ODD_LIST) ? min_t(u64, sent->len, ETH_HLEN + number % 8) : sent->len;
	struct sk_buff *skb = netdev_alloc_skb(dev, linear);
	bool is_whole;

	if (!skb)
		return NULL;
	skb_put_data(skb, sent->data, linear);
	if (what & ODD_PAGES)
		is_whole = odd_add_pages(skb, sent->data + linear, sent->len - linear);
	else
		is_whole = odd_add_list(skb, sent->data + linear, sent->len - linear);
	if (is_whole)
		return skb;
	kfree_skb(skb);
	return NULL;
}

static void odd_stamp(struct sk_buff *skb, const u8 *number_at, u32 what)
{
	struct skb_shared_info *info = skb_shinfo(skb);

	if (what & ODD_STAMP)
		info->hwtstamps.hwtstamp = get_unaligned_le64(number_at);
	if (!(what & (ODD_LATE_STAMP | ODD_LOST_STAMP)))
		return;
	info->tx_flags |= SKBTX_HW_TSTAMP_NETDEV;
	info->hwtstamps.netdev_data = (void *)number_at;
	if (what & ODD_LATE_STAMP)
		skb_mark_napi_id(skb, &odd_napi);
}

static netdev_tx_t odd_xmit(struct sk_buff *sent, struct net_device *dev)
{
	struct sk_buff *skb = NULL;
	u32 what;

	if (!skb_linearize(sent) && sent->len >= ETH_HLEN + 10) {
		what = get_unaligned_be16(sent->data + ETH_HLEN);
		skb = odd_copy(dev, sent, what, get_unaligned_le64(sent->data + ETH_HLEN + 2));
	}
	if (!skb) {
		dev_kfree_skb(sent);
		return NETDEV_TX_OK;
	}
	skb->protocol = eth_type_trans(skb, dev);
	/* These forms keep the number in one piece. */
	if (!(what & (ODD_PAGES | ODD_LIST)))
		odd_stamp(skb, skb->data + 2, what);
	if (what & ODD_TAG)
		__vlan_hwaccel_put_tag(skb, htons(ETH_P_8021Q), 0x2005);
	if (what & ODD_PAGES && what & ODD_DEVICE_MEMORY)
		skb->unreadable = true;
	if (what & ODD_NO_HEADER)
		skb->mac_header = (typeof(skb->mac_header))~0U;
	else if (what & ODD_LATE_HEADER)
		skb->mac_header += ETH_HLEN + 6;
	netif_rx(skb);
	dev_kfree_skb(sent);
	return NETDEV_TX_OK;
}

static ktime_t odd_get_tstamp(struct net_device *dev, const struct skb_shared_hwtstamps *hwtstamps, bool cycles)
{
	return get_unaligned_le64(hwtstamps->netdev_data);
}

static const struct net_device_ops odd_operations = {
	.ndo_start_xmit = odd_xmit,
	.ndo_get_tstamp = odd_get_tstamp,
};

static void odd_setup(struct net_device *dev)
{
	ether_setup(dev);
	dev->netdev_ops = &odd_operations;
	dev->features |= NETIF_F_HW_VLAN_CTAG_TX;
	eth_hw_addr_random(dev);
}

static int __init odd_init(void)
{
	int err;

	odd_device = alloc_netdev(0, "odd%d", NET_NAME_ENUM, odd_setup);
	if (!odd_device)
		return -ENOMEM;
	netif_napi_add(odd_device, &odd_napi, odd_poll);
	err = register_netdev(odd_device);
	if (err)
		free_netdev(odd_device);
	return err;
}
module_init(odd_init);

static void __exit odd_exit(void)
{
	unregister_netdev(odd_device);
	free_netdev(odd_device);
}
module_exit(odd_exit);

MODULE_DESCRIPTION("An interface with odd packets, for tests");
MODULE_LICENSE("GPL");
