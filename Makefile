# Two commands are all a newcomer needs: `make demo` and `make test`.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test proofs chaos check lock format clean bench

PYTHON ?= python3
PORT ?= 8000
ONCE ?=
ARGS ?=
BIN := .venv/bin
# Compiled modules are kept whatever the shell says: without them every process of the demo starts half as fast.
export PYTHONDONTWRITEBYTECODE :=
UV := $(BIN)/uv
SYNC := $(UV) pip sync --quiet --require-hashes --python $(BIN)/python
COMPILE := $(UV) pip compile --quiet --universal --generate-hashes --no-header --python-version 3.11

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | expand -t 10

demo: .venv/runtime.stamp ## everything running with demo data; PORT=8080 chooses the port, ONCE=1 checks itself and stops
	@PORT="$(PORT)" ONCE="$(ONCE)" exec $(BIN)/python -m billing_site.serving

test: .venv/dev.stamp ## the whole test suite; ARGS="-k money" narrows it
	@exec $(BIN)/pytest --numprocesses auto --maxprocesses 4 $(ARGS)

proofs: .venv/dev.stamp ## the storms on the books and the numbers at full length: minutes
	@exec $(BIN)/pytest tests/payments/test_state_machine.py tests/payments/test_every_order.py tests/flows/test_stripe_storm.py tests/invoices/test_sweep_memory.py \
	 tests/invoices/test_numbers.py tests/invoices/test_issuing.py tests/invoices/test_correcting.py \
	 --hypothesis-profile proofs --numprocesses auto --maxprocesses 4 $(ARGS)

chaos: .venv/dev.stamp ## a hundred kills at the month end of a thousand partners; ARGS="--seed 7" repeats one: minutes
	@exec $(BIN)/python -m tests.chaos $(ARGS)

check: .venv/dev.stamp ## style, types, the import order, migrations, security
	@exec .ci/check $(BIN)

format: .venv/dev.stamp ## write the code in the house style
	@$(BIN)/ruff check --quiet --fix-only . && $(BIN)/ruff format --quiet .

lock: $(UV) ## choose and pin the newest versions that requirements/*.in allow
	@echo "  .. Resolving requirements/runtime.in" && $(COMPILE) --upgrade requirements/runtime.in -o requirements/runtime.lock
	@echo "  .. Resolving requirements/dev.in" && $(COMPILE) --upgrade -c requirements/runtime.lock requirements/dev.in -o requirements/dev.lock

bench: .venv/dev.stamp ## the benchmarks
	@exec $(BIN)/python -m bench $(ARGS)

clean: ## remove everything that can be made again, demo data included
	@if [ -e var/demo.lock ] && ! flock --nonblock var/demo.lock true; then echo "The demo is running: stop it first." >&2; exit 1; fi
	@rm -rf .venv var .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .grimp_cache .coverage* htmlcov
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- The environment: once it has the development packages, it keeps them ------------------------------------------

.venv/runtime.stamp: requirements/runtime.lock | $(UV)
	@if [ -x $(BIN)/pytest ]; then stamp=dev; else stamp=runtime; fi; \
	 echo "  .. Installing requirements/$$stamp.lock" && $(SYNC) requirements/$$stamp.lock && touch $@ .venv/$$stamp.stamp

.venv/dev.stamp: requirements/runtime.lock requirements/dev.lock | $(UV)
	@echo "  .. Installing requirements/dev.lock" && $(SYNC) requirements/dev.lock && touch .venv/runtime.stamp $@

$(UV):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	 || { echo "Python 3.11 or newer is needed, $(PYTHON) is `$(PYTHON) -V 2>&1`: choose one with PYTHON=python3.11." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
	 || { echo "Python's venv module is missing: apt install python3-venv" >&2; exit 1; }
	@echo "  .. Making .venv" && $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input --root-user-action ignore \
	 "$$(sed -n 's/^\(uv==[^ ;]*\).*/\1/p' requirements/dev.lock)"
