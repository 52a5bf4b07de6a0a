# `make help` lists the targets. Written for GNU make 3.81, which macOS has, and later.

DATASETS ?= $(if $(filter paper%,$(PROFILE)),veri vehicleid,rendered-veri rendered-vehicleid)
SEEDS    ?= 0 1 2
PROFILE  ?= rendered
PRECISION ?= float32
ROWS     ?=
RESULTS  ?= $(or $(RNNHA_RESULTS),results)
BUILD    ?= build
VENV     ?= .venv
SMOKE    ?= build/smoke
# Side by side: one training a GPU, else one a core, each with a single thread. Two such
# trainings use two cores about twice as well as one training with two threads.
comma    := ,
GPUS     := $(if $(CUDA_VISIBLE_DEVICES),$(subst $(comma), ,$(CUDA_VISIBLE_DEVICES)),$(shell \
            nvidia-smi -L 2>/dev/null | sed -n 's/^GPU \([0-9]*\):.*/\1/p'))
JOBS     ?= $(if $(GPUS),$(words $(GPUS)),$(shell getconf _NPROCESSORS_ONLN))
export RNNHA_GPUS := $(GPUS)

# The environment is set up when requirements.lock has new content, not when it is touched.
# `make PYTHON=python ...` uses that Python as it is (conda: environment.yml), and sets up none.
ifeq ($(origin PYTHON),command line)
READY    :=
else
PYTHON   := $(VENV)/bin/python
READY    := $(VENV)/ready-$(firstword $(shell cksum < requirements.lock))
endif

RNNHA    := $(PYTHON) -m rnnha
# glibc hands each large tensor back to the system; kept, a training step is a fifth faster.
SINGLE   := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 \
            MALLOC_MMAP_THRESHOLD_=1073741824 MALLOC_TRIM_THRESHOLD_=4294967296
STRIP    := $(PYTHON) -m nbstripout --extra-keys \
            "metadata.papermill cell.metadata.papermill cell.metadata.execution"
export RNNHA_RESULTS := $(RESULTS)

# A make inside make passes PLAN: a file with the runs that are wanted. By hand there is none,
# and the tables and notebooks take the runs that are finished.
RUN_DIR  := $(RESULTS)/runs
ifdef PLAN
-include $(PLAN)
else
WANTED   := $(patsubst $(RUN_DIR)/%/metrics.csv,%,$(wildcard $(RUN_DIR)/*/*/seed*/metrics.csv))
endif
METRICS  := $(WANTED:%=$(RUN_DIR)/%/metrics.csv)
LOGS     := $(WANTED:%=$(RUN_DIR)/%/02_train.ipynb)
# The chapters that the wanted runs can fill, each about the first fitting data set and seed.
LIKE_VEHICLEID := $(filter vehicleid rendered-vehicleid,$(DATASETS))
LIKE_VERI      := $(filter veri rendered-veri,$(DATASETS))
SHOWN    := $(firstword $(foreach d,$(DATASETS),$(filter $(d)/rnn-ha/%,$(WANTED))))
# Chapter 00 needs to know model and paint, which rendered sets tell.
LESSON   := $(firstword $(foreach d,$(DATASETS),$(filter rendered-%,$(filter $(d)/rnn-ha/%,$(WANTED)))))
CHAPTERS ?= $(if $(LESSON),00_coarse_to_fine) 01_explore_data $(if $(LIKE_VERI),03_table_veri) \
            $(if $(LIKE_VEHICLEID),04_table_vehicleid) $(if $(SHOWN),05_attention_maps)
PAGES    := $(CHAPTERS:%=$(RESULTS)/notebooks/%.ipynb)
about    = $(word $1,$(subst /, ,$(SHOWN)))
TABLES_FROM = $(if $(METRICS),-p source runs)
FOR_00_coarse_to_fine  = -p dataset $(firstword $(subst /, ,$(LESSON)))
FOR_01_explore_data    = -p dataset $(firstword $(DATASETS))
FOR_03_table_veri      = -p dataset $(firstword $(LIKE_VERI)) $(TABLES_FROM)
FOR_04_table_vehicleid = -p dataset $(firstword $(LIKE_VEHICLEID)) $(TABLES_FROM)
FOR_05_attention_maps  = -p dataset $(call about,1) -p experiment $(call about,2) \
                         -p seed $(patsubst seed%,%,$(call about,3))

.DEFAULT_GOAL := help
# All files are written by rename, so make must not delete a finished run when it is interrupted.
.PRECIOUS: $(RUN_DIR)/%/metrics.csv
.PHONY: help setup data reproduce smoke tables notebooks status accept lab test lint bench \
        report clean strip lock everything smoke-chain FORCE

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo "Variables, with what they are now:"
	@echo "  DATASETS='$(DATASETS)' SEEDS='$(SEEDS)'"
	@echo "  ROWS='$(ROWS)' (none: all) PROFILE=$(PROFILE) JOBS=$(JOBS)"
	@echo "  PRECISION=$(PRECISION) (bfloat16: mixed precision, where it is faster)"
	@echo "  FORCE=1 trains again what is finished"

