#!/bin/sh
# Everything that must hold beside the tests. Each step says what it found; the first failure stops.
set -eu

step() { printf '%s\n' "== $*"; }

step "gofmt"
unformatted=$(gofmt -l cmd internal pkg schemas)
[ -z "$unformatted" ] || { echo "not formatted: $unformatted"; exit 1; }

step "go vet"
go vet ./...

step "go mod tidy leaves go.mod as it is"
go mod tidy -diff

step "golangci-lint"
go -C tools build -o ../bin/golangci-lint github.com/golangci/golangci-lint/v2/cmd/golangci-lint
bin/golangci-lint run ./...

step "architecture"
go test ./internal/archtest/...

step "every mutant still applies"
for patch in tools/mutants/*.patch; do git apply --recount --check "$patch"; done

step "all is well"
