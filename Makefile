# `make help` lists what can be made. Needs Python 3.11 to 3.13 and a package index.

VENV := .venv
BIN := $(VENV)/bin
# Python to make the environment with, the first of these that is new enough.
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null \
	&& echo $$python && break; done)
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help install quickstart marketing-demo test format lint lock clean

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(STAMP)  ## make .venv from the pinned versions

$(STAMP): requirements.lock pyproject.toml
	@if [ -z "$(PYTHON)" ]; then \
		echo "Python 3.11, 3.12 or 3.13 is needed; python3 is" \
			"$$(python3 --version 2>&1 || true)." \
			"Install one, or name it: make $(MAKECMDGOALS) PYTHON=/path/to/python3.12" >&2; \
		exit 2; \
	fi
	@$(PYTHON) -c 'import platform as p; exit((p.system(), p.machine()) != ("Linux", "x86_64"))' || { \
		echo "The pinned versions are for Linux on x86_64; use Docker elsewhere." >&2; exit 2; }
	@if ! $(BIN)/python -c '' 2>/dev/null; then \
		$(PYTHON) -m venv --clear $(VENV) || { \
		echo "$(PYTHON) cannot make virtual environments; on Debian and Ubuntu:" \
			"apt install python3-venv" >&2; exit 2; }; \
	fi
	@echo "Installing the pinned packages into $(VENV): about 2 GB, a few minutes."
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

quickstart: install  ## MovieLens-100K: train, evaluate, track and export two models
	$(BIN)/python scripts/quickstart.py

marketing-demo: install  ## a grocer's year: predictions, audiences, campaign files, one page
	$(BIN)/python scripts/marketing_demo.py

test: install  ## run every test
	$(BIN)/python -m pytest -q -n 2 --dist loadscope --no-loadscope-reorder

format: install  ## format the code
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

lint: install  ## check style, types and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

lock: install  ## resolve pyproject.toml into requirements.lock again
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip compile --universal --python-version 3.11 --extra dev pyproject.toml \
		-o requirements.lock --no-emit-index-url --no-header --no-annotate

clean:  ## remove the environment and what tools leave behind (runs/ stays)
	rm -rf $(VENV) .pytest_cache .hypothesis .mypy_cache .ruff_cache .import_linter_cache build dist *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
