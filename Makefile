# Two commands: `make demo` runs the main job, `make test` runs the tests. Both set up all they need.
PYTHON ?= python3
VENV ?= .venv
STAMP := $(VENV)/.installed

.PHONY: chaos simulate setup system toolchains engine base-image image compose-plugin compose-images demo test lint clean bench

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "durabot needs Python 3.11 or later: set PYTHON=...")'
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[embedded,docker,dev]'
	touch $@

# What no Python package brings: a sandbox for bots, and compilers and runtimes for bots of the tests. Optional.
system:
	@if command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
		missing=""; \
		for pair in bwrap:bubblewrap node:nodejs g++:g++ setpriv:util-linux; do \
			command -v "$${pair%%:*}" >/dev/null || missing="$$missing $${pair##*:}"; \
		done; \
		if [ -n "$$missing" ]; then \
			apt-get update -qq && apt-get install -y -qq $$missing \
			|| echo "make system: not installed:$$missing; tests that need them are skipped and say so"; \
		fi; \
	else echo "make system needs root and apt-get: install bubblewrap, nodejs and g++ by hand"; fi

# For tests/conformance: compilers of all languages, and runtimes of bots without a container. Optional, root.
toolchains: $(STAMP)
	@PIP=$(VENV)/bin/pip tests/toolchains/install.sh

# For bots in containers. `image` needs an engine, and a registry or else `base-image`; the other two need root.
engine:
	@deploy/machine/start-engine.sh

base-image: engine
	@deploy/machine/base-image.sh

# A slim variant: make image RUNTIMES="python3.11 nodejs20" IMAGE=durabot-runtime:slim
image: $(STAMP)
	@PYTHON=$(VENV)/bin/python deploy/image/build.sh

# The control plane in containers: its images, and the engine's `compose` command where that is missing. The first
# time the Temporal server is built, which takes some minutes.
compose-plugin:
	@deploy/machine/compose-plugin.sh

compose-images: $(STAMP)
	@PYTHON=$(VENV)/bin/python deploy/control-plane/build.sh
	@PYTHON=$(VENV)/bin/python deploy/temporal/build.sh

# The main job on real servers, with nothing else needed. KEEP=1 leaves it running until Ctrl-C.
demo: $(STAMP)
	@$(VENV)/bin/python examples/demo.py $(if $(KEEP),--keep)

lint: $(STAMP)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy

# All tests, shared by several processes: most of a test is waiting.
JOBS ?= 2
test: $(STAMP) lint
	$(VENV)/bin/pytest -q -n $(JOBS) --dist loadfile

# The state log on a simulated store: SEEDS of them, or one SEED with its steps, with or without a MUTATION.
simulate: $(STAMP)
	@$(VENV)/bin/python -m tests.simulation $(if $(SEED),--seed $(SEED),--seeds $(or $(SEEDS),1000)) \
		$(if $(FIRST),--first $(FIRST)) $(if $(MUTATION),--mutation $(MUTATION))

# Storms of faults on the real system: SEEDS of them from SEED on.
chaos: $(STAMP)
	DURABOT_CHAOS_SEED=$(or $(SEED),1) DURABOT_CHAOS_SEEDS=$(or $(SEEDS),10) \
		$(VENV)/bin/pytest -q -rP tests/chaos/test_storms.py

# All measurements, or one: `make bench B=cold_query BACKEND=docker`. Their names are in bench/README.md.
bench: $(STAMP)
	$(VENV)/bin/python -m bench $(B) $(if $(BACKEND),--backend $(BACKEND)) $(BENCH_ARGS)

clean:
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache
