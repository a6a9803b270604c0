// SPDX-License-Identifier: GPL-2.0-only
// SPDX-FileCopyrightText: 2026 The capbox authors
/*
 * NICs that stamp in hardware. One cable joins stamp0 and stamp1, another stamp2 and stamp3, and each has a clock of its own that PTP can
 * steer. They play cards that the test bed does not have: their drivers answer (ethtool, hardware timestamp ioctls, PTP clock) through
 * the kernel's real interfaces.
 *
 * A clock counts nanoseconds of CLOCK_MONOTONIC_RAW, faster by its oscillator's error, and starts at TAI. The sender stamps a packet with
 * its clock, the receiver with its own clock cable_ns later, as a perfect card would.
 */
#include <linux/etherdevice.h>
#include <linux/ethtool.h>
#include <linux/math64.h>
#include <linux/module.h>
#include <linux/net_tstamp.h>
#include <linux/netdevice.h>
#include <linux/ptp_clock_kernel.h>
#include <linux/timecounter.h>

#define STAMP_SHIFT 28
#define STAMP_MAX_PPB 10000000

#define STAMP_MAX_CARDS 4

static unsigned int cards = 2;
module_param(cards, uint, 0444);
MODULE_PARM_DESC(cards, "number of cards, 2 or 4 (2)");

static unsigned long long tai_ns = 37000000000;
module_param(tai_ns, ullong, 0444);
MODULE_PARM_DESC(tai_ns, "initial lead of the clocks over CLOCK_REALTIME, ns (37 s)");

static int oscillator_ppb[STAMP_MAX_CARDS];
module_param_array(oscillator_ppb, int, NULL, 0444);
MODULE_PARM_DESC(oscillator_ppb, "error of each card's oscillator, parts per billion (0)");

static unsigned int cable_ns = 25;
module_param(cable_ns, uint, 0644);
MODULE_PARM_DESC(cable_ns, "delay of the cable, ns (25)");

static unsigned int miss_every;
module_param(miss_every, uint, 0644);
MODULE_PARM_DESC(miss_every, "every Nth received packet gets no stamp; 0: all get one (0)");

static bool ptp_only;
module_param(ptp_only, bool, 0444);
MODULE_PARM_DESC(ptp_only, "the cards stamp PTP event packets only, and report that if more is requested (N)");

static char *driver = "";
module_param(driver, charp, 0444);
MODULE_PARM_DESC(driver, "name of the cards' driver (empty)");

static bool forgets_frequency;
module_param(forgets_frequency, bool, 0644);
MODULE_PARM_DESC(forgets_frequency,
		 "a link change resets a clock to its oscillator's rate, while clock_adjtime() still reports the adjustment, as with i40e (N)");

/* A card. */
struct stamp_nic {
	struct net_device *dev;
	struct net_device *peer;	/* the other end of the cable */
	struct cyclecounter counter;	/* the clock's oscillator, as steered */
	struct timecounter clock;
	spinlock_t lock;		/* of both, and of @received */
	u32 mult;			/* of the oscillator without steering */
	struct ptp_clock_info info;
	struct ptp_clock *ptp;
	int tx_type;
	int filter;			/* HWTSTAMP_FILTER_, as granted */
	unsigned int received;
};

static struct net_device *stamp_devices[STAMP_MAX_CARDS];

static u64 stamp_oscillator(const struct cyclecounter *counter)
{
	return ktime_get_raw_ns();
}

static u64 stamp_at(struct stamp_nic *nic, u64 cycles)
{
	u64 ns;

	spin_lock_bh(&nic->lock);
	ns = timecounter_cyc2time(&nic->clock, cycles);
	spin_unlock_bh(&nic->lock);
	return ns;
}

static int stamp_adjfine(struct ptp_clock_info *info, long scaled_ppm)
{
	struct stamp_nic *nic = container_of(info, struct stamp_nic, info);

	spin_lock_bh(&nic->lock);
	timecounter_read(&nic->clock);
	nic->counter.mult = adjust_by_scaled_ppm(nic->mult, scaled_ppm);
	spin_unlock_bh(&nic->lock);
	return 0;
}

static int stamp_adjtime(struct ptp_clock_info *info, s64 delta)
{
	struct stamp_nic *nic = container_of(info, struct stamp_nic, info);

	spin_lock_bh(&nic->lock);
	timecounter_adjtime(&nic->clock, delta);
	spin_unlock_bh(&nic->lock);
	return 0;
}

static int stamp_gettimex(struct ptp_clock_info *info, struct timespec64 *time,
			  struct ptp_system_timestamp *system)
{
	struct stamp_nic *nic = container_of(info, struct stamp_nic, info);
	u64 cycles;

	ptp_read_system_prets(system);
	cycles = ktime_get_raw_ns();
	ptp_read_system_postts(system);
	*time = ns_to_timespec64(stamp_at(nic, cycles));
	return 0;
}

static int stamp_settime(struct ptp_clock_info *info, const struct timespec64 *time)
{
	struct stamp_nic *nic = container_of(info, struct stamp_nic, info);

	spin_lock_bh(&nic->lock);
	timecounter_init(&nic->clock, &nic->counter, timespec64_to_ns(time));
	spin_unlock_bh(&nic->lock);
	return 0;
}

