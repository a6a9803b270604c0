#!/bin/sh
# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# Makes a Debian suite known to apt, from the mirror that serves the release it belongs to, and nothing more: its packages come only when they are
# asked for by suite or version.
# usage: scripts/suite.sh SUITE
set -eu
suite=$1
! apt-cache policy | grep -q "[ ,=]n=$suite[, ]" || exit 0

# mirror RELEASE: "URI FILE" of the first source that has it, deb822 or one-line; FILE is the one that names it.
mirror() {
	# shellcheck disable=SC2016  # a format of apt
	apt-get indextargets --no-release-info --format '$(RELEASE) $(CODENAME) $(COMPONENT) $(REPO_URI) $(SOURCESENTRY)' 'Identifier: Packages' |
		awk -v release="$1" '$3 == "main" && ($1 == release || $2 == release) { sub(/:[0-9]+$/, "", $5); print $4, $5; exit }'
}

# key FILE: the keyring that a file of sources names, else Debian's.
key() {
	found=$(sed -n 's/^[^#]*[Ss]igned-[Bb]y *[:=] *\(\/[^] ]*\).*/\1/p' "$1" | head -n 1)
	echo "${found:-/usr/share/keyrings/debian-archive-keyring.gpg}"
}

# A list that is there but was never fetched would be asked for twice.
sudo=
[ "$(id -u)" = 0 ] || sudo=sudo
if ! grep -rqs "^[^#]*[ /]$suite" /etc/apt/sources.list /etc/apt/sources.list.d; then
	read -r uri file <<END
$(mirror "${suite%%-*}")
END
	[ -n "$uri" ] || { echo "scripts/suite.sh: no source of apt has ${suite%%-*}, so there is no mirror to take $suite from" >&2; exit 1; }
	$sudo tee "/etc/apt/sources.list.d/capbox-$suite.sources" >/dev/null <<END
Types: deb
URIs: $uri
Suites: $suite
Components: main
Signed-By: $(key "$file")
END
	$sudo tee "/etc/apt/preferences.d/capbox-$suite" >/dev/null <<END
Package: *
Pin: release n=$suite
Pin-Priority: 100
END
fi
$sudo apt-get update -qq
apt-cache policy | grep -q "[ ,=]n=$suite[, ]" || { echo "apt does not get the suite $suite" >&2; exit 1; }