setup: $(READY) ## make .venv (TORCH_INDEX=https://download.pytorch.org/whl/cpu: without CUDA)

data: $(READY) ## unpack the shipped rendered sets
	@$(RNNHA) data

# --- the runs, then all that is made of them ---

# What the command `rnnha status` is asked about.
ASKED = --datasets $(DATASETS) --seeds $(SEEDS) $(if $(ROWS),--rows $(ROWS)) --profile $(PROFILE)
# Lines "dataset row seed stage0" become the fragment PLAN: the runs, each after its stage 0 if any.
FRAGMENT = awk -v runs='$(RUN_DIR)' '{ run = $$1 "/" $$2 "/seed" $$3; print "WANTED += " run } \
  $$4 != "-" { stage0 = $$1 "/" $$4 "/seed" $$3; \
               print runs "/" run "/metrics.csv: | " runs "/" stage0 "/metrics.csv" }'
INSIDE   = $(MAKE) --no-print-directory PLAN=$(BUILD)/plan.mk

reproduce: data ## train, score and show everything; goes on where an earlier call stopped
	@mkdir -p $(BUILD)
	@$(RNNHA) status --targets $(ASKED) > $(BUILD)/plan.txt
	@$(FRAGMENT) $(BUILD)/plan.txt > $(BUILD)/plan.mk
	@if $(INSIDE) -q everything 2>/dev/null; then \
	  echo "Nothing to do: all runs, tables, notebooks and the report are there."; \
	  $(RNNHA) status $(ASKED) | grep stale || true; \
	else \
	  $(SINGLE) $(RNNHA) status --plan --jobs $(JOBS) $(ASKED) && $(INSIDE) -j$(JOBS) everything; \
	fi
	@$(RNNHA) tables --compare
	@echo
	@echo "tables and figures  $(RESULTS)/tables, $(RESULTS)/figures"
	@echo "executed notebooks  $(RESULTS)/report/index.html"
	@echo "the runs            $(RUN_DIR)/<data set>/<row>/seed<k>"

# The whole chain on a few vehicles: does it work? The numbers mean nothing.
SMOKE_PLAN = $(RNNHA) status --targets --profile smoke --seeds 0
smoke: data ## the whole chain on a small part of the sets, into build/smoke (3 minutes)
	@rm -rf $(SMOKE) && mkdir -p $(SMOKE)
	@$(SMOKE_PLAN) --datasets rendered-veri --rows fc-ha rnn-h rnn-ha untrained > $(SMOKE)/plan.txt
	@$(SMOKE_PLAN) --datasets rendered-vehicleid --rows rnn-ha >> $(SMOKE)/plan.txt
	@$(MAKE) --no-print-directory BUILD=$(SMOKE) RESULTS=$(SMOKE) PROFILE=smoke FORCE= \
	  CHAPTERS="03_table_veri 05_attention_maps" smoke-chain

smoke-chain:
	@$(FRAGMENT) $(BUILD)/plan.txt > $(BUILD)/plan.mk
	@$(INSIDE) -j$(JOBS) everything

everything: $(LOGS) $(RESULTS)/report/index.html

# A run is complete when metrics.csv is there. A finished run is never old: order-only.
word-of  = $(word $1,$(subst /, ,$*))
TRAIN    = $(SINGLE) $(RNNHA) notebook notebooks/02_train.ipynb $(@D)/02_train.ipynb \
           -p dataset $(call word-of,1) -p experiment $(call word-of,2) \
           -p seed $(patsubst seed%,%,$(call word-of,3)) -p profile $(PROFILE) \
           -p precision $(PRECISION)
$(RUN_DIR)/%/metrics.csv: $(if $(FORCE),FORCE) | $(READY)
	@$(TRAIN) $(if $(FORCE),-p force True)

# The notebook is written after metrics.csv; a kill between the two leaves it missing.
$(RUN_DIR)/%/02_train.ipynb: | $(RUN_DIR)/%/metrics.csv
	@test -e $@ || $(TRAIN)

$(BUILD)/tables.made: $(METRICS) | $(READY)
	@$(SINGLE) $(RNNHA) tables --source runs && mkdir -p $(@D) && touch $@

# The tables in notebooks 03 and 04 are those of the runs, as soon as there are any.
$(PAGES): $(RESULTS)/notebooks/%.ipynb: notebooks/%.ipynb $(BUILD)/tables.made
	@$(SINGLE) $(RNNHA) notebook $< $@ $(FOR_$*)

