# One-word verbs. `make demo` and `make test` work from a bare clone with Python 3.11 or newer.
PYTHON ?= python3
BIN := .venv/bin
# Tiny numerics are faster on one thread each; the demo runs its seeds side by side instead.
export OMP_NUM_THREADS ?= 1

.PHONY: help demo test check serve bench format clean

help: ## what there is
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

demo: .venv/.installed ## the main job: registry, digits, ten generations under four regimes, demo/report.html
	$(BIN)/firsthand simulate demo $(DEMO)

test: check ## everything: format, lint, types, contracts, and the whole suite on SQLite and PostgreSQL
	$(BIN)/python -m pytest -n 2 $(TESTS)

check: .venv/.developer ## format, lint, types, import contracts, names
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tests.check_names

serve: .venv/.installed ## a registry in ./firsthand-data, on 127.0.0.1:8734
	$(BIN)/firsthand serve

bench: .venv/.developer ## measure the speed of the registry and the simulator; QUICK=1 takes minutes
	$(BIN)/python -m benchmarks.registry $(if $(QUICK),--quick) $(BENCH); missed=$$?; \
	$(BIN)/python -m benchmarks.simulator $(if $(QUICK),--quick) && exit $$missed

format: .venv/.developer ## let ruff format and mend what it can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Firsthand needs Python 3.11 or newer; say which with: make PYTHON=/path/to/python3.11 …"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q -c constraints.txt pip

.venv/.installed: pyproject.toml constraints.txt | .venv/bin/python
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[service,simulator]'
	@touch $@

.venv/.developer: .venv/.installed
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[service,simulator]' --group dev
	@touch $@

clean: ## remove what was built
	rm -rf .venv demo dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
