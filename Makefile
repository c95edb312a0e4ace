# demo, test, lint and repro set up .venv themselves. Needs python3 (3.11 or newer) and make.

PYTHON ?= python3
VENV := .venv
INSTALLED := $(VENV)/.installed
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

.PHONY: demo test test-slow lint repro lock

demo: $(INSTALLED)  ## the whole pipeline on the embedded sample: no GPU, no download
	dvc repro
	scenefill results
	scenefill record

repro: $(INSTALLED)  ## the whole pipeline on params.yaml as it is
	scenefill check
	dvc repro

test: lint  ## the checks of every change: lint, types, tests; minutes
	OMP_NUM_THREADS=1 pytest -n auto --dist loadfile

test-slow: $(INSTALLED)  ## what takes longer: whole runs, kills, two processes, a day's DVC commands
	OMP_NUM_THREADS=1 pytest -n auto --dist loadfile -m slow

lint: $(INSTALLED)
	ruff check .
	ruff format --check .
	mypy

$(INSTALLED): requirements.lock requirements-demo.lock requirements-uv.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, this is " + sys.version)'
	@git rev-parse --is-inside-work-tree >/dev/null 2>&1 || \
		grep -qsi 'no_scm *= *true' .dvc/config .dvc/config.local || \
		{ echo "DVC needs git, and this folder is in no repository (a zip download?): run git init first"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check \
		--require-hashes -r requirements-uv.lock
	uv pip sync --quiet --require-hashes requirements.lock
	uv pip install --quiet --no-deps --require-hashes -r requirements-demo.lock
	uv pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

lock: $(INSTALLED)  ## resolve the dependencies anew
	uv pip compile --quiet --universal --generate-hashes --upgrade \
		--custom-compile-command "make lock" --all-extras --group dev pyproject.toml \
		-o requirements.lock
	uv pip compile --quiet --universal --generate-hashes --no-deps \
		--custom-compile-command "make lock" requirements-demo.in -o requirements-demo.lock
	uv pip compile --quiet --universal --generate-hashes --upgrade \
		--custom-compile-command "make lock" requirements-uv.in -o requirements-uv.lock
