# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# Packets that go around the queue discipline reach EGRESS with bottom halves on: none is lost, doubled or torn.
# shellcheck shell=dash
pair a0 b0
bypass a0 "$(rounds 30000 300000 3000)"
