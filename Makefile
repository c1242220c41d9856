# `make demo`, `make test` and `make check` need python3 (3.11 or newer), make and git; each works as the first command.
# Another Python: make demo PYTHON=python3.12

PYTHON ?= python3
BIN := .venv/bin
JOBS := $(shell getconf _NPROCESSORS_ONLN)
INSTALLED := .venv/installed
EXTRAS := cluster demo dev pretrained scorers

.PHONY: demo test check lock

demo: $(INSTALLED)
	@$(BIN)/emocycle repro --jobs $(JOBS) --baseline-first
	@echo
	@echo "Compared: classifiers trained on real clips alone (none), and with generated clips added (classical, cyclegan)."
	@$(BIN)/emocycle compare
	@echo "The speech of the demo is synthetic, so this shows that everything works, and nothing about real speech."
	@echo
	@echo "Use:  data/augmented/full-1/cyclegan.parquet, the augmented training list"
	@echo "Next: a real corpus, in docs/tutorial.md"
	@echo "See and hear the result in a browser: $(CURDIR)/report/index.html"

# The slowest file starts first; the others run on the other cores meanwhile.
test: $(INSTALLED)
	@$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder tests/test_dvc.py tests

check: $(INSTALLED)
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy

# Resolve the exact versions again, after a change of pyproject.toml. Ray (214 MB) is left out: few need it.
lock: $(BIN)/uv
	@$(BIN)/uv pip compile --quiet --universal $(EXTRAS:%=--extra %) --no-header --annotation-style line \
		--python-version 3.11 pyproject.toml -o requirements.lock

# Compile bytecode now: with PYTHONDONTWRITEBYTECODE set, each stage would compile its imports again.
$(INSTALLED): requirements.lock pyproject.toml $(BIN)/uv
	@echo "Installing what requirements.lock names into .venv; the first time takes minutes ..."
	@$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --no-deps -r requirements.lock -e .
	@touch $@

$(BIN)/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "$(PYTHON) is older than 3.11, or is not there; try: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
		{ echo "$(PYTHON) cannot make virtual environments; on Debian and Ubuntu: apt install python3-venv"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip >/dev/null
	@$(BIN)/python -m pip install -qq --disable-pip-version-check uv
