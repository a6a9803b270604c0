// SPDX-License-Identifier: GPL-2.0
/*
 * A CPU's ring: blocks that are filled one after the other, and two queues of block numbers that go
 * round between kernel and user space. docs/RING.md tells the protocol; the letters here are its
 * barriers.
 *
 * The kernel decides by its own record of every block (struct capbox_block_private). A number or an
 * index from shared memory is read once, checked against that record, and ignored and counted
 * (bad_returns) when it makes no sense.
 */
#include <linux/nospec.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/topology.h>

#include "capbox.h"
#include "pcapng.h"

static u32 capbox_slot(const struct capbox_ring *ring, u64 position)
{
	return (u32)position & (ring->session->setup.queue_entries - 1);
}

static void capbox_open_block(struct capbox_ring *ring, u32 block)
{
	const struct capbox_setup *setup = &ring->session->setup;

	ring->blocks[block].state = CAPBOX_BLOCK_OPEN;
	ring->open_block = block;
	ring->at = (u8 *)ring->areas[block].address + setup->head_bytes;
	ring->end = (u8 *)ring->areas[block].address + setup->block_bytes;
	ring->last = NULL;
	ring->cut_bytes = 0;
	ring->opened = ring->counters;
	ring->described = (struct capbox_block){
		.software_min_ns = S64_MAX,
		.software_max_ns = S64_MIN,
		.hardware_min_ns = S64_MAX,
		.hardware_max_ns = S64_MIN,
	};
	/* No stamp is later: the first packet begins a run. */
	ring->run_last_ns = S64_MAX;
}

static ktime_t capbox_timeout(const struct capbox_ring *ring)
{
	return ns_to_ktime((u64)ring->session->setup.handover_us * NSEC_PER_USEC);
}

/* The open block has got its first packet: it is to be handed over in time. */
static void capbox_ring_arm(struct capbox_ring *ring)
{
	ring->opened_at = ktime_get();
	if (ring->is_timer_armed)
		return;
	ring->is_timer_armed = true;
	hrtimer_start(&ring->timer, capbox_timeout(ring), HRTIMER_MODE_REL_PINNED_SOFT);
}

static void capbox_end_run(struct capbox_ring *ring)
{
	struct capbox_block *described = &ring->described;

	if (ring->run_interface == described->first_interface)
		described->last_ns = ring->run_last_ns;
	if (ring->run_is_hardware) {
		described->hardware_min_ns = min(described->hardware_min_ns, ring->run_first_ns);
		described->hardware_max_ns = max(described->hardware_max_ns, ring->run_last_ns);
	} else {
		described->software_min_ns = min(described->software_min_ns, ring->run_first_ns);
		described->software_max_ns = max(described->software_max_ns, ring->run_last_ns);
	}
}

/**
 * capbox_ring_begin_run - the block's first packet, or one whose clock or port is not that of the
 * packet before, or that is earlier
 * @ring: whose
 * @stamp: the packet's
 * @interface: the packet's
 * @is_hardware: the packet's clock
 *
 * Rare, unless ports with different clocks share a session. Return: @stamp, so that callers need
 * not keep it.
 */
noinline s64 capbox_ring_begin_run(struct capbox_ring *ring, s64 stamp, u32 interface,
				   bool is_hardware)
{
	struct capbox_block *described = &ring->described;

	if (!ring->last) {
		described->first_interface = interface;
		described->first_ns = stamp;
		described->flags = CAPBOX_BLOCK_IN_ORDER;
		capbox_ring_arm(ring);
	} else {
		capbox_end_run(ring);
		/* Ports that share a clock may well be in order. */
		if (stamp < ring->run_last_ns || is_hardware || ring->run_is_hardware)
			described->flags &= ~CAPBOX_BLOCK_IN_ORDER;
	}
	ring->run_first_ns = stamp;
	ring->run_interface = interface;
	ring->run_is_hardware = is_hardware;
	return stamp;
}

/*
 * Ends the last packet's block on a page, with a custom option of zeros: readers see no gap, the
 * disk gets whole pages.
 */
