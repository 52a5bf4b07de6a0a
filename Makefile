# `make help` lists the targets. Written for GNU make 3.81, which macOS has, and later.

DATASETS ?= $(if $(filter paper%,$(PROFILE)),veri vehicleid,rendered-veri rendered-vehicleid)
SEEDS    ?= 0 1 2
PROFILE  ?= rendered
PRECISION ?= float32
VENV     ?= .venv
# Side by side: one training a GPU, else one a core, each with a single thread. Two such
# trainings use two cores about twice as well as one training with two threads.
# CUDA_VISIBLE_DEVICES, where it is set, names the GPUs: none, or a number below 0, hides them all.
comma    := ,
GPUS     := $(if $(filter undefined,$(origin CUDA_VISIBLE_DEVICES)),$(shell nvidia-smi -L 2>&1 \
            | sed -n 's/^GPU \([0-9]*\):.*/\1/p'),$(filter-out \
            -%,$(subst $(comma), ,$(CUDA_VISIBLE_DEVICES))))
JOBS     ?= $(if $(GPUS),$(words $(GPUS)),$(shell getconf _NPROCESSORS_ONLN))
# An empty one would be this folder itself, with its notebooks.
override RNNHA_RESULTS := $(or $(RNNHA_RESULTS),results)
export RNNHA_RESULTS
export RNNHA_GPUS := $(GPUS)

# The environment is set up when requirements.lock has new content, not when it is touched.
# `make PYTHON=python ...` uses that Python as it is (conda: environment.yml), and sets up none.
ifeq ($(origin PYTHON),command line)
READY    :=
else
PYTHON   := $(VENV)/bin/python
READY    := $(VENV)/ready-$(firstword $(shell cksum < requirements.lock))
endif

RNNHA    := "$(PYTHON)" -m rnnha
# glibc hands each large tensor back to the system; kept, a training step is a fifth faster.
SINGLE   := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 \
            MALLOC_MMAP_THRESHOLD_=1073741824 MALLOC_TRIM_THRESHOLD_=4294967296
STRIP    := "$(PYTHON)" -m nbstripout --extra-keys \
            "metadata.papermill cell.metadata.papermill cell.metadata.execution"

.DEFAULT_GOAL := help
# A make inside make has a PLAN; what it names must not come from anywhere else.
ifeq ($(origin PLAN),command line)
$(foreach name,TRAIN TABLES CHAPTERS REPORT,$(eval $(name) :=))
include $(PLAN)
endif
.PHONY: help setup data reproduce smoke tables notebooks explorer status attention accept lab test lint bench faults audit \
        study report slides \
        clean strip lock everything the-tables the-report $(TRAIN:%=run/%) $(CHAPTERS:%=chapter/%)

help: ## show this list
	@sed -n 's/^\([a-z]*\):.*## /  make \1	/p' Makefile | expand -t 18
	@echo; echo "Variables, with what they are now:"
	@echo "  DATASETS='$(DATASETS)' SEEDS='$(SEEDS)'"
	@echo "  ROWS='$(ROWS)' (none: all; or poster, ablation, released) PROFILE=$(PROFILE) JOBS=$(JOBS)"
	@echo "  PRECISION=$(PRECISION) (bfloat16: mixed precision, where it is faster)"
	@echo "  FORCE=1 trains again what is finished"

setup: $(READY) ## make .venv (TORCH_INDEX=https://download.pytorch.org/whl/cpu: without CUDA)

data: $(READY) ## unpack the shipped rendered sets
	@$(RNNHA) data

# --- the runs, then all that is made of them ---

# What is left to do is decided by Python, by what files hold, and written as the fragment PLAN:
# TRAIN (data set/row/seed, each after its stage 0), TABLES, CHAPTERS with parameters, REPORT.
ASKED    = --datasets $(DATASETS) --seeds $(SEEDS) $(if $(ROWS),--rows $(ROWS)) --profile $(PROFILE)
LEFT     = $(RNNHA) status --make $(if $(FORCE),--force)
ROOM     = "$$RNNHA_RESULTS"
# One a make, so that two of them side by side do not read each other's.
PLANNED := build/plan-$(shell echo $$PPID).mk
INSIDE   = $(MAKE) --no-print-directory PLAN=$(PLANNED)

