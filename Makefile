# Every target starts from nothing on a machine with Python 3.11 or newer, and is quick the second time.
#   make demo              install, then in-between two bundled cartoon frames
#   make demo A=a.png B=b.png   the same, and then two frames of your own
#   make clips VIDEO=film.mp4   film -> frames -> clips; without VIDEO, a film that animi draws itself
#   make tomjerry VIDEO=film.mp4   the first experiments on a film: in-betweens by VGG16's latents, plain and spectral
#   make noise VIDEO=a.mp4 VIDEO2=b.mp4   and pictures from 256 and from 1024 random numbers; sizes: see below
#   make experiment-3 VIDEO=a.mp4 VIDEO2=b.mp4   an auto-encoder, trained to draw in-betweens; measured on the second film
#   make ablation-ae VIDEO=a.mp4 VIDEO2=b.mp4    what each of its terms is worth: docs/ablation.md
#   make test              the tests        make check   ruff, mypy and the tests
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help setup dev links demo clips tomjerry noise experiment-1-1 experiment-1-2 experiment-2-1 experiment-2-2 \
  experiment-3 experiment-3-ae experiment-3-1 experiment-3-2 ablation-ae smoke smoke-1 smoke-2 smoke-3 test lint check \
  clean lock test-minimum audit dist find-python312 \
  vapoursynth-packages test-vapoursynth

help:
	@sed -n '2,10s/^# *//p' Makefile

setup: $(VENV)/.installed
dev: $(VENV)/.installed-dev

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "animi needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) -V 2>&1). Try: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@# the pip that comes with Python 3.11 takes twice as long to choose versions
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'pip>=25.3'

$(VENV)/.installed: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

# what is developed on has the versions of requirements-dev.lock, so that a new release breaks nobody's day
$(VENV)/.installed-dev: pyproject.toml requirements-dev.lock | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]' -c requirements-dev.lock
	@touch $@ $(VENV)/.installed

# Needs uv (pip install uv). The newest torch is left to pip: of a release newer than the lock's, little is known yet.
lock:
	uv pip compile --quiet pyproject.toml --extra dev --universal --python-version 3.11 --no-annotate \
	  --custom-compile-command 'make lock' -o requirements-dev.lock
	uv pip compile --quiet pyproject.toml --extra dev --resolution lowest-direct --python-version 3.11 --no-annotate \
	  --custom-compile-command 'make lock' -o requirements-minimum.lock

# The lowest versions that pyproject.toml allows, in an environment of their own
test-minimum: requirements-minimum.lock
	$(PYTHON) -m venv .venv-minimum
	.venv-minimum/bin/python -m pip install --quiet --disable-pip-version-check -e '.[dev]' -c requirements-minimum.lock
	OMP_NUM_THREADS=1 .venv-minimum/bin/python -m pytest -n 2 -q --ignore-glob="tests/studio/test_browser*.py"

# Known holes in both locks. Asks the index for advisories, and fails where it has none: then nothing was audited.
audit: dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check pip-audit
	$(BIN)/python -m pip_audit --strict --no-deps --disable-pip -r requirements-dev.lock -r requirements-minimum.lock

# An sdist and a wheel that is built from it, installed in an environment of its own, and the demo drawn with what it
# brought. Other packages are those of .venv. FULL=1 installs them as well, as a person would (PyTorch alone takes
# minutes), and the sdist too.
FULL ?=
dist: setup
	$(BIN)/python -m pip install --quiet --disable-pip-version-check build
	rm -rf dist build
	$(BIN)/python -m build > dist.log 2>&1 || { cat dist.log; exit 1; }
	@rm -rf dist.log build
	@for made in dist/*.whl $(if $(FULL),dist/*.tar.gz); do \
	  rm -rf .venv-dist && $(PYTHON) -m venv --without-pip .venv-dist && \
	  { [ -n "$(FULL)" ] || ls -d "$(abspath $(VENV))"/lib/python*/site-packages > "$$(ls -d .venv-dist/lib/python*/site-packages)/beside.pth"; } && \
	  $(BIN)/python -m pip --python .venv-dist/bin/python install --quiet --disable-pip-version-check $(if $(FULL),,--no-deps) "$$made" && \
	  mkdir -p .venv-dist/drawn && cd .venv-dist/drawn && \
	  ../bin/animi interpolate ../../demo/cat-a.png ../../demo/cat-b.png -n 8 -o cat.gif && ../bin/animi doctor && \
	  ../bin/python -c "import animi.core.api as api; assert '.venv-dist' in api.__file__, api.__file__" && cd ../.. || exit 1; done
	rm -rf .venv-dist

