# Thin verbs; each makes .venv when it is missing. `make html` builds the site, `make test` proves it.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
ZOO := .zoo/.tried
SPHINX := $(BIN)/python -m sphinx -n -W --keep-going -c . docs

.PHONY: html live test proxies prove pyz fuzz picture linkcheck clean

html: $(READY) pyz  ## the site, in _build/html
	@$(SPHINX) -q _build/html || { rm -rf _build/html/.doctrees; exit 1; }  # else the next run forgets what was wrong
	@echo "Open _build/html/troubleshooting/problems/websockets.html"

live: $(READY)  ## the site at http://127.0.0.1:8000, rebuilt at every save
	$(BIN)/sphinx-autobuild -n -c . docs _build/live --watch checks --watch _images --watch conf.py

test: $(READY) $(ZOO)  ## every check of everything
	$(BIN)/python -m pytest -n 4

proxies: $(READY)  ## every build that the recipes declare, in .zoo; what is there is not fetched or compiled again
	$(BIN)/python -m checks zoo --fetch --compile
	@touch $(ZOO)

prove: $(READY) $(ZOO)  ## as test, then writes what held, and on what, to checks/proof.json
	$(BIN)/python -m pytest -n 4 --prove
	$(BIN)/python -m pytest -n 4 -m reads_proof

pyz: $(READY)  ## websocket-doctor.pyz, in _build: `diagnose` in one file, for machines without anything
	@$(BIN)/python -m checks.lab.pack

fuzz: $(READY)  ## bytes thrown at all that reads peers, guided by coverage, a minute for each reader
	$(BIN)/python -m pip install --quiet --disable-pip-version-check atheris==3.0.0
	$(BIN)/python tests/fuzz_peers.py 60

picture: $(READY)  ## takes _images/websockets-1.png again
	$(BIN)/python -m checks picture

linkcheck: $(READY)  ## the links that leave the site; needs the internet
	$(BIN)/python -m sphinx -b linkcheck -c . docs _build/linkcheck

clean:
	rm -rf _build .venv .zoo

$(READY): requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; name one with: make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

# Once; what could not be had then is named at the end of a test run, and `make proxies` tries again.
$(ZOO): $(READY) $(wildcard checks/recipes/*/recipe.toml)
	@$(BIN)/python -m checks zoo --fetch $${CI:+--compile} || test -z "$$CI"
	@mkdir -p $(@D) && touch $@
