# Two commands matter: make run (start the server) and make test (everything).
# CONTRIBUTING.md explains the rest.

CACHE   ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/towline
TOOLS   := $(CACHE)/bin
LINT    := $(TOOLS)/golangci-lint-2.15.0
FUMPT   := $(TOOLS)/gofumpt-0.12.0
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)
# ./... leaves out folders named testdata, so the code in them is named.
PACKAGES := ./... ./testdata/leak ./testdata/fakeagent ./testdata/toyagent ./testdata/bench
FUZZTIME ?= 3s
# The next encoding/json: a sixth less CPU on the whole way of an event. The
# code builds and passes its tests without it too.
EXPERIMENT := jsonv2

.PHONY: run build check test bench lint fmt fuzz golden clean

# Builds and starts the server on the embedded store, state in ./.state.
run: build
	./bin/towline serve --state-dir .state

# One static binary: no cgo.
build:
	@mkdir -p bin
	GOEXPERIMENT=$(EXPERIMENT) CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o bin/towline ./cmd/towline

# The edit-test loop: vet, lint and the unit tests, in under a minute.
check: lint
	go vet $(PACKAGES)
	go test -short $(PACKAGES)

# Everything, under the race detector, with the real agents' CLIs.
test:
	.ci/test

bench: build
	go run ./testdata/bench -server $(CURDIR)/bin/towline
	go test ./agents/codex ./agents/opencode -run '^$$' -bench .
	go test ./cmd/towline/conformance -run '^$$' -bench Shared -benchtime 1x

lint: $(LINT) $(FUMPT)
	@out=$$($(FUMPT) -l $$(git ls-files '*.go')); test -z "$$out" || { echo "gofumpt would change:"; echo "$$out"; exit 1; }
	$(LINT) run $(PACKAGES)

fmt: $(FUMPT)
	$(FUMPT) -w $$(git ls-files '*.go')

# Each fuzz target for FUZZTIME.
fuzz:
	.ci/fuzz $(FUZZTIME)

# Writes golden files anew; look at the difference before committing it.
golden:
	go test -short ./protocol $(addprefix ./agents/,acp amp claude codex opencode pi) ./cmd/towline ./cmd/towline/conformance -update

$(LINT):
	GOBIN=$(TOOLS) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
	mv $(TOOLS)/golangci-lint $@

$(FUMPT):
	GOBIN=$(TOOLS) go install mvdan.cc/gofumpt@v0.12.0
	mv $(TOOLS)/gofumpt $@

clean:
	rm -rf bin
