// SPDX-License-Identifier: GPL-2.0-only
// SPDX-FileCopyrightText: 2026 The capbox authors
/* A hook at INGRESS that does nothing, in the namespace of insmod: measures netfilter's own cost (tests/kmod/cost.c). */
#include <linux/module.h>
#include <linux/netdevice.h>
#include <linux/netfilter.h>
#include <linux/nsproxy.h>
#include <net/net_namespace.h>

static char *interface;
module_param(interface, charp, 0);
MODULE_PARM_DESC(interface, "interface whose packets pass the hook");

static netdevice_tracker tracker;

static unsigned int idle_hook(void *priv, struct sk_buff *skb, const struct nf_hook_state *state)
{
	return NF_ACCEPT;
}

static struct nf_hook_ops idle_ops = {
	.hook = idle_hook,
	.pf = NFPROTO_NETDEV,
	.hooknum = NF_NETDEV_INGRESS,
	.priority = INT_MIN,
};

static int __init idle_init(void)
{
	struct net_device *dev = interface ? netdev_get_by_name(current->nsproxy->net_ns, interface, &tracker, GFP_KERNEL) : NULL;
	int err;

	if (!dev)
		return -ENODEV;
	idle_ops.dev = dev;
	err = nf_register_net_hook(dev_net(dev), &idle_ops);
	if (err)
		netdev_put(dev, &tracker);
	return err;
}

static void __exit idle_exit(void)
{
	nf_unregister_net_hook(dev_net(idle_ops.dev), &idle_ops);
	netdev_put(idle_ops.dev, &tracker);
}

module_init(idle_init);
module_exit(idle_exit);
MODULE_DESCRIPTION("a hook that does nothing, for tests");
MODULE_LICENSE("GPL");
