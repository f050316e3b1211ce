# `make help` lists what can be made. Needs Python 3.11 to 3.13 and a package index.

VENV := .venv
BIN := $(VENV)/bin
# Python to make the environment with, the first of these that is new enough.
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null \
	&& echo $$python && break; done)
# Of `make image`.
BACKEND ?= jax
INSTALLED := $(VENV)/.installed
INSTALLED_DEV := $(VENV)/.installed-dev
# Installs in the pinned versions. Modules are compiled as they are imported, not before.
# uv reads UV_DEFAULT_INDEX, not pip.conf: where it finds no index, pip does.
define install_pinned
	@$(BIN)/uv pip install --quiet --python $(BIN)/python -c requirements.lock -e '$(1)' || { \
		echo "uv could not install; trying pip, which takes minutes." >&2; \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check \
			-c requirements.lock -e '$(1)'; }
	@touch $@
endef

# The many processes of the tests and demos are not to compile recsys each anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help install quickstart marketing-demo docs test nightly format lint lock audit image clean

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(INSTALLED)  ## make .venv: recsys with all its extras, in the pinned versions

$(BIN)/uv:
	@if [ -z "$(PYTHON)" ]; then \
		echo "Python 3.11, 3.12 or 3.13 is needed; python3 is" \
			"$$(python3 --version 2>&1 || true)." \
			"Install one, or name it: make $(MAKECMDGOALS) PYTHON=/path/to/python3.12" >&2; \
		exit 2; \
	fi
	@if ! $(BIN)/python -c '' 2>/dev/null; then \
		$(PYTHON) -m venv --clear $(VENV) || { \
		echo "$(PYTHON) cannot make virtual environments; on Debian and Ubuntu:" \
			"apt install python3-venv" >&2; exit 2; }; \
	fi
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c requirements.lock uv

$(INSTALLED): requirements.lock pyproject.toml | $(BIN)/uv
	@echo "Installing recsys and its extras into $(VENV): about 3.5 GB, a minute or two."
	$(call install_pinned,.[all])

$(INSTALLED_DEV): $(INSTALLED)
	$(call install_pinned,.[dev])

quickstart: install  ## MovieLens-100K: train, evaluate, track and export two models
	$(BIN)/python scripts/quickstart.py

marketing-demo: install  ## a grocer's year: predictions, audiences, campaign files, one page
	$(BIN)/python scripts/marketing_demo.py

docs: $(INSTALLED_DEV)  ## build the documents into site/; warnings are errors
	$(BIN)/python scripts/write_generated.py
	$(BIN)/python -m sphinx -W --keep-going -q -d build/doctrees docs site
	@echo "site/index.html"

PYTEST = $(BIN)/python -m pytest -q -n 2 --dist loadscope --no-loadscope-reorder

test: $(INSTALLED_DEV)  ## run the tests of every change
	$(PYTEST)

nightly: $(INSTALLED_DEV)  ## run all tests, also those that take too long for every change
	$(PYTEST) --nightly

format: $(INSTALLED_DEV)  ## format the code
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

lint: $(INSTALLED_DEV)  ## check style, types and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

lock: $(INSTALLED_DEV)  ## resolve pyproject.toml into requirements.lock again
	$(BIN)/uv pip compile --universal --python-version 3.11 pyproject.toml \
		--extra dev --extra cuda --extra jax-cuda \
		-o requirements.lock --no-emit-index-url --no-header --no-annotate
	$(BIN)/python scripts/write_generated.py

audit: $(BIN)/uv  ## ask for known vulnerabilities of what the lock pins; needs the internet
	$(BIN)/uv tool run pip-audit --strict --disable-pip --no-deps -r requirements.lock

image:  ## build the Docker image that trains on GPUs (BACKEND=jax or tensorflow)
	docker build --file Dockerfile.gpu --target $(BACKEND) --tag recsys:$(BACKEND) \
		--build-arg LOCK_SHA256=$$(sha256sum requirements.lock | cut -d ' ' -f 1) .

clean:  ## remove the environment and what tools leave behind (runs/ stays)
	rm -rf $(VENV) .pytest_cache .hypothesis .mypy_cache .ruff_cache .import_linter_cache build dist *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