# VapourSynth's wheel needs Python 3.12 or newer. Its environment has all that animi draws with but PyTorch.
find-python312:
	@for each in "$(PYTHON)" python3.14 python3.13 python3.12 "$$HOME"/.pyenv/versions/3.1[2-9]*/bin/python; do \
	  "$$each" -c 'import sys; sys.exit(sys.version_info < (3, 12))' 2>/dev/null && { echo "$$each"; exit 0; }; done; \
	  echo "no Python 3.12 or newer was found; install one, or give its path: make PYTHON=/path/to/python3.12 test-vapoursynth" >&2; exit 1

test-vapoursynth: .venv-vapoursynth/.installed
	OMP_NUM_THREADS=1 .venv-vapoursynth/bin/python -m pytest -q -rs --confcutdir=tests/plugins tests/plugins/test_vapoursynth.py

vapoursynth-packages: .venv-vapoursynth/.packages

.venv-vapoursynth/.packages: pyproject.toml plugins/vapoursynth/pyproject.toml
	python="$$($(MAKE) --no-print-directory -s find-python312)" && "$$python" -m venv .venv-vapoursynth
	.venv-vapoursynth/bin/python -m pip install --quiet --disable-pip-version-check 'pip>=25.3'
	.venv-vapoursynth/bin/python -m pip install --quiet --disable-pip-version-check pytest vapoursynth $$(.venv-vapoursynth/bin/python -c \
	  'import tomllib; wanted = tomllib.load(open("pyproject.toml", "rb"))["project"]["dependencies"]; \
	  print(*(each.replace(" ", "") for each in wanted if not each.startswith("torch")))')
	@touch $@

# apart from its packages, as no other environment may build animi from this folder at the same time
.venv-vapoursynth/.installed: .venv-vapoursynth/.packages
	.venv-vapoursynth/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

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

# The first experiments: film -> frames -> training -> pictures, in runs/EXPERIMENT. An existing run is resumed
# if its films and settings are the same; otherwise one line says what differs. Each film has one store, which all share.
#   1-1  in-betweens by VGG16's latents, as in the notebook      1-2  the same with spectral norm
#   2-1  pictures from 256 random numbers, of two films          2-2  from 1024
#   3-1  an auto-encoder, taught to draw in-betweens as in the notebook      3-2  the same by the steady recipe
# RECIPE=steady trains so that it does not collapse. FLAGS= adds any other options of the trainings.
SIZE   ?= 256
STEPS  ?= 10000
RECIPE ?= notebook
FLAGS  ?=
VGG_WEIGHTS ?=
FILM2  := $(if $(VIDEO2),$(VIDEO2),runs/drawn/film2.mp4)
FRAMES := runs/frames-$(SIZE)
READY  := setup $(if $(VIDEO),,runs/drawn/film.mp4)
ALEX_WEIGHTS ?=
# films, what is done with "$$@", the folders of their frames
define with_frames
	set --; for film in $(1); do \
	  folder=$$($(BIN)/animi extract-frames "$$film" -o $(FRAMES) --packed --size $(SIZE)) || exit; \
	  set -- "$$@" "$$folder"; done; $(2)
endef
# run, command, settings, settings of how it runs
fit = $(BIN)/animi $(2) "$$@" -o runs/$(1) --continue --size $(SIZE) --steps $(STEPS) $(3) $(4) $(FLAGS)
# name, command, films, settings
define train
	$(call with_frames,$(3),$(call fit,$(1),$(2),--recipe $(RECIPE) $(4),$(VGG)))
