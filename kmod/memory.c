// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that the kernel writes, user space maps, and disks read with O_DIRECT: real pages,
 * allocated before the first packet.
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
		 "Most memory that all sessions may take, MiB (default: a quarter of RAM)");

static atomic64_t capbox_memory_bytes;

/*
 * One physical run costs one entry of the TLB and one of the disk's scatter list, but is not always
 * to be had. Of single pages: madvise(MADV_COLD) of a part of a compound page never returns in a
 * kernel without transparent huge pages, whose split_folio() does nothing and says it has.
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
 * capbox_area_alloc - zeroed pages
 * @area: to be freed with capbox_area_free(), also after a failure
 * @bytes: a multiple of the page size
 * @node: where they should be
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
 * capbox_area_free - frees what there is
 * @area: pages that a disk still reads stay until it is done: it holds references of its own
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
 * capbox_area_page - the page to map
 * @area: of which
 * @index: less than its page_count
 */
struct page *capbox_area_page(const struct capbox_area *area, unsigned int index)
{
	return area->pages ? area->pages[index] : virt_to_page(area->address) + index;
}

/**
 * capbox_charge - counts memory as locked by the calling user
 * @charge: filled in; to be undone with capbox_uncharge()
 * @bytes: how much
 *
 * The same rule as for other rings of the network stack (packet sockets aside): RLIMIT_MEMLOCK
 * holds over all of a user's sessions, and who has CAP_IPC_LOCK is not limited. The control group's
 * memory limit holds in any case (__GFP_ACCOUNT).
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
 * @charge: may be of nothing
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
 * capbox_memory_init - sets the limit, unless it was given when the module was loaded
 */
void __init capbox_memory_init(void)
{
	if (!capbox_memory_limit_mib)
		capbox_memory_limit_mib = totalram_pages() / 4 >> (20 - PAGE_SHIFT);
}

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
