# Needs GNU make and CPython 3.11 or newer; everything else goes into .venv, once. `make help` lists the targets.

SHELL := /bin/sh
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

ifeq ($(OS),Windows_NT)
PYTHON ?= python
BIN := .venv/Scripts
else
PYTHON ?= python3
BIN := .venv/bin
endif

PIP := $(BIN)/python -m pip --disable-pip-version-check
INSTALL := $(PIP) install -qq --require-hashes --only-binary :all:
COMPILE := UV_CUSTOM_COMPILE_COMMAND='make lock' $(BIN)/uv --no-config pip compile -q --upgrade \
	--universal --generate-hashes --python-version 3.11 --no-emit-index-url \
	--extra report --extra classic-control --extra mujoco --extra box2d --extra atari --group build
BENCHMARKS := $(filter-out benchmarks/_%,$(wildcard benchmarks/*.py))

.PHONY: help demo test test-uncompiled test-long check lint types contracts docs format bench bench-peers interop lock clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: .venv/.runtime  ## evolve a first policy and look at it
	@$(BIN)/evolvent demo

# What is about kernels runs a second time without the compiler, which is how they are covered and debugged.
ABOUT_KERNELS := actions cartpole classic_control crew lanes lanes_refusals moments mujoco mujoco_worlds networks \
	normals observations operators own_world plain_python policy rollout same_world seeding tasks vectors
KERNELS := $(addprefix src/evolvent/,[a-z]*.py envs lanes networks policies)
PARTS := uncompiled d-f a-b c m-p g-l t-z q-r s
TESTS = $(BIN)/coverage run -m pytest -q -p no:cacheprovider
TWO_AT_ONCE := $(MAKE) -j2 -k $(if $(filter output-sync,$(.FEATURES)),-Otarget)

test: .venv/.dev  ## every test compiled, those of kernels without the compiler too, two parts at once, and the coverage of all
	@$(BIN)/coverage erase
	@$(TWO_AT_ONCE) $(PARTS:%=test-%)
	@$(BIN)/coverage combine -q
	@$(BIN)/coverage report

test-uncompiled:
	@echo "tests, with the compiler off (NUMBA_DISABLE_JIT=1)"
	@NUMBA_DISABLE_JIT=1 $(TESTS) -m "not compiled and not interop" $(KERNELS) \
		$(ABOUT_KERNELS:%=tests/test_%.py)

DOCTESTS :=
test-a-b: DOCTESTS := src
test-%:
	@echo "tests, compiled: $(DOCTESTS) tests/test_[$*]*.py"
	@NUMBA_DISABLE_JIT=0 $(TESTS) $(DOCTESTS) $(wildcard tests/test_[$*]*.py)

test-long: .venv/.dev  ## what takes an hour: every guard taken away in turn, 1,000 workers and 1,000 programs killed
	@EVOLVENT_LONG=1 $(BIN)/python -m pytest -q -p no:cacheprovider -m long tests
	@$(BIN)/python -m tests.kills --kills 1000 --keep

check: lint types contracts docs test  ## all that CI asks for, each thing once

lint: .venv/.dev  ## ruff: rules and format
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check

types: .venv/.dev  ## pyright: strict in src
	@$(BIN)/pyright --pythonpath $(BIN)/python

contracts: .venv/.dev  ## import-linter: who may import whom
	@$(BIN)/lint-imports --no-logo

docs: .venv/.dev  ## the documentation, into site/
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

format: .venv/.dev  ## sort imports and format
	@$(BIN)/ruff check --quiet --select I --fix
	@$(BIN)/ruff format

bench: .venv/.runtime  ## every benchmark in its quick form
	@set -e; for script in $(BENCHMARKS); do echo "$$script"; $(BIN)/python "$$script" --quick; done

bench-peers: .venv/.runtime  ## other libraries beside Evolvent (installs them into .peers/: large), about 15 minutes
	@$(BIN)/python benchmarks/peers/run.py

interop: .venv/.dev  ## hold Evolvent to stable-baselines3, pandas, scikit-learn, cma and cmaes (installs them and torch: large)
	@echo "installing torch, stable-baselines3, pandas, scikit-learn, cma and cmaes into .venv"
	@$(PIP) install -qq torch==2.13.0 stable-baselines3 pandas scikit-learn cma cmaes
	@$(BIN)/python -m pytest -m interop

lock: .venv/.dev  ## newest versions into both lock files
	@$(PIP) install -qq uv
	@$(COMPILE) pyproject.toml -o requirements.lock
	@$(COMPILE) --extra dev -c requirements.lock pyproject.toml -o requirements-dev.lock

clean:  ## remove .venv, caches and built files; runs/ stays
	@rm -rf .venv .peers .coverage .coverage.* .hypothesis .import_linter_cache .pytest_cache .ruff_cache build dist htmlcov site
	@find src tests benchmarks examples -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp says what .venv holds, so that the second call of any target installs nothing.

.venv/.created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Evolvent needs CPython 3.11 or newer, and '$(PYTHON)' is not. Name one: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -m venv .venv
	@touch $@

.venv/.runtime: .venv/.created requirements.lock pyproject.toml
	@echo "installing the locked dependencies into .venv, about a minute the first time"
	@$(INSTALL) -r requirements.lock
	@$(PIP) install -qq --no-deps --no-build-isolation -e .
	@touch $@

.venv/.dev: .venv/.runtime requirements-dev.lock
	@echo "installing the locked development tools into .venv, about a minute the first time"
	@$(INSTALL) -r requirements-dev.lock
	@touch $@
