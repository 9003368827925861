# `make demo` shows what splitmask does, `make test` checks that it does. Both begin on a fresh clone with
# Python 3.11 or newer and set up .venv; a second run starts at once.

PYTHON ?= $(firstword $(foreach name,python3.11 python3,$(shell command -v $(name) 2>/dev/null)))
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq
OUT ?= out
CODE := src tests scripts

.DEFAULT_GOAL := help
.PHONY: help demo test lint format docs bench readme-images clean

help: ## Show this
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

demo: $(VENV)/.ready ## Render a clip, track two objects in it from one click each, score the masks
	@$(BIN)/splitmask demo -o $(OUT)/demo --overwrite

test: lint ## Check style and types, then run all tests
	@$(BIN)/pytest

lint: $(VENV)/.ready-dev
	@$(BIN)/ruff check $(CODE)
	@$(BIN)/ruff format --check $(CODE)
	@$(BIN)/mypy

format: $(VENV)/.ready-dev ## Bring the code into the one style
	@$(BIN)/ruff check --fix $(CODE)
	@$(BIN)/ruff format $(CODE)

docs: $(VENV)/.ready ## Write docs/cli.md from the command line
	@$(BIN)/python scripts/cli_docs.py

bench: $(VENV)/.ready ## Measure how fast it is here
	@$(BIN)/splitmask bench cpu

readme-images: $(VENV)/.ready ## Make the README's pictures from the demo
	@$(BIN)/python scripts/readme_images.py docs/images

clean: ## Remove what was built and installed here
	rm -rf $(VENV) $(OUT) dist .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/.ready: pyproject.toml
	@echo "Installing splitmask into $(VENV) …"
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) install --editable .
	@touch $@

$(VENV)/.ready-dev: $(VENV)/.ready constraints.txt
	@echo "Installing what the tests need into $(VENV) …"
	@$(PIP) install --constraint constraints.txt --editable '.[dev]'
	@touch $@
