/* SPDX-License-Identifier: GPL-2.0-only */
/* SPDX-FileCopyrightText: 2026 The capbox authors */
/* Rejects a request with an error text that names the field. */
#ifndef CAPBOX_REJECT_H
#define CAPBOX_REJECT_H

#include <linux/kernel.h>

#include "uapi/capbox.h"

/* Writes "field: reason" to the request's error text; the value is @error, for return. */
#define capbox_reject(text, error, ...) (snprintf(text, CAPBOX_ERROR_BYTES, __VA_ARGS__), (error))

#endif /* CAPBOX_REJECT_H */
