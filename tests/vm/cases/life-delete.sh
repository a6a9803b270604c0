# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# timeout: 300
# Interfaces are deleted while packets flow on all CPUs and all hooks.
# shellcheck shell=dash
lifetime delete "$(rounds 6 40 3)"
