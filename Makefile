# UltraMarket's front door. `make help` lists what can be done here; nothing needs Docker.
.DEFAULT_GOAL := help
.PHONY: help venv up down demo test test-all browser pictures unit mutation bench bench-check bench-reference fuzz chaos lint types charts compose-secrets lock clean
SHELL := /bin/bash

PYTHON ?= python3
MINUTES ?= 30
OPTIONS ?=
BIN := .venv/bin
STAMP := .venv/.locked
LOCK_FILES := requirements/base.txt requirements/dev.txt

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

venv: $(STAMP) ## make .venv with the locked dependencies (only when the lock changed)

$(STAMP): $(LOCK_FILES) pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --config-settings editable_mode=compat -e .
	@touch $@

up: venv ## start everything (the first time: install, migrate, fill) and print what runs where
	@$(BIN)/ultramarket up

down: ## end exactly what `make up` started
	@test ! -x $(BIN)/ultramarket || $(BIN)/ultramarket down

demo: venv ## one customer's journey over HTTP and what comes of it, narrated
	@$(BIN)/ultramarket demo

test: venv ## the tests on fresh instances of their own, with coverage
	@.ci/test $(TESTS)

test-all: venv ## the same with the long ones: minutes of faults, connections through toxiproxy
	@ALL=1 .ci/test

browser: venv ## the tests of the pages in Chromium (apt-get install chromium), on an instance of their own
	@.ci/test tests/browser

pictures: venv ## the same, and store their pictures in docs/img
	@PICTURES=1 .ci/test tests/browser

unit: venv ## the unit tests: no servers, about a minute
	@$(BIN)/python -m pytest -q tests/unit

mutation: venv ## change the rules of the journey's domains, and see which changes no unit test notices (bounded: MINUTES)
	@timeout $(MINUTES)m $(BIN)/mutmut run || [ $$? -eq 124 ]
	@$(BIN)/python -m tests.support.mutation

bench: venv ## measure an instance in turn with floors; results go to bench/results/ (OPTIONS=--help)
	@$(BIN)/python -m bench run $(OPTIONS)

bench-check: venv ## two minutes: does an operation cost 30 % more CPU than the committed reference says?
	@$(BIN)/python -m bench check $(OPTIONS)

bench-reference: venv ## measure the reference of bench-check anew; commit the file with the change that explains it
	@$(BIN)/python -m bench reference $(OPTIONS)

fuzz: venv ## generated requests to a running instance, as each role (OPTIONS=--help; changes the instance's data)
	@$(BIN)/python -m tests.fuzz $(OPTIONS)

chaos: venv ## fault scenarios on an instance of their own; reports go to bench/results/chaos/
	@$(BIN)/ultramarket chaos

lint: venv ## style, and who may import whom
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports --config setup.cfg
	@$(BIN)/python -m tests.support.plain_words

types: venv ## static types; strict for schemas, the chassis and the domains
	@$(BIN)/mypy schemas services gateway_flask kafka_bridge ultramarket bench

charts: venv ## render the Helm chart and check it (needs helm, or Go to build it once)
	@charts/check

compose-secrets: venv ## make the secrets that docker-compose.yml reads, in ./secrets (once; they are kept)
	@$(BIN)/python -m ultramarket.compose_secrets secrets

lock: venv ## resolve requirements/*.in again and write the locks with hashes
	@for name in base dev; do \
	  $(BIN)/uv pip compile --quiet --upgrade --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate \
	    --no-header --python-version 3.11 requirements/$$name.in --output-file requirements/$$name.txt || exit 1; \
	done

clean: ## remove the environment and the caches; instances stay (`ultramarket down --wipe` removes those)
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage
	@find . -name __pycache__ -not -path './.ultramarket/*' -prune -exec rm -rf {} +
