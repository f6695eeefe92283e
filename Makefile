BIN ?= .venv/bin

.PHONY: install check format test search faults docs lock

install:  ## A virtual environment with everything for development, in the locked versions
	python3 -m venv .venv
	$(BIN)/pip install --constraint requirements-dev.lock --editable '.[dev]'

check:  ## Everything that must hold before a change lands
	PATH="$(abspath $(BIN)):$$PATH" bash .ci/check
	$(BIN)/python -m pytest

format:  ## Lay the code out, and mend what can be mended without thinking
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

test:  ## The tests alone, on all cores
	$(BIN)/python -m pytest --numprocesses auto

search:  ## The properties among the unit tests with thousands of new examples (minutes)
	$(BIN)/python -m pytest --hypothesis-profile=search tests/unit

faults:  ## The long form of the fault matrix (hours), and its table in docs/reliability.md
	PYTHONPATH=tests $(BIN)/python -m faults.matrix --verbose --write docs/reliability.md

docs:  ## Write the reference pages from the code
	$(BIN)/python docs/generate.py

lock:  ## Choose new versions for development
	uv pip compile --quiet --universal --python-version 3.11 --extra dev --upgrade --no-emit-index-url --no-header \
		--output-file requirements-dev.lock pyproject.toml
