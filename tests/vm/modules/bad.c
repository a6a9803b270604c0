// SPDX-License-Identifier: GPL-2.0-only
// SPDX-FileCopyrightText: 2026 The capbox authors
/*
 * Makes one error of a kernel module at each load: insmod bad.ko how=THING. The self-test of the bed proves with it that the bed
 * detects each.
 */
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

static char *how = "warn";
module_param(how, charp, 0444);
MODULE_PARM_DESC(how, "warn, stay, use-after-free, leak, sleep or lock-order");

static DEFINE_MUTEX(first);
static DEFINE_MUTEX(second);
static DEFINE_SPINLOCK(atomic);

static noinline void give_back(char *memory)
{
	kfree(memory);
}

static void use_after_free(void)
{
	char *memory = kmalloc(64, GFP_KERNEL);

	/* Hides the error from the compiler, which would detect it. */
	OPTIMIZER_HIDE_VAR(memory);
	give_back(memory);
	pr_info("read %d\n", READ_ONCE(*memory));
}

static void leak(void)
{
	/* Leaks several, since a stale copy of a pointer can hide one. */
	for (int i = 0; i < 16; i++)
		memset(kmalloc(200, GFP_KERNEL), 'l', 200);
}

static void sleep_in_atomic_context(void)
{
	spin_lock(&atomic);
	usleep_range(100, 200);
	spin_unlock(&atomic);
}

static void lock_order(void)
{
	mutex_lock(&first);
	mutex_lock(&second);
	mutex_unlock(&second);
	mutex_unlock(&first);
	mutex_lock(&second);
	mutex_lock(&first);
	mutex_unlock(&first);
	mutex_unlock(&second);
}

static int __init bad_init(void)
{
	if (!strcmp(how, "warn"))
		WARN(1, "on purpose");
	else if (!strcmp(how, "stay"))
		__module_get(THIS_MODULE);
	else if (!strcmp(how, "use-after-free"))
		use_after_free();
	else if (!strcmp(how, "leak"))
		leak();
	else if (!strcmp(how, "sleep"))
		sleep_in_atomic_context();
	else if (!strcmp(how, "lock-order"))
		lock_order();
	else
		return -EINVAL;
	return 0;
}
module_init(bad_init);

static void __exit bad_exit(void)
{
}
module_exit(bad_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("capbox: does on purpose what the test bed must see");
