# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# Wrong calls of every kind: each is refused as docs/internals/ring.md says, and the session works afterwards.
# shellcheck shell=dash
pair a0 b0
edges a0 b0
expect "users of the module" "$(sed -n 's/^capbox [0-9]* \([0-9]*\).*/\1/p' /proc/modules)" 0