endef
VGG = $(if $(VGG_WEIGHTS),--vgg-weights "$(VGG_WEIGHTS)")
ALEX = $(if $(ALEX_WEIGHTS),--alex-weights "$(ALEX_WEIGHTS)")
# between A= and B=, or else two frames of the film
define draw_between
	$(call with_frames,"$(FILM)",$(BIN)/python benchmarks/key_frames.py "$$1" runs/$(1)/keys)
	$(BIN)/animi interpolate "$(or $(A),runs/$(1)/keys/a.png)" "$(or $(B),runs/$(1)/keys/b.png)" --checkpoint runs/$(1) \
	  -n 8 -o runs/$(1)/between.gif --overwrite
endef
define draw_pictures
	$(BIN)/animi sample runs/$(1) -n 64 -o runs/$(1)/grid.png --overwrite
	$(BIN)/animi sample runs/$(1) -n 8 -o runs/$(1)/walk.gif --overwrite
endef

tomjerry: experiment-1-1 experiment-1-2
noise: experiment-2-1 experiment-2-2

experiment-1-1: $(READY)
	$(call train,$@,train-vgg-sle,"$(FILM)",)
	$(call draw_between,$@)
experiment-1-2: $(READY)
	$(call train,$@,train-vgg-sle,"$(FILM)",--spectral-norm)
	$(call draw_between,$@)
experiment-2-1: $(READY) $(if $(VIDEO2),,runs/drawn/film2.mp4)
	$(call train,$@,train-noise,"$(FILM)" "$(FILM2)",--latent-dim 256)
	$(call draw_pictures,$@)
experiment-2-2: $(READY) $(if $(VIDEO2),,runs/drawn/film2.mp4)
	$(call train,$@,train-noise,"$(FILM)" "$(FILM2)",--latent-dim 1024)
	$(call draw_pictures,$@)

# FLAGS= goes to all trainings here, so AE_FLAGS= is for the auto-encoder alone, such as --net plain.
AE_FLAGS ?=
experiment-3: experiment-3-1 experiment-3-2 $(if $(VIDEO2),,runs/drawn/film2.mp4)
	$(call with_frames,"$(FILM2)",$(BIN)/animi evaluate runs/experiment-3-ae runs/experiment-3-1 runs/experiment-3-2 \
	  flow blend "$$@" --size $(SIZE) $(ALEX) $(VGG) --html runs/experiment-3.html --overwrite)
experiment-3-ae: $(READY) $(if $(ALEX_WEIGHTS),dev)
	$(call with_frames,"$(FILM)",$(call fit,$@,pretrain-ae,$(AE_FLAGS),$(ALEX)))
	$(call draw_between,$@)
experiment-3-1: experiment-3-ae
	$(call with_frames,"$(FILM)",$(call fit,$@,finetune-adv,--recipe notebook --init runs/experiment-3-ae,$(VGG)))
	$(call draw_between,$@)
experiment-3-2: experiment-3-ae
	$(call with_frames,"$(FILM)",$(call fit,$@,finetune-adv,--init runs/experiment-3-ae,$(VGG)))
	$(call draw_between,$@)

# The ladder of finetune-adv's terms. TRAIN= and UNSEEN= take several films each, in quotes where there are spaces;
# ABLATION= adds options of the script, such as --size 64 --steps 500 --pretrain 2000.
TRAIN    ?= "$(FILM)"
UNSEEN   ?= "$(FILM2)"
ABLATION ?=
ablation-ae: dev $(READY) $(if $(VIDEO2),,runs/drawn/film2.mp4)
	$(BIN)/animi extract-frames $(TRAIN) -o runs/ablation-frames/train --packed --size $(SIZE)
	$(BIN)/animi extract-frames $(UNSEEN) -o runs/ablation-frames/unseen --packed --size $(SIZE)
	$(BIN)/python benchmarks/ablation_ae.py runs/ablation-frames/train --unseen runs/ablation-frames/unseen $(ALEX) $(VGG) $(ABLATION)

