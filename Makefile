# Every target starts from nothing on a machine with Python 3.11 or newer, and is quick the second time.
#   make demo              install, then in-between two bundled cartoon frames
#   make demo A=a.png B=b.png   the same, and then two frames of your own
#   make clips VIDEO=film.mp4   film -> frames -> clips; without VIDEO, a film that animi draws itself
#   make test              the tests        make check   ruff, mypy and the tests
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help setup dev links demo clips test lint check clean

help:
	@sed -n '2,6s/^# *//p' Makefile

setup: $(VENV)/.installed
dev: $(VENV)/.installed-dev

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "animi needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) -V 2>&1). Try: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@ $(VENV)/.installed

# mypy and IDEs see the folders under the names they are imported by
links: .links/animi/cli
.links/animi/cli:
	@mkdir -p .links/animi
	@for room in cli core models; do ln -sfn ../../$$room .links/animi/$$room; done

demo: setup
	@mkdir -p demo/out
	$(BIN)/animi interpolate demo/cat-a.png demo/cat-b.png -n 8 -o demo/out/cat.gif --overwrite
	@if [ -n "$(A)" ] && [ -n "$(B)" ]; then set -x; \
	  $(BIN)/animi interpolate "$(A)" "$(B)" -n 8 -o demo/out/yours.gif --overwrite; fi

# The packed store is what trainers read; the picture shows what they will be given.
FILM  := $(if $(VIDEO),$(VIDEO),runs/drawn/film.mp4)
MATERIAL := runs/material
clips: setup $(if $(VIDEO),,runs/drawn/film.mp4)
	$(BIN)/animi extract-frames "$(FILM)" -o $(MATERIAL) --packed
	$(BIN)/animi preview-clips "$(MATERIAL)/$(basename $(notdir $(FILM)))" -o $(MATERIAL)/$(basename $(notdir $(FILM)))-clips.png --overwrite

runs/drawn/film.mp4: | setup
	@mkdir -p $(@D)
	$(BIN)/animi draw-cartoon $@ --seed 1 --seconds 20

test: dev
	$(BIN)/python -m pytest -q -n 2

lint: dev links
	$(BIN)/ruff check .
	$(BIN)/mypy

check: lint test

clean:
	rm -rf $(VENV) .links demo/out build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +
