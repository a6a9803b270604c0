// SPDX-License-Identifier: GPL-2.0-only
// SPDX-FileCopyrightText: 2026 The capbox authors
/*
 * Packets from the hook points of netfilter.
 *
 * Every hook takes the same three steps: it describes the packet (a view), runs the filter, and
 * records the packet. INGRESS records nearly all packets without a view. Its budget: 60
 * instructions for a packet that the filter rejects, 100 and the copy for a packet that it records,
 * besides netfilter, the filter's program and reading the clock (make bench-kmod measures it). A
 * hook never sleeps, allocates or logs, and takes no lock but the spare ring's.
 */
#include <linux/bottom_half.h>
#include <linux/netfilter_ipv4.h>

#include "fastpath.h"

/*
 * Runs the filter from the link header on, as a packet socket does. The skb belongs to this hook
 * alone, or to readers as well that have themselves pushed and pulled it (packet sockets do); the
 * function restores the data pointer before any of them can see it.
 */
static __always_inline u32 capbox_run_link_filter(const struct bpf_prog *filter,
						  struct sk_buff *skb, u32 header)
{
	u32 snap;

	skb->data -= header;
	skb->len += header;
	snap = bpf_prog_run(filter, skb);
	skb->data += header;
	skb->len -= header;
	return snap;
}

/* Bytes of the link header; 0 if the driver set no valid start of it. */
static __always_inline u32 capbox_link_header(const struct capbox_session_port *port,
					      const struct sk_buff *skb)
{
	u32 headroom = skb_headroom(skb), bytes = headroom - skb->mac_header;

	return likely(bytes <= headroom) ? bytes & port->link_header_mask : 0;
}

static __always_inline bool capbox_has_tag(const struct capbox_session_port *port,
					   const struct sk_buff *skb)
{
	return skb_vlan_tag_present(skb) && port->has_link_header;
}

static noinline void capbox_ingress_slow(const struct capbox_session_port *port,
					 struct sk_buff *skb, u32 header, u32 wanted)
{
	bool has_tag = capbox_has_tag(port, skb);
	struct capbox_view view = {
		.skb = skb,
		.port = port,
		.dev = skb->dev,
		.offset = -(int)header,
		.bytes = skb->len + header + (has_tag ? VLAN_HLEN : 0),
		.hook = CAPBOX_HOOK_INGRESS,
		.direction = CAPBOX_INBOUND,
		.has_tag = has_tag,
		.is_received = true,
	};

	capbox_record_any(port->session, &view, wanted);
}

/* Without a VLAN tag, linear, and from a port that the fast path supports. */
static __always_inline bool capbox_is_plain(const struct capbox_session_port *port,
					    const struct sk_buff *skb)
{
	return !(port->needs_slow_path | skb->vlan_all | skb->data_len);
}

static unsigned int capbox_ingress(void *priv, struct sk_buff *skb,
				   const struct nf_hook_state *state)
{
	const struct capbox_session_port *port = priv;
	const struct bpf_prog *filter = rcu_dereference(port->session->filters[CAPBOX_FILTER_LINK]);
	u32 header = capbox_link_header(port, skb), bytes = skb->len + header, snap;
	struct capbox_ring *ring;

	if (filter)
		snap = min(capbox_run_link_filter(filter, skb, header), port->snap_bytes);
	else
		snap = port->snap_bytes;
	ring = this_cpu_read(*port->ring_of);
	if (filter && !snap && !ring->is_spare)
		capbox_count_filtered(ring, bytes + (capbox_has_tag(port, skb) ? VLAN_HLEN : 0));
	else if (likely(capbox_is_plain(port, skb) && bytes <= snap && capbox_is_for_words(bytes) &&
			capbox_has_room(ring, bytes)))
		capbox_record_plain(ring, port, skb, skb->data - header, bytes);
	else
		capbox_ingress_slow(port, skb, header, snap);
	return port->verdict;
}