reproduce: data ## train, score and show everything; goes on where an earlier call stopped
	@$(SINGLE) $(RNNHA) status --plan $(if $(FORCE),--force) --jobs $(JOBS) \
	  --precision $(PRECISION) $(ASKED)
	@mkdir -p build && $(LEFT) $(ASKED) > $(PLANNED)
	@$(INSIDE) -j$(JOBS) everything; code=$$?; rm -f $(PLANNED); exit $$code
	@$(RNNHA) tables --compare
	@echo
	@echo "tables and figures  "$(ROOM)/tables, $(ROOM)/figures
	@pages=$(ROOM)/report; [ $(ROOM) -ef results ] && pages=build/report; \
	  echo "the report          $$pages/index.html, $$pages.zip"
	@echo "the runs            "$(ROOM)"/runs/<data set>/<row>/seed<k>"

# The numbers mean nothing: does the whole chain work?
smoke: RNNHA_RESULTS := build/smoke
smoke: data ## the whole chain on a few vehicles, into build/smoke (3 minutes)
	@rm -rf build/smoke && mkdir -p build/smoke
	@$(LEFT) --profile smoke --seeds 0 --datasets rendered-veri --rows fc-ha rnn-h rnn-ha untrained \
	  > build/smoke/plan.mk
	@$(LEFT) --profile smoke --seeds 0 --datasets rendered-vehicleid --rows rnn-ha \
	  >> build/smoke/plan.mk
	@$(INSIDE) PLAN=build/smoke/plan.mk RNNHA_RESULTS=build/smoke PROFILE=smoke FORCE= \
	  CHAPTERS="03_table_veri 05_attention_maps" -j$(JOBS) everything

everything: the-report
	@$(if $(REPORT),,echo "Nothing to do: all runs, tables, notebooks and the report are there.")

part     = $(word $1,$(subst /, ,$*))
$(TRAIN:%=run/%): run/%: | $(READY)
	@$(SINGLE) $(RNNHA) notebook notebooks/02_train.ipynb \
	  $(ROOM)/runs/$(call part,1)/$(call part,2)/seed$(call part,3)/02_train.ipynb \
	  -p dataset $(call part,1) -p experiment $(call part,2) -p seed $(call part,3) \
	  -p profile $(PROFILE) -p precision $(PRECISION) $(if $(FORCE),-p force True)

the-tables: $(TRAIN:%=run/%)
	@$(if $(TABLES),$(SINGLE) $(RNNHA) tables --source runs)

$(CHAPTERS:%=chapter/%): chapter/%: the-tables
	@$(SINGLE) $(RNNHA) notebook notebooks/$*.ipynb $(ROOM)/notebooks/$*.ipynb $(FOR_$*)

the-report: the-tables $(CHAPTERS:%=chapter/%)
	@$(if $(REPORT),$(RNNHA) report)

# --- parts of it, by hand ---

tables: $(READY) ## rebuild tables and figures from the committed small results (seconds)
	@$(RNNHA) tables

notebooks: data ## execute the notebooks over the finished runs
	@mkdir -p build && $(LEFT) --finished --datasets $(DATASETS) > $(PLANNED)
	@$(INSIDE) TRAIN= TABLES= $(EXPORT) -j$(JOBS) everything; code=$$?; \
	  rm -f $(PLANNED); exit $$code

report: explorer ## the report, with the explorer: build/report, and build/report.zip to send
	@$(MAKE) --no-print-directory notebooks EXPORT=REPORT=yes

slides: data ## the lesson's figures (SVG, PNG) and a deck of slides, into build/slides
	@$(RNNHA) slides

explorer: data ## a page to play with attention maps, build/explorer.html (FLAGS="--out FILE")
	@$(SINGLE) $(RNNHA) explorer $(FLAGS)

status: $(READY) ## which runs are finished, unfinished, missing or stale, and why
	@$(RNNHA) status $(ASKED)

attention: data ## measure the maps of the finished runs, a quarter of a minute each; then the tables
	@$(SINGLE) $(RNNHA) maps --datasets $(DATASETS) --seeds $(SEEDS) $(if $(ROWS),--rows $(ROWS))
	@$(RNNHA) tables --source runs

accept: $(READY) ## take the finished runs as the reference; write the shipped networks
	@$(RNNHA) accept

lab: data ## open the notebooks in JupyterLab (FLAGS="--no-browser --port 8890")
	@"$(PYTHON)" -m jupyterlab $(if $(filter 0,$(shell id -u)),--allow-root) $(FLAGS) notebooks

