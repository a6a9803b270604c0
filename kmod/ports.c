// SPDX-License-Identifier: GPL-2.0-only
// SPDX-FileCopyrightText: 2026 The capbox authors
/*
 * A session's ports: interfaces of its namespace. A port keeps its interface until user space
 * removes the port, or the interface is deleted or moved to another namespace.
 */
#include <linux/if_arp.h>
#include <linux/netdevice.h>
#include <linux/nospec.h>
#include <linux/poll.h>
#include <linux/rtnetlink.h>
#include <linux/slab.h>

#include "capbox.h"
#include "reject.h"

#define CAPBOX_LINKTYPE_ETHERNET 1
#define CAPBOX_LINKTYPE_RAW 101

static struct capbox_session_port *capbox_port_at(struct capbox_session *session, u32 slot)
{
	return rcu_dereference_protected(session->ports[slot], lockdep_is_held(&session->lock));
}

static bool capbox_port_link_type(const struct net_device *dev, bool *has_link_header)
{
	switch (dev->type) {
	case ARPHRD_ETHER:
	case ARPHRD_LOOPBACK:
		*has_link_header = true;
		return true;
	case ARPHRD_NONE:
		*has_link_header = false;
		return true;
	default:
		return false;
	}
}

static int capbox_port_find_slot(struct capbox_session *session, struct capbox_port *request)
{
	struct capbox_session_port *port;
	u32 slot, free_slot = CAPBOX_PORTS_MAX;

	for (slot = 0; slot < CAPBOX_PORTS_MAX; slot++) {
		port = capbox_port_at(session, slot);
		if (!port && free_slot == CAPBOX_PORTS_MAX)
			free_slot = slot;
		if (port && port->dev && port->ifindex == request->ifindex)
			return capbox_reject(request->error, -EEXIST,
					     "ifindex: %d is already port %u", request->ifindex,
					     slot);
	}
	if (free_slot == CAPBOX_PORTS_MAX)
		return capbox_reject(request->error, -ENOSPC, "a session has at most %u ports",
				     CAPBOX_PORTS_MAX);
	request->port = free_slot;
	return 0;
}

static int capbox_port_attach(struct capbox_session *session, struct capbox_session_port *port,
			      struct capbox_port *request)
{
	struct net_device *dev = __dev_get_by_index(session->net, request->ifindex);
	int err;

	if (!dev)
		return capbox_reject(request->error, -ENODEV,
				     "ifindex: no interface has %d in this namespace",
				     request->ifindex);
	if (!capbox_port_link_type(dev, &port->has_link_header))
		return capbox_reject(request->error, -EPROTONOSUPPORT,
				     "ifindex: %s has hardware type %u, not Ethernet or raw IP",
				     dev->name, dev->type);
	port->session = session;
	port->ring_of = session->ring_of;
	port->snap_bytes = session->snap_bytes;
	port->verdict = session->setup.flags & CAPBOX_SETUP_CONSUME ? NF_DROP : NF_ACCEPT;
	port->link_header_mask = port->has_link_header ? U32_MAX : 0;
	port->needs_slow_path = !port->has_link_header ||
				request->flags & CAPBOX_PORT_HARDWARE_STAMPS;
	port->dev = dev;
	port->ifindex = request->ifindex;
	port->flags = request->flags;
	port->software_interface = request->software_interface;
	port->hardware_interface = request->hardware_interface;
	if (port->flags & CAPBOX_PORT_PROMISCUOUS) {
		err = dev_set_promiscuity(dev, 1);
		if (err)
			return capbox_reject(request->error, err,
					     "flags: %s rejects promiscuous mode", dev->name);
	}
	if (session->is_running) {
		err = capbox_hooks_add_port(port);
		if (err) {
			if (port->flags & CAPBOX_PORT_PROMISCUOUS)
				dev_set_promiscuity(dev, -1);
			return capbox_reject(request->error, err,
					     "ifindex: the hooks of %s cannot be registered",
					     dev->name);
		}
	}
	netdev_hold(dev, &port->tracker, GFP_KERNEL);
	return 0;
}

static void capbox_port_detach(struct capbox_session_port *port)
{
	struct net_device *dev = port->dev;

	if (!dev)
		return;
	capbox_hooks_remove_port(port);
	if (port->flags & CAPBOX_PORT_PROMISCUOUS)
		dev_set_promiscuity(dev, -1);
	WRITE_ONCE(port->dev, NULL);
	netdev_put(dev, &port->tracker);
}

static void capbox_port_fill_reply(const struct capbox_session_port *port,
				   struct capbox_port *request)
{
	request->ifindex = port->ifindex;
	request->flags = port->flags;
	request->software_interface = port->software_interface;
	request->hardware_interface = port->hardware_interface;
	request->state = port->dev ? CAPBOX_PORT_ATTACHED : CAPBOX_PORT_GONE;
	request->link_type = port->has_link_header ? CAPBOX_LINKTYPE_ETHERNET : CAPBOX_LINKTYPE_RAW;
}

