# The commands of this project; `make` lists them. Everything comes from Go modules.
LDFLAGS := -s -w
GOLDEN   = $(shell grep -rl 'flag.Bool."update"' --include='*_test.go' cmd internal pkg | xargs -n1 dirname | sort -u | sed 's,^,./,')
RACE    := $(if $(shell command -v "$$(go env CC)" 2>/dev/null),-race)

.PHONY: help build demo test test-kill test-mutants test-faults test-peers check golden bench release release-snapshot
help:
	@sed -n 's/^#: /  /p' Makefile

#: build    the program, as bin/mlopsctl
build:
	go build -trimpath -ldflags '$(LDFLAGS)' -o bin/mlopsctl ./cmd/mlopsctl

#: demo     plan and apply the example project in a fresh sandbox, then plan again: nothing is left
demo:
	@echo "Building bin/mlopsctl; the first time it fetches and compiles the modules, which takes a minute or two."
	@$(MAKE) --no-print-directory build
	@tools/demo.sh bin/mlopsctl

#: test     every test, with the race detector where there is a C compiler
test:
	go test $(RACE) -timeout 15m ./...

#: test-kill  the program as a process, killed and interrupted at every request that changes something
test-kill:
	go test -c -o bin/killtest.test ./internal/killtest
	cd internal/killtest && ../../bin/killtest.test -all -test.timeout 60m

#: test-mutants  a copy of the program broken on purpose, in one way after another: a named test sees each
test-mutants:
	@tools/mutants.sh

#: test-faults  every class of fault at every kind and operation, and 2,000 random histories against a model of who owns what
test-faults:
	go test -c -o bin/faulttest.test ./internal/faulttest
	cd internal/faulttest && ../../bin/faulttest.test -faults=all -rapid.checks=1000 -test.timeout 60m

#: test-peers  the stock Databricks CLI, built from its module (minutes, the first time), deploys the example to a sandbox, and a plan sees it
test-peers:
	cd test/peers && go test -count=1 -timeout 30m .

#: check    everything but the tests: format, vet, lint, architecture, go.mod, and that the mutants apply
check:
	@tools/check.sh

#: golden   write the golden files anew; the diff is for you to judge
golden:
	go test -count=1 $(GOLDEN) -update

#: bench    the benchmarks
bench:
	go test -run '^$$' -bench . -benchmem ./...

#: release-snapshot  a release as it would be, in dist/: archives, checksums, what each binary is made of; published nowhere
release-snapshot: bin/goreleaser
	PATH="$(CURDIR)/bin:$$PATH" bin/goreleaser release --snapshot --clean

release: bin/goreleaser
	PATH="$(CURDIR)/bin:$$PATH" bin/goreleaser release --clean

bin/goreleaser: tools/release/go.mod tools/release/go.sum
	@echo "Building goreleaser; the first time it fetches and compiles many modules, which takes some minutes."
	go -C tools/release build -o ../../bin/ github.com/goreleaser/goreleaser/v2 github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod
