// SPDX-License-Identifier: GPL-2.0-only
// SPDX-FileCopyrightText: 2026 The capbox authors
/*
 * A session, the open file of /dev/capbox, from open to release. It belongs to the network
 * namespace of its opener and holds no reference to it: when the namespace ends, capture ends, and
 * user space can still read the recorded packets.
 */
#include <linux/bottom_half.h>
#include <linux/cpu.h>
#include <linux/filter.h>
#include <linux/netdevice.h>
#include <linux/nospec.h>
#include <linux/percpu.h>
#include <linux/poll.h>
#include <linux/rtnetlink.h>
#include <linux/slab.h>
#include <linux/workqueue.h>
#include <net/net_namespace.h>

#include "capbox.h"
#include "reject.h"

/* Guards the list and the count of sessions, not their contents. */
static DEFINE_MUTEX(capbox_sessions_lock);
static LIST_HEAD(capbox_sessions);
static unsigned int capbox_session_count;
static enum cpuhp_state capbox_cpu_state;

#define CAPBOX_SESSIONS_MAX 256

/**
 * capbox_session_open - makes a session without rings and ports
 * @net: the namespace of the calling task
 *
 * Return: the session or an error pointer.
 */
struct capbox_session *capbox_session_open(struct net *net)
{
	struct capbox_session *session = kzalloc(sizeof(*session), CAPBOX_GFP);
	int err = 0;

	if (!session)
		return ERR_PTR(-ENOMEM);
	mutex_init(&session->lock);
	init_waitqueue_head(&session->wait);
	session->net = net;
	mutex_lock(&capbox_sessions_lock);
	if (capbox_session_count == CAPBOX_SESSIONS_MAX) {
		err = -EMFILE;
	} else {
		capbox_session_count++;
		list_add_tail(&session->node, &capbox_sessions);
	}
	mutex_unlock(&capbox_sessions_lock);
	if (err) {
		kfree(session);
		return ERR_PTR(err);
	}
	return session;
}

/**
 * capbox_session_setup - SETUP: makes the rings, once
 * @session: the session
 * @setup: request; gets the layout of the mapping
 *
 * Return: 0 or an error, which setup->error explains; SETUP may be tried again then.
 */
int capbox_session_setup(struct capbox_session *session, struct capbox_setup *setup)
{
	int err = capbox_setup_check(setup);

	if (err)
		return err;
	mutex_lock(&session->lock);
	if (session->has_setup)
		err = capbox_reject(setup->error, -EBUSY, "the session is set up already");
	else if (!session->net)
		err = capbox_reject(setup->error, -ENODEV, "the session's namespace has ended");
	else
		session->has_setup = true;
	mutex_unlock(&session->lock);
	if (err)
		return err;
	/*
	 * Allocating gigabytes takes seconds. The lock is not held meanwhile, since deleting an
	 * interface waits for it with RTNL held.
	 */
	err = capbox_setup_rings(session, setup);
	if (!err) {
		err = cpuhp_state_add_instance_nocalls(capbox_cpu_state, &session->cpu_node);
		session->is_cpu_watched = !err;
		if (err)
			capbox_setup_free_rings(session);
	}
	mutex_lock(&session->lock);
	session->has_setup = !err;
	if (!err)
		/* Publishes the rings: mmap, poll and COUNTERS acquire without the lock. */
		smp_store_release(&session->is_ready, true);
	mutex_unlock(&session->lock);
	return err;
}

/**
 * capbox_session_set_filter - SET_FILTER: replaces a filter, also while capturing
 * @session: the session
 * @filter: request from user space
 *
 * Hooks run either the old or the new program on each packet, and only the new one after the
 * return.
 *
 * Return: 0; -EINVAL: the program is invalid; -EFAULT; -ENOMEM.
 */
int capbox_session_set_filter(struct capbox_session *session, const struct capbox_filter *filter)
{
	u32 kind = array_index_nospec(filter->kind, CAPBOX_FILTER_INET + 1);
	struct bpf_prog *program = NULL, *old;
	struct sock_fprog source = {
		.len = filter->count,
		.filter = u64_to_user_ptr(filter->instructions),
	};
	bool is_running;
	int err;

	if (filter->reserved || filter->kind > CAPBOX_FILTER_INET ||
	    filter->count > CAPBOX_FILTER_INSTRUCTIONS_MAX ||
	    !filter->count != !filter->instructions)
		return -EINVAL;
	if (filter->count) {
		err = bpf_prog_create_from_user(&program, &source, NULL, false);
		if (err)
			return err;
		/*
		 * Netfilter owns the control block of an skb, and the hooks do not save it for a
		 * program. Classic programs never access it.
		 */
		if (WARN_ON_ONCE(program->cb_access)) {
			bpf_prog_destroy(program);
			return -EINVAL;
		}
	}
	mutex_lock(&session->lock);
	old = rcu_replace_pointer(session->filters[kind], program, lockdep_is_held(&session->lock));
	is_running = session->is_running;
	mutex_unlock(&session->lock);
	/* A hook may still run the old program, or accept packets for lack of one. */
	if (old || is_running)
		synchronize_net();
	if (old)
		bpf_prog_destroy(old);
	return 0;
}

