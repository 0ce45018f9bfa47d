# Everything that the project needs to build and test itself; nothing else is set up by hand.
SHELL   := /bin/bash
.SHELLFLAGS := -o pipefail -c
GO      ?= go
GOFUMPT  = $(GO) run mvdan.cc/gofumpt@v0.9.2
STATIC   = $(GO) run honnef.co/go/tools/cmd/staticcheck@v0.7.0
PACKAGES = ./... ./testdata/qemu
# The race detector needs a C compiler.
RACE     = $(if $(shell command -v gcc cc 2>/dev/null),-race)

.PHONY: help build test test-deps qemu lint bench clean
help: ## show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build bin/flashlua, one static binary
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/flashlua ./cmd/flashlua

test: build test-deps ## install what the tests need, then run them all, the QEMU board included
	$(GO) vet $(PACKAGES)
	@[ "$$(id -u)" = 0 ] || echo "LEFT OUT: every test on the QEMU board, TFTP's port 69 needs root" >&2
	$(GO) test $(RACE) -v -timeout 30m $(PACKAGES) 2>&1 | grep -Ev '^(=== |PASS$$| *--- PASS)' # what is left out is shown

test-deps: ## install QEMU and make the board's kernel and initramfs, where that is allowed
	@testdata/qemu/build.sh || { [ $$? = 3 ] && [ -z "$$FLASHLUA_REQUIRE_QEMU" ] && \
		echo "LEFT OUT: every test on the QEMU board, for the reason above" >&2; }

qemu: build test-deps ## run the QEMU board for a person; Ctrl-C ends it
	@testdata/qemu/run.sh

lint: ## vet, staticcheck, gofumpt
	$(GO) vet $(PACKAGES)
	$(STATIC) $(PACKAGES)
	@out=$$($(GOFUMPT) -l .); [ -z "$$out" ] || { echo "gofumpt would change:"; echo "$$out"; exit 1; }

bench: ## measure the console beside a bare read loop, and the classification
	$(GO) test -run '^$$' -bench . -benchtime 1x ./engine/console
	$(GO) test -run '^$$' -bench . ./classify

clean: ## remove what was built
	rm -rf bin build
