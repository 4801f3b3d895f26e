# `make demo` and `make test` are all that a fresh machine with Python needs; both set up .venv first.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
TORCH  ?= default

.PHONY: help setup demo test quick check format graph faults real perf wheel clean

help:
	@echo "make demo    set up, then run the whole main job on two tiny models (TORCH=cpu: without CUDA, far smaller)"
	@echo "make test    the tests, some minutes (BENCHTUI_TEST_WHOLE=1: all of them, half an hour)"
	@echo "make quick   the tests that take no longer than a few seconds each"
	@echo "make check   format, lint, types, import contracts"
	@echo "make graph   who imports whom, floor by floor; says where there is a cycle"
	@echo "make faults  the long fault-injection suite"
	@echo "make real    parity with lm-eval on a real 135M model, also as GGUF, and sweeps (over an hour; fetches 100 MB)"
	@echo "make perf    the measured comparisons"
	@echo "make wheel   build the distribution"

$(READY): pyproject.toml constraints.txt
	@echo "[1/4] a Python environment of its own in $(VENV)"
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --upgrade "pip>=24"
ifeq ($(TORCH),cpu)
	@echo "[2/4] PyTorch for the CPU: about 190 MB to download"
	$(BIN)/python -m pip install --index-url https://download.pytorch.org/whl/cpu "$$(grep '^torch==' constraints.txt)"
else
	@echo "[2/4] PyTorch comes with the next step: on Linux with CUDA, about 2.7 GB (TORCH=cpu takes 190 MB instead)"
endif
	@echo "[3/4] benchtui and what it stands on: some minutes, a line for each package"
	$(BIN)/python -m pip install --constraint constraints.txt --editable ".[dev]"
	@echo "[4/4] ready"
	@touch $(READY)

setup: $(READY)

demo: $(READY)
	$(BIN)/benchtui demo

# One thread a process: two of them test at once, and threads that wait for each other cost more than they give.
test: export OMP_NUM_THREADS ?= 1
test: $(READY)
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder --durations 40 --durations-min 20

quick: $(READY)
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not slow and not hub"

check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

graph: $(READY)
	$(BIN)/python -m tests.structure.graph

faults: $(READY)
	BENCHTUI_FAULTS=long $(BIN)/python -m pytest tests/e2e/faults -s

real: $(READY)
	test -d .real/outputs || $(BIN)/python ../shared/hub/smollm2.py .real
	BENCHTUI_TEST_WHOLE=1 BENCHTUI_TEST_REAL_SIZE=full $(BIN)/python -m pytest -q tests/e2e/test_real.py tests/e2e/test_hybrid_ends.py tests/e2e/test_hybrid_sweep_real.py tests/e2e/test_real_tokens.py tests/worker/answering/gguf/test_real.py tests/e2e/workers/test_struck.py tests/compare/test_one_interval.py tests/compare/leaderboard/pick/test_calibration.py

perf: $(READY)
	for script in $$(grep -l __main__ tests/perf/*.py); do echo "== $$script"; $(BIN)/python $$script || exit 1; done

wheel: $(READY)
	rm -rf dist
	$(BIN)/python -m build

clean:
	rm -rf $(VENV) dist build .pytest_cache .mypy_cache .ruff_cache
