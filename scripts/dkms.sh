#!/bin/sh
# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# Writes the source tree that dkms(8) builds capbox.ko from, and prints its directory.
# usage: scripts/dkms.sh [DIRECTORY], by default /usr/src/capbox-VERSION
set -eu
cd "$(dirname "$0")/.."
version=$(cat VERSION)
directory=${1:-/usr/src/capbox-$version}
mkdir -p "$directory"
cp -r kmod/. VERSION "$directory/"
sed -i "s/#MODULE_VERSION#/$version/" "$directory/dkms.conf"
echo "$directory"
