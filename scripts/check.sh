#!/bin/bash
# Checks the C#: layout, everything the analyzers say (the build has their rules and those of .editorconfig, warnings being errors), and the rules of scripts/tidy.sh.
set -euo pipefail
cd "$(dirname "$0")/.."
dotnet format whitespace Appliance.sln --verify-no-changes
dotnet build Appliance.sln -v q
scripts/tidy.sh
