# Two commands do everything: `make tables` (the main job) and `make test`. Both install what they need into .venv first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= 2

.PHONY: tables test test-all bench lint docs clean

$(BIN)/python:
	@echo "==> creating the virtual environment $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=python3.12 …"; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(VENV)/core: pyproject.toml | $(BIN)/python
	@echo "==> installing commonwatt (about 1.2 GB with its solvers; a minute or two)"
	@$(BIN)/python -m pip install --disable-pip-version-check --quiet --editable .
	@touch $@

$(VENV)/dev: pyproject.toml $(VENV)/core
	@echo "==> installing what the tests need"
	@$(BIN)/python -m pip install --disable-pip-version-check --quiet --editable '.[dev,docs]'
	@touch $@

tables: $(VENV)/core
	@$(BIN)/commonwatt tables --out results --workers $(WORKERS)

test: $(VENV)/dev
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile -m "not sweep" tests
	@echo "==> the tests passed; details of one: $(BIN)/pytest -v tests/<file>; all sweeps: make test-all"

test-all: $(VENV)/dev
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile tests

bench: $(VENV)/core
	@$(BIN)/commonwatt tables --suite speed --suite speed-scheduling --suite speed-settlement --suite speed-stackelberg --suite speed-aggregator --out results

lint: $(VENV)/dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

docs: $(VENV)/dev
	@$(BIN)/sphinx-build -q -W --keep-going -b html docs results/docs
	@echo "==> documentation: results/docs/index.html"

clean:
	rm -rf $(VENV) results build dist *.egg-info
