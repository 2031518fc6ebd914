# What a user and CI run. Everything lands in .venv; nothing outside the work tree is touched.
# The lock names every package, so pip resolves nothing (--no-deps): older ones take a pinned package that others
# ask for with an extra as not pinned.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# One more than processors: the tests wait for servers and for Terraform about a third of their time.
WORKERS ?= $(shell echo $$(($$(getconf _NPROCESSORS_ONLN) + 1)))

MUTANTS := build/mutants/packages/.installed

.PHONY: setup check test quick mutants extras soak bench lambda screenshots demo demo-aws demo-serverless gremlin-server lock sbom audit digests clean help

help:  ## Show the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 18

setup: $(STAMP)  ## Make .venv with the locked packages and Karma itself

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Karma needs Python 3.11 or newer; set PYTHON=python3.x")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) --no-deps --require-hashes -r requirements.lock
	$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

check: setup  ## Format, lint, types, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Tests of what this machine lacks are skipped, with the reason; KARMA_TEST_REQUIRE=gremlin,chromium,postgres makes them fail
# instead, as .ci/run does.
test: check  ## Check, then every test; random scenarios at reduced, seeded counts
	$(BIN)/pytest -n $(WORKERS) --dist loadgroup tests

quick: setup  ## The unit and contract tests near what changed since the branch left main, 60 s at most (SINCE=commit)
	@$(BIN)/python -m tests.quick --workers $(WORKERS) $(if $(SINCE),--since $(SINCE))

mutants: $(MUTANTS)  ## Mutation testing of the modules that decide (GROUP=walk for one group of tests/mutation/groups.py)
	$(BIN)/python -m tests.mutation $(GROUP)

# Beside .venv, so that what only this target needs is no part of the lock.
$(MUTANTS): tests/mutation/requirements.txt | setup
	@rm -rf $(@D)
	$(PIP) --no-deps --require-hashes --target $(@D) -r $<
	@touch $@

extras: setup  ## Tests on data beside the checkout, in the folder that KARMA_TEST_DATA names
	$(BIN)/pytest tests/extras

soak: setup  ## The random scenarios at their full counts
	KARMA_SOAK=1 $(BIN)/pytest -m soak tests

bench: setup  ## Figures as ratios against their floors, in one run
	$(BIN)/python -m benchmarks

lambda: setup  ## The functions' zips into build/lambda, with sizes and import times
	@$(BIN)/python -m karma_lambda.packaging

screenshots: setup  ## Pictures of the pages into docs/images, from the example shop (needs Chromium)
	$(BIN)/python -m examples.screenshots

demo: setup  ## The whole job on the example system, on this machine alone (KEEP=1 keeps its folder)
	@KEEP=$(KEEP) bash examples/shop/demo.sh

demo-aws: setup  ## The job on AWS's own interfaces: a local AWS, the real AWS provider (KEEP=1 keeps its folder)
	@KEEP=$(KEEP) bash examples/aws/demo.sh

demo-serverless: setup  ## The serverless API on a local AWS: from nothing to GET /graph, and destroyed again (KEEP=1 keeps its folder)
	@KEEP=$(KEEP) bash examples/serverless/demo.sh

gremlin-server: setup  ## A Gremlin Server on loopback, set up like Neptune (PORT=8182; needs Java and Maven)
	@$(BIN)/python -m tests.integration.gremlin_server $(or $(PORT),8182)

lock:  ## Resolve the versions anew (needs uv)
	uv pip compile pyproject.toml --universal --all-extras --no-emit-index-url --generate-hashes -q -o requirements.lock
	cd tests/mutation && uv pip compile requirements.in --universal --no-deps --no-emit-index-url --generate-hashes -q -o requirements.txt

sbom: setup  ## The bill of materials (CycloneDX 1.6) of the locked packages into build/sbom.cdx.json
	@$(BIN)/python -m supply_chain.bill build/sbom.cdx.json

audit: setup  ## The locked versions against a database of vulnerabilities (DB=all.zip of OSV, IGNORE="ID …"); no network
	@test -n "$(DB)" || { echo "say DB=FILE: OSV's export of PyPI, or any file of its records" >&2; exit 2; }
	@$(BIN)/python -m supply_chain.audit $(DB) $(foreach one,$(IGNORE),--ignore $(one))

digests:  ## The digests of the container images into deployments/containers/.env (needs docker and a network)
	@bash deployments/containers/digests.sh

clean:  ## Remove what setup and tests made
	rm -rf $(VENV) .karma build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
