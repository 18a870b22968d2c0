# make            a virtual environment in .venv with everything in requirements.lock, and hansei itself
# make demo       the loop on the town
# make test       ruff, import-linter, mypy, pytest
# TORCH_INDEX=URL another package index for torch alone, such as one that serves its small CPU wheel

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := install
.PHONY: install venv demo test lint docs bench lock clean

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
TORCH_INDEX ?=
# Pinned in the lock, without a local version such as +cpu, so that either index can serve it.
TORCH := torch==2.13.0
# An index that lacks a package makes pip warn once a package; such a line says nothing to the reader.
QUIET = 2> >(grep -v "is ignored: it is neither a file nor a directory" >&2 || true)

# pip would compile every module there is; only what hansei imports is compiled (and so found to work).
COMPILED = from hansei.cli import main; main(['papers', '--help']); import hansei.loop.flow, scipy.stats, jinja2; \
  from trl import DPOTrainer, RewardTrainer, RLOOTrainer, SFTTrainer; from transformers import LlamaForCausalLM

install venv: $(STAMP)

$(STAMP): requirements.lock pyproject.toml
	@python=$$(command -v python3.11 || command -v python3 || true); \
	if [ -z "$$python" ] || ! "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then \
	  echo "hansei needs Python 3.11 or newer: install python3.11 with its venv module (Debian: python3 python3-venv)" >&2; exit 2; \
	fi; \
	case "$$python" in *python3.11) ;; *) echo "no python3.11 here: using $$("$$python" --version)" ;; esac; \
	"$$python" -m venv $(VENV)
	@echo "installing requirements.lock into $(VENV); this takes a few minutes the first time"
	@if [ -n "$(TORCH_INDEX)" ]; then \
	  $(BIN)/pip install --quiet --no-compile --no-deps --index-url "$(TORCH_INDEX)" "$(TORCH)" $(QUIET); \
	fi
	@$(BIN)/pip install --quiet --no-compile -r requirements.lock $(QUIET)
	@$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable . $(QUIET)
	@env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -c "$(COMPILED)" >/dev/null
	@touch $(STAMP)

demo: $(STAMP)
	@$(BIN)/hansei demo

test: lint
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n logical --dist loadfile

lint: $(STAMP)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports
	@$(BIN)/mypy

docs: $(STAMP)
	@$(BIN)/python docs/tables.py && $(BIN)/python docs/pictures.py

bench: $(STAMP)
	@for script in benchmarks/*.py; do echo "== $$script"; $(BIN)/python "$$script"; done

# A new lock from pyproject.toml: nothing of CUDA (torch asks for its own), no local version or path.
lock:
	@rm -rf $(VENV)-lock && python3.11 -m venv $(VENV)-lock
	@$(VENV)-lock/bin/pip install --quiet "setuptools>=77" "$(TORCH)" ".[dev]" $(QUIET)
	@$(VENV)-lock/bin/pip freeze --all \
	  | sed 's/^\(torch==[^+]*\)+.*/\1/' \
	  | grep -Ev '^(pip|wheel|hansei|nvidia-.*|triton|cuda-.*)(==| @)|^-e' > requirements.lock
	@rm -rf $(VENV)-lock

clean:
	rm -rf $(VENV) $(VENV)-lock build dist src/*.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
