# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# timeout: 300
# Who may open a session, of which namespace; whose locked memory it counts as; what the module says of itself; that it stays while it is used.
# shellcheck shell=dash
pair a0 b0
rights a0 b0
modinfo /modules/capbox.ko >about
grep -q '^license: *GPL' about || fail "its license"
grep -q '^version: *[0-9]' about || fail "its version"
grep -q '^parm: *memory_limit_mib' about || fail "its parameter"
exec 4<>/dev/capbox
must_fail rmmod capbox
exec 4>&-
rmmod capbox
