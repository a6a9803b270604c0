/* SPDX-License-Identifier: GPL-2.0-only */
/* How a call says which field it did not like. */
#ifndef CAPBOX_REJECT_H
#define CAPBOX_REJECT_H

#include <linux/kernel.h>

#include "uapi/capbox.h"

/* Fills in the request's error text ("field: reason") and is the error, to be returned. */
#define capbox_reject(text, error, ...) (snprintf(text, CAPBOX_ERROR_BYTES, __VA_ARGS__), (error))

#endif /* CAPBOX_REJECT_H */
