// SPDX-License-Identifier: GPL-2.0-only
// SPDX-FileCopyrightText: 2026 The capbox authors
/* SETUP: checks the request, lays the mapping out, allocates the rings. */
#include <linux/cpumask.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "capbox.h"
#include "reject.h"

/**
 * capbox_setup_check - checks a SETUP request
 * @setup: request from user space
 *
 * Return: 0 or an error, which setup->error explains.
 */
int capbox_setup_check(struct capbox_setup *setup)
{
	char *text = setup->error;

	if (setup->abi != CAPBOX_ABI_VERSION)
		return capbox_reject(text, -EPROTO,
				     "abi: asked for %u, this module has %u (release %s)",
				     setup->abi, CAPBOX_ABI_VERSION, CAPBOX_MODULE_RELEASE);
	if (setup->flags & ~CAPBOX_SETUP_FLAGS)
		return capbox_reject(text, -EINVAL, "flags: unknown bits %#x",
				     setup->flags & ~CAPBOX_SETUP_FLAGS);
	if (!setup->hooks || setup->hooks >= CAPBOX_HOOK_BIT(CAPBOX_HOOKS))
		return capbox_reject(text, -EINVAL, "hooks: %#x is not a set of hook points",
				     setup->hooks);
	if (setup->flags & CAPBOX_SETUP_CONSUME &&
	    !(setup->hooks & CAPBOX_HOOK_BIT(CAPBOX_HOOK_INGRESS)))
		return capbox_reject(text, -EINVAL, "flags: consume needs the hook ingress");
	if (setup->policy > CAPBOX_DROP_OLDEST)
		return capbox_reject(text, -EINVAL, "policy: %u is unknown", setup->policy);
	if (!is_power_of_2(setup->block_bytes) || setup->block_bytes < CAPBOX_BLOCK_BYTES_MIN ||
	    setup->block_bytes > CAPBOX_BLOCK_BYTES_MAX)
		return capbox_reject(text, -EINVAL,
				     "block_bytes: %u is not a power of two from %u to %u",
				     setup->block_bytes, CAPBOX_BLOCK_BYTES_MIN,
				     CAPBOX_BLOCK_BYTES_MAX);
	if (setup->blocks < CAPBOX_BLOCKS_MIN || setup->blocks > CAPBOX_BLOCKS_MAX)
		return capbox_reject(text, -EINVAL, "blocks: %u is not from %u to %u",
				     setup->blocks, CAPBOX_BLOCKS_MIN, CAPBOX_BLOCKS_MAX);
	if (setup->head_bytes % 4 || setup->head_bytes > CAPBOX_HEAD_BYTES_MAX)
		return capbox_reject(text, -EINVAL,
				     "head_bytes: %u is not a multiple of 4 up to %u",
				     setup->head_bytes, CAPBOX_HEAD_BYTES_MAX);
	if (setup->handover_us < CAPBOX_HANDOVER_US_MIN ||
	    setup->handover_us > CAPBOX_HANDOVER_US_MAX)
		return capbox_reject(text, -EINVAL, "handover_us: %u is not from %u to %u",
				     setup->handover_us, CAPBOX_HANDOVER_US_MIN,
				     CAPBOX_HANDOVER_US_MAX);
	if (memchr_inv(setup->reserved, 0, sizeof(setup->reserved)))
		return capbox_reject(text, -EINVAL, "reserved: must be zero");
	return 0;
}

/*
 * Computes the layout of the mapping from the numbers of the request. 64 bits hold the largest
 * product: 8192 CPUs, 16384 blocks of 4 MiB.
 */
static void capbox_setup_layout(struct capbox_setup *setup, u32 rings)
{
	u64 queue_bytes;

	setup->rings = rings;
	setup->queue_entries = roundup_pow_of_two(setup->blocks);
	queue_bytes = (u64)setup->queue_entries * sizeof(__u32);
	setup->filled_offset = sizeof(struct capbox_ring_head);
	setup->free_offset = setup->filled_offset + queue_bytes;
	setup->info_offset = ALIGN(setup->free_offset + queue_bytes, SMP_CACHE_BYTES);
	setup->ring_bytes =
		PAGE_ALIGN(setup->info_offset + (u64)setup->blocks * sizeof(struct capbox_block));
	setup->blocks_offset = setup->ring_bytes * rings;
	setup->map_bytes = setup->blocks_offset + (u64)rings * setup->blocks * setup->block_bytes;
}

