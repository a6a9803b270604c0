// SPDX-License-Identifier: GPL-2.0-only
// SPDX-FileCopyrightText: 2026 The capbox authors
/* /dev/capbox: the right to open it, ioctls, mmap and poll. This file handles no packets. */
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/nsproxy.h>
#include <linux/poll.h>
#include <linux/uaccess.h>
#include <net/net_namespace.h>

#include "capbox.h"
#include "layout.h"
#include "reject.h"

/*
 * Opening needs the capabilities that a packet socket needs, in the user namespace that owns the
 * network namespace. The kernel checks them once, as for a socket.
 */
static int capbox_open(struct inode *inode, struct file *file)
{
	struct net *net = current->nsproxy->net_ns;
	struct capbox_session *session;

	if (!ns_capable(net->user_ns, CAP_NET_ADMIN) || !ns_capable(net->user_ns, CAP_NET_RAW))
		return -EPERM;
	session = capbox_session_open(net);
	if (IS_ERR(session))
		return PTR_ERR(session);
	file->private_data = session;
	return nonseekable_open(inode, file);
}

static int capbox_release(struct inode *inode, struct file *file)
{
	capbox_session_release(file->private_data);
	return 0;
}

static int capbox_ioctl_version(void __user *user)
{
	struct capbox_version version = {
		.abi = CAPBOX_ABI_VERSION,
		.release = CAPBOX_MODULE_RELEASE,
	};

	return copy_to_user(user, &version, sizeof(version)) ? -EFAULT : 0;
}

static int capbox_ioctl_setup(struct capbox_session *session, void __user *user)
{
	struct capbox_setup setup;
	int err;

	if (copy_from_user(&setup, user, sizeof(setup)))
		return -EFAULT;
	memset(setup.error, 0, sizeof(setup.error));
	err = capbox_session_setup(session, &setup);
	/* The session stays set up even if the caller unmapped @user meanwhile. */
	return copy_to_user(user, &setup, sizeof(setup)) ? -EFAULT : err;
}

static int capbox_ioctl_port(struct capbox_session *session, void __user *user,
			     int (*call)(struct capbox_session *session,
					 struct capbox_port *request))
{
	struct capbox_port request;
	int err;

	if (copy_from_user(&request, user, sizeof(request)))
		return -EFAULT;
	memset(request.error, 0, sizeof(request.error));
	err = call(session, &request);
	return copy_to_user(user, &request, sizeof(request)) ? -EFAULT : err;
}

static int capbox_ioctl_filter(struct capbox_session *session, void __user *user)
{
	struct capbox_filter filter;

	if (copy_from_user(&filter, user, sizeof(filter)))
		return -EFAULT;
	return capbox_session_set_filter(session, &filter);
}

static int capbox_ioctl_counters(struct capbox_session *session, void __user *user)
{
	struct capbox_ring_counters request;
	int err;

	if (copy_from_user(&request, user, sizeof(request)))
		return -EFAULT;
	err = capbox_session_counters(session, &request);
	if (err)
		return err;
	return copy_to_user(user, &request, sizeof(request)) ? -EFAULT : 0;
}

/* A structure of another size makes another ioctl number, which is unknown. */
static long capbox_ioctl(struct file *file, unsigned int command, unsigned long argument)
{
	struct capbox_session *session = file->private_data;
	void __user *user = (void __user *)argument;

	switch (command) {
	case CAPBOX_IOC_VERSION:
		return capbox_ioctl_version(user);
	case CAPBOX_IOC_SETUP:
		return capbox_ioctl_setup(session, user);
	case CAPBOX_IOC_ADD_PORT:
		return capbox_ioctl_port(session, user, capbox_port_add);
	case CAPBOX_IOC_REMOVE_PORT:
		return capbox_ioctl_port(session, user, capbox_port_remove);
	case CAPBOX_IOC_GET_PORT:
		return capbox_ioctl_port(session, user, capbox_port_get);
	case CAPBOX_IOC_SET_FILTER:
		return capbox_ioctl_filter(session, user);
	case CAPBOX_IOC_START:
		return capbox_session_start(session);
	case CAPBOX_IOC_STOP:
		return capbox_session_stop(session);
	case CAPBOX_IOC_FLUSH:
		return capbox_session_flush(session);
	case CAPBOX_IOC_COUNTERS:
		return capbox_ioctl_counters(session, user);
	default:
		return -ENOTTY;
	}
}

