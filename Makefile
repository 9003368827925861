# `make demo` shows what splitmask does, `make test` checks that it does. Both begin on a fresh clone with
# Python 3.11 or newer and set up .venv; a second run starts at once.

PYTHON ?= $(firstword $(foreach name,python3.11 python3,$(shell command -v $(name) 2>/dev/null)))
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq
OUT ?= out
WEB := web
NPM := npm --silent --prefix $(WEB)
CODE := src tests scripts examples

.DEFAULT_GOAL := help
.PHONY: help demo test test-web parity official lint lint-web format docs bench site wheel readme-images studio-image clean

help: ## Show this
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

demo: $(VENV)/.ready ## Render a clip, track two objects in it from one click each, score the masks
	@$(BIN)/splitmask demo -o $(OUT)/demo --overwrite

test: lint official test-web ## Check style and types, then run all tests
	@$(BIN)/pytest

parity: $(VENV)/.ready-dev ## Hold every size of SAM 2 to the official package: half an hour
	@PYTHON=$(BIN)/python sh scripts/install_samexporter.sh
	@$(BIN)/pytest -m parity

# without it all other tests still run
official: $(VENV)/.ready-dev
	@PYTHON=$(BIN)/python sh scripts/install_sam2.sh || \
	  echo "The official sam2 package could not be installed: tests that compare with it are skipped."

test-web: lint-web $(VENV)/.ready ## The studio's tests, in Node and in Chromium
	@scripts/install_chromium.sh
	@$(NPM) test
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(NPM) run e2e

lint: $(VENV)/.ready-dev
	@$(BIN)/ruff check $(CODE)
	@$(BIN)/ruff format --check $(CODE)
	@$(BIN)/mypy

lint-web: $(WEB)/node_modules/.ready
	@$(NPM) run check

format: $(VENV)/.ready-dev ## Bring the code into the one style
	@$(BIN)/ruff check --fix $(CODE)
	@$(BIN)/ruff format $(CODE)

docs: $(VENV)/.ready ## Write docs/cli.md from the command line
	@$(BIN)/python scripts/cli_docs.py

site: $(WEB)/node_modules/.ready $(VENV)/.ready ## Build the studio into OUT/site, for any static host
	@$(BIN)/python scripts/studio_samples.py $(WEB)/public/samples
	@$(NPM) run build
	@rm -rf $(OUT)/site && mkdir -p $(OUT) && cp -R $(WEB)/dist $(OUT)/site
	@echo "The studio is in $(OUT)/site; \`$(BIN)/splitmask studio\` shows it."

wheel: site $(VENV)/.ready ## Build the package, with the studio in it
	@rm -rf src/splitmask/studio/site && cp -R $(WEB)/dist src/splitmask/studio/site
	@$(PIP) install build
	@$(BIN)/python -m build --wheel --outdir dist

bench: $(VENV)/.ready ## Measure how fast it is here
	@$(BIN)/splitmask bench cpu

graphs-table: $(VENV)/.ready-dev ## Measure the table of docs/graphs.md; DATA="FOLDER…" LIMIT=60 for labelled pictures
	@$(BIN)/python scripts/graphs_table.py --write docs/graphs.md $(if $(DATA),--data $(DATA)) $(if $(LIMIT),--limit $(LIMIT))

readme-images: $(VENV)/.ready ## Make the README's moving picture from the demo
	@$(BIN)/python scripts/readme_images.py docs/images

studio-image: site ## Make the README's picture of the studio, in Chromium
	@scripts/install_chromium.sh
	@cd $(WEB) && node scripts/picture.mjs ../docs/images/studio.webp

clean: ## Remove what was built and installed here
	rm -rf $(VENV) $(OUT) dist src/splitmask/studio/site $(WEB)/node_modules $(WEB)/dist .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/.ready: pyproject.toml
	@echo "Installing splitmask into $(VENV) …"
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) install --editable .
	@touch $@

$(VENV)/.ready-dev: $(VENV)/.ready constraints.txt
	@echo "Installing what the tests need into $(VENV) …"
	@$(PIP) install --constraint constraints.txt --editable '.[dev]'
	@touch $@

$(WEB)/node_modules/.ready: $(WEB)/package-lock.json
	@command -v npm >/dev/null || { echo "The studio is built with Node 20 or newer: install it first." >&2; exit 1; }
	@echo "Installing what the studio is built with into $(WEB)/node_modules …"
	@# not `ci`, which refuses a lock file without the binaries of machines other than the one it was made on
	@$(NPM) install --no-save --no-audit --no-fund
	@touch $@