static unsigned int capbox_egress(void *priv, struct sk_buff *skb,
				  const struct nf_hook_state *state)
{
	const struct capbox_session_port *port = priv;
	const struct capbox_session *session = port->session;
	const struct bpf_prog *filter = rcu_dereference(session->filters[CAPBOX_FILTER_LINK]);
	bool has_tag = capbox_has_tag(port, skb);
	struct capbox_view view = {
		.skb = skb,
		.port = port,
		.dev = state->out,
		.bytes = skb->len + (has_tag ? VLAN_HLEN : 0),
		.hook = CAPBOX_HOOK_EGRESS,
		.direction = CAPBOX_OUTBOUND,
		.has_tag = has_tag,
	};
	u32 snap = U32_MAX;

	/*
	 * A packet socket that bypasses the queue discipline (PACKET_QDISC_BYPASS) runs the hook in
	 * process context.
	 */
	local_bh_disable();
	if (filter) {
		/*
		 * A filter's "outbound" tests the packet type. The hook sets the type that a packet
		 * socket's copy of the skb has.
		 */
		u8 type = skb->pkt_type;

		skb->pkt_type = PACKET_OUTGOING;
		snap = bpf_prog_run(filter, skb);
		skb->pkt_type = type;
	}
	capbox_record_any(session, &view, snap);
	local_bh_enable();
	return NF_ACCEPT;
}

static const struct capbox_session_port *capbox_find_port(const struct capbox_session *session,
							  const struct net_device *dev)
{
	const struct capbox_session_port *port;
	u32 slot, slots = READ_ONCE(session->port_slots);

	for (slot = 0; dev && slot < slots; slot++) {
		port = rcu_dereference(session->ports[slot]);
		if (port && READ_ONCE(port->dev) == dev)
			return port;
	}
	return NULL;
}

static bool capbox_is_leaving(u32 hook)
{
	return hook == CAPBOX_HOOK_LOCAL_OUT || hook == CAPBOX_HOOK_POST_ROUTING;
}

/* Whether the received Ethernet header still lies right before the network header. */
static bool capbox_has_ethernet(const struct sk_buff *skb)
{
	return skb_mac_header_was_set(skb) && skb_mac_header(skb) + ETH_HLEN == skb->data;
}

static void capbox_inet(const struct capbox_session *session,
			const struct capbox_session_port *port, const struct net_device *dev,
			struct sk_buff *skb, u32 hook, bool is_outbound)
{
	const struct bpf_prog *filter = rcu_dereference(session->filters[CAPBOX_FILTER_INET]);
	struct capbox_view view = {
		.skb = skb,
		.port = port,
		.dev = dev,
		.bytes = skb->len,
		.hook = hook,
		.direction = is_outbound ? CAPBOX_OUTBOUND : CAPBOX_INBOUND,
		.has_tag = capbox_has_tag(port, skb),
		.is_received = !capbox_is_leaving(hook),
	};

	if (port->has_link_header) {
		view.bytes += ETH_HLEN + (view.has_tag ? VLAN_HLEN : 0);
		if (view.is_received && capbox_has_ethernet(skb))
			view.offset = -ETH_HLEN;
		else
			view.needs_header = true;
	}
	capbox_record_any(session, &view, filter ? bpf_prog_run(filter, skb) : U32_MAX);
}

static unsigned int capbox_inet_hook(void *priv, struct sk_buff *skb,
				     const struct nf_hook_state *state)
{
	const struct capbox_inet_hook *inet = priv;
	const struct capbox_session *session = inet->session;
	u32 hook = inet->hook;
	const struct net_device *dev = capbox_is_leaving(hook) ? state->out : state->in;
	const struct capbox_session_port *port;

	/* LOCAL_OUT and POST_ROUTING run in process context, too. */
	local_bh_disable();
	port = capbox_find_port(session, dev);
	if (!port && hook == CAPBOX_HOOK_FORWARD) {
		dev = state->out;
		port = capbox_find_port(session, dev);
	}
	if (port)
		capbox_inet(session, port, dev, skb, hook, dev != state->in);
	local_bh_enable();
	return NF_ACCEPT;
}

/**
 * capbox_hooks_add_port - registers a port's hooks
 * @port: port with an interface
 *
 * Return: 0 or an error, with no hook registered.
 */
