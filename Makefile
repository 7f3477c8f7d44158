# Every target installs what it needs into .venv. An installation is repeated only when a pyproject.toml has changed.
PYTHON ?= python3
BIN := .venv/bin
PLUGINS := $(wildcard plugins/*/pyproject.toml)
EDITABLE_PLUGINS := $(foreach plugin,$(PLUGINS),--editable $(dir $(plugin)))
PYTEST := $(BIN)/python -m pytest -p no:benchmark
PARALLEL := -n 2 --dist worksteal
DOCUMENTED := $(wildcard aia_ccdproc/*.py aia_ccdproc/*/*.py aia_ccdproc/*/*/*.py plugins/*/src/*/*.py)

.PHONY: demo test suite quick stress lint lint-fast docs real-gallery bench release dist oldest development clean

demo: .venv/.demo
	$(BIN)/aia-prep demo -o demo-output

test: lint suite

# All tests but those of `make stress`, with every plugin installed.
suite: .venv/.test
	$(PYTEST) $(PARALLEL)

# Checks for daily work on the core: no full-size images, no tests that start processes, and no examples of the
# documentation. For the tests of plugins: make quick TESTS=plugins/aia-ccdproc-cubic
TESTS ?= tests
quick: lint-fast
	$(PYTEST) $(PARALLEL) -m "not slow and not process and not stress" --ignore tests/test_docs.py $(TESTS)

# Damaged inputs, and kills at random moments, many times. AIA_CCDPROC_STRESS_SEED sets the seed.
stress: .venv/.test
	$(PYTEST) $(PARALLEL) -m stress -rP

lint: lint-fast
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/numpydoc lint $(filter-out aia_ccdproc/cli/%,$(DOCUMENTED))

lint-fast: .venv/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell

docs: .venv/.docs
	$(BIN)/sphinx-build -W --keep-going -b html docs docs/_build/html

# The pages of the gallery with real files in place of synthetic exposures, for checking by eye. Do not publish them.
GALLERY_DATA ?= ../shared/data
real-gallery: .venv/.docs
	AIA_CCDPROC_GALLERY_DATA=$(abspath $(GALLERY_DATA)) $(BIN)/sphinx-build -W --keep-going -b html docs docs/_build/real-html

# All benchmarks, some 25 minutes on two idle cores, and the pages that they write. A part of them: make bench ONLY=chain
bench: .venv/.bench
	mkdir -p .benchmarks
	$(BIN)/python -m pytest -n 0 tests/benchmarks $(if $(ONLY),-k "$(ONLY)") --benchmark-columns=min,median,rounds \
		--benchmark-sort=fullname --benchmark-json=.benchmarks/latest.json
	PYTHONPATH=tests/helpers $(BIN)/python tests/benchmarks/pages.py .benchmarks docs

# Write a version into all distributions, and the fragments into the changelog: make release VERSION=0.2.0
release: .venv/.docs
	@test -n "$(VERSION)" || { echo "Name the version: make release VERSION=0.2.0"; exit 2; }
	perl -pi -e 's/^version = ".*"/version = "$(VERSION)"/; s/"aia-ccdproc(\[test\])?>=[\d.]+"/"aia-ccdproc$$1>=$(VERSION)"/g' \
		pyproject.toml $(PLUGINS)
	perl -pi -e 's/^version: .*/version: $(VERSION)/' CITATION.cff
	$(BIN)/towncrier build --yes --version $(VERSION)

# Source distributions and wheels of all distributions.
dist: .venv/.test
	rm -rf dist
	for folder in . $(dir $(PLUGINS)); do (cd $$folder && $(CURDIR)/$(BIN)/hatchling build -d $(CURDIR)/dist) || exit 1; done

# Prepare .venv for `make suite` with the lowest versions that pyproject.toml allows.
oldest: .venv/bin/python
	$(BIN)/python -c "import tomllib; project = tomllib.load(open('pyproject.toml', 'rb'))['project']; \
		print(*(name.replace('>=', '==') + '.*' for name in project['dependencies']), sep='\n')" > .venv/oldest.txt
	PIP_CONSTRAINT=$(CURDIR)/.venv/oldest.txt $(MAKE) .venv/.test

# Prepare .venv for `make suite` with the development versions of the main libraries.
development: .venv/.test
	$(BIN)/python -m pip install --upgrade --pre $(foreach name,astropy ccdproc reproject,git+https://github.com/astropy/$(name))

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/.demo: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[plot]'
	@touch $@

.venv/.test: pyproject.toml $(PLUGINS) | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[test]' $(EDITABLE_PLUGINS)
	@touch $@ .venv/.demo

.venv/.docs: pyproject.toml $(PLUGINS) | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[docs]' $(EDITABLE_PLUGINS)
	@touch $@

.venv/.bench: pyproject.toml $(PLUGINS) | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[bench]' $(EDITABLE_PLUGINS)
	@touch $@

clean:
	rm -rf .venv demo-output docs/_build docs/api docs/gallery docs/sg_execution_times.rst
