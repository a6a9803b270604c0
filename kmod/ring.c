// SPDX-License-Identifier: GPL-2.0-only
// SPDX-FileCopyrightText: 2026 The capbox authors
/*
 * A CPU's ring: blocks that the kernel fills one after the other, and two queues that circulate
 * block numbers between kernel and user space. docs/internals/ring.md describes the protocol; the letters
 * here are its barriers.
 *
 * The kernel decides by its own record of every block (struct capbox_ring_block). It reads an index
 * or a number from shared memory once, checks it against that record, and ignores and counts it
 * (bad_returns) if it is invalid.
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
	ring->counters_at_open = ring->counters;
	ring->descriptor = (struct capbox_block){
		.software_min_ns = S64_MAX,
		.software_max_ns = S64_MIN,
		.hardware_min_ns = S64_MAX,
		.hardware_max_ns = S64_MIN,
	};
	/* No stamp is later, so the first packet begins a run. */
	ring->run_last_ns = S64_MAX;
}

static ktime_t capbox_handover_timeout(const struct capbox_ring *ring)
{
	return ns_to_ktime((u64)ring->session->setup.handover_us * NSEC_PER_USEC);
}

/* The open block got its first packet: starts its handover timeout. */
static void capbox_ring_arm(struct capbox_ring *ring)
{
	ring->opened_at = ktime_get();
	if (ring->is_timer_armed)
		return;
	ring->is_timer_armed = true;
	hrtimer_start(&ring->timer, capbox_handover_timeout(ring), HRTIMER_MODE_REL_PINNED_SOFT);
}

static void capbox_end_run(struct capbox_ring *ring)
{
	struct capbox_block *descriptor = &ring->descriptor;

	if (ring->run_interface == descriptor->first_interface)
		descriptor->last_ns = ring->run_last_ns;
	if (ring->run_is_hardware) {
		descriptor->hardware_min_ns = min(descriptor->hardware_min_ns, ring->run_first_ns);
		descriptor->hardware_max_ns = max(descriptor->hardware_max_ns, ring->run_last_ns);
	} else {
		descriptor->software_min_ns = min(descriptor->software_min_ns, ring->run_first_ns);
		descriptor->software_max_ns = max(descriptor->software_max_ns, ring->run_last_ns);
	}
}

/**
 * capbox_ring_begin_run - begins a run of packets: one interface, in order of time
 * @ring: the ring
 * @stamp: the packet's stamp
 * @interface: the packet's PCAPNG interface id
 * @is_hardware: the NIC's clock made @stamp
 *
 * The writer calls it for a block's first packet, and for a packet that is earlier than the one
 * before it or has another interface. Rare, unless ports with different clocks share a session.
 *
 * Return: @stamp, so that the caller need not save it across the call.
 */
noinline s64 capbox_ring_begin_run(struct capbox_ring *ring, s64 stamp, u32 interface,
				   bool is_hardware)
{
	struct capbox_block *descriptor = &ring->descriptor;

	if (!ring->last) {
		descriptor->first_interface = interface;
		descriptor->first_ns = stamp;
		descriptor->flags = CAPBOX_BLOCK_IN_ORDER;
		capbox_ring_arm(ring);
	} else {
		capbox_end_run(ring);
		/* Ports that share the system clock may still be in order. */
		if (stamp < ring->run_last_ns || is_hardware || ring->run_is_hardware)
			descriptor->flags &= ~CAPBOX_BLOCK_IN_ORDER;
	}
	ring->run_first_ns = stamp;
	ring->run_interface = interface;
	ring->run_is_hardware = is_hardware;
	return stamp;
}

/*
 * Extends the last packet's PCAPNG block to the end of the page by a custom option of zeros:
 * readers see no gap, the disk gets whole pages. Returns the bytes of the ring's block.
 */
