# make train | test | bench | bench-peers | bench-estimators | bench-tables | lint | clean: each makes .venv if need be.
# PYTHON chooses the interpreter.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: train test bench bench-peers bench-estimators bench-tables lint clean

train: $(VENV)/installed
	$(BIN)/scratch-mlp train xor --backend numba --plots plots --gif plots/training.gif

test: $(VENV)/installed-test
	$(BIN)/python -m pytest -q

bench: $(VENV)/installed-bench
	mkdir -p results
	$(BIN)/python -m pytest bench -q --benchmark-disable-gc --benchmark-warmup=off --benchmark-min-rounds=5 \
	    --benchmark-max-time=1 --benchmark-quiet --benchmark-json=results/benchmarks.json

bench-peers: $(VENV)/installed-peers
	$(BIN)/python -m bench.peers

bench-estimators: $(VENV)/installed-bench
	$(BIN)/python -m bench.estimators
	$(BIN)/python -m bench.estimators --accuracy

bench-tables: $(VENV)/installed-bench
	$(BIN)/python -m bench.tables

lint: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: pyproject.toml | $(VENV)/bin/python
	$(PIP) --editable .
	touch $@

$(VENV)/installed-%: pyproject.toml | $(VENV)/bin/python
	$(PIP) --editable ".[$*]"
	touch $@

clean:
	rm -rf $(VENV) build dist plots results *.egg-info
