#!/bin/sh
# Makes a Debian suite known to apt, and nothing more: its packages come only when they are asked for by suite or version.
# usage: scripts/suite.sh SUITE
set -eu
suite=$1
! apt-cache policy | grep -q "[ ,=]n=$suite[, ]" || exit 0
# A list that is there but was never fetched would be asked for twice.
sudo=
[ "$(id -u)" = 0 ] || sudo=sudo
if ! grep -rqs "^[^#]*[ /]$suite" /etc/apt/sources.list /etc/apt/sources.list.d; then
	$sudo tee "/etc/apt/sources.list.d/capbox-$suite.sources" >/dev/null <<END
Types: deb
URIs: http://deb.debian.org/debian
Suites: $suite
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
END
	$sudo tee "/etc/apt/preferences.d/capbox-$suite" >/dev/null <<END
Package: *
Pin: release n=$suite
Pin-Priority: 100
END
fi
$sudo apt-get update -qq
apt-cache policy | grep -q "[ ,=]n=$suite[, ]" || { echo "apt does not get the suite $suite" >&2; exit 1; }
