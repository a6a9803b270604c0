#!/bin/sh
# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# Installs the Debian packages of the given purposes (packages/debian.txt) that are missing; purpose build checks for the .NET SDK, too.
# usage: scripts/setup.sh PURPOSE...
set -eu
cd "$(dirname "$0")/.."

case " $* " in
*" build "*)
	if ! command -v dotnet >/dev/null 2>&1; then
		echo "capbox needs the .NET SDK 10: curl -sSL https://dot.net/v1/dotnet-install.sh | bash -s -- --channel 10.0, then put ~/.dotnet into PATH" >&2
		exit 1
	fi
	if ! dotnet --list-sdks | grep -q '^10\.'; then
		echo "capbox needs the .NET SDK 10, found only: $(dotnet --list-sdks | cut -d' ' -f1 | tr '\n' ' '); see https://dot.net/download" >&2
		exit 1
	fi
	;;
esac

# provided NAME: an installed package of another name stands for it, as a nodejs that brings npm.
provided() {
	# shellcheck disable=SC2016  # a format of dpkg-query
	dpkg-query -W -f '${db:Status-Status} ${Provides}\n' 2>/dev/null | grep -qE "^installed (.*, )?$1( \([^)]*\))?(,|\$)"
}

missing= suites=
for purpose in "$@"; do
	packages=$(sed -n "s/^$purpose: *//p" packages/debian.txt)
	if [ -z "$packages" ]; then
		echo "scripts/setup.sh: packages/debian.txt has no purpose '$purpose'" >&2
		exit 2
	fi
	for package in $packages; do
		# NAME/SUITE: from that suite; what is installed from another one is too old.
		state=$(dpkg-query -W -f '${db:Status-Status} ${Version}' "${package%/*}" 2>/dev/null || :)
		case $package in
		*/*-backports) wanted='installed *~bpo*' suites="$suites ${package#*/}" ;;
		*) wanted='installed *' ;;
		esac
		# shellcheck disable=SC2254  # a pattern
		case $state in
		$wanted) ;;
		*) provided "$package" || missing="$missing $package" ;;
		esac
	done
done
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
	echo "capbox needs these Debian packages, and there is no apt-get to install them:$missing" >&2
	exit 1
fi
sudo=
if [ "$(id -u)" != 0 ]; then
	command -v sudo >/dev/null 2>&1 || { echo "run as root, or install sudo: these packages are missing:$missing" >&2; exit 1; }
	sudo=sudo
fi
echo "installing:$missing"
for suite in $suites; do scripts/suite.sh "$suite"; done
$sudo apt-get update -qq
# shellcheck disable=SC2086  # a list of words
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