static u32 capbox_pad_to_page(struct capbox_ring *ring)
{
	u8 *start = ring->areas[ring->open_block].address;
	u32 bytes = ALIGN((u32)(ring->at - start), CAPBOX_PAGE_BYTES);
	u8 *end = start + bytes;
	/*
	 * From here the opt_endofopt and the total length that the packet was written with are
	 * written anew.
	 */
	u8 *at = ring->at - CAPBOX_EPB_END_BYTES;
	u32 room = end - 4 - at;
	u32 option = room >= 12 ? room - 4 : room;

	if (end == ring->at)
		return bytes;
	memset(at, 0, room);
	capbox_put32(at, CAPBOX_OPTION(CAPBOX_OPT_CUSTOM_NO_COPY, option - 4));
	capbox_put32(at + 4, CAPBOX_ENTERPRISE);
	capbox_put32(end - 4, end - ring->last);
	capbox_put32(ring->last + 4, end - ring->last);
	return bytes;
}

static void capbox_describe(struct capbox_ring *ring, u64 position, u32 bytes, u32 flags)
{
	const struct capbox_counters *now = &ring->counters, *opened = &ring->opened;
	struct capbox_block *described = &ring->described;

	capbox_end_run(ring);
	described->sequence = position;
	described->bytes = bytes;
	described->flags |= flags;
	described->packets = now->stored.packets - opened->stored.packets;
	described->truncated = now->truncated.packets - opened->truncated.packets;
	described->hardware_stamps = now->hardware_stamps - opened->hardware_stamps;
	described->original_bytes = now->stored.bytes - opened->stored.bytes;
	described->captured_bytes = described->original_bytes - ring->cut_bytes;
	described->counters = *now;
	ring->infos[ring->open_block] = *described;
}

/**
 * capbox_ring_hand_over - gives the open block to user space, if it has packets
 * @ring: whose
 * @flags: why: 0 or CAPBOX_BLOCK_TIMEOUT
 *
 * Called by the ring's writer, or when it cannot run. Cost: once a block, at most a page of zeros
 * and a wake-up.
 */
void capbox_ring_hand_over(struct capbox_ring *ring, u32 flags)
{
	struct capbox_block_private *block = &ring->blocks[ring->open_block];
	u64 position = ring->counters.blocks_filled;
	u32 slot = capbox_slot(ring, position);

	if (!ring->at || !ring->last)
		return;
	ring->counters.blocks_filled++;
	capbox_describe(ring, position, capbox_pad_to_page(ring), flags);
	block->state = CAPBOX_BLOCK_FILLED;
	block->position = position;
	block->packets = ring->described.packets;
	block->bytes = ring->described.original_bytes;
	ring->filled[slot] = ring->open_block;
	WRITE_ONCE(ring->shared_filled[slot], ring->open_block);
	/*
	 * A: the block, its description and its number are there before the index tells of them.
	 * Pairs with B, user space's acquire.
	 */
	smp_store_release(&ring->head->filled, position + 1);
	/*
	 * What poll() tells of is there already. Pairs with the acquire in capbox_ring_is_readable().
	 */
	smp_store_release(&ring->published, position + 1);
	ring->at = NULL;
	ring->end = NULL;
	if (wq_has_sleeper(&ring->session->wait))
		wake_up_interruptible_poll(&ring->session->wait, EPOLLIN | EPOLLRDNORM);
}

/* Whether user space may give that block back; the number is safe as an index then. */
static bool capbox_is_returnable(const struct capbox_ring *ring, u32 *number)
{
	if (*number >= ring->session->setup.blocks)
		return false;
	*number = array_index_nospec(*number, ring->session->setup.blocks);
	return ring->blocks[*number].state == CAPBOX_BLOCK_FILLED;
}

/* Takes in what user space has given back. */
static void capbox_accept_returns(struct capbox_ring *ring)
{
	/*
	 * D: what user space did with a block is done before the kernel writes to it. Pairs with C,
	 * user space's release.
	 */
	u64 returned = smp_load_acquire(&ring->head->returned);
	u32 number;

	if (unlikely(returned - ring->accepted > ring->session->setup.blocks)) {
		/*
		 * It cannot have given back more than there are: the index is damaged. Nothing is
		 * taken until it makes sense.
		 */
		ring->counters.bad_returns++;
		return;
	}
	while (ring->accepted != returned) {
		number = READ_ONCE(ring->shared_free[capbox_slot(ring, ring->accepted)]);
		ring->accepted++;
		if (unlikely(!capbox_is_returnable(ring, &number))) {
			ring->counters.bad_returns++;
			continue;
		}
		ring->blocks[number].state = CAPBOX_BLOCK_FREE;
		ring->free[ring->free_count++] = number;
	}
	WRITE_ONCE(ring->head->accepted, ring->accepted);
}

