// SPDX-License-Identifier: GPL-2.0-only
/* Loading and unloading. The open file of a session holds the module, so rmmod fails meanwhile. */
#include <linux/module.h>

#include "capbox.h"

#ifdef CONFIG_PREEMPT_RT
#error "capbox.ko relies on bottom halves that are not preempted: PREEMPT_RT is not supported"
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