int capbox_hooks_add_port(struct capbox_session_port *port)
{
	static nf_hookfn * const functions[] = { capbox_ingress, capbox_egress };
	static const unsigned int points[] = { NF_NETDEV_INGRESS, NF_NETDEV_EGRESS };
	const struct capbox_setup *setup = &port->session->setup;
	/*
	 * INGRESS runs before any other hook can drop a packet, EGRESS after all of them. A session
	 * that consumes runs after the sessions that only record.
	 */
	const int priorities[] = { INT_MIN + !!(setup->flags & CAPBOX_SETUP_CONSUME), INT_MAX };
	int i, err;

	for (i = 0; i < 2; i++) {
		if (!(setup->hooks & CAPBOX_HOOK_BIT(i)))
			continue;
		port->ops[i] = (struct nf_hook_ops){
			.hook = functions[i],
			.dev = port->dev,
			.priv = port,
			.pf = NFPROTO_NETDEV,
			.hooknum = points[i],
			.priority = priorities[i],
		};
		err = nf_register_net_hook(port->session->net, &port->ops[i]);
		if (err) {
			capbox_hooks_remove_port(port);
			return err;
		}
		port->is_hooked[i] = true;
	}
	return 0;
}

/**
 * capbox_hooks_remove_port - unregisters a port's hooks
 * @port: port with or without hooks
 *
 * A hook may still run. The caller frees the port after a grace period.
 */
void capbox_hooks_remove_port(struct capbox_session_port *port)
{
	int i;

	for (i = 0; i < 2; i++) {
		if (port->is_hooked[i])
			nf_unregister_net_hook(port->session->net, &port->ops[i]);
		port->is_hooked[i] = false;
	}
}

static int capbox_hooks_start_inet(struct capbox_session *session)
{
	static const struct {
		unsigned int point;
		int priority;
	} hooks[CAPBOX_HOOKS] = {
		[CAPBOX_HOOK_PRE_ROUTING] = { NF_INET_PRE_ROUTING, INT_MIN },
		[CAPBOX_HOOK_LOCAL_IN] = { NF_INET_LOCAL_IN, INT_MAX },
		[CAPBOX_HOOK_FORWARD] = { NF_INET_FORWARD, INT_MIN },
		[CAPBOX_HOOK_LOCAL_OUT] = { NF_INET_LOCAL_OUT, INT_MIN },
		[CAPBOX_HOOK_POST_ROUTING] = { NF_INET_POST_ROUTING, INT_MAX },
	};
	struct capbox_inet_hook *inet;
	u32 hook;
	int err;

	for (hook = CAPBOX_HOOK_PRE_ROUTING; hook < CAPBOX_HOOKS; hook++) {
		if (!(session->setup.hooks & CAPBOX_HOOK_BIT(hook)))
			continue;
		inet = &session->inet_hooks[hook];
		inet->session = session;
		inet->hook = hook;
		inet->ops = (struct nf_hook_ops){
			.hook = capbox_inet_hook,
			.priv = inet,
			.pf = NFPROTO_INET,
			.hooknum = hooks[hook].point,
			.priority = hooks[hook].priority,
		};
		err = nf_register_net_hook(session->net, &inet->ops);
		if (err)
			return err;
		inet->is_hooked = true;
	}
	return 0;
}

/**
 * capbox_hooks_start - registers all hooks of a session
 * @session: locked, with a namespace
 *
 * Return: 0 or an error, with no hook registered.
 */
int capbox_hooks_start(struct capbox_session *session)
{
	struct capbox_session_port *port;
	u32 slot;
	int err;

	err = capbox_hooks_start_inet(session);
	for (slot = 0; !err && slot < session->port_slots; slot++) {
		port = rcu_dereference_protected(session->ports[slot],
						 lockdep_is_held(&session->lock));
		if (port && port->dev)
			err = capbox_hooks_add_port(port);
	}
	if (err)
		capbox_hooks_stop(session);
	return err;
}

/**
 * capbox_hooks_stop - unregisters all hooks of a session and waits for those that still run
 * @session: locked
 */
void capbox_hooks_stop(struct capbox_session *session)
{
	struct capbox_session_port *port;
	u32 slot, hook;

	for (slot = 0; slot < session->port_slots; slot++) {
		port = rcu_dereference_protected(session->ports[slot],
						 lockdep_is_held(&session->lock));
		if (port)
			capbox_hooks_remove_port(port);
	}
	for (hook = CAPBOX_HOOK_PRE_ROUTING; hook < CAPBOX_HOOKS; hook++) {
		if (session->inet_hooks[hook].is_hooked)
			nf_unregister_net_hook(session->net, &session->inet_hooks[hook].ops);
		session->inet_hooks[hook].is_hooked = false;
	}
	synchronize_net();
}