/*
 * Takes back the oldest block that was handed over and not claimed. User space claims by
 * compare-and-swap on the same index, so one of the two gets it (E and F). At most as many tries as
 * there are blocks: each failure is a claim.
 */
static void capbox_take_back(struct capbox_ring *ring)
{
	struct capbox_block_private *block;
	u32 tries, number;
	u64 claimed;

	for (tries = 0; tries < ring->session->setup.blocks; tries++) {
		claimed = READ_ONCE(ring->head->claimed);
		if (ring->counters.blocks_filled - claimed - 1 >= ring->session->setup.blocks)
			return; /* nothing is unclaimed, or the index is damaged */
		number = ring->filled[capbox_slot(ring, claimed)];
		block = &ring->blocks[number];
		if (block->state != CAPBOX_BLOCK_FILLED || block->position != claimed) {
			ring->counters.bad_returns++;
			return; /* given back without a claim, or the index is damaged */
		}
		/* F: pairs with E, the claim. */
		if (cmpxchg(&ring->head->claimed, claimed, claimed + 1) != claimed)
			continue;
		block->state = CAPBOX_BLOCK_FREE;
		ring->free[ring->free_count++] = number;
		ring->counters.blocks_taken_back++;
		ring->counters.stored.packets -= block->packets;
		ring->counters.stored.bytes -= block->bytes;
		ring->counters.lost_taken_back.packets += block->packets;
		ring->counters.lost_taken_back.bytes += block->bytes;
		return;
	}
}

/**
 * capbox_ring_next_block - hands the open block over and opens another, for a packet that did not
 * fit
 * @ring: whose
 * @bytes: of the packet's PCAPNG block
 * @wire_bytes: of the packet, for the counters
 *
 * Return: where to write, or NULL when the packet is lost, which is counted.
 */
noinline u8 *capbox_ring_next_block(struct capbox_ring *ring, u32 bytes, u32 wire_bytes)
{
	const struct capbox_setup *setup = &ring->session->setup;

	if (bytes > setup->block_bytes - setup->head_bytes) {
		capbox_count(&ring->counters.lost_oversize, wire_bytes);
		return NULL;
	}
	capbox_ring_hand_over(ring, 0);
	if (!ring->free_count)
		capbox_accept_returns(ring);
	if (!ring->free_count && setup->policy == CAPBOX_DROP_OLDEST)
		capbox_take_back(ring);
	if (!ring->free_count) {
		if (!ring->is_full)
			ring->counters.times_full++;
		ring->is_full = true;
		capbox_count(&ring->counters.lost_full, wire_bytes);
		return NULL;
	}
	ring->is_full = false;
	capbox_open_block(ring, ring->free[--ring->free_count]);
	return ring->at;
}

/*
 * The handover timeout, on the ring's CPU: the writer does not run meanwhile. The spare ring's may
 * run anywhere, under its lock.
 */
static enum hrtimer_restart capbox_ring_timeout(struct hrtimer *timer)
{
	struct capbox_ring *ring = container_of(timer, struct capbox_ring, timer);
	ktime_t timeout = capbox_timeout(ring);
	enum hrtimer_restart again = HRTIMER_NORESTART;
	ktime_t age;

	spin_lock(&ring->lock);
	ring->is_timer_armed = false;
	if (ring->at && ring->last) {
		age = ktime_sub(ktime_get(), ring->opened_at);
		if (age < timeout) {
			/* Another block than the one it was armed for. */
			hrtimer_forward_now(timer, ktime_sub(timeout, age));
			ring->is_timer_armed = true;
			again = HRTIMER_RESTART;
		} else {
			raw_write_seqcount_begin(&ring->sequence);
			capbox_ring_hand_over(ring, CAPBOX_BLOCK_TIMEOUT);
			raw_write_seqcount_end(&ring->sequence);
		}
	}
	spin_unlock(&ring->lock);
	return again;
}

/**
 * capbox_ring_read_counters - a ring's counters as they were at one moment
 * @ring: whose
 * @counters: added to
 */
