// SPDX-License-Identifier: GPL-2.0-only
// SPDX-FileCopyrightText: 2026 The capbox authors
/*
 * Memory that the kernel writes, user space maps, and disks read with O_DIRECT: real pages,
 * allocated before the first packet, and the accounts they count in.
 */
#include <linux/cred.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/sched/signal.h>
#include <linux/sched/user.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "capbox.h"

static unsigned int capbox_memory_limit_mib;
module_param_named(memory_limit_mib, capbox_memory_limit_mib, uint, 0644);
MODULE_PARM_DESC(memory_limit_mib,
		 "Limit of the memory of all sessions, MiB (default: a quarter of RAM)");

static atomic64_t capbox_memory_bytes;

/*
 * Allocates one physically contiguous run, which needs one TLB entry and one entry of a disk's
 * scatter list, but may be unavailable. The run is split into single pages: on a kernel without
 * transparent huge pages, whose split_folio() reports success without splitting,
 * madvise(MADV_COLD) on a part of a compound page would never return.
 */
static bool capbox_area_alloc_run(struct capbox_area *area, unsigned int order, int node)
{
	struct page *page = alloc_pages_node(node, CAPBOX_GFP | __GFP_ZERO | __GFP_NORETRY, order);

	if (!page)
		return false;
	split_page(page, order);
	area->address = page_address(page);
	return true;
}

static int capbox_area_alloc_pages(struct capbox_area *area, int node)
{
	unsigned int i;

	area->pages = kvcalloc(area->page_count, sizeof(*area->pages), CAPBOX_GFP);
	if (!area->pages)
		return -ENOMEM;
	for (i = 0; i < area->page_count; i++) {
		area->pages[i] = alloc_pages_node(node, CAPBOX_GFP | __GFP_ZERO, 0);
		if (!area->pages[i])
			return -ENOMEM;
	}
	area->address = vmap(area->pages, area->page_count, VM_MAP, PAGE_KERNEL);
	return area->address ? 0 : -ENOMEM;
}

/**
 * capbox_area_alloc - allocates zeroed pages
 * @area: area to fill in; capbox_area_free() accepts it after a failure, too
 * @bytes: a multiple of the page size
 * @node: preferred NUMA node
 *
 * Return: 0 or -ENOMEM.
 */
int capbox_area_alloc(struct capbox_area *area, size_t bytes, int node)
{
	unsigned int order = get_order(bytes);
	int err;

	memset(area, 0, sizeof(*area));
	area->page_count = bytes >> PAGE_SHIFT;
	if (bytes == PAGE_SIZE << order && order <= MAX_PAGE_ORDER &&
	    capbox_area_alloc_run(area, order, node))
		return 0;
	err = capbox_area_alloc_pages(area, node);
	if (err)
		capbox_area_free(area);
	return err;
}

/**
 * capbox_area_free - frees the pages of an area
 * @area: area, possibly empty
 *
 * A disk that still reads pages holds references of its own: they stay until it has finished.
 */
void capbox_area_free(struct capbox_area *area)
{
	unsigned int i;

	if (area->pages) {
		if (area->address)
			vunmap(area->address);
		for (i = 0; i < area->page_count && area->pages[i]; i++)
			put_page(area->pages[i]);
		kvfree(area->pages);
	} else if (area->address) {
		for (i = 0; i < area->page_count; i++)
			put_page(virt_to_page(area->address) + i);
	}
	memset(area, 0, sizeof(*area));
}

/**
 * capbox_area_page - returns a page to map
 * @area: the area
 * @index: less than its page_count
 *
 * Return: the page.
 */
struct page *capbox_area_page(const struct capbox_area *area, unsigned int index)
{
	return area->pages ? area->pages[index] : virt_to_page(area->address) + index;
}

/**
 * capbox_charge - counts memory as locked by the calling user
 * @charge: charge to fill in; capbox_uncharge() undoes it
 * @bytes: memory to count
 *
 * The rule is that of other rings of the network stack (packet sockets aside): RLIMIT_MEMLOCK
 * limits the sum of a user's sessions, and does not limit a task with CAP_IPC_LOCK. The control
 * group's memory limit applies in any case (__GFP_ACCOUNT).
 *
 * Return: 0 or -ENOBUFS.
 */
int capbox_charge(struct capbox_charge *charge, u64 bytes)
{
	unsigned long limit = rlimit(RLIMIT_MEMLOCK) >> PAGE_SHIFT;
	unsigned long old, sum;
	struct user_struct *user;

	memset(charge, 0, sizeof(*charge));
	if (capable(CAP_IPC_LOCK))
		return 0;
	user = get_uid(current_user());
	charge->pages = DIV_ROUND_UP(bytes, PAGE_SIZE);
	old = atomic_long_read(&user->locked_vm);
	do {
		sum = old + charge->pages;
		if (sum > limit) {
			free_uid(user);
			return -ENOBUFS;
		}
	} while (!atomic_long_try_cmpxchg(&user->locked_vm, &old, sum));
	charge->user = user;
	return 0;
}

/**
 * capbox_uncharge - undoes capbox_charge()
 * @charge: charge, possibly of nothing
 */
void capbox_uncharge(struct capbox_charge *charge)
{
	if (!charge->user)
		return;
	atomic_long_sub(charge->pages, &charge->user->locked_vm);
	free_uid(charge->user);
	charge->user = NULL;
}

/**
 * capbox_memory_init - sets the default of memory_limit_mib, unless insmod set it
 */
void __init capbox_memory_init(void)
{
	if (!capbox_memory_limit_mib)
		capbox_memory_limit_mib = totalram_pages() / 4 >> (20 - PAGE_SHIFT);
}

/**
 * capbox_memory_reserve - reserves a session's share of memory_limit_mib
 * @bytes: share to reserve
 *
 * Return: 0, or the sum of all shares in bytes with this one, if it exceeds the limit; nothing is
 * reserved then.
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
 * capbox_memory_release - releases a session's share
 * @bytes: share as reserved
 */
void capbox_memory_release(u64 bytes)
{
	atomic64_sub(bytes, &capbox_memory_bytes);
}
