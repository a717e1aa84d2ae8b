# make demo    installs what is missing, builds, trains on the embedded digits
# make test    builds and runs every test
# make help    the other targets

SHELL := /bin/bash
PREFIX ?= /usr/local
DESTDIR ?=

# Debug Swift for its checks, optimised C: the host kernels are what the tests wait for. A warning is an
# error here already, so that `make lint` has nothing to build of its own.
TEST_FLAGS := -Xcc -O2 -Xswiftc -warnings-as-errors
# One binary with the Swift runtime inside.
RELEASE_FLAGS := -c release --static-swift-stdlib --product maclaurin
RELEASE_BINARY := .build/release/maclaurin

.PHONY: help setup build demo test lint bench install clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## install the system packages that are missing (as root; else say how)
	@Scripts/setup.sh all

build: ## the release binary, .build/release/maclaurin
	@Scripts/setup.sh build
	swift build $(RELEASE_FLAGS)

demo: ## build, then train orders 1 to 4 and the network itself on digits
	@Scripts/setup.sh demo
	swift build $(RELEASE_FLAGS)
	@Scripts/demo.sh $(RELEASE_BINARY)

# The executable comes first: some tests run it. The runner's lines go to a log as well, in which
# .ci/run counts the OpenCL cases. Profiles that are measured while tests run are wrong, so caches lie
# apart from the user's.
test: setup ## build and run every test
	@Benchmarks/gpu-test.sh
	@Scripts/build-tests.sh $(TEST_FLAGS)
	@set -o pipefail; XDG_CACHE_HOME="$(CURDIR)/.build/cache" \
	  swift test --skip-build $(TEST_FLAGS) 2>&1 | tee .build/test.log \
	  || { echo "What failed:"; grep -a -A 8 -E \
	  'recorded an issue|(Fatal error|Precondition failed|Assertion failed):|crashed|✘ Test .* failed' \
	  .build/test.log | tail -n 60; exit 1; }

lint: ## formatting, imports, warnings
	@Scripts/setup.sh build
	@Scripts/lint.sh $(TEST_FLAGS)

# The suites with peers need a Python, those without packages too; PEERS=python:python names others than
# .peers*/bin/python (Benchmarks/peers/README.md).
bench: build ## every benchmark, on the release binary, with the peers that are installed
	$(RELEASE_BINARY) bench all
	@if command -v python3 >/dev/null; then \
	  python3 Benchmarks/run.py step contraction --binary $(RELEASE_BINARY) $(if $(QUICK),--quick); \
	  else echo "What compares with peers needs python3 (Benchmarks/peers/README.md)."; fi

install: build ## the binary, stripped, to PREFIX/bin (default /usr/local)
	install -d "$(DESTDIR)$(PREFIX)/bin"
	install -s -m 755 $(RELEASE_BINARY) "$(DESTDIR)$(PREFIX)/bin/maclaurin"

clean: ## remove what was built
	rm -rf .build
