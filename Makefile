# Everything a developer types. Each target prepares what it needs; `make` alone lists them.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
ARGS ?=
export PYTHON

# $(call quietly,NAME,COMMAND): one line when it is fine, all of its output when it is not.
quietly = @if output=$$($(2) 2>&1); then printf '%-10s ok\n' '$(1)'; \
	else status=$$?; printf '%-10s FAILED: %s\n%s\n' '$(1)' '$(2)' "$$output"; exit $$status; fi

.PHONY: help setup run check test storm proto docs bench bench-placement bench-live simulate mutants format clean \
	check-format check-lint check-types check-imports check-proto check-docs

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY)  ## install everything into .venv, and nothing outside it
	@:

$(READY): pyproject.toml tools/setup
	@tools/setup $(VENV)
	@touch $@

run: $(READY)  ## a scheduler, three simulated instances and a stream of tasks, live (ARGS="--seconds 10")
	@$(BIN)/swarmpilot demo $(ARGS)

# Several at a time would be in each other's way on servers that are not their own.
WORKERS ?= $(if $(AMQP_URL)$(POSTGRES_URL),1,3)

test: $(READY)  ## the whole suite, a real RabbitMQ and PostgreSQL among it (ARGS="tests/unit -x", WORKERS=1 one by one)
	@$(BIN)/pytest -n $(WORKERS) --dist loadfile $(ARGS)

storm: $(READY)  ## kill, freeze and cut off real processes under load, then read the record (ARGS="--deployment two-hosts")
	@$(BIN)/python -m tests.storm $(ARGS)

check: check-format check-lint check-types check-imports check-proto check-docs  ## format, lint, types, architecture, generated code

check-format: $(READY)
	$(call quietly,format,$(BIN)/ruff format --check --quiet .)

check-lint: $(READY)
	$(call quietly,lint,$(BIN)/ruff check --quiet .)

check-types: $(READY)
	$(call quietly,types,$(BIN)/mypy)

check-imports: $(READY)
	$(call quietly,imports,$(BIN)/lint-imports --no-logo)

check-proto: $(READY)
	@$(BIN)/python tools/generate_protos.py --check

check-docs: $(READY)
	$(call quietly,docs,$(BIN)/python tools/readme_tables.py --check)

docs: $(READY)  ## rewrite what the documents take from the code
	@$(BIN)/python tools/readme_tables.py

format: $(READY)  ## format the code and sort its imports
	@$(BIN)/ruff check --quiet --fix --select I .
	@$(BIN)/ruff format --quiet .

proto: $(READY)  ## regenerate the gRPC code after a change to protos/*.proto
	@$(BIN)/python tools/generate_protos.py

bench: $(READY)  ## measure on this machine: a table and bench-results/*.json (ARGS="--quick")
	@$(BIN)/python -m benchmarks $(ARGS)

bench-placement: $(READY)  ## simulate placement and rewrite docs/placement.md (ARGS="--trace FILE")
	@$(BIN)/python -m benchmarks.placement $(ARGS)

bench-live: $(READY)  ## replay a trace against real processes, and compare with the simulator (ARGS="--trace FILE")
	@$(BIN)/python -m benchmarks.live --page docs/placement.md $(ARGS)

SEEDS ?= 20000

simulate: $(READY)  ## the whole service under faults on a virtual clock (SEEDS=20000, ARGS="--seed 7" for one)
	@$(BIN)/python -m tests.deterministic --seeds $(SEEDS) $(ARGS)

mutants: $(READY)  ## builds with one promise taken out each: the suites must notice (ARGS="--only inbox")
	@$(BIN)/python -m tests.mutants $(ARGS)

clean:  ## remove .venv, caches and build products, and nothing that holds tasks
	@rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
