# One-word verbs. `make demo` and `make test` work from a bare clone with Python 3.11 or newer.
PYTHON ?= python3
BIN := .venv/bin
# Tiny numerics are faster on one thread each; the demo runs its seeds side by side instead.
export OMP_NUM_THREADS ?= 1

.PHONY: help demo test quick check coverage docs serve bench format clean

help: ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

demo: .venv/.installed ## run the demo: registry, digits, ten generations under four regimes, demo/report.html
	$(BIN)/firsthand simulate demo $(DEMO)

test: check ## everything: format, lint, types, contracts, and the whole suite on SQLite and PostgreSQL
	$(BIN)/python -m pytest -n 2 $(TESTS)

quick: .venv/.developer ## lint, types, and the tests that are not marked slow
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q -n 2 -m 'not slow' $(TESTS)

# Apart from `make test`, because tracing about doubles the CPU time of the suite.
coverage: .venv/.developer ## run the whole suite and print how much of each module it executes
	$(BIN)/python -m pytest -q -n 2 --cov --cov-report=term $(TESTS)

docs: .venv/.developer ## write the generated pages, build the site into site/, check its links
	$(BIN)/python -m docs.tooling.generate
	$(BIN)/python -m docs.tooling.build

check: .venv/.developer ## format, lint, types, import contracts, names
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tests.check_names

serve: .venv/.installed ## run a registry in ./firsthand-data, on 127.0.0.1:8734
	$(BIN)/firsthand serve

bench: .venv/.developer ## measure the speed of the registry and the simulator; QUICK=1 takes minutes
	$(BIN)/python -m benchmarks.registry $(if $(QUICK),--quick) $(BENCH); missed=$$?; \
	$(BIN)/python -m benchmarks.simulator $(if $(QUICK),--quick) && exit $$missed

format: .venv/.developer ## let ruff format the code and fix what it can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Firsthand needs Python 3.11 or newer. Name one: make PYTHON=/path/to/python3.11"; exit 1; }
	@echo "Creating the virtual environment .venv with $(PYTHON) (a few seconds)."
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install -q -c constraints.txt pip

# pip is quiet while it works, so each step says what it installs, how large it is and how long it takes.
.venv/.installed: pyproject.toml constraints.txt | .venv/bin/python
	@echo "Installing the service and the simulator into .venv: about 70 packages, 1.3 GB on disk, most of it PyTorch."
	@echo "This takes one to three minutes. A build of PyTorch with CUDA, the default on Linux, is several GB larger."
	@$(BIN)/python -m pip install -q -c constraints.txt -e '.[service,simulator]'
	@echo "Installed the service and the simulator."
	@touch $@

.venv/.developer: .venv/.installed
	@echo "Installing the tools of the tests and of the documentation into .venv: about 60 packages, 0.6 GB on disk."
	@echo "This takes about one minute."
	@$(BIN)/python -m pip install -q -c constraints.txt -e '.[service,simulator]' --group dev
	@echo "Installed the tools."
	@touch $@

clean: ## remove everything that was built
	rm -rf .venv demo dist site .cache .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .hypothesis
