// SPDX-License-Identifier: GPL-2.0-only
// SPDX-FileCopyrightText: 2026 The capbox authors
/* Registers as many hooks at an interface's ingress as netfilter allows (MAX_HOOK_COUNT): one more fails with E2BIG. */
#include <linux/module.h>
#include <linux/netdevice.h>
#include <linux/netfilter.h>
#include <linux/nsproxy.h>
#include <net/net_namespace.h>

#define CROWD_HOOKS 1024

static char *interface;
module_param(interface, charp, 0444);

static struct net *crowd_net;
static struct net_device *crowd_dev;
static struct nf_hook_ops crowd_ops[CROWD_HOOKS];

static unsigned int crowd_hook(void *priv, struct sk_buff *skb, const struct nf_hook_state *state)
{
	return NF_ACCEPT;
}

static int __init crowd_init(void)
{
	int i, err;

	crowd_net = get_net(current->nsproxy->net_ns);
	crowd_dev = dev_get_by_name(crowd_net, interface ? interface : "");
	for (i = 0, err = crowd_dev ? 0 : -ENODEV; !err && i < CROWD_HOOKS; i++) {
		crowd_ops[i] = (struct nf_hook_ops){
			.hook = crowd_hook, .pf = NFPROTO_NETDEV, .hooknum = NF_NETDEV_INGRESS, .dev = crowd_dev, .priority = i,
		};
		err = nf_register_net_hook(crowd_net, &crowd_ops[i]);
	}
	if (!err)
		return 0;
	while (--i > 0)
		nf_unregister_net_hook(crowd_net, &crowd_ops[i - 1]);
	dev_put(crowd_dev);
	put_net(crowd_net);
	return err;
}

static void __exit crowd_exit(void)
{
	nf_unregister_net_hooks(crowd_net, crowd_ops, CROWD_HOOKS);
	dev_put(crowd_dev);
	put_net(crowd_net);
}

module_init(crowd_init);
module_exit(crowd_exit);
MODULE_DESCRIPTION("all hooks that an interface may have, for tests");
MODULE_LICENSE("GPL");
