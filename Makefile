PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --constraint constraints.txt

.DEFAULT_GOAL := help
.PHONY: help demo serve web test check format bench clean

help: ## show this help
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# a stamp per set of extras: installing again takes time only when the project's files have changed
$(VENV)/.installed-%: $(BIN)/python pyproject.toml setup.py constraints.txt $(wildcard csrc/*.* csrc/kernels/*.*)
	$(INSTALL) --editable '.[$*]'
	@touch $@

demo: $(VENV)/.installed-cpu ## install, and paint a bundled photo in a bundled style
	@mkdir -p demo
	$(BIN)/nst stylize chelsea --style scream --output demo/chelsea_scream.png
	@echo "The picture is $(CURDIR)/demo/chelsea_scream.png"

serve: $(VENV)/.installed-cpu,openvino,opencv-headless,optimize,serve ## install, and paint for others over HTTP: http://127.0.0.1:8000
	$(BIN)/nst serve

# what the page is built and tested with; without Node.js it is said what is missing
web/node_modules/.installed: web/package-lock.json
	@command -v npm >/dev/null || { echo "make: the page (web/) is built and tested by Node.js 20.19 or later, with npm, which is not here: install it (nodejs.org, or your package manager), and type this again" >&2; exit 2; }
	npm ci --prefix web --no-audit --no-fund --ignore-scripts
	@touch $@

web: web/node_modules/.installed ## build the page anew, into the package
	npm run --prefix web build

test: $(VENV)/.installed-dev web/node_modules/.installed ## install what the tests need, and run them all
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist worksteal --durations 25 --durations-min 5

check: $(VENV)/.installed-dev ## what CI checks besides the tests: lint, format, types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/clang-format --dry-run -Werror $(wildcard csrc/*.cpp csrc/*.h csrc/kernels/*.cpp csrc/kernels/*.h)

format: $(VENV)/.installed-dev ## format everything
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/clang-format -i $(wildcard csrc/*.cpp csrc/*.h csrc/kernels/*.cpp csrc/kernels/*.h)

bench: $(VENV)/.installed-dev ## measure everything the README claims (four hours on a quiet machine; PHOTOS=DIR of unseen photos)
	$(BIN)/python benchmarks/bench_stylize.py
	$(BIN)/python benchmarks/bench_service.py
	$(BIN)/python benchmarks/bench_server.py
	$(BIN)/python benchmarks/bench_scale.py
	$(BIN)/python benchmarks/bench_web.py
	$(BIN)/python benchmarks/bench_video.py
	$(BIN)/python benchmarks/bench_big.py
	$(BIN)/python benchmarks/bench_variants.py
	$(BIN)/python benchmarks/bench_kernels.py
	$(BIN)/python benchmarks/bench_quality.py $(if $(PHOTOS),--photos $(PHOTOS))
	$(BIN)/python benchmarks/bench_optimize.py
	$(BIN)/python benchmarks/bench_ablation.py
	$(BIN)/python benchmarks/bench_pyramid.py
	$(BIN)/python benchmarks/report.py

clean: ## remove the environment and everything built
	rm -rf $(VENV) build demo nst_engine/kernels/*.so *.egg-info
