# Every target does its own set-up in .venv, with the versions of constraints.txt.
# `make PYTHON=/path/to/python3.12 test` chooses the interpreter.

VENV := .venv
BIN := $(VENV)/bin
CORE := $(VENV)/.core-installed
DEV := $(VENV)/.dev-installed
OUT ?=
ARGS ?=

SHELL := /bin/sh
MAKEFLAGS += --no-print-directory
# Room for the output of the pinned tools alone: TensorFlow tells its start-up at length.
export TF_CPP_MIN_LOG_LEVEL ?= 3
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# Tests mostly trace graphs, which keeps one core busy. A process takes some gigabytes, so their
# number does not follow the cores by itself: `make test WORKERS=4`.
WORKERS ?= 2
PARALLEL = -n $(WORKERS) --dist loadfile
# Tests compile far more than they compute, so XLA is told to spend little on its code.
ON_JAX := KERAS_BACKEND=jax XLA_FLAGS="--xla_backend_optimization_level=0 \
    --xla_llvm_disable_expensive_passes=true"
SUITABLE := import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PIP := $(BIN)/python -m pip install --quiet --constraint constraints.txt

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-slow versions coverage lint format bench clean distclean
.DELETE_ON_ERROR:

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s  %s\n", $$1, $$2}' Makefile

setup: $(DEV)  ## Install everything into .venv (the other targets do it too)
	@:

demo: $(CORE)  ## Train, measure, draw and export a model on drawn people, in minutes
	@$(BIN)/tfseg demo $(if $(OUT),--out $(OUT)) $(ARGS)

test: lint  ## Lint, then every test that takes seconds, on TensorFlow and on JAX
	@$(BIN)/python -m pytest -q $(PARALLEL) -m "not slow" $(ARGS)
	@$(ON_JAX) $(BIN)/python -m pytest -q $(PARALLEL) -m "both_backends and not slow" \
	    tests/nn tests/models $(ARGS)

test-slow: $(DEV)  ## The tests that take minutes to hours: they train
	@$(BIN)/python -m pytest -q -m slow $(ARGS)
	@$(ON_JAX) $(BIN)/python -m pytest -q -m both_backends tests/engine tests/contracts $(ARGS)
	@$(ON_JAX) $(BIN)/python -m pytest -q -m "both_backends and slow" tests/models $(ARGS)

# An environment takes 2 GB, so where they go is said: `make versions ENVS=~/envs`, with
# `SETS=colab` for one of them and `ARGS="--notebooks --extras"` for more.
versions: $(BIN)/python  ## The versions that Colab ships, and the oldest ones; ENVS=folder outside
	@test -n "$(ENVS)" || { \
	    echo "Where may the environments be made, 2 GB each? make versions ENVS=~/envs" >&2; exit 1; }
	@$(BIN)/python tests/versions/check.py $(or $(SETS),colab oldest) --envs $(ENVS) $(ARGS)

coverage: $(DEV)  ## Which lines the tests on TensorFlow run; counting them takes half as long again
	@$(BIN)/python -m pytest -q $(PARALLEL) -m "not slow" --cov --cov-report=term $(ARGS)

lint: $(DEV)  ## Check style and layout
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

format: $(DEV)  ## Put style and layout right
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: $(DEV)  ## Measure speed against peers; see benchmarks/README.md
	@for name in import_time memory inference training_step loader stages portrait; do \
	    $(BIN)/python benchmarks/$$name.py $(ARGS) || exit 1; \
	done

clean:  ## Remove what tests and builds leave behind
	@rm -rf build dist *.egg-info .pytest_cache .ruff_cache .hypothesis htmlcov .coverage .coverage.*
	@find tfseg tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean  ## The same, and the environment
	@rm -rf $(VENV)

# An interpreter of the right age that can make an environment; the first that works.
$(BIN)/python:
	@set -e; found=; \
	for python in $(or $(PYTHON),python3.13 python3.12 python3.11 python3 python); do \
	    if "$$python" -c '$(SUITABLE)' >/dev/null 2>&1; then found="$$python"; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
	    echo "tfseg needs Python 3.11, 3.12 or 3.13 with its venv module; looked for:" \
	         "$(or $(PYTHON),python3.13 python3.12 python3.11 python3 python)." >&2; \
	    echo "On Debian or Ubuntu: apt-get install python3 python3-venv." \
	         "Or name one: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)" >&2; \
	    exit 1; \
	fi; \
	echo "Making $(VENV) with $$("$$found" --version)"; \
	"$$found" -m venv --clear $(VENV)

# imgaug asks for the OpenCV build with windows, which needs the system's libGL; where that is
# missing the same version without windows takes its place.
define INSTALL
	@$(BIN)/python -c '$(SUITABLE)' || { \
	    echo "$(VENV) holds another Python; remove it with: make distclean" >&2; exit 1; }
	@$(PIP) setuptools wheel
	@$(PIP) --no-build-isolation --editable $(1)
	@$(BIN)/python -c 'import cv2' >/dev/null 2>&1 || { \
	    echo "This system has no libGL: taking OpenCV without windows"; \
	    $(BIN)/python -m pip uninstall --quiet --yes opencv-python opencv-python-headless \
	        2>/dev/null && \
	    $(PIP) --no-deps opencv-python-headless && $(BIN)/python -c 'import cv2'; }
	@touch $@
endef

$(CORE): setup.py constraints.txt | $(BIN)/python
	@echo "Installing tfseg into $(VENV): about 2 GB, some minutes the first time"
	$(call INSTALL,.)

$(DEV): $(CORE)
	@echo "Installing what the tests need"
	$(call INSTALL,".[dev]")
