# Each verb makes .venv when it is missing. `make html` builds the site, `make test` proves it.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
BUILDS := .zoo/.tried
SPHINX := $(BIN)/python -m sphinx -n -W --keep-going -c . docs
WORKERS ?= 4
PYTEST := $(BIN)/python -m checks.lab.loopback $(BIN)/python -m pytest

.DEFAULT_GOAL := help
.PHONY: help html live check test record builds prove pyz fuzz picture linkcheck newest release clean

help:  ## this list
	@awk -F ':.*  ## ' '/^[a-z]+:.*  ## / { printf "make %-10s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

html: $(READY) pyz  ## the site, in _build/html
	@$(SPHINX) -q _build/html || { rm -rf _build/html/.doctrees; exit 1; }  # else the next run forgets what was wrong
	@echo "Open _build/html/troubleshooting/problems/websockets.html"

live: $(READY)  ## the site at http://127.0.0.1:8000, rebuilt at every save
	$(BIN)/sphinx-autobuild -n -c . docs _build/live --watch checks --watch _images --watch conf.py

check: $(READY)  ## what a writer runs before each commit: style, types, the site and its links
	$(BIN)/python -m pytest -n 2 -q -m quick

test: pyz $(BUILDS)  ## every check of everything; a part of it with T=tests/test_cli.py or SHARD=nginx
	$(PYTEST) -n $(WORKERS) $(if $(SHARD),--shard $(SHARD)) $(T)

record: $(READY)  ## compares what all shards saw with checks/proof.json
	$(BIN)/python -m pytest --merge '_build/seen-*.json'

builds: $(READY)  ## downloads the builds of proxies and the programs that are missing, to .zoo
	$(BIN)/python -m checks builds --fetch
	@touch $(BUILDS)

prove: pyz $(BUILDS)  ## as test, then writes what held, and on what, to checks/proof.json
	$(PYTEST) -n $(WORKERS) --prove
	$(BIN)/python -m pytest -n $(WORKERS) -m reads_proof

pyz: $(READY)  ## websocket-doctor.pyz, in _build: `diagnose` in one file, for machines without anything
	@$(BIN)/python -m checks.lab.pack

fuzz: $(READY)  ## random bytes for everything that reads from servers, a minute for each reader
	$(BIN)/python -m pip install --quiet --disable-pip-version-check atheris==3.0.0
	$(BIN)/python tests/fuzz_peers.py 60

picture: $(READY) $(BUILDS)  ## takes _images/websockets-1.png again
	$(BIN)/python -m checks picture

linkcheck: $(READY)  ## the links that leave the site; needs the internet
	$(BIN)/python -m sphinx -n -W --keep-going -b linkcheck -c . docs _build/linkcheck

newest: $(READY)  ## the suite on the newest versions of the proxies, in a copy in _build/newest
	$(BIN)/python -m checks.lab.newest

release: $(READY)  ## the files of a release, in _build/release; with TAG=v1.2.0, only if that is the version
	@$(BIN)/python -m checks.lab.release $(TAG)

clean:  ## removes everything that the other verbs made
	rm -rf _build .venv .zoo

$(READY): requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; name one with: make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

# Once. What is not available then is named at the end of each test run, and `make builds` tries again.
$(BUILDS): $(READY) $(wildcard checks/recipes/*/recipe.toml) checks/lab/programs.toml
	@$(BIN)/python -m checks builds --fetch || test -z "$$CI"
	@mkdir -p $(@D) && touch $@
