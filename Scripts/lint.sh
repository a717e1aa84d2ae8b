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

# A folder of its own: these flags would otherwise rebuild what the tests use. The package manager
# takes no -Werror for C, so warnings of its compiler are searched for; a second run must find them
# again, so that what was built then goes.
folder=.build-lint
mkdir -p "$folder"
swift build --build-tests --scratch-path "$folder" -Xswiftc -warnings-as-errors 2>&1 |
  tee "$folder/lint.log"
if grep -E '(Kernels|Sources|Tests)/.*: warning: ' "$folder/lint.log"; then
  rm -rf "$folder"
  echo "lint: the build has warnings" >&2
  exit 1
fi
echo "lint: no findings"
