/* SPDX-License-Identifier: GPL-2.0-only */
/* SPDX-FileCopyrightText: 2026 The capbox authors */
/*
 * The part of PCAPNG (draft-ietf-opsawg-pcapng) that the module writes, always little endian.
 * docs/internals/segments.md describes the whole file format.
 */
#ifndef CAPBOX_PCAPNG_H
#define CAPBOX_PCAPNG_H

#include <linux/types.h>
#include <linux/unaligned.h>

#define CAPBOX_EPB 6
#define CAPBOX_EPB_HEADER_BYTES 28
#define CAPBOX_EPB_END_BYTES 8 /* opt_endofopt and the total length */
#define CAPBOX_EPB_FLAGS 2
#define CAPBOX_FLAGS_OPTION_BYTES 8
#define CAPBOX_HOOK_OPTION_BYTES 20
#define CAPBOX_OPT_CUSTOM_COPY 2989
#define CAPBOX_OPT_CUSTOM_NO_COPY 19373
#define CAPBOX_ENTERPRISE 32473

/* The head of an option: code and length. */
#define CAPBOX_OPTION(code, bytes) ((u32)(code) | (u32)(bytes) << 16)

static inline void capbox_put32(u8 *at, u32 value)
{
	put_unaligned_le32(value, at);
}

static inline void capbox_put64(u8 *at, u64 value)
{
	put_unaligned_le64(value, at);
}

#endif /* CAPBOX_PCAPNG_H */