static struct page *capbox_page_at(const struct capbox_session *session, u64 offset)
{
	const struct capbox_setup *setup = &session->setup;
	const struct capbox_area *area;
	u64 ring, block;

	if (offset < setup->blocks_offset) {
		ring = div64_u64(offset, setup->ring_bytes);
		offset -= ring * setup->ring_bytes;
		area = &session->rings[ring]->control;
	} else {
		offset -= setup->blocks_offset;
		block = offset / setup->block_bytes;
		offset -= block * setup->block_bytes;
		ring = div64_u64(block, setup->blocks);
		area = &session->rings[ring]->areas[block - ring * setup->blocks];
	}
	return capbox_area_page(area, offset >> PAGE_SHIFT);
}

/*
 * Maps any page-aligned part, shared only: the kernel would never see writes to a private copy. A
 * child does not inherit the mapping, since blocks have one owner. The mapping holds a reference to
 * the file, so the pages live as long as the mapping.
 */
static int capbox_mmap(struct file *file, struct vm_area_struct *vma)
{
	const struct capbox_session *session = file->private_data;
	u64 offset = (u64)vma->vm_pgoff << PAGE_SHIFT;
	unsigned long address;
	int err;

	/* Pairs with the release in capbox_session_setup(), which publishes the rings. */
	if (!smp_load_acquire(&session->is_ready))
		return -EINVAL;
	if (!(vma->vm_flags & VM_SHARED) || vma->vm_flags & VM_EXEC)
		return -EINVAL;
	if (offset > session->setup.map_bytes ||
	    vma->vm_end - vma->vm_start > session->setup.map_bytes - offset)
		return -EINVAL;
	vm_flags_mod(vma, VM_DONTCOPY | VM_DONTEXPAND | VM_DONTDUMP, VM_MAYEXEC);
	for (address = vma->vm_start; address < vma->vm_end;
	     address += PAGE_SIZE, offset += PAGE_SIZE) {
		err = vm_insert_page(vma, address, capbox_page_at(session, offset));
		if (err)
			return err;
		cond_resched();
	}
	return 0;
}

static bool capbox_ring_is_readable(const struct capbox_ring *ring)
{
	/*
	 * Reads neither the ring's counters, which run ahead of what user space can see, nor the
	 * shared index, which user space can write. Pairs with the release in
	 * capbox_ring_hand_over().
	 */
	return smp_load_acquire(&ring->published) > READ_ONCE(ring->head->claimed);
}

static bool capbox_has_changed_port(struct capbox_session *session)
{
	const struct capbox_session_port *port;
	bool is_changed = false;
	u32 slot;

	rcu_read_lock();
	for (slot = 0; slot < READ_ONCE(session->port_slots); slot++) {
		port = rcu_dereference(session->ports[slot]);
		if (port && READ_ONCE(port->is_changed))
			is_changed = true;
	}
	rcu_read_unlock();
	return is_changed;
}

/*
 * EPOLLIN: there is a block to claim. EPOLLPRI: a port's interface disappeared, GET_PORT reports
 * which. EPOLLHUP: the namespace ended.
 */
static __poll_t capbox_poll(struct file *file, poll_table *wait)
{
	struct capbox_session *session = file->private_data;
	__poll_t events = 0;
	u32 i;

	poll_wait(file, &session->wait, wait);
	/* Pairs with the release in capbox_session_setup(), which publishes the rings. */
	if (!smp_load_acquire(&session->is_ready))
		return EPOLLERR;
	for (i = 0; i < session->setup.rings; i++) {
		if (capbox_ring_is_readable(session->rings[i]))
			events |= EPOLLIN | EPOLLRDNORM;
	}
	if (capbox_has_changed_port(session))
		events |= EPOLLPRI;
	if (READ_ONCE(session->is_ended))
		events |= EPOLLHUP;
	return events;
}

static const struct file_operations capbox_file_operations = {
	.owner = THIS_MODULE,
	.open = capbox_open,
	.release = capbox_release,
	.unlocked_ioctl = capbox_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.mmap = capbox_mmap,
	.poll = capbox_poll,
};

static struct miscdevice capbox_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "capbox",
	.fops = &capbox_file_operations,
	.mode = 0600,
};

/**
 * capbox_device_register - makes /dev/capbox
 *
 * Return: 0 or an error.
 */
int capbox_device_register(void)
{
	return misc_register(&capbox_device);
}

/**
 * capbox_device_unregister - removes /dev/capbox
 */
void capbox_device_unregister(void)
{
	misc_deregister(&capbox_device);
}
