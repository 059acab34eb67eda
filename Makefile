# Every command of the project. `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
UV := .tools/uv/bin/uv
READY := .venv/.ready
RUN := .venv/bin
SCALE ?= 1
export DO_NOT_TRACK := 1
export PYTHONDONTWRITEBYTECODE :=

help: ## list the commands
	@grep -hE '^[a-z][a-z-]*:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F'\t' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: $(READY) ## build .venv from the hashed lock (the other commands do it by themselves)

# ensurepip is a package of its own on Debian and Ubuntu: name it, or install it where we may.
$(UV): requirements.uv.lock
	@deploy/bootstrap.sh $(PYTHON)
	$(PYTHON) -m venv .tools/uv
	.tools/uv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.uv.lock
	@touch $@

$(READY): requirements.lock pyproject.toml $(UV)
	@echo "building .venv from requirements.lock (about 1.5 GB, a minute on a good line)"
	@test -x $(RUN)/python || $(PYTHON) -m venv .venv
	$(UV) pip sync --quiet --python $(RUN)/python --require-hashes requirements.lock
	$(UV) pip install --quiet --python $(RUN)/python --no-deps --no-build-isolation -e .
	@touch $@

demo: $(READY) ## the whole day for real: collect, land, refine, model, serve, and truth against mart (SCALE=1 is about 100,000 events)
	$(RUN)/lakehouse demo --scale $(SCALE)

privacy-proof: $(READY) ## forget people for real: erase some while traffic runs, try every way back, scan every byte, verify the receipts
	LAKEHOUSE_HOME=$${LAKEHOUSE_HOME:-var}/privacy-proof $(RUN)/lakehouse privacy-proof

# Three workers on two cores: much of it is waiting for programs to start.
test: $(READY) ## every check and test, in their short form
	$(RUN)/ruff check .
	$(RUN)/ruff format --check .
	$(RUN)/lint-imports
	$(RUN)/pytest -m "not long" -n 3 --dist loadfile --no-loadscope-reorder

test-long: $(READY) ## the long form of the proofs: more kills, more cases
	$(RUN)/pytest -m long

faults: $(READY) ## strike every process and every store in turn, and print what was lost and doubled (zeros)
	$(RUN)/pytest tests/faults --full-faults -n 3 --dist loadfile --no-loadscope-reorder --timeout=3600

bench: $(READY) ## speed as ratios to named yardsticks, measured in one run
	$(RUN)/python -m bench

generate: $(READY) ## write what is derived from contracts and dashboards: released.json, dbt sources, models and exposures, docs
	$(RUN)/lakehouse dashboards generate
	$(RUN)/lakehouse contracts generate

report: $(READY) ## the six dashboards as one HTML page, out of the local warehouse
	$(RUN)/lakehouse report

airflow: $(READY) ## open Airflow on the local lake: UI, scheduler and the DAGs
	$(RUN)/python deploy/airflow/local.py

docs: $(READY) ## open dbt's documentation of every model as one HTML page
	$(RUN)/lakehouse model --docs

format: $(READY) ## format the code
	$(RUN)/ruff check --fix .
	$(RUN)/ruff format .

lock: $(UV) ## resolve the dependencies anew into requirements.lock, and those of the local BigQuery API
	$(UV) pip compile --quiet --upgrade --all-extras --group dev --generate-hashes --no-emit-index-url --no-header --python-version 3.11 pyproject.toml -o requirements.lock
	$(UV) pip compile --quiet --upgrade --generate-hashes --no-emit-index-url --no-header --python-version 3.11 deploy/bqemulator/requirements.in -o deploy/bqemulator/requirements.lock

clean: ## remove what was built (.venv, .tools) and the local lake (var/)
	rm -rf .venv .tools var dbt_project/target dbt_project/logs

.PHONY: help setup demo privacy-proof test test-long faults bench generate report airflow docs format lock clean
