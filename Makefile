# Each target is one word. `make demo` and `make test` work in a new clone with Python 3.11 or newer.
PYTHON ?= python3
BIN := .venv/bin
# Small computations are faster on one thread. The demo runs its seeds in parallel instead.
export OMP_NUM_THREADS ?= 1

.PHONY: help demo test quick check coverage docs serve bench format lock clean

help: ## list all targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

demo: .venv/.installed ## run the main experiment: ten generations of digits under four regimes; writes demo/report.html
	$(BIN)/firsthand simulate demo $(DEMO)

test: check ## run all checks, then all tests, on SQLite and PostgreSQL; TESTS=tests/firsthand runs one folder
	$(BIN)/python -m pytest -n 2 $(TESTS)

quick: .venv/.developer ## check format, lint and types, then run the tests that are not marked slow
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q -n 2 -m 'not slow' $(TESTS)

# This is not part of `make test`, because tracing about doubles the CPU time of the tests.
coverage: .venv/.developer ## run all tests and print the share of each module that they execute
	$(BIN)/python -m pytest -q -n 2 --cov --cov-report=term $(TESTS)

docs: .venv/.developer ## write the generated pages, build the site in site/, and check its links
	$(BIN)/python -m docs.tooling.generate
	$(BIN)/python -m docs.tooling.build

check: .venv/.developer ## check format, lint, types, import contracts and names
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tests.check_names

serve: .venv/.installed ## start a registry on 127.0.0.1:8734 with its data in ./firsthand-data
	$(BIN)/firsthand serve

bench: .venv/.developer ## measure the speed of the registry and of the simulator; QUICK=1 is shorter (minutes)
	$(BIN)/python -m benchmarks.registry $(if $(QUICK),--quick) $(BENCH); missed=$$?; \
	$(BIN)/python -m benchmarks.simulator $(if $(QUICK),--quick) && exit $$missed

format: .venv/.developer ## format the code and apply automatic fixes with ruff
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# `pip install uv` installs the command.
lock: ## write requirements-service.txt, with hashes, from pyproject.toml and constraints.txt; needs the command uv
	uv pip compile pyproject.toml --extra service --group build --constraint constraints.txt --universal \
		--python-version 3.11 --generate-hashes --no-annotate --no-header --quiet --output-file requirements-service.txt

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Firsthand needs Python 3.11 or newer: $(PYTHON) is missing or older. Give another path: make PYTHON=/path/to/python3.11"; exit 1; }
	@echo "Creating the virtual environment .venv with $(PYTHON) (a few seconds)."
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install -q -c constraints.txt pip

# pip prints nothing while it works, so each step prints what it installs, the size and the duration.
.venv/.installed: pyproject.toml constraints.txt | .venv/bin/python
	@echo "Installing the service and the simulator into .venv: about 70 packages, 1.3 GB on disk, most of it PyTorch."
	@echo "This takes one to three minutes. PyTorch with CUDA, the default on Linux, is several GB larger."
	@$(BIN)/python -m pip install -q -c constraints.txt -e '.[service,simulator]'
	@echo "Installed the service and the simulator."
	@touch $@

.venv/.developer: .venv/.installed
	@echo "Installing the tools for tests and documentation into .venv: about 60 packages, 0.6 GB on disk."
	@echo "This takes about one minute."
	@$(BIN)/python -m pip install -q -c constraints.txt -e '.[service,simulator]' --group dev
	@echo "Installed the tools."
	@touch $@

clean: ## remove .venv, the output of the demo, the site, and all caches
	rm -rf .venv demo dist site .cache .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .hypothesis
