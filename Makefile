# Plain words.  Everything runs in .venv, which is made from the lock the first time.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
ARGS ?=

.PHONY: help demo test check bench scale faults chaos kills pace mutation lock clean

help: ## what there is
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 12

.venv/local: pyproject.toml requirements.lock
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "installing what runs on one machine (once)" >&2
	@$(BIN)/python -m pip install -q --disable-pip-version-check -c requirements.lock -e '.[local]' 1>&2
	@touch $@

.venv/dev: .venv/local
	@echo "installing what checks and tests need (once)" >&2
	@$(BIN)/python -m pip install -q --disable-pip-version-check -c requirements.lock -e '.[dev]' 1>&2
	@touch $@

demo: .venv/local ## a flash sale on a real Kafka, judged; ARGS="--orders 2000 --json"
	@$(BIN)/python -m compose.demo $(ARGS)

test: .venv/dev ## every test, real Kafka and PostgreSQL included; ARGS="tests/schemas -k codec"
	@$(BIN)/python -m pytest $(ARGS)

check: .venv/dev ## lint, types, import rules, documents up to date
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/lint-imports
	$(BIN)/python -m schemas docs --check

bench: .venv/dev ## measure, as ratios against a named alternative
	@$(BIN)/python tests/bench/run.py $(ARGS)

scale: .venv/dev ## 20,000 SKUs and a flash sale on four channels in virtual time; ARGS="--seeds 3 --json"
	@$(BIN)/python tests/scale/run.py $(ARGS)

faults: .venv/dev ## break brokers, workers, links and disks; ARGS="--minutes 30 --seed 7 --json", or ARGS="--demo"
	@$(BIN)/python tests/faults/run.py $(ARGS)

kills: .venv/dev ## publishers killed with SIGKILL while levels stream; ARGS="--kills 30 --calls 5000 --seed 7"
	@$(BIN)/python tests/kills/run.py $(ARGS)

pace: .venv/dev ## orders at four shops, and how soon the others know; ARGS="--orders 847 --minutes 10 --seed 1"
	@$(BIN)/python tests/pace/run.py $(ARGS)

chaos: .venv/dev ## orders of every channel in bad weather, judged; ARGS="--minutes 10 --seed 7 --orders 5000"
	@$(BIN)/python tests/chaos/run.py $(ARGS)

mutation: .venv/dev ## break the pure core line by line, the tests must notice; ARGS="--modules limiter,queue --json"
	@$(BIN)/python -m tests.mutation.run $(ARGS)

lock: .venv/dev ## resolve every version anew into requirements.lock
	@$(BIN)/python -m pip install -q uv
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --all-extras --no-header --upgrade \
		-o requirements.lock pyproject.toml

clean: ## remove what was built and run here (the download cache stays)
	rm -rf .venv build dist var *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
