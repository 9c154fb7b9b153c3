# make book   set everything up, execute every notebook once, build the pages in _build/html
# make test   set everything up, then lint, type-check and test
# make robustness   the long checks of faults and attacks: half an hour, results in data/results
# make trial        the notebooks that students get, to the end, results in data/results
# make calibrate    the score on planted faults: half an hour, results in data/results
# make audit        known weaknesses in the pinned packages (asks a database on the network)
SHELL := /bin/bash
.DEFAULT_GOAL := book
.PHONY: setup book test lint clean robustness audit trial calibrate

PYTHON ?= $(shell for p in python3.11 python3.12 python3 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' 2>/dev/null \
	&& { echo $$p; break; }; done)
BIN := .venv/bin
# mathematics on one thread each: notebooks run two at a time
export OMP_NUM_THREADS ?= 1

setup: .venv/.packages .venv/.chromium

# torch comes first, so that the build of whichever index is configured is the one that stays
.venv/.packages: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "Error: no Python 3.11 or 3.12 found; install one or say PYTHON=/its/path" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || { rm -rf .venv; \
		echo "Error: $(PYTHON) cannot make a virtual environment; on Debian: apt-get install python3-venv" >&2; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[book,test]'
	@touch $@

# only the browser tests need Chromium: the set-up goes on without it and says so
.venv/.chromium: .venv/.packages
	@command -v chromium >/dev/null || command -v google-chrome >/dev/null \
		|| { test "$$(id -u)" = 0 && command -v apt-get >/dev/null \
			&& echo "Installing Chromium for the browser tests" \
			&& apt-get update -qq >/dev/null \
			&& DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends chromium fonts-dejavu-core >/dev/null; } \
		|| echo "Note: Chromium is missing and could not be installed; 'make book' does not need it, the browser tests in 'make test' do: install the package chromium" >&2
	@touch $@

book: setup
	$(BIN)/python -m tools.book

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

test: lint
	$(BIN)/python -m pytest -n 2

robustness: setup
	$(BIN)/python -m tools.robustness

trial: setup
	$(BIN)/python -m tools.trial

calibrate: setup
	$(BIN)/python -m benchmarks.sync_tracks runs/calibration --jobs 2
	$(BIN)/python -m benchmarks.sync_calibration runs/calibration

audit: setup
	$(BIN)/python -m tools.robustness --only audit --again

clean:
	rm -rf _build .venv .mypy_cache .ruff_cache .pytest_cache
