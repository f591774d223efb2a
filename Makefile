# Two commands: `make demo` and `make test`. Everything lives in .venv and xenograft_runs.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
BIN := .venv/bin
# Importing torchvision without bytecode costs every worker ten CPU-seconds.
export UV_COMPILE_BYTECODE := 1
export MLFLOW_DISABLE_TELEMETRY := true
export DO_NOT_TRACK := 1

.PHONY: help install demo test test-all test-chaos lint types bench docs clean

help:  ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

install: .venv/installed  ## Make .venv with the pinned packages

.venv/installed: requirements.lock pyproject.toml
	@echo "installing into .venv (about a minute)"
	test -x $(BIN)/python || python3.11 -m venv .venv || python3 -m venv .venv
	command -v uv > /dev/null || test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet uv
	uv=$$(command -v uv || echo $(BIN)/uv); \
	  VIRTUAL_ENV=.venv $$uv pip install --quiet -r requirements.lock; \
	  VIRTUAL_ENV=.venv $$uv pip install --quiet --no-deps --editable .
	touch $@

demo: install  ## Run the demo study, write its report, say where everything is
	$(BIN)/xenograft run demo
	$(BIN)/xenograft report demo > /dev/null
	@echo
	@echo "report:    xenograft_runs/demo/report/report.html"
	@echo "MLflow UI: $(BIN)/xenograft ui"

test: install lint types  ## Lint, types, import contract, tests
	$(BIN)/python -m pytest -m "not slow and not gpu and not chaos"

test-all: install lint types  ## The same with the slow tests
	$(BIN)/python -m pytest -m "not gpu and not chaos"

SEEDS ?= 20
PARALLEL ?= 3
test-chaos: install  ## Disturb a study in every way, SEEDS times each (hours; needs root)
	$(BIN)/python tests/chaos/run.py --seeds $(SEEDS) --parallel $(PARALLEL)

lint: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports

types: install
	$(BIN)/mypy

bench: install  ## Measure against peers and bounds, and print one table (15 minutes)
	$(BIN)/python benchmarks/table.py

docs: install  ## Build the documentation as a site, in site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

clean:  ## Remove the environment and all runs
	rm -rf .venv xenograft_runs