/* Before the product of time and mult overflows: 68 s. */
static long stamp_aux_work(struct ptp_clock_info *info)
{
	struct stamp_nic *nic = container_of(info, struct stamp_nic, info);

	spin_lock_bh(&nic->lock);
	timecounter_read(&nic->clock);
	spin_unlock_bh(&nic->lock);
	return 10 * HZ;
}

static const struct ptp_clock_info stamp_clock_info = {
	.owner = THIS_MODULE,
	.max_adj = STAMP_MAX_PPB,
	.adjfine = stamp_adjfine,
	.adjtime = stamp_adjtime,
	.gettimex64 = stamp_gettimex,
	.settime64 = stamp_settime,
	.do_aux_work = stamp_aux_work,
};

static void stamp_set_carrier(struct net_device *dev, bool is_on)
{
	struct stamp_nic *nic = netdev_priv(dev);

	/* When all NICs are removed, one of them is removed first. */
	if (dev->reg_state != NETREG_REGISTERED || netif_carrier_ok(dev) == is_on)
		return;
	if (forgets_frequency) {
		spin_lock_bh(&nic->lock);
		timecounter_read(&nic->clock);
		nic->counter.mult = nic->mult;
		spin_unlock_bh(&nic->lock);
	}
	if (is_on)
		netif_carrier_on(dev);
	else
		netif_carrier_off(dev);
}

/* The other end of the cable detects a carrier. */
static int stamp_open(struct net_device *dev)
{
	stamp_set_carrier(((struct stamp_nic *)netdev_priv(dev))->peer, true);
	return 0;
}

static int stamp_stop(struct net_device *dev)
{
	stamp_set_carrier(((struct stamp_nic *)netdev_priv(dev))->peer, false);
	return 0;
}

static void stamp_driver_info(struct net_device *dev, struct ethtool_drvinfo *info)
{
	strscpy(info->driver, driver, sizeof(info->driver));
}

/* PTP over Ethernet, an event message (IEEE 1588, 13.3.2.3: types 0 to 3). */
static bool stamp_is_event(const struct sk_buff *skb)
{
	return skb->protocol == htons(ETH_P_1588) && skb_headlen(skb) > ETH_HLEN && (skb->data[ETH_HLEN] & 15) < 4;
}

static void stamp_receive(struct stamp_nic *nic, struct sk_buff *skb, u64 cycles)
{
	bool is_missed;

	spin_lock_bh(&nic->lock);
	is_missed = miss_every && ++nic->received % miss_every == 0;
	spin_unlock_bh(&nic->lock);
	if (nic->filter != HWTSTAMP_FILTER_NONE && !is_missed && (!ptp_only || stamp_is_event(skb)))
		skb_hwtstamps(skb)->hwtstamp = ns_to_ktime(stamp_at(nic, cycles + cable_ns));
	/* dev_forward_skb() counts what it drops. */
	dev_forward_skb(nic->dev, skb);
}

static netdev_tx_t stamp_transmit(struct sk_buff *skb, struct net_device *dev)
{
	struct stamp_nic *nic = netdev_priv(dev);
	struct skb_shared_hwtstamps stamps = { 0 };
	u64 cycles = ktime_get_raw_ns();
	/* The copy has memory of its own: readers at one end must not see the stamp of the other. */
	struct sk_buff *copy = skb_copy(skb, GFP_ATOMIC);

	if (nic->tx_type == HWTSTAMP_TX_ON && skb_shinfo(skb)->tx_flags & SKBTX_HW_TSTAMP) {
		skb_shinfo(skb)->tx_flags |= SKBTX_IN_PROGRESS;
		stamps.hwtstamp = ns_to_ktime(stamp_at(nic, cycles));
		skb_tstamp_tx(skb, &stamps);
	} else {
		skb_tx_timestamp(skb);
	}
	dev_sw_netstats_tx_add(dev, 1, skb->len);
	consume_skb(skb);
	if (copy)
		stamp_receive(netdev_priv(nic->peer), copy, cycles);
	return NETDEV_TX_OK;
}

static int stamp_hwtstamp_get(struct net_device *dev, struct kernel_hwtstamp_config *config)
{
	struct stamp_nic *nic = netdev_priv(dev);

	config->flags = 0;
	config->tx_type = nic->tx_type;
	config->rx_filter = nic->filter;
	return 0;
}

static int stamp_hwtstamp_set(struct net_device *dev, struct kernel_hwtstamp_config *config,
			      struct netlink_ext_ack *extack)
{
	struct stamp_nic *nic = netdev_priv(dev);

	if (config->tx_type != HWTSTAMP_TX_OFF && config->tx_type != HWTSTAMP_TX_ON)
		return -ERANGE;
	if (config->rx_filter != HWTSTAMP_FILTER_NONE) {
		if (ptp_only && config->rx_filter == HWTSTAMP_FILTER_ALL)
			return -ERANGE;
		config->rx_filter = ptp_only ? HWTSTAMP_FILTER_PTP_V2_EVENT : HWTSTAMP_FILTER_ALL;
	}
	nic->tx_type = config->tx_type;
	nic->filter = config->rx_filter;
	return 0;
}

