# Two commands do all the set-up: `make report` runs the main job, `make test` runs the tests.
PYTHON ?= python3
VENV   ?= .venv
BIN     = $(VENV)/bin
EXTRAS ?= all-cpu
# Where torch comes from: empty takes PyPI's build (CUDA on Linux); see the README for CPU-only wheels.
TORCH_ARGS ?=
PIP     = $(BIN)/python -m pip --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help install report test test-full goals lint clean

help:            ## this list
	@grep -E '^[a-z-]+: .*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

install: $(VENV)/.installed  ## make the environment in .venv

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "harness: Python 3.11 or newer is needed, set PYTHON=")'
	$(PYTHON) -m venv $(VENV)
	$(PIP) install -q $(TORCH_ARGS) "$$(grep '^torch==' constraints.txt)"
	$(PIP) install -q -c constraints.txt -e '.[$(EXTRAS),witnesses,dev]'
	@touch $@

report: install  ## check every backend, measure the quick set, write results/report/index.html
	@$(BIN)/harness check --json results/conformance.json; code=$$?; [ $$code -eq 0 ] || [ $$code -eq 1 ] || [ $$code -eq 3 ] || exit $$code
	@$(BIN)/harness bench --shapes quick >/dev/null; code=$$?; [ $$code -eq 0 ] || [ $$code -eq 1 ] || exit $$code
	@echo "the report is in:"; $(BIN)/harness report

test: install    ## lint, types and all tests, under 10 minutes
	$(MAKE) --no-print-directory lint
	$(BIN)/python -m pytest

test-full: test  ## also the whole grid, random search and full-size layers, for five backends; about an hour
	$(BIN)/python -m conformance.witnesses --tier2-sample 200
	OMP_NUM_THREADS=1 $(BIN)/harness check numpy_fancy torch_native --tier 2 --jobs 2
	OMP_NUM_THREADS=1 NUMBA_NUM_THREADS=1 $(BIN)/harness check numba_tiled numba_winograd numba_loops --tier 2 --jobs 2
	$(BIN)/harness check numba_tiled numba_winograd numba_loops --tier 2 --threads 2
	OMP_NUM_THREADS=1 $(BIN)/harness check numba_tiled numpy_fancy torch_native matlab_loop --tier 3 --check values.random
	OMP_NUM_THREADS=1 $(BIN)/harness check numba_tiled numba_winograd --tier 4 --check values.layer

GOAL_RUNS = core-1 core-2 resnet50-1 vgg16-1 mobilenet_v1-1 alexnet-1 cifar10-1 mnist-1
VERSUS    = $(BIN)/harness compare --dtype float32 --shapes $${run%-*} --threads $${run\#\#*-}
goals: install   ## measure what backends/numba_tiled/README.md claims; 15 minutes, alone on the machine
	$(PIP) install -q onnxruntime
	for run in $(GOAL_RUNS); do \
	  $(VERSUS) numba_tiled torch_native --json results/goals/torch-$$run.json && \
	  $(VERSUS) numba_tiled backends/peers/numpy_sliding_window.py --ops im2col --json results/goals/numpy-$$run.json && \
	  $(VERSUS) numba_tiled backends/peers/onnx_runtime.py --ops conv2d --json results/goals/onnx-$$run.json && \
	  $(VERSUS) numba_winograd torch_native --ops conv2d,conv2d_input_grad --json results/goals/winograd-$$run.json \
	    || exit $$?; \
	done
	$(BIN)/harness compare numba_tiled torch_native --dtype float64 --shapes core --threads 1 --json results/goals/float64-core-1.json
	$(BIN)/python -m harness.report.goals

lint: install    ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:           ## remove the environment and caches, keep results
	rm -rf $(VENV) .asv .mypy_cache .ruff_cache .pytest_cache .hypothesis build *.egg-info
