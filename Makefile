# Everything a checkout needs, from a bare Python.  Only git, make and Python >= 3.11 must exist.
#
#   make demo            two nodes on this machine share a memory    (ARGS=--keep keeps their homes)
#   make check           style, types, floors, tests that are not slow: for daily work
#   make test            style, types, floors, tests, searches, fuzzing: has to pass before a commit
#   make searches        random histories and worlds alone      (SEEDS=all tries all their seeds)
#   make lint            the first half of it, without running anything
#   make coverage        which branches of the whole program its tests take; twice as long
#   make lock            resolve the dependencies again and rewrite requirements/
#   make clean           remove what these targets made

ARGS ?=
# Interpreters to look for, best first; PYTHON=/path/to/python overrides.
PYTHON ?=
# Two workers fit the smallest machine; more of them compete with the tests' own processes.
WORKERS ?= 2
FUZZ_SECONDS ?= 10
# How far `make searches` goes: some of the seeds, or all of them, which takes twice as long.
SEEDS ?= some

VENV := .venv
BIN := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
RUN_STAMP := $(VENV)/.run-stamp
DEV_STAMP := $(VENV)/.dev-stamp
MEASURED := tests/wire tests/crdt
# Many seeds, or one run for each byte: long, and nothing in them asks for a measurement.
SEARCHES := tests/histories tests/simulations tests/node/test_hostile_proxy.py

# A newer pyright is not this checkout's business, and asking for one would need the network.
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help demo check test lint style types mypy pyright floors quick unit searches coverage fuzz lock clean

help:
	@sed -n 's/^#   //p' Makefile

# ------------------------------------------------------------------------------------------------
# The environment.  A stamp is newer than what it was made from, so a second call costs nothing.

$(BIN)/python$(if $(filter Windows_NT,$(OS)),.exe,):
	@sh .ci/make-venv "$(VENV)" $(PYTHON)

$(RUN_STAMP): requirements/run.txt pyproject.toml | $(BIN)/python$(if $(filter Windows_NT,$(OS)),.exe,)
	$(BIN)/python -m pip install --quiet --require-hashes --no-deps -r requirements/run.txt
	$(BIN)/python -m pip install --quiet --no-build-isolation --no-deps -e .
	@touch $@

$(DEV_STAMP): requirements/dev.txt $(RUN_STAMP)
	$(BIN)/python -m pip install --quiet --require-hashes --no-deps -r requirements/dev.txt
	@touch $@

# ------------------------------------------------------------------------------------------------
# What people type

demo: $(RUN_STAMP)
	@$(BIN)/engram-sync demo $(ARGS)

check: lint quick
	@echo "make check: all passed"

test: lint unit searches fuzz
	@echo "make test: all passed"

lint: style types floors

style: $(DEV_STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

# Each of them keeps one processor busy for half a minute or more.
types: $(DEV_STAMP)
	@$(MAKE) --no-print-directory --jobs 2 mypy pyright

mypy: $(DEV_STAMP)
	$(BIN)/mypy

pyright: $(DEV_STAMP)
	$(BIN)/pyright --pythonpath $(BIN)/python

floors: $(DEV_STAMP)
	$(BIN)/lint-imports --no-logo

# Their own tests take every branch of the protocol and of the documents.  The rest runs unmeasured:
# measuring more than doubles its time, and no number is asked of it.
unit: $(DEV_STAMP)
	$(BIN)/python -m coverage erase
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(MEASURED) \
		--cov=engram_wire --cov=engram_crdt --cov-report=term --cov-fail-under=100
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal \
		$(MEASURED:%=--ignore=%) $(SEARCHES:%=--ignore=%)

quick: $(DEV_STAMP)
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m "not slow" \
		$(SEARCHES:%=--ignore=%)

searches: $(DEV_STAMP)
	SEEDS=$(SEEDS) $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(SEARCHES)

coverage: $(DEV_STAMP)
	$(BIN)/python -m coverage erase
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(SEARCHES:%=--ignore=%) \
		--cov=engram_wire --cov=engram_crdt --cov=engram_sync --cov=engram_simulations \
		--cov-report=term

# Each target searches for a counter-example to its invariant; the canary must find one, or the
# harness itself is broken.
fuzz: $(DEV_STAMP)
	@sh .ci/fuzz-all "$(BIN)/python" $(FUZZ_SECONDS) $(WORKERS)

lock: $(DEV_STAMP)
	sh .ci/lock "$(BIN)/uv"

clean:
	rm -rf $(VENV) build dist .coverage .coverage.* coverage.xml htmlcov \
		.hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
