# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# timeout: 300
# A disk with a file system reads blocks from the mapping (O_DIRECT) while packets come; the file is the blocks byte for byte.
# shellcheck shell=dash
pair a0 b0
direct a0 b0 /data 16
