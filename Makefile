# Warmgate. `make` alone lists what there is.

GO            ?= go
GOLANGCI_LINT := v2.15.0
GOVULNCHECK   := v1.9.0
H2SPEC        := v2.2.1+incompatible

TOOLS   := $(CURDIR)/.cache/bin
DEMO    := deploy/local/sites/demo
FIXTURE := test/e2e/fixture
NEWEST  := test/e2e/newest
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X main.version=$(VERSION)

.DEFAULT_GOAL := help
.PHONY: help run run-aws build test test-go test-replicas test-browser test-browser-newest check lint vulnerabilities bench fuzz fmt clean dynamodb-local moto costs

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-19s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: build ## Start the demo at http://localhost:8080/session/demo/
	@deploy/local/node-check
	@$(MAKE) --no-print-directory --silent $(DEMO)/node_modules/.stamp
	@deploy/local/run bin/warmgate

# How long a task of the fake ECS takes until its container starts.
TASK_DELAY ?= 6s

run-aws: build dynamodb-local ## Start the demo as on AWS: DynamoDB Local, a fake ECS, two replicas (Linux)
	@deploy/local/node-check
	@$(MAKE) --no-print-directory --silent $(DEMO)/node_modules/.stamp
	@$(GO) build -o bin/fakeecs ./test/fakeecs
	@$(GO) build -o bin/runaws ./test/runaws
	@exec bin/runaws -delay $(TASK_DELAY)

build: ## Build bin/warmgate
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/warmgate ./cmd/warmgate

test: test-go test-replicas test-browser ## Run all tests

test-go: ## Run the Go tests with the race detector
	@if command -v java >/dev/null && command -v mvn >/dev/null; then $(MAKE) --no-print-directory --silent dynamodb-local; fi
	@if python3 -c 'import ensurepip, sys, venv; assert sys.version_info >= (3, 11)' 2>/dev/null; then $(MAKE) --no-print-directory --silent moto; fi
	@$(MAKE) --no-print-directory --silent h2spec || [ "$$CI" != true ]
	$(GO) test -race -shuffle=on ./...
	$(GO) test -run='^TestRace' ./scaler # 1,000 interleavings each; with the race detector there were 100

test-replicas: build ## Let real replicas meet, die, pause and lose their table (needs DynamoDB Local, Linux)
	@if command -v java >/dev/null && command -v mvn >/dev/null; then $(MAKE) --no-print-directory --silent dynamodb-local; fi
	$(GO) test -race -count=1 -timeout=15m -tags=e2e -v ./test/replicas

test-browser: build ## Run the end-to-end tests in a real browser
	@if test/e2e/tools-check; then \
		$(MAKE) --no-print-directory $(DEMO)/node_modules/.stamp $(FIXTURE)/node_modules/.stamp && \
		$(GO) test -race -count=1 -timeout=15m -tags=e2e -v ./test/e2e; \
	else \
		[ "$$CI" != true ]; \
	fi

# Five minutes, hence no part of `make test`. The pages and the demo do not depend on the site's Astro.
test-browser-newest: build ## Run those that depend on Astro with the newest one, on a Node from npm (Linux x64)
	@test/e2e/tools-check
	@$(MAKE) --no-print-directory $(NEWEST)/node_modules/.stamp
	WARMGATE_E2E_PACKAGES=$(notdir $(NEWEST)) $(GO) test -race -count=1 -timeout=15m -tags=e2e -v \
		-skip='^(TestOurPages|TestDemo)$$' ./test/e2e

check: lint vulnerabilities ## Check format, vet, lint, dependency direction, vulnerabilities

# One run covers gofumpt, goimports, vet, the linters and the arrows between packages (.golangci.yml).
lint: $(TOOLS)/golangci-lint-$(GOLANGCI_LINT)
	$< run ./...

# The list of vulnerabilities lives on the network. Out of reach is no finding, and is said.
vulnerabilities: $(TOOLS)/govulncheck-$(GOVULNCHECK)
	@test/vulnerabilities $<

bench: build ## Measure against the budgets, and against a bare ReverseProxy
	$(GO) test -run='^$$' -bench=. -benchmem ./...
	$(GO) run ./test/bench -warmgate bin/warmgate

FUZZTIME ?= 10s

costs: dynamodb-local ## Count the calls to AWS of an hour, as docs/costs.md has them
	COSTS=1 $(GO) test -count=1 -v -run='^TestCosts$$' ./cmd/warmgate

fuzz: ## Fuzz every target for a short time (FUZZTIME=10s)
	@test/fuzz $(FUZZTIME)

fmt: $(TOOLS)/golangci-lint-$(GOLANGCI_LINT) ## Format the code
	$< fmt

clean: ## Remove what was built; sessions in .warmgate stay
	rm -rf bin .cache test/out $(DEMO)/node_modules $(DEMO)/.astro $(FIXTURE)/node_modules $(NEWEST)/node_modules

# DynamoDB Local, the vendor's stand-in, for the tests of session/dynamo. Without it they are skipped.
DYNAMODB_LOCAL := .cache/dynamodb-local

dynamodb-local: $(DYNAMODB_LOCAL)/.stamp ## Fetch DynamoDB Local (needs Maven, and Java 17 to run)

$(DYNAMODB_LOCAL)/.stamp: session/dynamo/dynamotest/pom.xml
	rm -rf $(DYNAMODB_LOCAL)
	mvn -B -q -f $< dependency:copy-dependencies -DoutputDirectory=$(CURDIR)/$(DYNAMODB_LOCAL)/lib
	@touch $@

# Moto, somebody else's fake of AWS, for the tests of scaler. Without it they are skipped.
MOTO := .cache/moto

moto: $(MOTO)/.stamp ## Fetch moto (needs Python 3.11 with venv)

$(MOTO)/.stamp: scaler/mototest/requirements.txt
	python3 -m venv $(MOTO)
	$(MOTO)/bin/python -m pip install -q --disable-pip-version-check -r $<
	@touch $@

.PHONY: h2spec
h2spec: $(TOOLS)/h2spec-$(H2SPEC) ## Build h2spec, for the test of HTTP/2 (without it, skipped)

# A tool's version is in its file's name, so that a new pin is a new file.
$(TOOLS)/golangci-lint-$(GOLANGCI_LINT):
	GOBIN=$(TOOLS) $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT)
	mv $(TOOLS)/golangci-lint $@

$(TOOLS)/govulncheck-$(GOVULNCHECK):
	GOBIN=$(TOOLS) $(GO) install golang.org/x/vuln/cmd/govulncheck@$(GOVULNCHECK)
	mv $(TOOLS)/govulncheck $@

# It has no go.mod: its dependencies are those of today.
$(TOOLS)/h2spec-$(H2SPEC):
	GOBIN=$(TOOLS) $(GO) install github.com/summerwind/h2spec/cmd/h2spec@$(H2SPEC)
	mv $(TOOLS)/h2spec $@

%/node_modules/.stamp: %/package-lock.json
	npm ci --no-audit --no-fund --loglevel=error --prefix $*
	@touch $@
