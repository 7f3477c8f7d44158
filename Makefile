# Every target sets up what it needs in .venv, and is quick when nothing has changed.
PYTHON ?= python3
BIN := .venv/bin
PLUGINS := $(dir $(wildcard plugins/*/pyproject.toml))

.PHONY: demo test lint docs bench clean

demo: .venv/.demo
	$(BIN)/aia-prep demo -o demo-output

test: lint
	$(BIN)/python -m pytest -p no:benchmark -n 2 --dist worksteal

lint: .venv/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/numpydoc lint $(filter-out aia_ccdproc/cli/%,$(wildcard aia_ccdproc/*.py aia_ccdproc/*/*.py plugins/*/src/*/*.py))

docs: .venv/.docs
	$(BIN)/sphinx-build -W --keep-going -b html docs docs/_build/html

bench: .venv/.bench
	$(BIN)/python -m pytest tests/benchmarks --benchmark-columns=min,median,rounds --benchmark-sort=fullname \
		--benchmark-json=.benchmarks/results.json
	PYTHONPATH=tests/helpers $(BIN)/python tests/benchmarks/tables.py .benchmarks/results.json docs

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/.demo: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[plot]'
	@touch $@

.venv/.test: pyproject.toml $(wildcard plugins/*/pyproject.toml) | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[test]' $(foreach plugin,$(PLUGINS),--editable $(plugin))
	@touch $@ .venv/.demo

.venv/.docs: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[docs]'
	@touch $@

.venv/.bench: pyproject.toml $(wildcard plugins/*/pyproject.toml) | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[bench]' $(foreach plugin,$(PLUGINS),--editable $(plugin))
	@touch $@

clean:
	rm -rf .venv demo-output docs/_build docs/api docs/gallery
