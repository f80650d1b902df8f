# make train: install, and train the default experiment. make test: install, and run every check.
# Both install into .venv from constraints.txt, once. make docs: all pages as one site, docs/_build/index.html.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
# Of one test, in seconds: one that hangs shows where, and fails.
LONGEST := -o faulthandler_timeout=600 -o faulthandler_exit_on_timeout=true

.PHONY: train test test-slow test-faults lint docs clean

train: $(INSTALLED)
	$(BIN)/seqnet train

test: $(INSTALLED) lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal $(LONGEST) --durations=10

test-slow: $(INSTALLED)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m slow --durations=10

test-faults: $(INSTALLED)
	SEQNET_FAULTS=docs/reliability.md OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal tests/faults --durations=10

lint: $(INSTALLED)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(INSTALLED)
	$(BIN)/python -m sphinx -W -n --keep-going -q docs docs/_build

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "seqnet needs Python 3.11 or newer: make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	touch $@

clean:
	rm -rf .venv dist docs/_build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
