# Two commands do all the set-up: `make report` runs the main job, `make test` runs the tests.
PYTHON ?= python3
VENV   ?= .venv
BIN     = $(VENV)/bin
EXTRAS ?= all-cpu
# Where torch comes from: empty takes PyPI's build (CUDA on Linux); see the README for CPU-only wheels.
TORCH_ARGS ?=
PIP     = $(BIN)/python -m pip --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help install report test test-more test-elsewhere test-cuda test-full planted faults diagnosed scoreboard goals ways account small-calls pooling training gpu gpu-there gpu-check gpu-core gpu-time gpu-goals docs dist sweep lint bytecode clean

help:            ## this list
	@grep -E '^[a-z-]+: .*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

install: $(VENV)/.installed  ## make the environment in .venv

# pip unpacks for half a minute without a word: a line every four seconds, as long as the shell lives that began it.
BEAT = (while sleep 4 >/dev/null 2>&1 && kill -0 $$$$ 2>/dev/null; do date '+installing, %T'; done) & trap "kill $$!" EXIT;
$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "harness: Python 3.11 or newer is needed, set PYTHON=")'
	@$(BEAT) $(PYTHON) -m venv $(VENV)
	@$(BEAT) $(PIP) install $(TORCH_ARGS) "$$(grep '^torch==' constraints.txt)"
	@$(BEAT) $(PIP) install -c constraints.txt -e '.[$(EXTRAS),witnesses,docs,dev]'
	@touch $@

# The most telling cases only: `harness check` asks forty times as many, and `make test` does.
# With the usual budget of two seconds a cell, half of the time would go to calls of a tenth of a second and more.
report: install  ## check every backend, measure the quick set, write results/report/index.html
	@$(BIN)/harness check --tier 0 --jobs 2 --json results/conformance.json; code=$$?; [ $$code -eq 0 ] || [ $$code -eq 1 ] || [ $$code -eq 3 ] || exit $$code
	@$(BIN)/harness bench --shapes quick --budget 0.3 >/dev/null; code=$$?; [ $$code -eq 0 ] || [ $$code -eq 1 ] || exit $$code
	@echo "the report is in:"; $(BIN)/harness report

