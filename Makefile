# The entry points. Each works in a fresh clone: what is missing is installed into .venv first.
# DATA_DIR, HOST, PORT and every other setting of docs/settings.md may be given: make run PORT=8001

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help run demo models test chaos judge bench lint lock

VENV := .venv
PY := $(VENV)/bin/python
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
# 3.12 and 3.11 first: for them Redis comes along as a package.
PYTHON ?= $(shell for python in python3.12 python3.11 python3 python3.13 python3.14; do \
	$$python -c '$(NEW_ENOUGH)' 2>/dev/null && echo $$python && break; done)

help: ## list these targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 8

run: $(VENV)/base ## install what is missing and run everything; Ctrl-C ends it
	@exec $(PY) -m security_site.supervisor

demo: $(VENV)/base ## the same, and play a visit by the demo's cameras
	@exec $(PY) -m security_site.supervisor --demo

models: $(VENV)/models ## install the real models' libraries (6 GB) and fetch the detector's weights
	$(PY) manage.py fetch_models detector

test: $(VENV)/dev lint ## lint and the whole suite
	@$(PY) scripts/ensure_browser.py
	$(PY) -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

chaos: $(VENV)/dev ## kill everything a hundred times while files arrive, and count; SEED=… repeats a run
	$(PY) -m tests.chaos --kills 100 --files 300 $(if $(SEED),--seed $(SEED))

judge: $(VENV)/dev ## measure how well scores agree with what a householder expects: ANALYST=llm, PATHS=my_home.yaml
	@$(PY) -m tests.judgement $(if $(ANALYST),--analyst $(ANALYST)) $(PATHS)

bench: $(VENV)/dev ## measure start, memory, overhead, latency, notices, growth and the models: tables, and JSON in build/bench (three quarters of an hour)
	@for each in start memory overhead steps latency notices growth detector language_model; do $(PY) -m benchmarks.$$each || exit 1; done

lint: $(VENV)/dev ## style, types, layers, templates, missing migrations
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy .
	$(VENV)/bin/lint-imports
	$(VENV)/bin/djlint templates --check --lint
	$(PY) -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run

lock: ## resolve every requirement anew into requirements/constraints.txt
	@rm -rf build/lock && mkdir -p build/lock
	@for file in base models dev; do sed '/^-c /d' requirements/$$file.txt > build/lock/$$file.txt; done
	$(PYTHON) -m venv build/lock/venv
	build/lock/venv/bin/python -m pip install -r build/lock/dev.txt
	build/lock/venv/bin/python -m pip freeze > requirements/constraints.txt

$(VENV)/base: requirements/base.txt requirements/constraints.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed, and none was found. Name it: make run PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -c '$(NEW_ENOUGH)' || { echo "Python 3.11 or newer is needed; $(PYTHON) is $$($(PYTHON) --version 2>&1)"; exit 1; }
	@$(PY) -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV) || \
		{ rm -rf $(VENV); echo "Python's venv module is missing; on Debian and Ubuntu: apt install python3-venv"; exit 1; }
	$(PY) -m pip install --disable-pip-version-check -r requirements/base.txt
	@touch $@

$(VENV)/models: $(VENV)/base requirements.txt requirements/models.txt
	$(PY) -m pip install --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/dev: $(VENV)/models requirements/dev.txt
	$(PY) -m pip install --disable-pip-version-check -r requirements/dev.txt
	@touch $@