/**
 * capbox_setup_free_rings - undoes capbox_setup_rings()
 * @session: session with or without rings
 */
void capbox_setup_free_rings(struct capbox_session *session)
{
	u32 i;

	for (i = 0; session->rings && i < session->setup.rings; i++)
		capbox_ring_free(session->rings[i]);
	kvfree(session->rings);
	free_percpu(session->ring_of);
	capbox_uncharge(&session->charge);
	capbox_memory_release(session->reserved_bytes);
	session->rings = NULL;
	session->ring_of = NULL;
	session->reserved_bytes = 0;
}

static int capbox_ring_add(struct capbox_session *session, u32 index, int cpu)
{
	struct capbox_ring *ring = capbox_ring_new(session, index, cpu);
	unsigned int other;

	if (IS_ERR(ring))
		return PTR_ERR(ring);
	session->rings[index] = ring;
	if (cpu >= 0) {
		*per_cpu_ptr(session->ring_of, cpu) = ring;
		return 0;
	}
	for_each_possible_cpu(other) {
		if (!*per_cpu_ptr(session->ring_of, other))
			*per_cpu_ptr(session->ring_of, other) = ring;
	}
	return 0;
}

static int capbox_rings_alloc(struct capbox_session *session, const struct cpumask *cpus)
{
	bool has_spare = session->setup.rings > cpumask_weight(cpus);
	unsigned int cpu;
	u32 index = 0;
	int err = 0;

	session->rings = kvcalloc(session->setup.rings, sizeof(*session->rings), CAPBOX_GFP);
	session->ring_of = alloc_percpu(struct capbox_ring *);
	if (!session->rings || !session->ring_of)
		return -ENOMEM;
	for_each_cpu(cpu, cpus) {
		if (!err)
			err = capbox_ring_add(session, index++, cpu);
	}
	if (!err && has_spare)
		err = capbox_ring_add(session, index, -1);
	return err;
}

static int capbox_setup_memory(struct capbox_session *session, struct capbox_setup *setup)
{
	u64 excess = capbox_memory_reserve(setup->map_bytes);
	int err;

	if (excess)
		return capbox_reject(setup->error, -ENOBUFS,
				     "blocks: %llu MiB, of all %llu, exceed memory_limit_mib",
				     setup->map_bytes >> 20, excess >> 20);
	session->reserved_bytes = setup->map_bytes;
	err = capbox_charge(&session->charge, setup->map_bytes);
	if (err)
		return capbox_reject(setup->error, err, "blocks: %llu MiB exceed %s",
				     setup->map_bytes >> 20, "the opener's RLIMIT_MEMLOCK");
	return 0;
}

/**
 * capbox_setup_rings - lays the mapping out and allocates the rings
 * @session: session without rings
 * @setup: checked request; gets the layout
 *
 * Return: 0 or an error, which setup->error explains; the session has no rings then.
 */
int capbox_setup_rings(struct capbox_session *session, struct capbox_setup *setup)
{
	cpumask_var_t cpus;
	u32 rings;
	int err;

	if (!zalloc_cpumask_var(&cpus, GFP_KERNEL))
		return -ENOMEM;
	cpumask_copy(cpus, cpu_online_mask);
	rings = cpumask_weight(cpus);
	capbox_setup_layout(setup, rings + (rings < num_possible_cpus()));
	err = capbox_setup_memory(session, setup);
	if (!err) {
		session->setup = *setup;
		session->snap_bytes = setup->snap_bytes ? setup->snap_bytes : U32_MAX;
		err = capbox_rings_alloc(session, cpus);
		if (err)
			err = capbox_reject(setup->error, err,
					    "blocks: %llu MiB cannot be allocated",
					    setup->map_bytes >> 20);
	}
	free_cpumask_var(cpus);
	if (err)
		capbox_setup_free_rings(session);
	return err;
}
