# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# timeout: 300
# Two CPUs send more than their rings hold, each its own numbers: what a ring keeps and loses is what the policy says, whoever reads, and how.
# shellcheck shell=dash
pair a0 b0
for way in newest newest-held newest-slow oldest oldest-held oldest-slow; do
	overload a0 b0 $way "$(rounds 20000 60000 6000)"
done