$(RESULTS)/report/index.html: $(PAGES) $(LOGS)
	@$(RNNHA) report

# --- parts of it, by hand ---

tables: $(READY) ## rebuild tables and figures from the committed small results (seconds)
	@$(RNNHA) tables

notebooks: data ## execute the notebooks over the finished runs
	@$(MAKE) --no-print-directory -j$(JOBS) $(PAGES)

report: $(READY) ## one static HTML report of the executed notebooks
	@$(RNNHA) report

status: $(READY) ## which runs are finished, unfinished, missing or stale, and why
	@$(RNNHA) status $(ASKED)

accept: $(READY) ## take the finished runs as the reference; write the shipped checkpoint
	@$(RNNHA) accept

lab: data ## open the notebooks in JupyterLab
	@$(PYTHON) -m jupyterlab notebooks

test: $(READY) ## all tests, the smoke run among them
	@$(PYTHON) -m pytest -q

lint: $(READY) ## ruff, and no outputs in notebooks (make strip takes them out)
	@$(PYTHON) -m ruff check .
	@$(STRIP) --verify notebooks/*.ipynb

strip: $(READY) ## take outputs and execution marks out of the notebooks
	@$(STRIP) notebooks/*.ipynb

# The peers' compiled scorer fits the Python and NumPy that it was built with, those of .venv-bench.
KEEP     = $(if $(WRITE),--write)
bench: $(READY) ## speed: scoring beside its peers, sets of real size, training (WRITE=1 keeps it)
	@$(PYTHON) benchmarks/peers.py
	@PYTHONPATH=. .venv-bench/bin/python benchmarks/scoring.py $(KEEP)
	@PYTHONPATH=. $(PYTHON) benchmarks/full_size.py $(KEEP)
	@PYTHONPATH=. $(PYTHON) benchmarks/training.py $(KEEP)

lock: ## resolve pyproject.toml into requirements.lock anew (needs uv; UPGRADE=1: newest)
	uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 \
	  --fork-strategy fewest --no-annotate --no-header --quiet $(if $(UPGRADE),--upgrade) \
	  --output-file requirements.lock

clean: ## remove caches and build/, never data or renders; RUNS=1 removes the runs too
	rm -rf .pytest_cache .ruff_cache *.egg-info
	test ! -d build || find build -mindepth 1 -maxdepth 1 ! -name render -exec rm -rf {} +
	@rmdir build 2>/dev/null || true
	find rnnha tests benchmarks -name __pycache__ -prune -exec rm -rf {} +
	$(if $(filter 1,$(RUNS)),rm -rf $(RUN_DIR) $(RESULTS)/notebooks $(RESULTS)/report)
	@$(if $(filter 1,$(RUNS)),,echo "kept: data, .venv and $(RUN_DIR) (make clean RUNS=1 removes the runs)")

# --- the environment ---

WHERE_PYTHON = Install one: \
  Debian and Ubuntu: sudo apt install python3 python3-venv; macOS: brew install python@3.13; \
  else https://www.python.org/downloads
INSTALL = $(PYTHON) -m pip install --disable-pip-version-check

$(VENV)/ready-%:
	@$(PYTHON) -m pip --version >/dev/null 2>&1 || { \
	  found=; lacking=; other=; \
	  for python in python3.13 python3.12 python3.11 python3 python; do \
	    version=`$$python -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null`; \
	    case "$$version" in \
	      '') ;; \
	      3.11|3.12|3.13) \
	        if $$python -c 'import ensurepip, venv' 2>/dev/null; then found=$$python; break; fi; \
	        lacking=$$version ;; \
	      *) other="$$other $$python is $$version;" ;; \
	    esac; \
	  done; \
	  if [ -z "$$found" ]; then \
	    if [ -n "$$lacking" ]; then \
	      echo "Python $$lacking is here, but not its venv module." \
	        "Debian and Ubuntu: sudo apt install python$$lacking-venv"; \
	    else \
	      echo "This needs Python 3.11, 3.12 or 3.13;$${other:- none is here.} $(WHERE_PYTHON)"; \
	    fi >&2; \
	    exit 1; \
	  fi; \
	  echo "Making $(VENV) with $$found $$version"; \
	  $$found -m venv --clear $(VENV); \
	}
	@echo "Installing requirements.lock into $(VENV)"
	@sed '$(if $(TORCH_INDEX),/^nvidia-/d;/^cuda-/d;/^triton/d)' requirements.lock \
	  > $(VENV)/requirements.txt
	@$(INSTALL) -r $(VENV)/requirements.txt $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX))
	@$(INSTALL) --quiet --no-deps --no-build-isolation -e .
	@$(PYTHON) -m pip check
	@rm -f $(VENV)/ready-* && touch $@