static int capbox_port_add_locked(struct capbox_session *session, struct capbox_port *request)
{
	struct capbox_session_port *port;
	int err;

	if (!session->is_ready)
		return capbox_reject(request->error, -EINVAL, "SETUP comes first");
	if (!session->net)
		return capbox_reject(request->error, -ENODEV, "the session's namespace has ended");
	err = capbox_port_find_slot(session, request);
	if (err)
		return err;
	port = kzalloc(sizeof(*port), CAPBOX_GFP);
	if (!port)
		return -ENOMEM;
	err = capbox_port_attach(session, port, request);
	if (err) {
		/* A hook may have been registered for a moment, and may still run. */
		kfree_rcu(port, rcu);
		return err;
	}
	rcu_assign_pointer(session->ports[request->port], port);
	WRITE_ONCE(session->port_slots, max(session->port_slots, request->port + 1));
	capbox_port_fill_reply(port, request);
	return 0;
}

/**
 * capbox_port_add - ADD_PORT: captures an interface
 * @session: the session
 * @request: request; gets the answer
 *
 * Return: 0 or an error, which request->error explains.
 */
int capbox_port_add(struct capbox_session *session, struct capbox_port *request)
{
	int err;

	if (request->flags & ~CAPBOX_PORT_FLAGS)
		return capbox_reject(request->error, -EINVAL, "flags: unknown bits %#x",
				     request->flags & ~CAPBOX_PORT_FLAGS);
	if (request->reserved || request->state || request->link_type || request->port)
		return capbox_reject(request->error, -EINVAL,
				     "reserved, port, state, link_type: must be zero");
	rtnl_lock();
	mutex_lock(&session->lock);
	err = capbox_port_add_locked(session, request);
	mutex_unlock(&session->lock);
	rtnl_unlock();
	return err;
}

static void capbox_port_clear_slot(struct capbox_session *session, u32 slot)
{
	struct capbox_session_port *port = capbox_port_at(session, slot);

	if (!port)
		return;
	RCU_INIT_POINTER(session->ports[slot], NULL);
	capbox_port_detach(port);
	kfree_rcu(port, rcu);
}

static int capbox_port_lookup(struct capbox_session *session, struct capbox_port *request,
			      struct capbox_session_port **port)
{
	u32 slot = array_index_nospec(request->port, CAPBOX_PORTS_MAX);

	if (request->reserved)
		return capbox_reject(request->error, -EINVAL, "reserved: must be zero");
	*port = request->port < CAPBOX_PORTS_MAX ? capbox_port_at(session, slot) : NULL;
	return *port ? 0 :
		       capbox_reject(request->error, -ENOENT, "port: the session has no port %u",
				     request->port);
}

/**
 * capbox_port_remove - REMOVE_PORT: ends the capture of a port; its packets stay in the blocks
 * @session: the session
 * @request: names the port; gets the answer, as GET_PORT
 *
 * Return: 0, -ENOENT or -EINVAL.
 */
int capbox_port_remove(struct capbox_session *session, struct capbox_port *request)
{
	struct capbox_session_port *port;
	int err;

	rtnl_lock();
	mutex_lock(&session->lock);
	err = capbox_port_lookup(session, request, &port);
	if (!err) {
		capbox_port_fill_reply(port, request);
		capbox_port_clear_slot(session, request->port);
	}
	mutex_unlock(&session->lock);
	rtnl_unlock();
	return err;
}

/**
 * capbox_port_get - GET_PORT: reports a port, and clears its part of EPOLLPRI
 * @session: the session
 * @request: names the port; gets the answer
 *
 * Return: 0, -ENOENT or -EINVAL.
 */
int capbox_port_get(struct capbox_session *session, struct capbox_port *request)
{
	struct capbox_session_port *port;
	int err;

	mutex_lock(&session->lock);
	err = capbox_port_lookup(session, request, &port);
	if (!err) {
		capbox_port_fill_reply(port, request);
		WRITE_ONCE(port->is_changed, false);
	}
	mutex_unlock(&session->lock);
	return err;
}

/**
 * capbox_ports_remove_all - removes all ports of a session
 * @session: locked, with RTNL held
 */
void capbox_ports_remove_all(struct capbox_session *session)
{
	u32 slot;

	for (slot = 0; slot < CAPBOX_PORTS_MAX; slot++)
		capbox_port_clear_slot(session, slot);
}

/**
 * capbox_ports_detach_device - detaches a session's ports from an interface that disappears
 * @session: the session
 * @dev: the interface; RTNL is held
 */
void capbox_ports_detach_device(struct capbox_session *session, const struct net_device *dev)
{
	struct capbox_session_port *port;
	u32 slot;

	mutex_lock(&session->lock);
	for (slot = 0; slot < session->port_slots; slot++) {
		port = capbox_port_at(session, slot);
		if (!port || port->dev != dev)
			continue;
		capbox_port_detach(port);
		WRITE_ONCE(port->is_changed, true);
		wake_up_interruptible_poll(&session->wait, EPOLLPRI);
	}
	mutex_unlock(&session->lock);
}
