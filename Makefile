# make demo   sets itself up and runs the whole chain on c-LLZO, about 15 minutes
# make test   sets itself up and runs the tests
.PHONY: demo test test-slow lint setup schema docs clean-demo
.DEFAULT_GOAL := demo

PYTHON ?= python3
UV_VERSION := 0.9.11
BIN := .venv/bin
SNAKEMAKE := $(BIN)/snakemake --profile profiles/local --configfile config/demo.yaml
DEMO := results/demo
# Files of tests side by side; more processes than cores do not help, each takes 4 GB.
TEST_PROCESSES ?= 2
PYTEST := $(BIN)/python -m pytest -n $(TEST_PROCESSES) --dist loadfile

# The environment is what uv.lock says. Where uv is not installed, pip puts it into the
# environment first. The demo needs no development tools, so they are a second step.
UV = PATH="$(CURDIR)/$(BIN):$$PATH" UV_PYTHON_DOWNLOADS=never \
  uv sync --frozen --inexact --extra crosscheck --quiet --compile-bytecode --python $(BIN)/python

.venv/.ready: pyproject.toml uv.lock
	@echo "Setting up .venv from uv.lock (the first time takes a few minutes)"
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "confvib needs Python >= 3.11, found " + sys.version)'
	@if command -v uv >/dev/null; then test -x $(BIN)/python || uv venv --quiet --python $(PYTHON) .venv; \
	  else $(PYTHON) -m venv .venv && $(BIN)/python -m pip install --quiet --disable-pip-version-check 'uv>=$(UV_VERSION)'; fi
	@$(UV) --no-default-groups
	@touch $@

.venv/.ready-dev: .venv/.ready
	@$(UV) --all-groups
	@touch $@

setup: .venv/.ready-dev

demo: .venv/.ready
	@$(SNAKEMAKE)
	@if [ ! -e $(DEMO)/report.html ] || [ -n "$$(find $(DEMO)/figures $(DEMO)/thermodynamics -newer $(DEMO)/report.html)" ]; then $(SNAKEMAKE) --quiet all --report $(DEMO)/report.html; fi
	@cat $(DEMO)/thermodynamics/table.txt
	@echo "Report: $(CURDIR)/$(DEMO)/report.html"

test: .venv/.ready-dev
	@$(PYTEST) -m 'not slow'

# The slow gates: the whole chain on a small crystal, kills, restarts, the large sets.
test-slow: .venv/.ready-dev
	@$(PYTEST) -m slow

lint: .venv/.ready-dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/basedpyright src
	@$(BIN)/lint-imports
	@$(BIN)/snakefmt --check Snakefile workflow
	@$(BIN)/snakemake --lint

schema: .venv/.ready
	@$(BIN)/python -m confvib.campaign.schema > config/config.schema.json

docs: .venv/.ready
	@$(BIN)/python -m confvib.tables.document > docs/data.md

clean-demo:
	@rm -rf $(DEMO)
