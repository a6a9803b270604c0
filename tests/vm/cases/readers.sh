# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# timeout: 300
# Several sessions on one port, some that consume, beside the stack and packet sockets: who sees the packets, in every order of starting and ending.
# shellcheck shell=dash
pair a0 b0
ip addr add 10.0.0.2/24 dev b0
readers a0 b0
