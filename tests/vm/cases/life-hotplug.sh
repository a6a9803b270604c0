# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# timeout: 300
# A CPU goes and comes under traffic: its open block is handed over, no packet is lost.
# shellcheck shell=dash
lifetime hotplug "$(rounds 20 100 10)"
