.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: $(VENV)/.ready ## the environment, from the lockfile

$(VENV)/.ready: requirements.lock tools/bootstrap.sh
	@PYTHON=$(PYTHON) bash tools/bootstrap.sh

assets: setup ## the front end, built from its lockfile
	@$(BIN)/python tools/assets.py

run: setup assets ## a demo shop with a real show; the shop stays up afterwards (ONCE=1: audit, then exit)
	@$(BIN)/shopfloor demo $(if $(ONCE),--once)

test: setup assets ## everything: lint, types, borders, unit, race and browser tests
	@$(BIN)/python tools/check.py

test-loaded: setup assets ## the tests twice in a row while every core is busy
	@$(BIN)/python tools/check.py --only tests --loaded --times 2

lint: setup ## style, types and borders only, of Python and of the front end
	@$(BIN)/python tools/check.py --only lint

schemathesis: setup assets ## all operations of the OpenAPI document, 200 examples each, a fixed and a new seed
	@$(BIN)/python -m tests.conformance.run

sweep: setup assets ## every bad value in every field of every form and body (the tests send some of them to each)
	@SHOPFLOOR_SWEEP=1 $(BIN)/python tools/check.py --only tests --timeout 3600 tests/app/test_app_inputs.py

foreign: setup assets ## the tests that drive programs of others, with a line for each that is missing or untested
	@$(BIN)/python tools/foreign.py

bench: setup ## the benchmarks, product beside baseline
	@$(BIN)/python tools/bench.py

soak: setup assets ## kill -9 of buyers, web process, database and collector, again and again, with an audit after each
	@$(BIN)/python tools/soak.py
	@$(BIN)/python tools/soak_lake.py

reference: setup assets ## write the generated reference pages in docs/
	@$(BIN)/python -m shopfloor.reference docs
	@$(BIN)/python tools/reference_pages.py

pictures: setup assets ## take the pictures of the README from the running demo
	@$(BIN)/python tools/pictures.py

lock: setup ## renew requirements.lock from pyproject.toml
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --group dev --extra ffmpeg --generate-hashes \
	  --no-emit-index-url --no-header --no-annotate pyproject.toml -o requirements.lock

format: setup assets ## put the code in order, of Python and of the front end
	@$(BIN)/ruff check --fix-only -q . ; $(BIN)/ruff format -q .
	@cd frontend && PATH="$(abspath $(BIN)):$$PATH" npm run --silent format

clean: ## remove what was built (not the data of the demo)
	@rm -rf src/shopfloor/web/static frontend/node_modules .pytest_cache .ruff_cache .hypothesis

.PHONY: help setup assets run test test-loaded lint schemathesis sweep foreign bench soak reference pictures lock format clean
