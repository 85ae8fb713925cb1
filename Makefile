# `make demo` runs the main job on the sandbox; `make test` passes every test.
# Both need Rust, Python 3.10 or newer, and Java 17 for Apache Spark.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
export LAKEFORM_SANDBOX_DIR ?= $(CURDIR)/target/sandbox
export AWS_EC2_METADATA_DISABLED := true

VENV := target/emulators

.PHONY: demo test spark-tests lint fmt layers deny advisories emulators docs ci

demo: ## set up the sandbox, then build, run, prove and destroy the STEDI lakehouse
	cargo build --package lakeform
	bash tests/demo.sh target/debug/lakeform

test: emulators layers ## every test
	python3 manifests/stedi/check_sample.py
	source $(VENV)/env && cargo test --workspace
	$(MAKE) spark-tests

# Spark is installed where it is missing; the tests of awsglue then use the same one.
SPARK_ENV := $(or $(LAKEFORM_SANDBOX_ENV),target/sandbox-env)

spark-tests: ## Glue jobs on a real Spark; needs Java 17
	cargo test --workspace --test version --test spark --test it -- --ignored
	PYTHONPATH=crates/sandbox/python PYTHONDONTWRITEBYTECODE=1 $(SPARK_ENV)/venv-spark/bin/python \
	  -W ignore::ResourceWarning -m unittest discover --buffer -s crates/sandbox/python/tests -t crates/sandbox/python

plan-%: ## the plan of one folder in tests/cases, as a user sees it
	cargo build --quiet --package lakeform
	cd tests/cases/$* && $(CURDIR)/target/debug/lakeform plan --live live.yaml $$(cat args 2>/dev/null)

emulators: $(VENV)/env ## the second emulator; the first is installed by the tests that use it

$(VENV)/env: tests/requirements-moto.txt
	python3 -m venv $(VENV)/moto
	$(VENV)/moto/bin/pip install --quiet --requirement $<
	printf 'export LAKEFORM_TEST_MOTO=%s\n' '$(CURDIR)/$(VENV)/moto/bin/moto_server' > $@

lint: ## formatting and clippy, warnings denied
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- --deny warnings

fmt:
	cargo fmt --all

layers: ## no crate sees one it must not see
	python3 tests/layers.py

deny: ## licences, bans and sources of every dependency
	cargo deny --offline check licenses bans sources

advisories: ## known weaknesses of every dependency; fetches the RustSec database
	cargo deny check advisories

docs: ## the manifest reference, from the tables that validate it
	cargo run --quiet --package lakeform -- reference > docs/src/manifest.md

ci: lint test demo deny
