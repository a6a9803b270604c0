// SPDX-License-Identifier: GPL-2.0-only
/*
 * A session: what an open file of /dev/capbox is, from SETUP to its release. It belongs to the
 * network namespace of its opener and does not keep that alive: when the namespace ends, capture
 * ends, and what was recorded can still be read.
 */
#include <linux/bottom_half.h>
#include <linux/cpu.h>
#include <linux/filter.h>
#include <linux/nospec.h>
#include <linux/netdevice.h>
#include <linux/percpu.h>
#include <linux/poll.h>
#include <linux/rtnetlink.h>
#include <linux/slab.h>
#include <linux/workqueue.h>
#include <net/net_namespace.h>

#include "capbox.h"
#include "reject.h"

/* Guards the list and the count of sessions, not what they are. */
static DEFINE_MUTEX(capbox_sessions_lock);
static LIST_HEAD(capbox_sessions);
static unsigned int capbox_session_count;
static enum cpuhp_state capbox_cpu_state;

#define CAPBOX_SESSIONS_MAX 256

/**
 * capbox_session_open - a session that has nothing yet
 * @net: the namespace of the calling task
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
 * capbox_session_setup - SETUP
 * @session: new
 * @setup: in and out
 * Return: 0 or an error, told in setup->error. A session that could not be set up is as new.
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
		err = capbox_reject(setup->error, -ENODEV, "the session's namespace is gone");
	else
		session->has_setup = true;
	mutex_unlock(&session->lock);
	if (err)
		return err;
	/*
	 * Gigabytes take seconds. Without the lock, for which whoever deletes an interface waits
	 * with RTNL held.
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
		/* The rings are there: mmap, poll and COUNTERS look without the lock. */
		smp_store_release(&session->is_ready, true);
	mutex_unlock(&session->lock);
	return err;
}

/**
 * capbox_session_set_filter - SET_FILTER, also while capturing: each packet meets the old one or
 * the new one, and none the old one when it returns
 * @session: whose
 * @filter: checked here
 * Return: 0; -EINVAL: not a valid program; -EFAULT; -ENOMEM.
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
		 * The hooks run programs as they are: the control block of an skb is netfilter's.
		 * Classic programs never touch it.
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
	/* A hook may be about to run the old one, or to do without one. */
	if (old || is_running)
		synchronize_net();
	if (old)
		bpf_prog_destroy(old);
	return 0;
}

/**
 * capbox_session_start - START
 * @session: set up
 * Return: 0; -EINVAL: not set up; -EBUSY: started already; -ENODEV: its namespace is gone;
 * -EOPNOTSUPP: a hook that this kernel lacks.
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

/* Nobody writes any more: stops the ring's timer and hands over what is open. */
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
	/* Against capbox_cpu_dead(), which settles too. */
	cpus_read_lock();
	for (i = 0; i < session->setup.rings; i++)
		capbox_ring_quiesce(session->rings[i]);
	cpus_read_unlock();
}

/**
 * capbox_session_stop - STOP: when it returns no packet is added any more, and all blocks with
 * packets are handed over
 * @session: running
 * Return: 0; -EINVAL: it does not run.
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
 * capbox_session_flush - FLUSH: hands over all blocks with packets that came before the call
 * @session: set up
 * Return: 0; -EINVAL: not set up.
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
	/* A CPU that is offline does no work; its block was handed over when it went. */
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
 * capbox_session_counters - COUNTERS
 * @session: set up
 * @request: in and out
 * Return: 0; -EINVAL: not set up, or no such ring.
 */
int capbox_session_counters(struct capbox_session *session, struct capbox_ring_counters *request)
{
	u32 i;

	/* Pairs with SETUP's release: the rings are there. */
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
 * The session's namespace, or the session itself, ends: capture ends, the recorded packets stay.
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
 * capbox_session_release - the last descriptor and mapping are gone
 * @session: freed
 */
void capbox_session_release(struct capbox_session *session)
{
	u32 i;

	rtnl_lock();
	/* Before it leaves the list: from then on nothing waits for it when a namespace goes. */
	capbox_session_end(session);
	rtnl_unlock();
	mutex_lock(&capbox_sessions_lock);
	list_del(&session->node);
	capbox_session_count--;
	mutex_unlock(&capbox_sessions_lock);
	/* Hooks of ports that went away by themselves may still run. */
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

/* A CPU is offline: what it left open is handed over. */
static int capbox_cpu_dead(unsigned int cpu, struct hlist_node *node)
{
	struct capbox_session *session = hlist_entry(node, struct capbox_session, cpu_node);
	struct capbox_ring *ring = *per_cpu_ptr(session->ring_of, cpu);

	if (!ring->is_spare)
		capbox_ring_quiesce(ring);
	return 0;
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

/* Deleted, or moved to another namespace, which netfilter's hooks do not survive either. */
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
 * capbox_sessions_register - makes sessions follow the machine: CPUs, namespaces, interfaces
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
 * capbox_sessions_unregister - undoes capbox_sessions_register(); no session exists any more
 */
void capbox_sessions_unregister(void)
{
	unregister_netdevice_notifier(&capbox_sessions_notifier);
	unregister_pernet_subsys(&capbox_net_operations);
	cpuhp_remove_multi_state(capbox_cpu_state);
	/* kfree_rcu() of ports. */
	rcu_barrier();
}
