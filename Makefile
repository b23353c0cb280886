# The commands of the workshop; README.md says what each does, how long it takes and how large it is.
PYTHON ?= python3
# One more than the cores that tests are measured on: many wait for a clock.
WORKERS ?= 3
BIN := .venv/bin
SHELL := /bin/bash
.DEFAULT_GOAL := help
# Modules that were compiled once stay compiled: the SageMaker SDK alone takes two seconds more without.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup demo demo-pipeline lab notebooks test test-all test-studio test-serving lint synth studio studio-kernel local environment fidelity participant-policy event sbom bench train score clean verify-aws replay mutants

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## install everything the other commands need (they call it themselves)
	@$(PYTHON) scripts/setup.py

demo: setup ## from nothing to pictures: local cloud, stacks, prompts, build/demo/index.html
	@$(BIN)/python -m helpers.commands.demo

demo-pipeline: setup ## push to deploy: repository, pipeline, four pushes, build/demo-pipeline/times.json
	@$(BIN)/python -m helpers.commands.demo_pipeline

lab: setup ## JupyterLab with the notebooks, on the local cloud (JUPYTER_ARGS="--port 8890"; Ctrl+C ends it)
	@$(BIN)/python -m helpers.commands.lab $(JUPYTER_ARGS)

notebooks: setup ## run all notebooks, build/notebooks/index.html (ARGS="03 -p 03.prompt=hello"; ARGS=99 cleans up)
	@$(BIN)/python -m helpers.commands.notebooks $(ARGS)

test: setup ## the whole contract, once (WORKERS=5: five files at a time, not three; TESTS=tests/helpers: some)
	@$(BIN)/python scripts/chromium.py --install
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder -m "not rare" $(TESTS)

test-all: setup ## what is slow and rare besides: notebooks in both ways, every kind of push, Studio's environment
	@$(BIN)/python scripts/chromium.py --install
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder -m rare $(TESTS)
	@$(BIN)/python scripts/studio_environment.py

test-studio: setup ## unit tests and a notebook in an environment like SageMaker Studio's (downloads 2 GB)
	@$(BIN)/python scripts/studio_environment.py $(ARGS)

rehearse-studio: setup ## kernel, widgets and proxy in Chromium, with Studio's own JupyterLab as the server
	@$(BIN)/python scripts/chromium.py --install
	@$(BIN)/python scripts/studio_rehearsal.py $(ARGS)

test-serving: setup ## Small World on the serving stack of AWS's container, beside the local one (downloads 3 GB; Java 17)
	@$(BIN)/python scripts/serving_environment.py $(ARGS)

lint: setup ## format, style, layers, dead names, types; AWS's schemas and IAM policies of every template
	@$(BIN)/ruff format --check
	@$(BIN)/ruff check
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/vulture
	@$(BIN)/mypy
	@$(BIN)/python scripts/lint_aws

verify-aws: setup ## one recorded run through all of it in your AWS account, then clean-up (ARGS="--target local": a rehearsal)
	@$(BIN)/python -m helpers.parity.verify $(ARGS)

replay: setup ## hold the recordings in parity/ against the local cloud, and list what differs
	@$(BIN)/python -m helpers.parity.replay $(ARGS)

mutants: setup ## change the local cloud in 26 places, one at a time: does a replay notice? (half an hour)
	@$(BIN)/python -m tests.parity.mutants $(ARGS)

synth: setup ## write the CloudFormation templates to build/cdk.out
	@$(BIN)/python -m infra.app

studio: setup ## the prompt studio as a web page of its own (its URL holds a token; Ctrl+C ends it; ARGS="--port 8867")
	@$(BIN)/python -m helpers.commands.studio_page $(ARGS)

studio-kernel: ## in SageMaker Studio: set-up, a kernel for the notebooks, widgets (ARGS="--target aws"; ARGS=--undo)
	@bash scripts/studio.sh $(ARGS)

local: setup ## start the local cloud and show how to reach it
	@$(BIN)/python -c "from helpers import connect; connect()"
	@$(BIN)/python -m localcloud status
	@$(BIN)/python -m localcloud env

fidelity: setup ## write docs/fidelity.md and localcloud/verified.json: what the conformance tests prove
	@$(BIN)/python scripts/fidelity.py

participant-policy: setup ## write static/iam_policy.json, what a participant may do (ARGS=--record: run everything first)
	@$(BIN)/python scripts/participant_policy.py $(ARGS)

event: setup ## write what an AWS event takes, static/ and content/ (PARTICIPANTS=20: build/studio-20.yaml, for one account)
	@$(BIN)/python -m infra.workshop $(if $(PARTICIPANTS),--participants $(PARTICIPANTS))
	@$(BIN)/python scripts/event_content.py

sbom: setup ## what an installation consists of, as CycloneDX: build/sbom.cdx.json
	@$(BIN)/python scripts/sbom.py

environment: setup ## write environment.yml (Studio, conda) from uv.lock
	@$(BIN)/python scripts/environment_yml.py

bench: setup ## benchmarks against named peers
	@for file in bench/*.py; do echo "== $$file"; $(BIN)/python "$$file" || exit 1; done

.tools/train/ready: models/smallworld/training/requirements.txt
	@$(PYTHON) -m venv .tools/train
	@.tools/train/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@.tools/train/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

train: .tools/train/ready ## train the embedded models again, from nothing (days without a GPU; it resumes)
	@for stage in train distill upsampler export; do .tools/train/bin/python -m smallworld.training.$$stage || exit 1; done

score: setup ## how well the embedded model follows prompts
	@$(BIN)/python -m smallworld.training.score

clean: ## stop the local cloud and remove what was built (not the environments)
	@if [ -x $(BIN)/python ]; then $(BIN)/python -m localcloud stop; fi
	@rm -rf build .localcloud .mypy_cache .ruff_cache .pytest_cache .hypothesis
