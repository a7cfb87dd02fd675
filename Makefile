# `make` lists the targets. Variables: PYTHON (python3), JOBS (test processes), ARGS (passed on to the command).
PYTHON ?= python3
JOBS ?= 2
ARGS ?=
MISSING ?= fail
BIN := .venv/bin
INSTALLED := .venv/installed
export PYTHON

MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.PHONY: help venv demo up stack stack-demo load bench results test test-stack test-k8s test-clients faults prove lint format
.PHONY: generate constraints clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

venv: $(INSTALLED) ## the environment in .venv: pinned packages, checked by hash, and the project itself

# The project comes last and without its dependencies: all of them, its build backend too, are pinned.
$(INSTALLED): constraints.txt pyproject.toml tools/venv.sh
	@tools/venv.sh .venv constraints.txt
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: venv ## one minute that shows what it does, and that it is right (ARGS=--help)
	@$(BIN)/murmurd demo $(ARGS)

up: venv ## the whole backend on this machine, data in one folder (ARGS=--help)
	@$(BIN)/murmurd up $(ARGS)

stack: venv ## real Cassandra, Kafka and Memcached on this machine, until Ctrl-C (ARGS=--help)
	@$(BIN)/python -m tools.stack $(ARGS)

stack-demo: venv ## the demo on these, each role a process of its own (ARGS=--help)
	@$(BIN)/python -m tools.stack.demo $(ARGS)

load: venv ## two minutes of load on a system of its own; each answer is looked at (ARGS=--help)
	@$(BIN)/python -m loadtest $(ARGS)

bench: venv ## the figures of docs/results.md anew, in 15 minutes (ARGS=--stack: those on real servers)
	@$(BIN)/python -m benchmarks $(ARGS)

results: venv ## docs/results.md and its plots, from the rows that `make bench` has written
	@$(BIN)/python -m benchmarks.page

test: venv ## all tests on the embedded adapters, five to ten minutes on two cores (ARGS='-k home')
	@$(BIN)/python -m pytest tests -n $(JOBS) --dist loadgroup -m 'not stack and not languages and not kubeapi' $(ARGS)

test-stack: venv ## the tests that need real servers: Cassandra, Kafka, Memcached (ARGS='-k kafka')
	@$(BIN)/python -m pytest tests -m stack -rs $(ARGS)

test-k8s: venv ## the manifests on a real API server, which the first run builds in twenty minutes (ARGS=-x)
	@$(BIN)/python -m tools.kubeapi.build
	@$(BIN)/python -m pytest tests/k8s -m 'not stack' $(ARGS)

test-clients: venv ## the clients in Go and TypeScript against a real server (MISSING=skip: whose toolchain is there)
	@MISSING=$(MISSING) $(BIN)/python -m pytest tests/languages -m languages -rs $(ARGS)

faults: venv ## kill -9 under load, 30 times; what was acked is looked for (ARGS=--help)
	@$(BIN)/python -m tests.faults $(ARGS)

prove: venv ## breaks each promise in a scratch copy; its test must fail there
	@$(BIN)/python -m tests.prove $(ARGS)

lint: venv ## ruff, mypy, import contracts, buf, hadolint, freshness of the generated code
	@tools/lint.sh

format: venv ## rewrites the code as ruff wants it
	@$(BIN)/ruff check -q --fix . ; $(BIN)/ruff format -q .

generate: ## the Python code of protos/, made anew
	@tools/generate.sh

constraints: ## pins what pyproject.toml asks for (ARGS=--upgrade: the newest)
	@tools/constraints.sh $(ARGS)

clean: ## removes environments, caches and builds; never data
	@rm -rf .venv .venv-generate build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	@rm -rf clients/*/gen clients/*/build clients/*/node_modules
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
