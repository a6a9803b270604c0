// SPDX-License-Identifier: GPL-2.0-only
// SPDX-FileCopyrightText: 2026 The capbox authors
/* Module init and exit. An open session holds a reference to the module, so rmmod fails. */
#include <linux/module.h>

#include "capbox.h"

#ifdef CONFIG_PREEMPT_RT
#error "PREEMPT_RT is not supported: capbox.ko relies on bottom halves that are not preempted"
#endif

static int __init capbox_init(void)
{
	int err;

	capbox_memory_init();
	err = capbox_sessions_register();
	if (err)
		return err;
	err = capbox_device_register();
	if (err)
		capbox_sessions_unregister();
	return err;
}

static void __exit capbox_exit(void)
{
	capbox_device_unregister();
	capbox_sessions_unregister();
}

module_init(capbox_init);
module_exit(capbox_exit);

MODULE_DESCRIPTION("Packet capture into shared memory as finished PCAPNG blocks");
MODULE_AUTHOR("The capbox project");
MODULE_VERSION(CAPBOX_MODULE_RELEASE);
MODULE_LICENSE("GPL");