/**
 * capbox_session_start - START: registers the hooks
 * @session: the session
 *
 * Return: 0; -EINVAL: SETUP comes first; -EBUSY: it is running; -ENODEV: its namespace has ended;
 * -EOPNOTSUPP: this kernel lacks one of the hooks.
 */
int capbox_session_start(struct capbox_session *session)
{
	int err;

	mutex_lock(&session->lock);
	if (!session->is_ready)
		err = -EINVAL;
	else if (session->is_running)
		err = -EBUSY;
	else if (!session->net)
		err = -ENODEV;
	else
		err = capbox_hooks_start(session);
	if (!err) {
		session->is_running = true;
		if (session->setup.flags & CAPBOX_SETUP_EARLY_STAMPS)
			net_enable_timestamp();
	}
	mutex_unlock(&session->lock);
	return err;
}

static void capbox_ring_hand_over_now(struct capbox_ring *ring)
{
	local_bh_disable();
	spin_lock(&ring->lock);
	raw_write_seqcount_begin(&ring->sequence);
	capbox_ring_hand_over(ring, CAPBOX_BLOCK_TIMEOUT);
	raw_write_seqcount_end(&ring->sequence);
	spin_unlock(&ring->lock);
	local_bh_enable();
}

/* Stops the timer of a ring without a writer, and hands its open block over. */
static void capbox_ring_quiesce(struct capbox_ring *ring)
{
	hrtimer_cancel(&ring->timer);
	ring->is_timer_armed = false;
	capbox_ring_hand_over_now(ring);
}

static void capbox_session_halt(struct capbox_session *session)
{
	u32 i;

	if (!session->is_running)
		return;
	session->is_running = false;
	capbox_hooks_stop(session);
	if (session->setup.flags & CAPBOX_SETUP_EARLY_STAMPS)
		net_disable_timestamp();
	/* Excludes capbox_cpu_dead(), which quiesces the same rings. */
	cpus_read_lock();
	for (i = 0; i < session->setup.rings; i++)
		capbox_ring_quiesce(session->rings[i]);
	cpus_read_unlock();
}

/**
 * capbox_session_stop - STOP: unregisters the hooks and hands over all blocks with packets
 * @session: the session
 *
 * Return: 0; -EINVAL: it is not running.
 */
int capbox_session_stop(struct capbox_session *session)
{
	int err = 0;

	mutex_lock(&session->lock);
	if (session->is_running)
		capbox_session_halt(session);
	else if (!session->is_ended)
		err = -EINVAL;
	mutex_unlock(&session->lock);
	return err;
}

static long capbox_flush_on_cpu(void *ring)
{
	capbox_ring_hand_over_now(ring);
	return 0;
}

/**
 * capbox_session_flush - FLUSH: hands over all blocks with packets recorded before the call
 * @session: the session
 *
 * Return: 0; -EINVAL: SETUP comes first.
 */
int capbox_session_flush(struct capbox_session *session)
{
	struct capbox_ring *ring;
	u32 i;

	mutex_lock(&session->lock);
	if (!session->is_ready) {
		mutex_unlock(&session->lock);
		return -EINVAL;
	}
	/* An offline CPU runs no work; capbox_cpu_dead() has handed its block over. */
	for (i = 0; session->is_running && i < session->setup.rings; i++) {
		ring = session->rings[i];
		if (ring->is_spare)
			capbox_ring_hand_over_now(ring);
		else
			work_on_cpu_safe(ring->cpu, capbox_flush_on_cpu, ring);
	}
	mutex_unlock(&session->lock);
	return 0;
}

/**
 * capbox_session_counters - COUNTERS: reads the counters of one ring or the sum of all
 * @session: the session
 * @request: request; gets the counters
 *
 * Return: 0; -EINVAL: SETUP comes first, or there is no such ring.
 */