void capbox_ring_read_counters(struct capbox_ring *ring, struct capbox_counters *counters)
{
	struct capbox_counters now;
	unsigned int sequence;
	size_t i;

	do {
		sequence = read_seqcount_begin(&ring->sequence);
		now = ring->counters;
	} while (read_seqcount_retry(&ring->sequence, sequence));
	for (i = 0; i < sizeof(now) / sizeof(u64); i++)
		((u64 *)counters)[i] += ((u64 *)&now)[i];
}

static int capbox_ring_alloc_blocks(struct capbox_ring *ring)
{
	const struct capbox_setup *setup = &ring->session->setup;
	u32 i;
	int err;

	ring->blocks = kvcalloc(setup->blocks, sizeof(*ring->blocks), CAPBOX_GFP);
	ring->areas = kvcalloc(setup->blocks, sizeof(*ring->areas), CAPBOX_GFP);
	ring->free = kvcalloc(setup->blocks, sizeof(*ring->free), CAPBOX_GFP);
	ring->filled = kvcalloc(setup->queue_entries, sizeof(*ring->filled), CAPBOX_GFP);
	if (!ring->blocks || !ring->areas || !ring->free || !ring->filled)
		return -ENOMEM;
	for (i = 0; i < setup->blocks; i++) {
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
		err = capbox_area_alloc(&ring->areas[i], setup->block_bytes, ring->node);
		if (err)
			return err;
		/*
		 * The last is on top of the stack: blocks are used in the order of their numbers at
		 * first.
		 */
		ring->free[setup->blocks - 1 - i] = i;
	}
	ring->free_count = setup->blocks;
	return 0;
}

static int capbox_ring_alloc(struct capbox_ring *ring)
{
	const struct capbox_setup *setup = &ring->session->setup;
	u8 *control;
	int err;

	err = capbox_area_alloc(&ring->control, setup->ring_bytes, ring->node);
	if (err)
		return err;
	control = ring->control.address;
	ring->head = (struct capbox_ring_head *)control;
	ring->shared_filled = (__u32 *)(control + setup->filled_offset);
	ring->shared_free = (__u32 *)(control + setup->free_offset);
	ring->infos = (struct capbox_block *)(control + setup->info_offset);
	ring->head->cpu = ring->cpu;
	ring->head->node = ring->node;
	return capbox_ring_alloc_blocks(ring);
}

/**
 * capbox_ring_new - a ring with all its blocks free
 * @session: whose
 * @index: its place in the mapping
 * @cpu: the CPU that writes to it, or -1: all that have none of their own
 *
 * May sleep. Return: the ring or an error pointer.
 */
struct capbox_ring *capbox_ring_new(struct capbox_session *session, u32 index, int cpu)
{
	int node = cpu < 0 ? NUMA_NO_NODE : cpu_to_node(cpu);
	struct capbox_ring *ring = kzalloc_node(sizeof(*ring), CAPBOX_GFP, node);
	int err;

	if (!ring)
		return ERR_PTR(-ENOMEM);
	ring->session = session;
	ring->index = index;
	ring->cpu = cpu;
	ring->node = node;
	ring->is_spare = cpu < 0;
	spin_lock_init(&ring->lock);
	seqcount_init(&ring->sequence);
#ifdef CAPBOX_HAS_HRTIMER_SETUP
	hrtimer_setup(&ring->timer, capbox_ring_timeout, CLOCK_MONOTONIC,
		      HRTIMER_MODE_REL_PINNED_SOFT);
#else
	hrtimer_init(&ring->timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL_PINNED_SOFT);
	ring->timer.function = capbox_ring_timeout;
#endif
	err = capbox_ring_alloc(ring);
	if (err) {
		capbox_ring_free(ring);
		return ERR_PTR(err);
	}
	return ring;
}

/**
 * capbox_ring_free - when nothing writes to it any more and nobody has it mapped
 * @ring: or NULL
 */
void capbox_ring_free(struct capbox_ring *ring)
{
	u32 i;

	if (!ring)
		return;
	hrtimer_cancel(&ring->timer);
	for (i = 0; ring->areas && i < ring->session->setup.blocks; i++) {
		capbox_area_free(&ring->areas[i]);
		cond_resched();
	}
	capbox_area_free(&ring->control);
	kvfree(ring->areas);
	kvfree(ring->blocks);
	kvfree(ring->free);
	kvfree(ring->filled);
	kfree(ring);
}
