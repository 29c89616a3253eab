# Four commands, from nothing but Python 3.11 or newer, git and make (and wrk, for the last).
#   make demo    generate a project into demo/, install it, start it; LAYOUT=services and API=graphql for the others
#   make test    everything a change of the template must pass
#   make images  build and run an image of each layout (wants root, buildah and debootstrap)
#   make bench   what a read, a start, the whole journey, each layout and each practice cost; some twenty minutes
# PYTHON names the interpreter to use where python3 is too old.

PYTHON ?= python3
API ?= rest
LAYOUT ?= monolith
PROJECT := demo/$(LAYOUT)-$(API)/evergreen-library
TEMPLATE := cookiecutter.json $(shell find hooks '{{cookiecutter.project_slug}}' -type f -not -path '*/__pycache__/*')

# Most tests wait for servers longer than they compute.
WORKERS = $(shell .venv/bin/python -c "import os; print(2 * (os.cpu_count() or 1))")

export UV_PYTHON := $(CURDIR)/.venv/bin/python
unexport PYTHONDONTWRITEBYTECODE VIRTUAL_ENV

.PHONY: bench demo images test

demo: $(PROJECT)/README.md
	@echo 'make demo: installing and starting $(PROJECT)'
	@cd $(PROJECT) && trap 'exit 0' INT && $(CURDIR)/.venv/bin/uv run poe dev

$(PROJECT)/README.md: .venv/ready $(TEMPLATE)
	@echo 'make demo: generating $(PROJECT)'
	@rm -rf demo/$(LAYOUT)-$(API)
	@.venv/bin/cookiecutter --no-input --default-config --output-dir demo/$(LAYOUT)-$(API) . layout=$(LAYOUT) api=$(API)

test: .venv/ready
	@echo 'make test: linting the template as it lies'
	@.venv/bin/ruff check --no-cache --extend-per-file-ignores '*/pyproject.toml:RUF200'
	@.venv/bin/ruff format --check --no-cache
	@echo 'make test: generating projects, checking them, running them'
	@.venv/bin/pytest --numprocesses=$(WORKERS) --dist=worksteal

images: .venv/ready
	@.venv/bin/pytest -m images -rs

bench: .venv/ready
	@.venv/bin/uv pip install --quiet --group benchmarks
	@for part in reads start peers published layouts practices; do \
		.venv/bin/python -W 'ignore:XDG_RUNTIME_DIR is not set' -m benchmarks.$$part || exit 1; \
	done

.venv/ready: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("This needs Python 3.11 or newer, and %s is %d.%d: name a newer one with make PYTHON=..." % (sys.executable, *sys.version_info[:2]))'
	@echo 'make: installing the tools into .venv'
	@$(PYTHON) -m venv .venv
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check $$(grep -o 'uv==[0-9.]*' pyproject.toml)
	@.venv/bin/uv pip install --quiet --group dev
	@touch $@
