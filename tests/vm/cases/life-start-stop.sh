# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# timeout: 500
# Many times START and STOP under traffic: after STOP nothing comes.
# shellcheck shell=dash
lifetime start-stop "$(rounds 200 1000 1000)"