test: $(READY) ## all tests, the smoke run among them
	@"$(PYTHON)" -m pytest -q

lint: $(READY) ## ruff, the rooms' order of imports, and no outputs in notebooks (make strip)
	@"$(PYTHON)" -m ruff check .
	@"$(PYTHON)" -m ruff format --check .
	@"$(PYTHON)" -c "from importlinter.cli import lint_imports_command as lint; lint()"
	@$(STRIP) --verify notebooks/*.ipynb

strip: $(READY) ## take outputs and execution marks out of the notebooks
	@$(STRIP) notebooks/*.ipynb

# The peers' compiled scorer fits the Python and NumPy that it was built with, those of .venv-bench.
KEEP     = $(if $(WRITE),--write)
bench: data ## speed: start-up, scoring beside its peers, sets of real size, training, explorer (WRITE=1)
	@PYTHONPATH=. "$(PYTHON)" bench/start.py $(KEEP)
	@"$(PYTHON)" bench/peers.py
	@PYTHONPATH=. .venv-bench/bin/python bench/scoring.py $(KEEP)
	@PYTHONPATH=. "$(PYTHON)" bench/full_size.py $(KEEP)
	@PYTHONPATH=. "$(PYTHON)" bench/training.py $(KEEP)
	@PYTHONPATH=. "$(PYTHON)" bench/explorer.py $(KEEP)

# Twenty-odd minutes, and not part of the tests.
faults: data ## bad input, kills, full disks and races, in numbers (WRITE=1: docs/reliability.md)
	@PYTHONPATH=. "$(PYTHON)" bench/faults.py $(KEEP)

# Shots without cues are rendered for it.
audit: data ## is the rendered set what docs/data.md asks for? (5 minutes; needs the extra `render`)
	@"$(PYTHON)" -m rendering rendered-veri --audit

# More than half of it is rendering. What has its file in results/study is done.
study: $(READY) ## when does attention help? docs/study.md (about 6 hours on two cores; LEVELS="base size-low")
	@$(SINGLE) "$(PYTHON)" -m study $(if $(LEVELS),--levels $(LEVELS))

lock: ## resolve pyproject.toml into requirements.lock anew (needs uv; UPGRADE=1: newest)
	uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 \
	  --fork-strategy fewest --no-annotate --no-header --quiet $(if $(UPGRADE),--upgrade) \
	  --output-file requirements.lock

# In build/, what took hours: renders, and runs: of the study and of benchmarks, and those that
# RNNHA_RESULTS has put there, but for the smoke chain's.
MADE     = study learnable viewpoints bfloat16
clean: ## remove caches and build/, never data or renders; RUNS=1 removes the runs too
	rm -rf .pytest_cache .ruff_cache .import_linter_cache *.egg-info
	test ! -d build || find build -mindepth 1 -maxdepth 1 ! -name render \
	  $(if $(filter 1,$(RUNS)),,$(MADE:%=! -name %) \( -name smoke -o ! -exec test -d {}/runs \; \)) \
	  -exec rm -rf {} +
	@rmdir build 2>/dev/null || true
	find rnnha rendering study tests bench -name __pycache__ -prune -exec rm -rf {} +
	$(if $(filter 1,$(RUNS)),rm -rf $(ROOM)/runs $(ROOM)/notebooks $(ROOM)/report $(ROOM)/report.zip)
	@$(if $(filter 1,$(RUNS)),,echo "kept: data, .venv and the runs (make clean RUNS=1 removes them);" \
	  "make report writes the report anew")

# --- the environment ---

INSTALL = "$(PYTHON)" -m pip install --disable-pip-version-check

$(VENV)/ready-%:
	@"$(PYTHON)" -m pip --version >/dev/null 2>&1 || { \
	  found=`sh scripts/find-python.sh` && echo "Making $(VENV) with $$found" && \
	  $$found -m venv --clear $(VENV); }
	@echo "Installing requirements.lock into $(VENV)"
	@sed '$(if $(TORCH_INDEX),/^nvidia-/d;/^cuda-/d;/^triton/d)' requirements.lock \
	  > $(VENV)/requirements.txt
	@$(INSTALL) -r $(VENV)/requirements.txt $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX))
	@$(INSTALL) --quiet --no-deps --no-build-isolation -e .
	@"$(PYTHON)" -m pip check
	@rm -f $(VENV)/ready-* && touch $@
