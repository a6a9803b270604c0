# SPDX-FileCopyrightText: 2026 The capbox authors
# SPDX-License-Identifier: Apache-2.0
# One thin entry for people and CI. `make` prints this list; the work is in scripts/ and the projects.
SHELL := /bin/bash
.DEFAULT_GOAL := help
export DOTNET_CLI_TELEMETRY_OPTOUT := 1
export DOTNET_NOLOGO := 1

# What the binary is made of: it is published again only when one of these is newer.
SOURCES := $(shell find src -name '*.cs' -not -path '*/obj/*' -not -path '*/bin/*') \
	$(wildcard src/*/*.csproj) Directory.Build.props Directory.Packages.props global.json VERSION

.PHONY: help run test demo quick t test-release soak check bench bench-kmod kmod publish clean

help: ## print this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 19

run: publish ## record the port of the default route, or PORT=eth2,eth3, into ./var until Ctrl-C
	@exec scripts/run.sh

test: publish ## run every test; the last line counts them
	@scripts/setup.sh build run demo test fuzz kmod dkms vm
	@scripts/test.sh

demo: publish ## record real traffic between two network namespaces and show it with tshark; needs no network
	@scripts/setup.sh run demo
	@scripts/demo.sh

quick: publish ## after an edit: unit tests, tidy rules and a handful of cases in one guest
	@scripts/setup.sh build run test kmod vm
	@scripts/quick.sh

t: ## run what T names: T=ConfigText a class or method of the xunit tests, T=vm/filters a case of tests/vm
	@scripts/t.sh "$(T)"

test-release: publish ## run a part of the tests that take long: PART=kmod, debug, archive, clock, control or bench
	@scripts/test-release.sh "$(PART)"

soak: publish ## record generated traffic for DURATION=1h with kills and holds; nothing may be lost uncounted, memory stays flat
	@scripts/setup.sh build run test
	@scripts/soak.sh "$(or $(DURATION),1h)"

check: ## format, analyzers, tidy rules, slow unit tests; sparse, checkpatch and coccicheck on the kernel module
	@scripts/setup.sh build kmod check
	@scripts/check.sh

bench: publish ## measure capbox against its peers on this machine
	@scripts/setup.sh run bench demo test
	dotnet run --project bench -c Release -- run $(ARGS)

bench-kmod: publish ## count what the kernel module costs a packet
	@scripts/setup.sh kmod vm
	@scripts/bench-kmod.sh

kmod: ## build out/kmod/<release>/capbox.ko for the pinned kernel, or for that of KDIR=DIR
	@scripts/setup.sh kmod
	@scripts/kmod.sh $(KDIR)

publish: out/capbox ## build the NativeAOT binary out/capbox

out/capbox: $(SOURCES)
	@scripts/setup.sh build run
	dotnet publish src/Appliance -r linux-x64 -c Release -v q -o out
	@touch $@

clean: ## delete everything that was built; the archive in ./var stays
	rm -rf out .cache
	find src tests bench -type d \( -name bin -o -name obj -o -name TestResults \) -prune -exec rm -rf {} +
