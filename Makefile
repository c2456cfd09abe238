# The only commands to know. Everything they need beyond Python 3.11 (and Node 20.19 for the built examples) they install.
#
#   make run [PORT=8000]   the demo: page, GraphiQL, admin, local storage and the clouds' stand-ins
#   make test              all tests: on SQLite, in Chromium; what touches the database on PostgreSQL too
#   make test-long         the longer rounds
#   make check             format, lint, types, import contracts, migrations, SDL drift, size gates
#   make bench             benchmarks; each prints a ratio within the same run
#   make screenshots       take the pictures of the README anew
#   make schema            write the exported SDL
#   make lock              bring the lock files in line with pyproject.toml; delete one first for the newest versions
#   make clean             remove what the others made

PYTHON ?= python3
PORT ?= 8000
BIN := .venv/bin
WORKERS ?= 2
NODE_OK := $(shell node -e 'const [a, b] = process.versions.node.split("."); console.log(a > 20 || (a == 20 && b >= 19))' 2>/dev/null)
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header

export DEBUG ?= 1

.PHONY: run test test-long check screenshots bench schema lock clean frontends

run: .venv/.installed-project frontends
	@.ci/install python azurite
	@exec $(BIN)/python -m tests.servers.demo --port $(PORT)

test: .venv/.installed-dev frontends
	.ci/install
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile -m "not long and not browser"
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal tests/frontend -m "browser and not long"
	$(BIN)/python -m tests.on_postgres -n $(WORKERS) --dist loadfile -m "database and not long and not browser"

test-long: .venv/.installed-dev frontends
	.ci/install
	$(BIN)/python -m pytest -m long

check: .venv/.installed-dev frontends
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy fileman schema project tests
	$(BIN)/lint-imports
	$(BIN)/python .ci/gates.py
	$(BIN)/python manage.py makemigrations --check --dry-run
	$(BIN)/python manage.py export_schema schema | diff -u schema/schema.graphql - || (echo "The exported SDL differs: run make schema." && false)
ifeq ($(NODE_OK),true)
	cd frontend_examples && npm run --silent typecheck
	cd frontend_examples/uploader && npm ci --silent && npm run --silent typecheck
endif

screenshots: .venv/.installed-dev frontends
	.ci/install
	SCREENSHOTS_INTO=docs/images $(BIN)/python -m pytest tests/frontend/test_screenshots.py

bench: .venv/.installed-dev
	LOG_LEVEL=WARNING $(BIN)/python -m tests.bench

schema: .venv/.installed-dev
	$(BIN)/python manage.py export_schema schema > schema/schema.graphql

lock: .venv/.installed-dev
	$(COMPILE) pyproject.toml --extra project -o requirements.lock
	$(COMPILE) pyproject.toml --extra project --group dev -c requirements.lock -o requirements-dev.lock
	$(COMPILE) --group servers -o requirements-servers.lock

clean:
	rm -rf .venv .venv-servers var .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	rm -rf frontend_examples/node_modules frontend_examples/*/node_modules frontend_examples/*/dist tests/servers/node_modules

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "fileman needs Python 3.11 or newer")'
	$(PYTHON) -m venv .venv

.venv/.installed-project: requirements.lock | .venv/bin/python
	$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

.venv/.installed-dev: requirements-dev.lock | .venv/bin/python
	$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@ .venv/.installed-project

ifeq ($(NODE_OK),true)
frontends: frontend_examples/node_modules/.built
else
frontends:
	@echo "Node 20.19 or newer is not here: GraphiQL and the built examples are left out."
endif

frontend_examples/node_modules/.built: frontend_examples/package-lock.json $(shell find frontend_examples/graphiql frontend_examples/react frontend_examples/uppy frontend_examples/uploader -type f -not -path '*/node_modules/*' -not -path '*/dist/*' 2>/dev/null)
	cd frontend_examples && npm ci --silent && npm run --silent build
	@touch $@
