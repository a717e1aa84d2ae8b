#!/bin/bash
# Formatting, imports, shell scripts, and a build in which a warning is an error.
set -euo pipefail
cd "$(dirname "$0")/.."

swift format lint --strict --recursive Package.swift Sources Tests

# Foundation would add 44 MB to the binary and break static linking; FoundationEssentials does not.
if grep -rnE --include='*.swift' '^ *(@[A-Za-z_]+(\([a-z]+\))? +)*(public +|internal +)?import +(struct +|class +|func +)?Foundation([. ]|$)' \
  Package.swift Sources Tests; then
  echo "Import FoundationEssentials or Glibc instead of Foundation." >&2
  exit 1
fi

for script in .ci/run Scripts/*.sh; do bash -n "$script"; done
if command -v shellcheck >/dev/null; then shellcheck .ci/run Scripts/*.sh; fi

# The flags of the tests, with which nothing is left to build behind them.
Scripts/build-tests.sh "$@"
echo "lint: no findings"
