/* SPDX-License-Identifier: GPL-2.0-only */
/* SPDX-FileCopyrightText: 2026 The capbox authors */
/*
 * Copies the bytes of a packet. This header needs only u8, u32, u64, get_unaligned() and
 * put_unaligned(), so that tests/kmod/copy.c can measure this very code in user space.
 */
#ifndef CAPBOX_COPY_H
#define CAPBOX_COPY_H

#ifdef __KERNEL__
#include <linux/types.h>
#include <linux/unaligned.h>
#endif

#define CAPBOX_WORDS_LEAST_BYTES 32
#define CAPBOX_WORDS_MOST_BYTES 2048

/*
 * Whether to copy that many bytes word by word. The kernel's memcpy() is a string instruction on
 * today's CPUs. For packets of usual size it is faster or slower depending on the CPU, and never
 * cheaper in instructions; for large packets it is much faster (tests/kmod/copy.c measures both).
 */
static __always_inline bool capbox_is_for_words(u32 bytes)
{
	return bytes - CAPBOX_WORDS_LEAST_BYTES <=
	       CAPBOX_WORDS_MOST_BYTES - CAPBOX_WORDS_LEAST_BYTES;
}

static __always_inline void capbox_copy_16(u8 *to, const u8 *from)
{
	u64 first = get_unaligned((const u64 *)from),
	    second = get_unaligned((const u64 *)(from + 8));

	put_unaligned(first, (u64 *)to);
	put_unaligned(second, (u64 *)(to + 8));
}

static __always_inline void capbox_copy_32(u8 *to, const u8 *from)
{
	capbox_copy_16(to, from);
	capbox_copy_16(to + 16, from + 16);
}

static __always_inline void capbox_copy_64(u8 *to, const u8 *from)
{
	capbox_copy_32(to, from);
	capbox_copy_32(to + 32, from + 32);
}

/* Copies at least 32 bytes. The last step may copy bytes again that an earlier one copied. */
static __always_inline void capbox_copy_words(u8 *to, const u8 *from, u32 bytes)
{
	unsigned long at = 0, length = bytes;

	if (length <= 64) {
		capbox_copy_32(to, from);
		capbox_copy_32(to + length - 32, from + length - 32);
		return;
	}
	for (; at + 128 < length; at += 128) {
		capbox_copy_64(to + at, from + at);
		capbox_copy_64(to + at + 64, from + at + 64);
	}
	if (at + 64 < length)
		capbox_copy_64(to + at, from + at);
	capbox_copy_64(to + length - 64, from + length - 64);
}

#endif /* CAPBOX_COPY_H */
