# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# timeout: 300
# append: maxcpus=1
# A CPU that comes up after SETUP writes to the spare ring, and loses nothing.
# shellcheck shell=dash
lifetime spare "$(rounds 20000 200000 5000)"