static int stamp_ts_info(struct net_device *dev, struct kernel_ethtool_ts_info *info)
{
	struct stamp_nic *nic = netdev_priv(dev);

	info->so_timestamping = SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE |
				SOF_TIMESTAMPING_TX_HARDWARE | SOF_TIMESTAMPING_RX_HARDWARE | SOF_TIMESTAMPING_RAW_HARDWARE;
	info->phc_index = ptp_clock_index(nic->ptp);
	info->tx_types = BIT(HWTSTAMP_TX_OFF) | BIT(HWTSTAMP_TX_ON);
	info->rx_filters = BIT(HWTSTAMP_FILTER_NONE) | BIT(ptp_only ? HWTSTAMP_FILTER_PTP_V2_EVENT : HWTSTAMP_FILTER_ALL);
	return 0;
}

static const struct ethtool_ops stamp_ethtool_ops = {
	.get_drvinfo = stamp_driver_info,
	.get_link = ethtool_op_get_link,
	.get_ts_info = stamp_ts_info,
};

static const struct net_device_ops stamp_device_ops = {
	.ndo_open = stamp_open,
	.ndo_stop = stamp_stop,
	.ndo_start_xmit = stamp_transmit,
	.ndo_set_mac_address = eth_mac_addr,
	.ndo_validate_addr = eth_validate_addr,
	.ndo_hwtstamp_get = stamp_hwtstamp_get,
	.ndo_hwtstamp_set = stamp_hwtstamp_set,
};

static int stamp_create(int number)
{
	struct net_device *dev = alloc_etherdev(sizeof(struct stamp_nic));
	u8 address[ETH_ALEN] = { 2, 0, 0, 0, 2, number };
	struct stamp_nic *nic;
	int err;

	if (!dev)
		return -ENOMEM;
	nic = netdev_priv(dev);
	nic->dev = dev;
	spin_lock_init(&nic->lock);
	nic->counter = (struct cyclecounter){ .read = stamp_oscillator, .mask = CYCLECOUNTER_MASK(64), .shift = STAMP_SHIFT };
	nic->mult = (1u << STAMP_SHIFT) + (s32)div_s64((s64)oscillator_ppb[number] << STAMP_SHIFT, NSEC_PER_SEC);
	nic->counter.mult = nic->mult;
	timecounter_init(&nic->clock, &nic->counter, ktime_get_real_ns() + tai_ns);
	nic->info = stamp_clock_info;
	snprintf(nic->info.name, sizeof(nic->info.name), "stamp%d", number);
	nic->ptp = ptp_clock_register(&nic->info, NULL);
	if (IS_ERR_OR_NULL(nic->ptp)) {
		err = nic->ptp ? PTR_ERR(nic->ptp) : -ENODEV;
		goto free;
	}
	ptp_schedule_worker(nic->ptp, 10 * HZ);
	snprintf(dev->name, IFNAMSIZ, "stamp%d", number);
	eth_hw_addr_set(dev, address);
	dev->netdev_ops = &stamp_device_ops;
	dev->ethtool_ops = &stamp_ethtool_ops;
	dev->pcpu_stat_type = NETDEV_PCPU_STAT_TSTATS;
	dev->max_mtu = 9000;
	dev->priv_flags |= IFF_LIVE_ADDR_CHANGE;
	stamp_devices[number] = dev;
	return 0;

free:
	free_netdev(dev);
	return err;
}

static void stamp_destroy(int number)
{
	struct net_device *dev = stamp_devices[number];
	struct stamp_nic *nic;

	if (!dev)
		return;
	nic = netdev_priv(dev);
	ptp_clock_unregister(nic->ptp);
	free_netdev(dev);
}

static void stamp_remove(unsigned int registered)
{
	unsigned int i;

	/* Unregisters all NICs before it frees any, so that none is left without its peer. */
	for (i = 0; i < registered; i++)
		unregister_netdev(stamp_devices[i]);
	for (i = 0; i < cards; i++)
		stamp_destroy(i);
}

static int __init stamp_init(void)
{
	unsigned int i;
	int err;

	if (cards != 2 && cards != STAMP_MAX_CARDS)
		return -EINVAL;
	for (i = 0; i < cards; i++) {
		err = stamp_create(i);
		if (err) {
			stamp_remove(0);
			return err;
		}
	}
	for (i = 0; i < cards; i++)
		((struct stamp_nic *)netdev_priv(stamp_devices[i]))->peer = stamp_devices[i ^ 1];
	for (i = 0; i < cards; i++) {
		err = register_netdev(stamp_devices[i]);
		if (err) {
			stamp_remove(i);
			return err;
		}
	}
	return 0;
}

static void __exit stamp_exit(void)
{
	stamp_remove(cards);
}

module_init(stamp_init);
module_exit(stamp_exit);
MODULE_DESCRIPTION("NICs with hardware stamps and clocks, for tests");
MODULE_LICENSE("GPL");