static u32 capbox_pad_to_page(struct capbox_ring *ring)
{
	u8 *start = ring->areas[ring->open_block].address;
	u32 bytes = ALIGN((u32)(ring->at - start), CAPBOX_PAGE_BYTES);
	u8 *end = start + bytes;
	/* The option overwrites the packet's opt_endofopt and total length. */
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

static void capbox_complete_descriptor(struct capbox_ring *ring, u64 position, u32 bytes, u32 flags)
{
	const struct capbox_counters *now = &ring->counters, *opened = &ring->counters_at_open;
	struct capbox_block *descriptor = &ring->descriptor;

	capbox_end_run(ring);
	descriptor->sequence = position;
	descriptor->bytes = bytes;
	descriptor->flags |= flags;
	descriptor->packets = now->stored.packets - opened->stored.packets;
	descriptor->truncated = now->truncated.packets - opened->truncated.packets;
	descriptor->hardware_stamps = now->hardware_stamps - opened->hardware_stamps;
	descriptor->original_bytes = now->stored.bytes - opened->stored.bytes;
	descriptor->captured_bytes = descriptor->original_bytes - ring->cut_bytes;
	descriptor->counters = *now;
	ring->descriptors[ring->open_block] = *descriptor;
}

/**
 * capbox_ring_hand_over - hands the open block over to user space, if it has packets
 * @ring: the ring
 * @flags: 0 if the block is full, else CAPBOX_BLOCK_TIMEOUT
 *
 * The ring's writer calls it, or a context in which the writer cannot run. Cost, once a block: at
 * most a page of zeros and a wake-up.
 */
void capbox_ring_hand_over(struct capbox_ring *ring, u32 flags)
{
	struct capbox_ring_block *block = &ring->blocks[ring->open_block];
	u64 position = ring->counters.blocks_filled;
	u32 slot = capbox_slot(ring, position);

	if (!ring->at || !ring->last)
		return;
	ring->counters.blocks_filled++;
	capbox_complete_descriptor(ring, position, capbox_pad_to_page(ring), flags);
	block->state = CAPBOX_BLOCK_FILLED;
	block->position = position;
	block->packets = ring->descriptor.packets;
	block->bytes = ring->descriptor.original_bytes;
	ring->filled[slot] = ring->open_block;
	WRITE_ONCE(ring->shared_filled[slot], ring->open_block);
	/*
	 * A: publishes the block, its descriptor and its number before the index that covers them.
	 * Pairs with B, user space's acquire.
	 */
	smp_store_release(&ring->head->filled, position + 1);
	/*
	 * poll() reports the block after user space can see it. Pairs with the acquire in
	 * capbox_ring_is_readable().
	 */
	smp_store_release(&ring->published, position + 1);
	ring->at = NULL;
	ring->end = NULL;
	if (wq_has_sleeper(&ring->session->wait))
		wake_up_interruptible_poll(&ring->session->wait, EPOLLIN | EPOLLRDNORM);
}

/* Whether user space may return that block; if so, the number is safe as an index. */
static bool capbox_is_returnable(const struct capbox_ring *ring, u32 *number)
{
	if (*number >= ring->session->setup.blocks)
		return false;
	*number = array_index_nospec(*number, ring->session->setup.blocks);
	return ring->blocks[*number].state == CAPBOX_BLOCK_FILLED;
}

/* Frees the blocks that user space has returned. */
static void capbox_accept_returns(struct capbox_ring *ring)
{
	/*
	 * D: user space has finished with a block before the kernel writes to it. Pairs with C,
	 * user space's release.
	 */
	u64 returned = smp_load_acquire(&ring->head->returned);
	u32 number;

	if (unlikely(returned - ring->accepted > ring->session->setup.blocks)) {
		/*
		 * User space cannot return more blocks than the ring has: the index is damaged. The
		 * kernel accepts no block until it is valid again.
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
 * Reclaims the oldest block that was handed over and not claimed. User space claims by
 * compare-and-swap on the same index, so exactly one of the two gets the block (E and F). Each
 * failed try is a claim, so the number of blocks bounds the tries.
 */
static void capbox_reclaim_oldest(struct capbox_ring *ring)
{
	struct capbox_ring_block *block;
	u32 tries, number;
	u64 claimed;

	for (tries = 0; tries < ring->session->setup.blocks; tries++) {
		claimed = READ_ONCE(ring->head->claimed);
		if (ring->counters.blocks_filled - claimed - 1 >= ring->session->setup.blocks)
			return; /* all blocks are claimed, or the index is damaged */
		number = ring->filled[capbox_slot(ring, claimed)];
		block = &ring->blocks[number];
		if (block->state != CAPBOX_BLOCK_FILLED || block->position != claimed) {
			ring->counters.bad_returns++;
			return; /* returned without a claim, or the index is damaged */
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
 * capbox_ring_next_block - hands the open block over and opens another for a packet that did not
 * fit
 * @ring: the ring
 * @bytes: length of the packet's PCAPNG block
 * @wire_bytes: length of the packet on the wire, for the counters
 *
 * Return: address to write the packet to, or NULL if the packet is lost, which is counted.
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
		capbox_reclaim_oldest(ring);
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
 * The handover timeout. It runs on the ring's CPU, so the writer does not run at the same time; the
 * spare ring's runs on any CPU, under the ring's lock.
 */
static enum hrtimer_restart capbox_ring_timeout(struct hrtimer *timer)
{
	struct capbox_ring *ring = container_of(timer, struct capbox_ring, timer);
	ktime_t timeout = capbox_handover_timeout(ring);
	enum hrtimer_restart again = HRTIMER_NORESTART;
	ktime_t age;

	spin_lock(&ring->lock);
	ring->is_timer_armed = false;
	if (ring->at && ring->last) {
		age = ktime_sub(ktime_get(), ring->opened_at);
		if (age < timeout) {
			/* A later block is open than the one that armed the timer. */
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
 * capbox_ring_read_counters - reads a ring's counters as of one moment
 * @ring: the ring
 * @counters: sums to add them to
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
		/* The top of the stack is its last entry: the first round uses blocks in order. */
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
	ring->descriptors = (struct capbox_block *)(control + setup->info_offset);
	ring->head->cpu = ring->cpu;
	ring->head->node = ring->node;
	return capbox_ring_alloc_blocks(ring);
}

/**
 * capbox_ring_new - allocates a ring, all of its blocks free
 * @session: the session
 * @index: place of the ring in the mapping
 * @cpu: the CPU that writes to it; -1 for the spare ring
 *
 * May sleep.
 *
 * Return: the ring or an error pointer.
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
 * capbox_ring_free - frees a ring that has no writer and no mapping
 * @ring: ring or NULL
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