# Three processes for two cores, as some tests wait; a second thread of each BLAS would only spin beside them, and so would
# the threads of OpenMP between two calls. Numba's compiler does less here, which takes a third less time; what it makes so
# is kept apart from what people use. Hundreds of processes import our packages, and three all tests: these are compiled
# once, on the core that mypy leaves free.
TESTING = PYTHONDONTWRITEBYTECODE= OPENBLAS_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE NUMBA_OPT=1 \
	  NUMBA_CACHE_DIR="$(CURDIR)/build/numba-tests" $(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder
test: install    ## lint, types and the tests, but for those below; under eight minutes
	@$(MAKE) --no-print-directory -j 2 lint bytecode
	$(TESTING) -m 'not (cuda or slow or heavy)' -k 'not ($(LEFT))'

ELSEWHERE = harness/tests/house/test_wheel.py harness/tests/house/test_release.py harness/tests/cli/clusters harness/tests/conformance/cluster
test-elsewhere: install ## of the heavy ones: the wheel in an empty environment, a cluster whose workers end, hang and lie
	$(TESTING) -m 'heavy and not slow' $(ELSEWHERE)

HEAVY = $(shell grep -rl --include='test_*.py' heavy harness conformance)
test-more: install ## the heavy ones: whole commands, pages in a browser, every form of a kernel
	$(BIN)/python -m compileall -q -x /tests/ harness backends conformance
	$(TESTING) -m 'heavy and not slow' $(HEAVY)

# The suite in other dtypes than float32, on hundreds of geometries for all but one backend, of Octave (.ci/run asks a part
# of it), and of pooling under a second name. `make test-full` has them.
LEFT = test_group and (not float32 or values.domain and not numba_tiled or octave_loop or pool2d and numba_winograd)

bytecode: install
	$(BIN)/python -m compileall -q -x /tests/ harness backends conformance
	PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest --collect-only -q >/dev/null || true  # what is wrong there is told by the tests

test-cuda: install  ## the CUDA kernels without a card: emulated, compiled to machine code; four minutes
	OPENBLAS_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE $(BIN)/python -m pytest -m cuda -n 2 --dist loadfile -k 'not $(PLANTED_CUDA)'

PLANTED_CUDA = test_cupy_kernels_faults

test-full: test test-more test-cuda  ## also the whole grid, random search and full-size layers, for five backends; about two hours
	$(BIN)/python -m pytest -m slow
	$(BIN)/python -m pytest conformance -k '$(LEFT)'
	$(BIN)/python -m pytest -m cuda -k '$(PLANTED_CUDA)'
	$(BIN)/python -m conformance.diagnosis.compare_libraries --tier2-sample 200
	$(MAKE) --no-print-directory planted
	OMP_NUM_THREADS=1 $(BIN)/harness check numpy_fancy torch_native --tier 2 --jobs 2
	OMP_NUM_THREADS=1 NUMBA_NUM_THREADS=1 $(BIN)/harness check numba_tiled numba_winograd numba_loops --tier 2 --jobs 2
	$(BIN)/harness check numba_tiled numba_winograd numba_loops --tier 2 --threads 2
	OMP_NUM_THREADS=1 $(BIN)/harness check numba_tiled numpy_fancy torch_native matlab_loop --tier 3 --check values.random
	OMP_NUM_THREADS=1 $(BIN)/harness check numba_tiled numba_winograd --tier 4 --check values.layer

PLANTED ?= --sample 100 --seed $(shell date -u +%Y%m%d) --jobs 2 --at-least 80
planted: install ## plant small faults in our own code, one at a time: how many do our tests notice? about an hour
	$(BIN)/python -m harness.tests.mutation $(PLANTED)

faults: install  ## put some thousands of faults into a right implementation, one at a time: which does the suite miss? half an hour
	@mkdir -p build
	$(BIN)/harness faults --jobs 2 --json build/power.json
	$(BIN)/python -m conformance.power.published build/power.json

diagnosed: install  ## diagnose a sample of these faults: how often is what is said of them so? twenty minutes
	@mkdir -p build
	$(BIN)/harness faults --diagnose --sample 280 --jobs 2 --json build/diagnosis.json
	$(BIN)/python -m conformance.power.published build/diagnosis.json

# Exit codes: 1, something is not as listed (the page says what); 3, a library cannot be installed here.
PEERS      ?=
SCOREBOARD ?=
scoreboard: install ## other libraries: installed by themselves, judged, timed, told in docs/scoreboard.md; an hour and a half, JAX and tinygrad most
	$(BIN)/python -m harness.cli.scoreboard $(PEERS) $(SCOREBOARD)

# Of the kind of CPU that this is: each has goals and results of its own.
GOAL_RUNS = core-1 core-2 resnet50-1 vgg16-1 mobilenet_v1-1 alexnet-1 cifar10-1 mnist-1
GOALS     = results/goals/$(shell grep -qs avx512f /proc/cpuinfo && echo avx512 || echo avx2)
# One process: a mean over many layers needs no verdict on each.
VERSUS    = $(BIN)/harness compare --dtype float32 --processes 1 --pairs 11 --shapes $${run%-*} --threads $${run\#\#*-}
GOAL_OPS  = im2col,col2im,conv2d,conv2d_input_grad,conv2d_weight_grad
goals: install   ## measure what backends/numba_tiled/README.md claims; 40 minutes, alone on the machine
	$(PIP) install -q onnxruntime
	for run in $(GOAL_RUNS); do \
	  $(VERSUS) numba_tiled torch_native --ops $(GOAL_OPS) --json $(GOALS)/torch-$$run.json && \
	  $(VERSUS) numba_tiled backends/peers/numpy_sliding_window.py --ops im2col --json $(GOALS)/numpy-$$run.json && \
	  $(VERSUS) numba_tiled backends/peers/onnx_runtime.py --ops conv2d --json $(GOALS)/onnx-$$run.json && \
	  $(VERSUS) numba_winograd torch_native --ops conv2d,conv2d_input_grad --json $(GOALS)/winograd-$$run.json \
	    || exit $$?; \
	done
	$(BIN)/harness compare numba_tiled torch_native --dtype float64 --processes 1 --pairs 11 --shapes core --threads 1 --json $(GOALS)/float64-core-1.json
	$(BIN)/python -m harness.report.goals $(GOALS) backends/numba_tiled/README.md

sweep: install   ## a million geometries of the wide grid on two local workers, into results/cluster; ten minutes
	$(BIN)/harness check numpy_fancy --sweep 1000000 --ops im2col --dtype float32 --scheduler local:2 --json results/cluster/sweep.json

ways: install    ## time every way of a product, which the choice among them is held to; 5 minutes, alone on the machine
	$(BIN)/python docs/measure_ways.py results/ways

account: install ## which part of conv2d takes how much of its time; 3 minutes, alone on the machine
	$(BIN)/python docs/measure_account.py results/account backends/numba_tiled/README.md

small-calls: install ## time the smallest calls of numba_tiled, first calls and a check with nothing compiled; 4 minutes, alone on the machine
	$(BIN)/python docs/measure_small_calls.py results/small_calls

POOLINGS = max_pool2d,max_pool2d_grad,avg_pool2d,avg_pool2d_grad,avg_pool2d_exclude_padding,avg_pool2d_exclude_padding_grad
pooling: install ## measure what backends/numba_tiled/README.md claims of pooling; ten minutes, alone on the machine
	for threads in 1 2; do \
	  $(BIN)/harness compare numba_tiled torch_native --dtype float32 --shapes pools --ops $(POOLINGS) --threads $$threads --processes 1 \
	    --json results/pooling/pools-$$threads.json || exit $$?; \
	done
	$(BIN)/python -m harness.report.goals results/pooling backends/numba_tiled/README.md

# The plain loops would take three quarters of an hour, so they are stopped after two minutes, which is exit code 3; their time
# of an epoch is predicted from a slice.
LEARNING = naive_loops matlab_loop numpy_fancy numba_loops numba_tiled numba_winograd torch_native
training: install ## train a network on every backend, time an epoch, into results/train.json; ten minutes, alone on the machine
	$(BIN)/harness train $(LEARNING) --budget 120 --time --json results/train.json; code=$$?; [ $$code -eq 0 ] || [ $$code -eq 3 ]

# On a machine with an NVIDIA card. Nothing is installed: GPU_PYTHON is any Python from 3.11 on that has what pyproject.toml
# asks for, CuPy and torch. Results go to GPU_DIR, comparisons under names of their own in each run, the table of goals to
# GPU_README. Every step runs, whatever became of the one before; the exit code is not 0 if one failed.
GPU_PYTHON ?= python3
GPU_DIR    ?= results/gpu
GPU_README ?= backends/cupy_kernels/README.md
GPU_STAMP  := $(shell date -u +%Y%m%dT%H%M%S)
GPU_MODULE  = PYTHONPATH=$(CURDIR) $(GPU_PYTHON) -m
GPU         = $(GPU_MODULE) harness
GPU_OURS   ?= cupy_kernels cupy_chunked cupy_implicit cupy_implicit_tf32
GPU_TRITON ?= triton_columns
GPU_PEERS  ?= torch_native_cuda torch_native_cuda_tf32
# The first against each of the others, measured together.
GPU_COLUMNS ?= cupy_kernels torch_native_cuda
GPU_TF32    ?= cupy_implicit_tf32 torch_native_cuda_tf32
GPU_STRICT  ?= torch_native_cuda cupy_implicit cupy_chunked cupy_kernels
GPU_LAYERS  ?= --shapes resnet50 --batch 32
GPU_CORE    ?= --shapes core
# Just beyond 2^31 elements of x (8.6 GB), where torch leaves its fast path (pytorch#128936). Few pixels would not do: it
# is x that must be large, so the host's part (data, the check of the result) is a minute or two and 45 GiB whatever the
# stride; it is one op and one pair for that reason.
GPU_HUGE    ?= --shapes n64c128h513w513_f64kh3kw3_sh2sw2
GPU_BEYOND  ?= cupy_implicit torch_native_cuda
CONVS        = conv2d,conv2d_input_grad,conv2d_weight_grad
VERSUS_GPU   = $(GPU) compare --dtype float32

gpu: gpu-there   ## conformance and times of the CUDA backends, on a machine with a card; in two halves, each meant to take under 10 minutes
	@code=0; for part in gpu-check gpu-core gpu-time; do \
	  $(MAKE) --no-print-directory $$part GPU_STAMP=$(GPU_STAMP) || code=$$?; done; exit $$code

gpu-there:
	@$(GPU_MODULE) harness.cli.gpu $(GPU_OURS) $(GPU_PEERS)

gpu-check: gpu-there  ## first half: conformance of the CUDA backends
	@$(GPU) check $(GPU_OURS) $(GPU_TRITON) $(GPU_PEERS) --json $(GPU_DIR)/conformance.json

gpu-core: gpu-there   ## first half: the core set, and the report in results/gpu/report
	@code=0; $(GPU) bench $(GPU_OURS) $(GPU_PEERS) $(GPU_CORE) --no-asv --results $(GPU_DIR) || code=$$?; \
	$(GPU) report --results $(GPU_DIR) --out $(GPU_DIR)/report || code=$$?; exit $$code

gpu-time: gpu-there   ## second half: ResNet-50 and one layer beyond 2^31 elements against torch
	@code=0; \
	$(VERSUS_GPU) $(GPU_COLUMNS) $(GPU_LAYERS) --ops im2col,col2im --json $(GPU_DIR)/$(GPU_STAMP)-columns.json || code=$$?; \
	$(VERSUS_GPU) $(GPU_TRITON) torch_native_cuda $(GPU_CORE) --ops im2col,col2im --processes 1 \
	  --json $(GPU_DIR)/$(GPU_STAMP)-triton.json || code=$$?; \
	$(VERSUS_GPU) $(GPU_TF32) $(GPU_LAYERS) --ops $(CONVS) --json $(GPU_DIR)/$(GPU_STAMP)-tf32.json || code=$$?; \
	$(VERSUS_GPU) $(GPU_STRICT) $(GPU_LAYERS) --ops $(CONVS) --json $(GPU_DIR)/$(GPU_STAMP)-strict.json || code=$$?; \
	$(VERSUS_GPU) $(GPU_BEYOND) $(GPU_HUGE) --ops conv2d --pairs 5 --allocator default \
	  --json $(GPU_DIR)/$(GPU_STAMP)-beyond.json || code=$$?; \
	$(MAKE) --no-print-directory gpu-goals || code=$$?; exit $$code

gpu-goals:       ## the goals beside what results/gpu holds, into the README of the CUDA backends
	@$(GPU_MODULE) harness.report.goals $(GPU_DIR) $(GPU_README)

docs: install    ## the documentation as a site, in build/site; links are checked
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

dist:            ## wheel and sdist in dist/, checked: the wheel is built from the sdist
	$(PYTHON) -m venv build/dist
	build/dist/bin/python -m pip --disable-pip-version-check install -q build twine
	rm -rf dist
	build/dist/bin/python -m build --outdir dist .
	build/dist/bin/python -m twine check --strict dist/*

lint: install    ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:           ## remove the environment and caches, keep results
	rm -rf $(VENV) .asv .mypy_cache .ruff_cache .pytest_cache .hypothesis build *.egg-info
