# What one can do here. `make` alone lists it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# A target that needs node, go or docker says so in its help line; `demo` and `test` need Python 3.11+, make and git.
UNIT := not e2e and not needs_act and not needs_prometheus and not needs_collector and not needs_browser and not faults
E2E := (e2e or needs_prometheus) and not alone and not needs_act and not needs_collector and not slow and not faults
# Hundreds of processes import the same modules: a variable that forbids to keep them compiled costs minutes.
export PYTHONDONTWRITEBYTECODE :=
.DEFAULT_GOAL := help
.PHONY: help setup demo scenarios test test-all test-unit test-e2e test-thorough faults planted test-browser test-interrupts test-demo test-observability test-workflows try-workflow test-openchami \
        lint format release-check types-k6 k6-built charts pictures lock schemas docs dashboards bench bench-verdict observability clean

help: ## list the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | awk -F'\t' '{printf "%-20s %s\n", $$1, $$2}'

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; call make with PYTHON=python3.12, say." >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: requirements/runtime.txt requirements/build.txt pyproject.toml | $(BIN)/python
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/runtime.txt -r requirements/build.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.runtime
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@

setup: $(VENV)/.dev ## install everything for development into .venv, from hashed lock files

demo: $(VENV)/.runtime ## from nothing to a verdict: the whole chain against the embedded stack, about 2 minutes once all is installed
	@$(BIN)/chamiperf demo --out out/demo

scenarios: $(VENV)/.runtime ## all eight scenarios in profile demo against the embedded stack, under 6 minutes
	@tools/scenarios

test: test-unit test-e2e ## unit tests, then end-to-end tests with real k6

test-unit: $(VENV)/.dev ## the pure tests
	$(BIN)/pytest -n 3 --dist worksteal -m "$(UNIT) and not thorough"

test-e2e: $(VENV)/.dev ## the end-to-end tests: real k6 against the real embedded stack, real Prometheus
	$(BIN)/pytest -n 5 --dist loadfile -m "$(E2E) and not thorough"

test-thorough: $(VENV)/.dev ## what is slow and proves little more
	$(BIN)/pytest -n 4 --dist worksteal -m "thorough and (($(UNIT)) or ($(E2E)))"

test-all: test test-thorough ## both

faults: $(VENV)/.dev ## break stack, generator, disk, GitHub in over 150 ways and print what became of each, about 9 minutes on two quiet cores
	$(BIN)/pytest -n 2 tests/faults

planted: $(VENV)/.dev ## plant faults into a copy of the package, one at a time, and see the tests go red, about 3 minutes
	$(BIN)/python tools/planted.py

test-browser: $(VENV)/.dev ## the report's charts and table in a headless Chromium (Debian's package chromium)
	$(BIN)/pytest -m needs_browser

test-interrupts: $(VENV)/.dev ## Ctrl-C, SIGTERM and SIGKILL at random instants of seed and load
	$(BIN)/pytest -m "slow and e2e and not alone"

test-demo: $(VENV)/.dev ## the demo passes, and says no when it should; needs the machine for itself, about 9 minutes
	$(BIN)/pytest -m alone

test-observability: $(VENV)/.dev ## tests that need the real Prometheus and the real OpenTelemetry Collector (go)
	$(BIN)/python observability/collector/build.py
	$(BIN)/pytest -m "needs_prometheus or needs_collector"

test-workflows: $(VENV)/.dev ## runs the actions and workflows with act in host mode
	$(BIN)/pytest -m needs_act

try-workflow: $(VENV)/.dev ## run a workflow that init wrote into REPOSITORY with act, without GitHub (NAME=nightly), 2 to 5 minutes
	$(BIN)/python -m tools.try_workflow "$(REPOSITORY)" $(NAME)

test-openchami: $(VENV)/.dev ## smoke, seed, two storms, a comparison and the removal on a running OpenCHAMI (docs/openchami.md)
	CHAMIPERF_DIALECT=$${CHAMIPERF_DIALECT:-openchami} $(BIN)/pytest -q -p no:randomly tests/openchami/running_stack.py

lint: $(VENV)/.dev types-k6 ## formatting, lint, types, import directions, class names, workflows
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tools/class_names.py
	tools/lint-workflows

pictures: $(VENV)/.dev charts ## take the pictures of README and docs from judged runs (node, Debian's package chromium)
	$(BIN)/python -m tools.pictures

charts: ## build the script of report.html from tools/charts (node)
	cd tools/charts && npm ci --silent --no-audit --no-fund --ignore-scripts && npm run --silent build

k6-built: ## build k6/built, which `load` runs, from the k6 scripts (node)
	cd k6 && npm ci --silent --no-audit --no-fund && npm run --silent build

release-check: $(VENV)/.dev ## build the release, install it outside the checkout, and run demo, init and one action from it, 4 minutes
	tools/release-check $(DIST)

types-k6: ## type-check the k6 scripts, look for circles of imports, test their library, compare k6/built with them (node)
	tools/types-k6

format: $(VENV)/.dev ## format and fix what can be fixed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: $(VENV)/.dev ## write the lock files anew from pyproject.toml
	tools/lock

schemas: $(VENV)/.dev ## write schemas/ anew from the models
	$(BIN)/python -m tools.write_schemas

docs: $(VENV)/.dev ## write the generated pages anew (targets, verdicts, actions)
	$(BIN)/python -m tools.write_docs

dashboards: $(VENV)/.dev ## write dashboards/ anew from their code
	$(BIN)/python -m dashboards.write

bench: $(VENV)/.dev ## measure what a test must not assert; ratios, each within one run
	$(BIN)/python -m bench

bench-verdict: $(VENV)/.dev ## the verdict's figures on public series, against the usual rules
	$(BIN)/python -m bench.verdict

observability: ## start Prometheus, Grafana and the Collector (docker, or what is installed)
	observability/up

clean: ## remove what was made here
	rm -rf out .venv k6/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
