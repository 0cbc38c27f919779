# SPDX-License-Identifier: Apache-2.0
# Every target makes the environment that it needs, once. `make help` lists them.

VENV ?= .venv
SHELL_VENV ?= .venv-shell
TARGET ?= softswitch
ARGS ?=

# The first Python that is new enough. PYTHON=... on the command line overrides it.
IS_NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for python in python3 python3.11 python3.12 python3.13 python3.14; do \
	if $$python -c '$(IS_NEW_ENOUGH)' >/dev/null 2>&1; then echo $$python; break; fi; done)

PY := $(VENV)/bin/python
READY := $(VENV)/.ready
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
export TARGET

.DEFAULT_GOAL := help
.PHONY: help run test ptf-coverage check p4 bench shell lock clean env

help: ## this list
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16
	@echo
	@echo "  TARGET=bmv2 runs simple_switch_grpc (on the PATH) instead of softswitch; ARGS=... is passed on."

run: $(READY) ## start the example fabric, show who reaches whom, stay until Ctrl-C (ARGS=--once: exit with the verdict)
	@$(PY) -m topo run --target $(TARGET) $(ARGS)

test: $(READY) ## every test that this machine can run; what was skipped, and why, is listed at the end
	@$(MAKE) --no-print-directory $(SHELL_VENV)/.ready || echo "p4runtime-shell cannot be installed: its tests are skipped"
	$(PY) tools/run_tests.py $(ARGS)

ptf-coverage: $(READY) ## packet tests over softswitch, and what of the pipeline none of them reaches
	$(PY) -m ptf_tests --coverage $(ARGS)

check: $(READY) ## lint, format, types, and whether what is generated is up to date
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(PY) p4src/build.py --check
	$(PY) p4src/tables_page.py --check
	$(PY) tools/unasync.py --check
	$(PY) tools/cli_page.py --check

p4: $(READY) ## compile the pipeline (needs p4c on the PATH)
	$(PY) p4src/build.py $(ARGS)
	$(PY) p4src/tables_page.py

bench: $(READY) ## all benchmarks, one after the other
	$(PY) bench/softswitch_pps.py $(ARGS)
	$(PY) bench/control_plane.py $(ARGS)
	$(PY) bench/changes.py $(ARGS)
	$(PY) bench/trace.py $(ARGS)

shell: $(SHELL_VENV)/.ready ## p4runtime-shell, the independent client (ARGS="--grpc-addr 127.0.0.1:9561 --device-id 1 --election-id 0,0")
	@$(SHELL_VENV)/bin/python -m p4runtime_sh $(ARGS)

lock: $(READY) ## renew requirements.lock from pyproject.toml
	$(PY) tools/lock.py --python $(PYTHON)

env: $(READY) ## only the environment

clean: ## remove environments and caches
	rm -rf $(VENV) $(SHELL_VENV) build-tmp dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The lock file is the whole closure, so nothing is left to resolve: --no-deps keeps it so.
$(READY): requirements.lock pyproject.toml tools/venv.sh
	@tools/venv.sh "$(PYTHON)" $(VENV) requirements.lock
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(SHELL_VENV)/.ready: requirements-shell.lock tools/venv.sh
	@tools/venv.sh "$(PYTHON)" $(SHELL_VENV) requirements-shell.lock
	@touch $@