# The same pipelines, so small that they only show that nothing is broken. VGG16 is one of random weights: its own would
# be a download of 528 MB.
smoke smoke-1 smoke-2 smoke-3: export OMP_NUM_THREADS = 1
smoke: setup
	rm -rf runs/smoke && mkdir -p runs/smoke
	$(BIN)/animi draw-cartoon runs/smoke/film.mp4 --seed 1 --seconds 4 --size 160x96
	$(BIN)/animi extract-frames runs/smoke/film.mp4 -o runs/smoke/frames --packed --size 64
	@# side by side: they wait for imports most of the time
	$(MAKE) -j 2 smoke-1 smoke-2 smoke-3

smoke-2:
	for z in 256 1024; do \
	  $(BIN)/animi train-noise runs/smoke/frames -o runs/smoke/noise-$$z --latent-dim $$z $(TINY) --no-health && \
	  $(BIN)/animi sample runs/smoke/noise-$$z -n 4 -o runs/smoke/grid-$$z.png || exit 1; done

smoke-1:
	$(BIN)/python tests/random_vgg.py runs/smoke/vgg.safetensors
	for norm in --no-spectral-norm --spectral-norm; do \
	  $(BIN)/animi train-vgg-sle runs/smoke/frames -o runs/smoke/vgg$$norm $$norm $(TINY) \
	    --vgg-weights runs/smoke/vgg.safetensors && \
	  $(BIN)/animi interpolate demo/cat-a.png demo/cat-b.png --checkpoint runs/smoke/vgg$$norm/best.safetensors -n 3 \
	    -o runs/smoke/vgg$$norm.gif || exit 1; done

smoke-3:
	for net in plain deep; do \
	  $(BIN)/animi pretrain-ae runs/smoke/frames -o runs/smoke/ae-$$net --net $$net --width 4 --depth 1 --size 64 --steps 3 || exit 1; done
	for recipe in notebook steady; do \
	  $(BIN)/animi finetune-adv runs/smoke/frames -o runs/smoke/between-$$recipe --init runs/smoke/ae-deep --recipe $$recipe \
	    --size 64 --width 4 --length 4 --steps 2 --samples 2 --no-health && \
	  $(BIN)/animi interpolate demo/cat-a.png demo/cat-b.png --checkpoint runs/smoke/between-$$recipe/best.safetensors -n 3 \
	    -o runs/smoke/between-$$recipe.gif || exit 1; done
	$(BIN)/animi evaluate runs/smoke/ae-plain runs/smoke/between-notebook runs/smoke/between-steady runs/smoke/frames --clips 2 \
	  --length 4 --size 64 --metrics psnr,line-distance,ghost --html runs/smoke/between.html
TINY := --recipe notebook --size 64 --width 8 --steps 3 --samples 4

runs/drawn/film2.mp4: | setup
	@mkdir -p $(@D)
	$(BIN)/animi draw-cartoon $@ --seed 2 --seconds 20

# One thread for each process, and for what it starts: with two threads each they wait for each other. Three processes for
# two cores, as a test often waits for a disk or a signal.
test: export OMP_NUM_THREADS = 1
# Containers often set this: each process of the tests would then compile the same modules again
test test-minimum: export PYTHONDONTWRITEBYTECODE =
test: dev
	$(BIN)/python -m pytest -q -rs -n 3 --dist worksteal --ignore-glob="tests/studio/test_browser*.py"
	@# one browser for each of both files, and the machine to themselves
	$(BIN)/python -m pytest -q -rs -n 2 --dist loadfile tests/studio/test_browser*.py

lint: dev links
	$(BIN)/ruff check .
	$(BIN)/mypy --num-workers 2

check: lint test

clean:
	rm -rf $(VENV) .venv-minimum .venv-dist .venv-vapoursynth .links demo/out build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +
