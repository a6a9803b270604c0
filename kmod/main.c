// SPDX-License-Identifier: GPL-2.0-only
/*
 * Loading and unloading. Unloading is refused while a session exists: its open file holds the
 * module.
 */
#include <linux/module.h>
#include <linux/mm.h>
#include <linux/rtnetlink.h>
#include <net/net_namespace.h>

#include "capbox.h"

#ifdef CONFIG_PREEMPT_RT
#error "capbox.ko relies on bottom halves that are not preempted: PREEMPT_RT is not supported"
#endif

static unsigned int capbox_memory_limit_mib;
module_param_named(memory_limit_mib, capbox_memory_limit_mib, uint, 0644);
MODULE_PARM_DESC(memory_limit_mib,
		 "Most memory that all sessions may take, MiB (default: a quarter of RAM)");

enum cpuhp_state capbox_cpu_state;
static atomic64_t capbox_memory_bytes;

/**
 * capbox_memory_reserve - takes a share of what all sessions may have
 * @bytes: how much
 *
 * Return: bytes that would be taken then and are more than there may be; 0 if they are not, and
 * taken now.
 */
u64 capbox_memory_reserve(u64 bytes)
{
	u64 limit = (u64)READ_ONCE(capbox_memory_limit_mib) << 20, sum;

	if (bytes > limit)
		return bytes;
	sum = atomic64_add_return(bytes, &capbox_memory_bytes);
	if (sum <= limit)
		return 0;
	atomic64_sub(bytes, &capbox_memory_bytes);
	return sum;
}

/**
 * capbox_memory_release - gives a share back
 * @bytes: as reserved
 */
void capbox_memory_release(u64 bytes)
{
	atomic64_sub(bytes, &capbox_memory_bytes);
}

/* A namespace ends; its interfaces are gone by now. */
static void __net_exit capbox_net_exit(struct net *net)
{
	struct capbox_session *session;

	rtnl_lock();
	mutex_lock(&capbox_sessions_lock);
	list_for_each_entry(session, &capbox_sessions, node) {
		if (READ_ONCE(session->net) == net)
			capbox_session_end(session);
	}
	mutex_unlock(&capbox_sessions_lock);
	rtnl_unlock();
}

static struct pernet_operations capbox_net_operations = {
	.exit = capbox_net_exit,
};

static int __init capbox_init(void)
{
	int err;

	if (!capbox_memory_limit_mib)
		capbox_memory_limit_mib = totalram_pages() / 4 >> (20 - PAGE_SHIFT);
	err = cpuhp_setup_state_multi(CPUHP_BP_PREPARE_DYN, "net/capbox:dead", NULL,
				      capbox_cpu_dead);
	if (err < 0)
		return err;
	capbox_cpu_state = err;
	err = register_pernet_subsys(&capbox_net_operations);
	if (err)
		goto err_cpu;
	err = capbox_ports_register();
	if (err)
		goto err_net;
	err = capbox_device_register();
	if (err)
		goto err_ports;
	return 0;

err_ports:
	capbox_ports_unregister();
err_net:
	unregister_pernet_subsys(&capbox_net_operations);
err_cpu:
	cpuhp_remove_multi_state(capbox_cpu_state);
	return err;
}

static void __exit capbox_exit(void)
{
	capbox_device_unregister();
	capbox_ports_unregister();
	unregister_pernet_subsys(&capbox_net_operations);
	cpuhp_remove_multi_state(capbox_cpu_state);
	/* kfree_rcu() of ports. */
	rcu_barrier();
}

module_init(capbox_init);
module_exit(capbox_exit);

MODULE_DESCRIPTION("Packet capture into shared memory as finished PCAPNG blocks");
MODULE_AUTHOR("The capbox project");
MODULE_VERSION(CAPBOX_MODULE_RELEASE);
MODULE_LICENSE("GPL");
