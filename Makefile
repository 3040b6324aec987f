# Each target does all of its own set-up: on a fresh machine `make demo` and `make test` are enough.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
OUT ?= out/demo
DATA ?=
FILE ?=
PROCESSES ?= 2
RUN_TESTS = $(BIN)/python -m pytest --numprocesses $(PROCESSES) --dist loadfile --no-loadscope-reorder
export PYTHONSAFEPATH := 1
# The time in what is built is that of the commit, so that two builds of it have the same bytes.
export SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || echo 315532800)
export CALLBOX_CACHE ?= $(CURDIR)/.cache

.PHONY: setup models demo test test-long check wheel sbom audit bench clean

setup: $(VENV)/installed

# Whatever is installed has the hash that the repository names (.ci/lock renews them). What builds comes first: it builds
# ours, and faust-streaming where that has no wheel. Ours have nothing left to fetch, and no index is asked.
PIP := $(BIN)/python -I -m pip --disable-pip-version-check

$(VENV)/installed: pyproject.toml callbox_testkit/pyproject.toml benchmarks/pyproject.toml constraints.txt requirements-build.txt
	$(PYTHON) -I -m venv $(VENV)
	$(PIP) install --quiet --require-hashes --only-binary :all: --requirement requirements-build.txt
	$(PIP) install --quiet --require-hashes --no-build-isolation \
		--requirement constraints.txt
	$(PIP) install --quiet --no-deps --no-build-isolation --no-index \
		--editable . --editable ./callbox_testkit --editable ./benchmarks
	touch $@

models: setup
	$(BIN)/callbox models fetch

demo: models
	$(BIN)/callbox demo --out "$(OUT)" $(if $(DATA),--data "$(DATA)")

# Two at a time: tests of kills wait most of their time. A file stays with one process, and so do its brokers.
# With FILE only the tests of that file. What needs minutes by nature is marked `long` and runs in test-long.
test: models
	files=$(if $(FILE),$$(PYTHONPATH=. $(BIN)/python -m tests.support.which $(FILE))) && \
	$(RUN_TESTS) $(if $(FILE),,-m 'not long') $(PYTEST) $$files

test-long: models
	$(RUN_TESTS) -m long $(PYTEST)

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m callbox_testkit.secret_scan

# The wheel of the last commit, byte for byte the same wherever it is built: its times are those of the commit, and its
# modes those of git, whatever the umask of the clone.
wheel: setup
	rm -rf build/tree
	mkdir -p build/tree
	git -c tar.umask=0022 archive HEAD | tar --extract --preserve-permissions --directory build/tree
	umask 022 && $(PIP) wheel --quiet --no-deps --no-index --no-build-isolation --wheel-dir build ./build/tree
	rm -rf build/tree

# What an operator's installation and the weights consist of, as CycloneDX.
sbom: setup
	mkdir -p build
	$(BIN)/python -m callbox_testkit.sbom build/callbox.cdx.json

# Known vulnerabilities of everything in constraints.txt, as PyPI tells them. What could not be asked about is a failure:
# a mirror of the packages alone does not tell them, and pip-audit has no database to take along.
audit: setup
	$(BIN)/pip-audit --strict --disable-pip --no-deps --progress-spinner off --requirement constraints.txt

bench: models
	$(BIN)/python -m benchmarks.fold --json
	$(BIN)/python -m benchmarks.storms --json
	$(BIN)/python -m benchmarks.codec --json
	$(BIN)/python -m benchmarks.latency --json
	$(BIN)/python -m benchmarks.beside_pictures --json
	$(BIN)/python -m benchmarks.hostile --json
	$(BIN)/python -m benchmarks.throughput --json
	$(BIN)/python -m benchmarks.throughput --json --topic pillars
	$(BIN)/python -m benchmarks.chaos --json
	$(BIN)/python -m benchmarks.replicas --json
	$(BIN)/python -m benchmarks.back_pressure --json
	$(if $(DATA),$(BIN)/python -m benchmarks.vision.plates --data $(DATA)/plates-cn --json)

clean:
	rm -rf $(VENV) .cache out build *.egg-info */build */*.egg-info
