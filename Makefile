# All commands of this repository. They install what they need, except Python 3.11 and Node 20.19 (for the built examples).
#
#   make run [PORT=8000]   run the demo: page, GraphiQL, admin, local disk and stand-ins for the clouds; RESET=1 empties it
#   make test              run all tests on SQLite and in Chromium, and those that may depend on the database on PostgreSQL
#   make test-long         run the slow tests
#   make check             check format, lint, types, import contracts, the documentation site, size gates, migrations, the SDL
#   make bench             run the benchmarks: ratios within one run, with their targets; FIGURES="1 2" runs some
#   make screenshots       update the screenshots of the README
#   make schema            export the SDL after a change of the API
#   make lock              update the lock files from pyproject.toml; delete a lock file first to upgrade its packages
#   make clean             delete everything that the other commands created

PYTHON ?= python3
PORT ?= 8000
BIN := .venv/bin
PIP := $(BIN)/python -m pip install -qq --disable-pip-version-check --no-compile --require-hashes
WORKERS ?= 2
NODE_OK := $(shell node -e 'const [a, b] = process.versions.node.split("."); console.log(a > 20 || (a == 20 && b >= 19))' 2>/dev/null)
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header

export DEBUG ?= 1

.PHONY: run may-start test test-long check screenshots bench schema lock clean frontends

run: may-start .venv/.installed-project frontends
	@.ci/install demo azurite
	@exec $(BIN)/python -m tests.servers.demo --port $(PORT) $(if $(RESET),--reset)

# Before anything is installed or built, what a running demo serves.
may-start: | .venv/bin/python
	@$(BIN)/python -m tests.servers.place $(PORT)

test: .venv/.installed-dev frontends
	.ci/install
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile -m "not long and not browser"
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal tests/frontend -m "browser and not long"
	$(BIN)/python -m tests.on_postgres -n $(WORKERS) --dist loadfile -m "not long"

test-long: .venv/.installed-dev frontends
	.ci/install
	$(BIN)/python -m pytest -m long
	$(BIN)/python -m tests.on_postgres -m long

check: .venv/.installed-dev frontends
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy fileman schema project tests docs/deployment
	$(BIN)/lint-imports
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build -f .ci/mkdocs.yml
	$(BIN)/python .ci/gates.py
	$(BIN)/python manage.py makemigrations --check --dry-run
	$(BIN)/python manage.py export_schema schema | diff -u schema/schema.graphql - || (echo "The exported SDL is out of date. Run make schema." && false)
ifeq ($(NODE_OK),true)
	cd frontend_examples && npm run --silent typecheck
endif

screenshots: .venv/.installed-dev frontends
	.ci/install
	SCREENSHOTS_INTO=docs/images $(BIN)/python -m pytest tests/frontend/test_screenshots.py

bench: .venv/.installed-dev
	LOG_LEVEL=WARNING $(BIN)/python -m tests.bench $(FIGURES)

schema: .venv/.installed-dev
	$(BIN)/python manage.py export_schema schema > schema/schema.graphql

lock: .venv/.installed-dev
	$(COMPILE) pyproject.toml --extra all --group project -o requirements.lock
	$(COMPILE) pyproject.toml --extra all --group project --group dev -c requirements.lock -o requirements-dev.lock
	$(COMPILE) --group servers -o requirements-servers.lock
	$(COMPILE) --group demo -c requirements-servers.lock -o requirements-demo.lock

clean:
	rm -rf .venv .venv-servers var .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	rm -rf frontend_examples/node_modules frontend_examples/*/node_modules frontend_examples/*/dist tests/servers/node_modules

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "fileman needs Python 3.11 or newer")'
	@$(PYTHON) -m venv .venv

.venv/.installed-project: requirements.lock | .venv/bin/python
	@echo "Installing the Python packages of the project: 190 MB, about 30 seconds."
	@$(PIP) -r requirements.lock
	@touch $@

.venv/.installed-dev: requirements-dev.lock | .venv/bin/python
	@echo "Installing the Python packages of the tests and checks: 700 MB, about a minute."
	@$(PIP) -r requirements-dev.lock
	@touch $@ .venv/.installed-project

ifeq ($(NODE_OK),true)
frontends: frontend_examples/node_modules/.built
else
frontends:
	@echo "Node 20.19 or newer is not installed. GraphiQL and the built examples are skipped."
endif

frontend_examples/node_modules/.built: frontend_examples/package-lock.json $(shell find frontend_examples/graphiql frontend_examples/react frontend_examples/uppy frontend_examples/uploader frontend_examples/vanilla frontend_examples/*.ts -type f -not -name LICENSE -not -path '*/node_modules/*' -not -path '*/dist/*' 2>/dev/null)
	@echo "Installing and building GraphiQL and the examples: 320 MB, about 30 seconds."
	@cd frontend_examples && npm ci --silent && VITE_CONFIG_NATIVE_IGNORE_WARNING=true npm run --silent build >/dev/null
	@touch $@
