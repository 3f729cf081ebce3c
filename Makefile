# Each target creates .venv if it is missing. `make html` builds the site, and `make test` tests everything on it.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
BUILDS := .zoo/.tried
SPHINX := $(BIN)/python -m sphinx -n -W --keep-going -c . docs
# Most tests wait for a proxy or a browser, so a core can run three at once.
WORKERS ?= $(shell n=$$(getconf _NPROCESSORS_ONLN); echo $$((n < 4 ? 3 * n : 12)))
PYTEST := $(BIN)/python -m checks.lab.loopback $(BIN)/python -m pytest

unexport PYTHONDONTWRITEBYTECODE  # otherwise each worker compiles all modules again

.DEFAULT_GOAL := help
.PHONY: help html live check test record builds broken prove pyz fuzz picture linkcheck newest release clean

help:  ## list the targets
	@awk -F ':.*  ## ' '/^[a-z]+:.*  ## / { printf "make %-10s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

html: $(READY) pyz  ## build the site in _build/html
	@$(SPHINX) -q _build/html || { rm -rf _build/html/.doctrees; exit 1; }  # so that the next run repeats its warnings
	@echo "Open _build/html/troubleshooting/problems/websockets.html"

live: $(READY)  ## serve the site at http://127.0.0.1:8000, and rebuild it at every save
	$(BIN)/sphinx-autobuild -n -c . docs _build/live --watch checks --watch _images --watch conf.py

check: $(READY)  ## quick tests, before each commit: style, types, the site and its links
	$(BIN)/python -m pytest -n 2 -q -m quick

test: pyz $(BUILDS)  ## run all tests, or a part with T=tests/cli or SHARD=nginx
	$(PYTEST) -n $(WORKERS) $(if $(SHARD),--shard $(SHARD)) $(T)

record: $(READY)  ## compare the results of all shards with checks/proof.json
	$(BIN)/python -m pytest --merge '_build/seen-*.json'

builds: $(READY)  ## download missing builds of proxies and programs to .zoo
	$(BIN)/python -m checks builds --fetch
	@touch $(BUILDS)

broken: $(READY)  ## write a broken example: first a copy to edit, then the patch; NAME=nginx/idle-timeout
	@$(BIN)/python -m checks.lab.broken '$(NAME)' --base '$(BASE)'

prove: pyz $(BUILDS)  ## run all tests, and record the results in checks/proof.json
	$(PYTEST) -n $(WORKERS) --prove
	$(BIN)/python -m pytest -n $(WORKERS) -m reads_proof

pyz: $(READY)  ## build _build/websocket-doctor.pyz: `diagnose` in one file, which needs only Python
	@$(BIN)/python -m checks.lab.pack

fuzz: $(READY)  ## feed random bytes to each parser of server responses, for a minute each
	$(BIN)/python -m pip install --quiet --disable-pip-version-check atheris==3.0.0
	$(BIN)/python tests/peers/fuzz.py 60

picture: $(READY) $(BUILDS)  ## take the pictures of the error and of consoles in _images again
	$(BIN)/python -m checks picture

linkcheck: $(READY)  ## check the links to other sites; needs the internet
	$(BIN)/python -m sphinx -n -W --keep-going -b linkcheck -c . docs _build/linkcheck

newest: $(READY)  ## run all tests on the newest versions of the proxies, in _build/newest
	$(BIN)/python -m checks.lab.newest

release: $(READY)  ## build a release in _build/release; with TAG=v1.2.0, only if that is the version
	@$(BIN)/python -m checks.lab.release $(TAG)

clean:  ## remove everything that the other targets create
	rm -rf _build .venv .zoo

$(READY): requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "needs Python 3.11 or newer; choose one with: make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

# This runs once. Each test run lists the builds that were not available, and `make builds` tries again.
$(BUILDS): $(READY) $(wildcard checks/recipes/*/recipe.toml) checks/lab/programs.toml
	@$(BIN)/python -m checks builds --fetch || test -z "$$CI"
	@mkdir -p $(@D) && touch $@
