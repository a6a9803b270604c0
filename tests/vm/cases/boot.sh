# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# The kernel that runs is the pinned one, with what the cases rely on.
# shellcheck shell=dash
expect "release" "$(uname -r)" "$(cat /etc/release)"
case $(uname -r) in
*+deb*)
	expect "pinned release" "$(uname -r)" "$(sed -n 's/^release //p' /etc/kernel.txt)"
	version=$(sed -n 's/^version //p' /etc/kernel.txt)
	uname -v | grep -F "Debian $version" || fail "not Debian's build $version: $(uname -v)"
	;;
esac
expect "processors" "$(nproc)" 2
expect "namespace" "$(ip netns identify)" case
grep -q "^capbox " /proc/modules || fail "capbox.ko is not loaded"
df -T /data | grep -q ext4 || fail "no disk"
space b
pair a0 b0 b
ip -n b -s -j link show b0 >before
expect "sent" "$(send -i a0 -n 100)" 100
expect "received" "$(ip -n b -s -j link show b0 | jq '.[0].stats64.rx.packets')" $(($(jq '.[0].stats64.rx.packets' before) + 100))
