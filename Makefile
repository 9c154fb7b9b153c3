# make book   set everything up, execute every notebook once, build the pages in _build/html
# make test   set everything up, then lint, type-check and test
# make lite         the next lite model: render, base, adapter; on a GPU if there is one
# make robustness   the long checks of faults and attacks: half an hour, results in data/results
# make trial        the notebooks that students get, to the end, results in data/results
# make calibrate    the score on planted faults: half an hour, results in data/results
# make colab        the solution notebooks among Colab's packages (Python 3.13): half an hour, results in data/results
# make audit        known weaknesses in the pinned packages (asks a database on the network)
SHELL := /bin/bash
.DEFAULT_GOAL := book
.PHONY: lite setup book test lint clean robustness audit trial calibrate colab

PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& { echo $$p; break; }; done)
BIN := .venv/bin
# mathematics on one thread each: notebooks run two at a time
export OMP_NUM_THREADS ?= 1

setup:
	@test -n "$(PYTHON)" || { echo "Error: no Python 3.11 or later found; install one or say PYTHON=/its/path" >&2; exit 1; }
	@$(PYTHON) -m tools.setup

book: setup
	$(BIN)/python -m tools.book

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

test: lint
	$(BIN)/python -m pytest -n 2

lite: setup
	$(BIN)/python -m recipes.lite --out runs/lite

robustness: setup
	$(BIN)/python -m tools.robustness

trial: setup
	$(BIN)/python -m tools.trial

calibrate: setup
	$(BIN)/python -m benchmarks.sync_tracks runs/calibration --jobs 2
	$(BIN)/python -m benchmarks.sync_calibration runs/calibration

colab: setup
	$(BIN)/python -m tools.colab

audit: setup
	$(BIN)/python -m tools.robustness --only audit --again

clean:
	rm -rf _build .venv .mypy_cache .ruff_cache .pytest_cache
