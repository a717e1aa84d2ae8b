#!/bin/bash
# Builds everything with its tests; a warning is an error. `make test` and `make lint` share what is
# built. Debug Swift for its checks, optimised C: the host kernels are what the tests wait for.
set -euo pipefail
cd "$(dirname "$0")/.."

# The package manager takes no -Werror for C, so warnings of its compiler are searched for; a second
# run must find them again, so that what was built of C then goes.
mkdir -p .build
log=.build/build.log
swift build --build-tests "$@" 2>&1 | tee "$log"
if grep -E '(Kernels|Sources|Tests)/.*: warning: ' "$log"; then
  find -L .build/debug -name '*.c.o' -delete
  echo "the build has warnings" >&2
  exit 1
fi
