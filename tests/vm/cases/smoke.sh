# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# One packet of every length from 15 to 1514 bytes comes back byte for byte, in order, stamped in the hook or on arrival, and the ledger adds up.
# shellcheck shell=dash
pair a0 b0
smoke a0 b0
