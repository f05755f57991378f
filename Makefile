# Every target sets up what it needs. A machine with python3 (3.11 or later), git and make is enough; root is not needed.
VENV := .venv
PY := $(VENV)/bin/python
READY := $(VENV)/.ready
PYTHONS := python3.13 python3.12 python3.11 python3
ARGS ?=
# What the tests wait for most is the disk: where memory has room for their files, and programs may run from there, that is taken.
IN_MEMORY = $(shell at=$$(mktemp /dev/shm/memfs-XXXXXX 2>/dev/null) && printf '#!/bin/sh\ndf -Pk /dev/shm\n' >$$at && chmod +x $$at \
	&& $$at 2>/dev/null | awk 'NR == 2 && $$4 > 4000000 {print "TMPDIR=/dev/shm"}'; rm -f "$$at")
# The tests start some thousand processes, which would compile the package anew each time.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo test soak interop check format bench bench-100k bench-retrieval wheel clean

help: ## print this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' Makefile

setup: $(READY) ## make .venv with memfs and its development tools
	@echo "$(VENV) is ready"

demo: $(READY) ## show memfs at work: two scopes, an edit, a move, a project that stays private
	@$(PY) tests/demo.py

test: $(READY) ## run the tests, with coverage (ARGS="-k index" is handed to pytest)
	@$(IN_MEMORY) $(PY) -m pytest -n auto --dist worksteal -m "not soak" --cov --cov-report=term $(ARGS)

soak: $(READY) ## run the long tests, for as long as MEMFS_SOAK_SECONDS says
	@$(PY) -m pytest -m soak -o faulthandler_timeout=0 $(ARGS)

interop: $(READY) ## have clients that others wrote use `memfs serve` (installs them from npm and Python's registry)
	@$(PY) -m tests.interop

check: $(READY) ## check format, lint and types: what CI checks
	@$(PY) -m ruff format --check .
	@$(PY) -m ruff check .
	@$(PY) -m mypy

format: $(READY) ## format the code and repair what lint can repair
	@$(PY) -m ruff check --fix-only --quiet .
	@$(PY) -m ruff format .

bench: $(READY) ## measure speed with 10,000 memories, and across 50 projects
	@$(PY) -m benchmarks.speed $(ARGS)
	@$(PY) -m benchmarks.serving $(ARGS)
	@$(PY) -m benchmarks.hooks $(ARGS)
	@$(PY) -m benchmarks.neighbours $(ARGS)
	@$(PY) -m benchmarks.sharing $(filter --json,$(ARGS))
	@$(PY) -m benchmarks.git $(filter --json,$(ARGS))

bench-100k: $(READY) ## measure speed with 100,000 memories
	@$(PY) -m benchmarks.speed --memories 100000 $(ARGS)

bench-retrieval: $(READY) ## measure how well memories are found (ARGS="--locomo PATH" where you have LoCoMo's file)
	@$(PY) -m benchmarks.retrieval $(ARGS)

wheel: $(READY) ## build the source distribution, and the wheel from it, into dist/
	@rm -rf dist
	@log=$$($(PY) -m build --no-isolation --outdir dist 2>&1) || { echo "$$log"; exit 1; }
	@ls dist/*

clean: ## remove everything that the other targets made
	rm -rf $(VENV) .cache dist build .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamp holds the folder that it was made for, and is good for as long as the python beside it works:
# a copied checkout or a new system python makes the venv anew, a changed pyproject.toml only brings it up to date.
ifneq ($(shell $(PY) -c '' 2>/dev/null && cat $(READY) 2>/dev/null),$(CURDIR))
.PHONY: $(READY)
endif

$(READY): pyproject.toml
	@set -eu; \
	fail() { echo "memfs: $$1" >&2; exit 1; }; \
	suits() { "$$1" -c 'import sys; from venv import EnvBuilder; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }; \
	echo "Setting up $(VENV) (needed once; takes about a minute)"; \
	fresh=; { $(PY) -c '' && [ "$$(cat $(READY))" = "$(CURDIR)" ]; } 2>/dev/null || fresh=yes; \
	if command -v uv >/dev/null 2>&1; then \
		[ -z "$$fresh" ] || uv venv --quiet --clear --python '>=3.11' $(VENV); \
		uv pip install --quiet --python $(PY) --editable '.[dev]'; \
	else \
		base=; for p in $(PYTHONS); do if suits $$p; then base=$$p; break; fi; done; \
		[ -n "$$base" ] || fail "needs Python 3.11 or later with its venv module; install python3 and python3-venv, or uv"; \
		no_pip=; $$base -c 'from ensurepip import bootstrap' 2>/dev/null || no_pip=--without-pip; \
		[ -z "$$fresh" ] || $$base -m venv --clear $$no_pip $(VENV); \
		pip="$(PY) -m pip"; $$pip --version >/dev/null 2>&1 || pip="$$base -m pip --python $(PY)"; \
		$$pip --version >/dev/null 2>&1 || fail "$$base has no pip; install python3-venv or python3-pip, or uv"; \
		$$pip install -qq --disable-pip-version-check --editable '.[dev]'; \
	fi; \
	printf '%s' "$(CURDIR)" >$(READY)
