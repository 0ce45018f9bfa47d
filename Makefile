# All that is needed to build and test the project.
SHELL   := /bin/bash
.SHELLFLAGS := -o pipefail -c
GO      ?= go
GOFUMPT  = $(GO) run mvdan.cc/gofumpt@v0.9.2
STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.7.0
STATIC   = $(GO) run $(STATICCHECK)
# A copy of the database of vulnerabilities can replace it.
VULNDB   ?= https://vuln.go.dev
DARWIN   = env GOOS=darwin GOARCH=arm64 CGO_ENABLED=0
# The package with the longest tests is first.
PACKAGES = ./testdata/qemu ./... ./testdata/applets ./testdata/built ./testdata/gpt
# What runs without the race detector is compiled in one way, so that Go's cache holds each package once for build, vet,
# staticcheck and tests. The tag leaves urfave/cli's generator of manual pages out: its tables take a tenth of the
# start-up time.
PLAIN    = env CGO_ENABLED=0 GOFLAGS="$$($(GO) env GOFLAGS) -trimpath -tags=urfave_cli_no_docs"
# Boards that run in QEMU.
BOARDS   = arm64 arm riscv64 x86-64 x86
# Many tests mostly wait, for boards among other things, so that more of them than CPUs run at once.
# The timeout of a package ends a hang. go vet has run before, and finds more.
LIMITS   = -timeout 1h -parallel 4 -vet=off
# The race detector needs a C compiler. GORACE ends its sleep of a second at the end of each test program.
RACE     = $(if $(shell command -v gcc cc 2>/dev/null),-race)
# Tests that decode or compile much in one goroutine run without the race detector, which makes them five times slower.
HEAVY    = ^(TestMaxSize|TestHalfOfTheDisk|TestEveryBit|TestEveryBitOfXZBlocks|TestBmapEveryBit|TestManyRanges|FuzzRanges|FuzzOpen|TestEveryFormatLocally|TestEveryFormatByABoard|TestHugeImage|TestSmallerThanItSays|TestLosesWhatIsFar|TestDifferential|TestLuaSuite|TestSyntaxLimits|TestLimitsEndEverything|TestInstructionsCountTheirOperands|TestStepsAreTheScripts|TestPolicyRefusals|TestWritersOfMuch|TestUBootSendsPacked|TestUBootAlias|TestZerosAfterTheEnd|TestPoisonedCache|TestSizesOfPrograms)$$
HEAVY_IN = ./bindings/internal/vm ./bindings/internal/lua51 ./bindings ./engine/internal/flash ./engine/internal/image ./engine/internal/simboard
# The long benchmarks of bench-flash.
RACES    = BenchmarkFlash|BenchmarkUBootFlash|BenchmarkLocal|BenchmarkTFTP|BenchmarkBoards|BenchmarkCold|BenchmarkFleet

.PHONY: help demo picture site soak build test test-deps uboot-mmc qemu lint bench bench-flash release release-check clean
help: ## show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: build ## flash a simulated board with two faults
	bin/flashlua demo

build: ## build bin/flashlua, one static binary
	$(PLAIN) $(GO) build -o bin/flashlua ./cmd/flashlua

test: build test-deps ## install test dependencies and run all tests, with the QEMU boards
	$(PLAIN) $(GO) vet $(PACKAGES)
	@[ "$$(id -u)" = 0 ] || echo "LEFT OUT: every test on a QEMU board, TFTP's port 69 needs root" >&2
	@mkdir -p build # print the skipped tests, and the whole log if a test fails
	@{ GORACE="$$GORACE atexit_sleep_ms=0" $(GO) test $(RACE) -v $(LIMITS) -skip '$(HEAVY)' $(PACKAGES) && $(PLAIN) $(GO) test -v $(LIMITS) -run '$(HEAVY)' $(HEAVY_IN); } >build/test.log 2>&1; status=$$?; \
		[ $$status = 0 ] || grep -aEv '^(=== |PASS$$| *--- PASS)' build/test.log; \
		grep -aE '^(ok|FAIL)|--- (FAIL|SKIP)|LEFT OUT' build/test.log; exit $$status

