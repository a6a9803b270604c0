// SPDX-License-Identifier: GPL-2.0-only
/* What SETUP is asked for: whether it can be, and where things will lie. */
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/string.h>

#include "capbox.h"
#include "reject.h"

/**
 * capbox_setup_check - is it what the module can do
 * @setup: from user space
 *
 * Return: 0 or an error, told in setup->error.
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
 * Where things lie, from the numbers that were asked for. 64 bits hold the largest product: 8192
 * CPUs, 16384 blocks of 4 MiB.
 */
void capbox_setup_layout(struct capbox_setup *setup, u32 rings)
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
