// SPDX-License-Identifier: GPL-2.0-only
// SPDX-FileCopyrightText: 2026 The capbox authors
/* cycle TX RX: one short session: open, SETUP, START, packets, close. The case cycles loads the module before it and unloads it after. */
#include <sys/ioctl.h>
#include <unistd.h>

#include "session.h"
#include "traffic.h"

int main(int argc, char **argv)
{
	struct traffic traffic = { .cpu = -1, .bytes = 200, .limit = 20 };
	struct session session = { .setup = setup_default() };

	if (argc != 3)
		fail("usage: cycle TX RX");
	traffic.interface = argv[1];
	session.setup.hooks = CAPBOX_HOOK_BIT(CAPBOX_HOOKS) - 1;
	session.setup.blocks = 4;
	session_setup(&session);
	session_add_port(&session, argv[2], 0, 0);
	session_ioctl(&session, CAPBOX_IOC_START, "START");
	traffic_start(&traffic);
	traffic_wait(&traffic);
	session_ioctl(&session, CAPBOX_IOC_FLUSH, "FLUSH");
	expect(session_counters(&session, CAPBOX_ALL_RINGS).seen.packets >= traffic.limit, "%llu packets",
	       session_counters(&session, CAPBOX_ALL_RINGS).seen.packets);
	session_drain(&session, NULL, NULL);
	session_check_sum(&session);
	session_close(&session);
	return 0;
}
