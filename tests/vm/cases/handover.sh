# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# timeout: 300
# A block is handed over after its timeout, not before and not long after, or at once when asked for; poll says so, and wakes.
# shellcheck shell=dash
pair a0 b0
handover a0 b0
