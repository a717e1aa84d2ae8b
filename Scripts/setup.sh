#!/bin/sh
# Installs the Debian packages that are missing.
#
#   setup.sh build   headers and libraries that the build needs
#   setup.sh demo    the same, and an OpenCL device on the CPU where it can be had
#   setup.sh all     the same, and the tools of the tests
#
# As root it installs with apt-get; otherwise it prints the command and fails. It does nothing,
# and needs no network, where nothing is missing.
set -eu

build="ocl-icd-opencl-dev opencl-headers libopenblas-dev zlib1g-dev"
device="pocl-opencl-icd"
tools="oclgrind"

case "${1:-}" in
  build) required=$build; wanted="" ;;
  demo) required=$build; wanted=$device ;;
  all) required="$build $device $tools"; wanted="" ;;
  *) echo "setup.sh takes build, demo or all" >&2; exit 2 ;;
esac

if ! command -v swift >/dev/null; then
  echo "There is no swift on PATH; install Swift 6.3 from https://swift.org/install." >&2
  exit 1
fi
if ! command -v dpkg-query >/dev/null; then
  echo "This is not a Debian system: install OpenCL, CBLAS and zlib headers, PoCL and Oclgrind" \
    "with its own tools if the build misses them." >&2
  exit 0
fi

missing_of() {
  for package in $1; do
    status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) || status=""
    [ "$status" = installed ] || printf '%s ' "$package"
  done
}

missing=$(missing_of "$required")
extra=$(missing_of "$wanted")
[ -n "$missing$extra" ] || exit 0

if [ "$(id -u)" != 0 ]; then
  command="sudo apt-get update && sudo apt-get install --no-install-recommends $missing$extra"
  if [ -n "$missing" ]; then
    echo "Packages are missing; run: $command" >&2
    exit 1
  fi
  echo "Without $extra there may be no OpenCL device; to have one, run: $command" >&2
  exit 0
fi

echo "Installing $missing$extra"
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
if [ -n "$missing" ]; then
  # shellcheck disable=SC2086  # several words
  apt-get install -q -y --no-install-recommends $missing
fi
if [ -n "$extra" ]; then
  # shellcheck disable=SC2086
  apt-get install -q -y --no-install-recommends $extra ||
    echo "$extra could not be installed; the demo goes on with the CPU path." >&2
fi
