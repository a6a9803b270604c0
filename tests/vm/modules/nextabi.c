// SPDX-License-Identifier: GPL-2.0-only
// SPDX-FileCopyrightText: 2026 The capbox authors
/* Plays a capbox.ko of a later ABI: a /dev/capbox that answers VERSION only. */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/uaccess.h>

#include "../../../kmod/uapi/capbox.h"

static long nextabi_ioctl(struct file *file, unsigned int command, unsigned long argument)
{
	struct capbox_version version = { .abi = CAPBOX_ABI_VERSION + 1, .release = "9.9.9" };

	if (command != CAPBOX_IOC_VERSION)
		return -ENOTTY;
	return copy_to_user((void __user *)argument, &version, sizeof(version)) ? -EFAULT : 0;
}

static const struct file_operations nextabi_operations = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = nextabi_ioctl,
};

static struct miscdevice nextabi_device = { .minor = MISC_DYNAMIC_MINOR, .name = "capbox", .fops = &nextabi_operations };

module_misc_device(nextabi_device);
MODULE_DESCRIPTION("capbox.ko of a later ABI, for tests");
MODULE_LICENSE("GPL");