test-deps: ## install QEMU, ser2net, socat, lua5.1, compressors and mkdocs, and build the boards' kernels and initramfs, and fetch newer U-Boots, if permitted
	@testdata/tools.sh || { [ $$? = 3 ] && [ -z "$$FLASHLUA_REQUIRE_QEMU" ] && \
		echo "LEFT OUT: every test with a tool that is missing, for the reason above" >&2; }
	@for arch in $(BOARDS); do testdata/qemu/build.sh $$arch || { s=$$?; \
		[ $$arch = riscv64 ] || { [ $$s = 3 ] && [ -z "$$FLASHLUA_REQUIRE_QEMU" ]; } || exit $$s; \
		echo "LEFT OUT: every test on the QEMU board $$arch, for the reason above" >&2; }; done # riscv64 needs a future Debian release
	@testdata/qemu/uboots.sh || { [ $$? = 3 ] && \
		echo "LEFT OUT: every test with a newer U-Boot, an SD card or an SPI NOR flash, for the reason above" >&2; }
	@testdata/qemu/grub.sh || { [ $$? = 3 ] && [ -z "$$FLASHLUA_REQUIRE_QEMU" ] && \
		echo "LEFT OUT: every test with GRUB, for the reason above" >&2; }

uboot-mmc: ## build a U-Boot with MMC and fetch a QEMU with eMMC, for the tests of eMMC and SD card: minutes, 180 MB
	@testdata/qemu/mmc.sh

qemu: build test-deps ## run the QEMU board interactively until Ctrl-C; ARCH=x86-64 selects another one
	@testdata/qemu/run.sh $(or $(ARCH),arm64)

# The code builds on macOS, its tests need Linux: so staticcheck with -tests=false checks it instead of go vet.
lint: ## run vet, staticcheck, gofumpt and, if its database can be reached, govulncheck, and build for macOS
	$(PLAIN) $(GO) vet $(PACKAGES)
	$(PLAIN) $(STATIC) $(PACKAGES)
	$(PLAIN) $(DARWIN) $(GO) build ./...
	$(PLAIN) $(GO) run -exec "$(DARWIN)" $(STATICCHECK) -tests=false ./...
	@out=$$($(PLAIN) $(GOFUMPT) -l .); [ -z "$$out" ] || { echo "gofumpt would change:"; echo "$$out"; exit 1; }
	@if curl -fsSo /dev/null -m 10 "$(VULNDB)/index/db.json" 2>/dev/null; then $(PLAIN) $(GO) run golang.org/x/vuln/cmd/govulncheck@v1.9.0 -db "$(VULNDB)" ./...; \
		else echo "LEFT OUT: govulncheck, its database $(VULNDB) cannot be reached" >&2; fi

bench: ## benchmark the console, commands, start-up, Lua and classification
	$(GO) test -run '^$$' -bench . -skip '$(RACES)' -benchtime 1x ./engine/console ./cmd/flashlua ./bindings ./testdata/qemu
	$(GO) test -run '^$$' -bench . ./classify

bench-flash: build test-deps ## compare flash with wget | xzcat | dd, write with dd and bmaptool, TFTP with tftpd-hpa, a flash by U-Boot with its commands by hand, 8 boards with 1, 10 cold runs with 1, a fleet of 50 with one board; FLASHLUA_ROUNDS=5
	$(GO) test -run '^$$' -bench '$(RACES)' -benchtime 1x -timeout 90m ./testdata/qemu

picture: build ## draw the pictures of the documents, docs/*.svg
	GO=$(GO) docs/picture.sh

site: ## build the site of the documents in build/site, with mkdocs
	docs/site.sh

soak: ## flash N=1000 simulated boards with random faults, end half as many runs by signals, and fuzz for minutes
	FLASHLUA_SOAK=$(or $(N),1000) $(GO) test -run 'TestSoak$$|TestSoakEnds$$|TestMatrix|TestDifferential' -v -timeout 2h ./cmd/flashlua ./bindings/internal/lua51 | grep -v -e '^=== ' -e '--- PASS'
	FLASHLUA_SOAK=1 $(GO) test -run 'TestFraming$$|TestTFTPUnderLoad$$|TestUBootWriterHuge$$|TestUBootWriterNOR$$' -timeout 1h ./testdata/qemu
	$(GO) test -run '^$$' -fuzz FuzzTelnet -fuzztime 5m -fuzzminimizetime 100x ./engine/transport
	$(GO) test -run '^$$' -fuzz FuzzOpen -fuzztime 2m -fuzzminimizetime 100x ./engine/internal/image
	for f in console/FuzzFraming console/FuzzMask console/FuzzQuoting internal/image/FuzzBmap internal/image/FuzzRanges internal/simboard/FuzzShell; do $(GO) test -run '^$$' -fuzz $${f##*/} -fuzztime 2m ./engine/$${f%/*} || exit; done
	for f in classify/FuzzTree bindings/FuzzBridge bindings/FuzzPolicy; do $(GO) test -run '^$$' -fuzz $${f##*/} -fuzztime 2m ./$${f%/*} || exit; done

release: ## build archives, packages, notices, SBOM and digests in dist; docs/release.md
	GO=$(GO) .release/build.sh

release-check: ## build a package twice, in different folders, and compare and check it
	GO=$(GO) .release/check.sh

clean: ## remove build outputs
	rm -rf bin build dist
