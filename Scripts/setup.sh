#!/bin/sh
# Installs the Debian packages that are missing.
#
#   setup.sh build   headers and libraries that the build needs
#   setup.sh demo    the same, and an OpenCL device on the CPU where it can be had
#   setup.sh all     the same, and the tools of the tests: packages, and TensorBoard's reader from
#                    PyPI in .build/python
#
# As root it installs with apt-get; otherwise it prints the command and fails. It does nothing,
# and needs no network, where nothing is missing.
set -eu

build="ocl-icd-opencl-dev opencl-headers libopenblas-dev zlib1g-dev"
device="pocl-opencl-icd"
tools="oclgrind python3-venv"
reader="tensorboard==2.21.0"

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
# The tests read event files with TensorBoard's own package; the one that needs it fails without.
install_reader() {
  folder="$(dirname "$0")/../.build/python"
  if "$folder/bin/python" -c \
    "from importlib.metadata import version; assert version('tensorboard') == '${reader#*==}'" \
    2>/dev/null; then return; fi
  echo "Installing $reader into .build/python"
  rm -rf "$folder"
  if ! { python3 -m venv "$folder" &&
    "$folder/bin/python" -m pip install -q --disable-pip-version-check "$reader"; }; then
    rm -rf "$folder"
    echo "$reader could not be installed from PyPI; the tests of --tensorboard will fail." >&2
  fi
}

missing_of() {
  for package in $1; do
    status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) || status=""
    [ "$status" = installed ] || printf '%s ' "$package"
  done
}

install_packages() {
  if ! command -v dpkg-query >/dev/null; then
    echo "This is not a Debian system: install OpenCL, CBLAS and zlib headers, PoCL and Oclgrind" \
      "with its own tools if the build misses them." >&2
    return
  fi

  missing=$(missing_of "$required")
  extra=$(missing_of "$wanted")
  [ -n "$missing$extra" ] || return 0

  if [ "$(id -u)" != 0 ]; then
    command="sudo apt-get update && sudo apt-get install --no-install-recommends $missing$extra"
    if [ -n "$missing" ]; then
      echo "Packages are missing; run: $command" >&2
      exit 1
    fi
    echo "Without $extra there may be no OpenCL device; to have one, run: $command" >&2
    return
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
}

install_packages
if [ "$1" = all ]; then install_reader; fi
