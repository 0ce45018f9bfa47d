# Everything that the project needs to build and test itself; nothing else is set up by hand.
SHELL   := /bin/bash
.SHELLFLAGS := -o pipefail -c
GO      ?= go
GOFUMPT  = $(GO) run mvdan.cc/gofumpt@v0.9.2
STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.7.0
STATIC   = $(GO) run $(STATICCHECK)
DARWIN   = env GOOS=darwin GOARCH=arm64 CGO_ENABLED=0
# The one whose tests take longest begins.
PACKAGES = ./testdata/qemu ./... ./testdata/applets ./testdata/built ./testdata/gpt
# Without cli's generator of manual pages, whose tables cost every start a tenth of its time.
LEAN     = -tags urfave_cli_no_docs
# The boards in QEMU.
BOARDS   = arm64 riscv64 x86-64
# Many tests wait most of their time, for boards among other things: more of them than CPUs run at once.
# The limit of a package is for one that hangs.
LIMITS   = -timeout 1h -parallel 4
# The race detector needs a C compiler.
RACE     = $(if $(shell command -v gcc cc 2>/dev/null),-race)
# Tests of much decoding or compiling in one goroutine, which the race detector makes five times slower and has nothing to find in.
HEAVY    = ^(TestMaxSize|TestHalfOfTheDisk|TestEveryBit|TestEveryBitOfXZBlocks|TestBmapEveryBit|TestManyRanges|FuzzRanges|FuzzOpen|TestEveryFormatLocally|TestEveryFormatByABoard|TestHugeImage|TestSmallerThanItSays|TestLosesWhatIsFar|TestDifferential|TestSyntaxLimits)$$
HEAVY_IN = ./bindings/internal/lua51 ./bindings ./engine/internal/flash ./engine/internal/image
# The benchmarks of bench-flash, which take their time.
RACES    = BenchmarkFlash|BenchmarkLocal|BenchmarkTFTP|BenchmarkBoards

.PHONY: help demo picture soak build test test-deps qemu lint bench bench-flash clean
help: ## show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: build ## flash a simulated board: a retry, a bad block that is found, a verification
	bin/flashlua demo

build: ## build bin/flashlua, one static binary
	CGO_ENABLED=0 $(GO) build -trimpath $(LEAN) -o bin/flashlua ./cmd/flashlua

test: build test-deps ## install what the tests need, then run them all, the QEMU board included
	$(GO) vet $(PACKAGES)
	@[ "$$(id -u)" = 0 ] || echo "LEFT OUT: every test on a QEMU board, TFTP's port 69 needs root" >&2
	@mkdir -p build # what is left out is shown, and everything if a test fails
	@{ $(GO) test $(RACE) -v $(LIMITS) -skip '$(HEAVY)' $(PACKAGES) && $(GO) test -trimpath $(LEAN) -v $(LIMITS) -run '$(HEAVY)' $(HEAVY_IN); } >build/test.log 2>&1; status=$$?; \
		[ $$status = 0 ] || grep -aEv '^(=== |PASS$$| *--- PASS)' build/test.log; \
		grep -aE '^(ok|FAIL)|--- (FAIL|SKIP)|LEFT OUT' build/test.log; exit $$status

test-deps: ## install QEMU, ser2net, socat, lua5.1 and packers, and make the boards' kernels and initramfs, where that is allowed
	@testdata/tools.sh || { [ $$? = 3 ] && [ -z "$$FLASHLUA_REQUIRE_QEMU" ] && \
		echo "LEFT OUT: every test with a tool that is missing, for the reason above" >&2; }
	@for arch in $(BOARDS); do testdata/qemu/build.sh $$arch || { s=$$?; \
		[ $$arch = riscv64 ] || { [ $$s = 3 ] && [ -z "$$FLASHLUA_REQUIRE_QEMU" ]; } || exit $$s; \
		echo "LEFT OUT: every test on the QEMU board $$arch, for the reason above" >&2; }; done # riscv64 is of a Debian to come

qemu: build test-deps ## run the QEMU board for a person; Ctrl-C ends it; ARCH=x86-64 for another one
	@testdata/qemu/run.sh $(or $(ARCH),arm64)

# What needs no Linux builds on macOS. Tests need Linux, so that go vet, which knows no -tests=false, cannot stand here.
lint: ## vet, staticcheck, gofumpt; build for macOS
	$(GO) vet $(PACKAGES)
	$(STATIC) $(PACKAGES)
	$(DARWIN) $(GO) build ./...
	$(GO) run -exec "$(DARWIN)" $(STATICCHECK) -tests=false ./...
	@out=$$($(GOFUMPT) -l .); [ -z "$$out" ] || { echo "gofumpt would change:"; echo "$$out"; exit 1; }

bench: ## measure the console beside a bare read loop, commands beside typing them bare, the start beside a hello, Lua, the classification
	$(GO) test -run '^$$' -bench . -skip '$(RACES)' -benchtime 1x ./engine/console ./cmd/flashlua ./bindings ./testdata/qemu
	$(GO) test -run '^$$' -bench . ./classify

bench-flash: build test-deps ## flash beside wget | xzcat | dd, write beside dd and bmaptool, TFTP beside tftpd-hpa, 8 boards beside 1; FLASHLUA_ROUNDS=5
	$(GO) test -run '^$$' -bench '$(RACES)' -benchtime 1x -timeout 90m ./testdata/qemu

picture: build ## draw the README's picture, docs/demo.svg
	GO=$(GO) docs/picture.sh

soak: ## flash 1,000 simulated boards with random faults, N=100 for another number; end half as many by random signals; fuzz for minutes
	FLASHLUA_SOAK=$(or $(N),1000) $(GO) test -run 'TestSoak$$|TestSoakEnds$$|TestMatrix|TestDifferential' -v -timeout 2h ./cmd/flashlua ./bindings/internal/lua51 | grep -v -e '^=== ' -e '--- PASS'
	FLASHLUA_SOAK=1 $(GO) test -run 'TestFraming$$' ./testdata/qemu
	$(GO) test -run '^$$' -fuzz FuzzTelnet -fuzztime 5m -fuzzminimizetime 100x ./engine/transport
	$(GO) test -run '^$$' -fuzz FuzzOpen -fuzztime 2m -fuzzminimizetime 100x ./engine/internal/image
	for f in console/FuzzFraming console/FuzzMask console/FuzzQuoting internal/image/FuzzBmap internal/image/FuzzRanges internal/simboard/FuzzShell; do $(GO) test -run '^$$' -fuzz $${f##*/} -fuzztime 2m ./engine/$${f%/*} || exit; done
	for f in classify/FuzzTree bindings/FuzzBridge bindings/FuzzPolicy; do $(GO) test -run '^$$' -fuzz $${f##*/} -fuzztime 2m ./$${f%/*} || exit; done

clean: ## remove what was built
	rm -rf bin build