int capbox_session_counters(struct capbox_session *session, struct capbox_ring_counters *request)
{
	u32 i;

	/* Pairs with the release in capbox_session_setup(), which publishes the rings. */
	if (!smp_load_acquire(&session->is_ready) || request->reserved)
		return -EINVAL;
	if (request->ring != CAPBOX_ALL_RINGS && request->ring >= session->setup.rings)
		return -EINVAL;
	memset(&request->counters, 0, sizeof(request->counters));
	for (i = 0; i < session->setup.rings; i++) {
		if (request->ring == CAPBOX_ALL_RINGS || request->ring == i)
			capbox_ring_read_counters(session->rings[i], &request->counters);
	}
	return 0;
}

/*
 * Ends capture for good, because the session or its namespace ends; the recorded packets stay.
 * RTNL is held.
 */
static void capbox_session_end(struct capbox_session *session)
{
	mutex_lock(&session->lock);
	if (session->net) {
		capbox_session_halt(session);
		capbox_ports_remove_all(session);
		session->net = NULL;
		WRITE_ONCE(session->is_ended, true);
		wake_up_interruptible_poll(&session->wait, EPOLLHUP);
	}
	mutex_unlock(&session->lock);
}

/**
 * capbox_session_release - frees a session without descriptor and mapping
 * @session: session to free
 */
void capbox_session_release(struct capbox_session *session)
{
	u32 i;

	rtnl_lock();
	/* First: capbox_net_exit() no longer waits for a session that has left the list. */
	capbox_session_end(session);
	rtnl_unlock();
	mutex_lock(&capbox_sessions_lock);
	list_del(&session->node);
	capbox_session_count--;
	mutex_unlock(&capbox_sessions_lock);
	/* Hooks of ports whose interface disappeared may still run. */
	synchronize_net();
	if (session->is_cpu_watched)
		cpuhp_state_remove_instance_nocalls(capbox_cpu_state, &session->cpu_node);
	capbox_setup_free_rings(session);
	for (i = 0; i < ARRAY_SIZE(session->filters); i++) {
		if (rcu_access_pointer(session->filters[i]))
			bpf_prog_destroy(rcu_dereference_protected(session->filters[i], true));
	}
	mutex_destroy(&session->lock);
	kfree(session);
}

/* A CPU went offline: hands over the block that it left open. */
static int capbox_cpu_dead(unsigned int cpu, struct hlist_node *node)
{
	struct capbox_session *session = hlist_entry(node, struct capbox_session, cpu_node);
	struct capbox_ring *ring = *per_cpu_ptr(session->ring_of, cpu);

	if (!ring->is_spare)
		capbox_ring_quiesce(ring);
	return 0;
}

/* A namespace ends, after its interfaces. */
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

/*
 * An interface is deleted or moved to another namespace. Both end netfilter's hooks on it, so the
 * ports end, too.
 */
static int capbox_sessions_netdevice_event(struct notifier_block *block, unsigned long event,
					   void *pointer)
{
	const struct net_device *dev = netdev_notifier_info_to_dev(pointer);
	struct capbox_session *session;

	if (event != NETDEV_UNREGISTER)
		return NOTIFY_DONE;
	mutex_lock(&capbox_sessions_lock);
	list_for_each_entry(session, &capbox_sessions, node)
		capbox_ports_detach_device(session, dev);
	mutex_unlock(&capbox_sessions_lock);
	return NOTIFY_DONE;
}

static struct notifier_block capbox_sessions_notifier = {
	.notifier_call = capbox_sessions_netdevice_event,
};

/**
 * capbox_sessions_register - registers for CPU hotplug, namespace exit and interface events
 *
 * Return: 0 or an error.
 */
int __init capbox_sessions_register(void)
{
	int err;

	err = cpuhp_setup_state_multi(CPUHP_BP_PREPARE_DYN, "net/capbox:dead", NULL,
				      capbox_cpu_dead);
	if (err < 0)
		return err;
	capbox_cpu_state = err;
	err = register_pernet_subsys(&capbox_net_operations);
	if (err)
		goto err_cpu;
	err = register_netdevice_notifier(&capbox_sessions_notifier);
	if (err)
		goto err_net;
	return 0;

err_net:
	unregister_pernet_subsys(&capbox_net_operations);
err_cpu:
	cpuhp_remove_multi_state(capbox_cpu_state);
	return err;
}

/**
 * capbox_sessions_unregister - undoes capbox_sessions_register()
 *
 * No session exists. No callback of this module runs after the return.
 */
void capbox_sessions_unregister(void)
{
	unregister_netdevice_notifier(&capbox_sessions_notifier);
	unregister_pernet_subsys(&capbox_net_operations);
	cpuhp_remove_multi_state(capbox_cpu_state);
	/* Waits for kfree_rcu() of ports. */
	rcu_barrier();
}
