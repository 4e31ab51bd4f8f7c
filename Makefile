# `make` alone says what there is. PYTHON names the Python that makes .venv (3.11 or newer).
PYTHON ?= python3
SUITE ?=
SITE ?= billing
RUN ?= help
BIN := .venv/bin
LISTS := reservations billing portal middleware demo

.DEFAULT_GOAL := help
.PHONY: help demo demo-reset manage test lint format requirements messages drills drill drills-selftest rolling backup restore slo screens
.PHONY: bench bench-quick bench-room bench-clusters bench-memory

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | awk -F '\t' '{printf "  make %-16s %s\n", $$1, $$2}'

demo: ## the whole system, embedded, on this machine (DATA=none: without demo data; Ctrl-C stops it)
	@$(PYTHON) deploy/local/install.py demo
	@exec $(BIN)/python -m deploy.local.demo

demo-reset: ## throw the demo's data away and start it anew
	@$(PYTHON) deploy/local/install.py demo
	@exec $(BIN)/python -m deploy.local.demo --reset

manage: ## a management command on the demo's data (SITE=billing RUN=createsuperuser)
	@$(PYTHON) deploy/local/install.py demo
	@exec $(BIN)/python -m deploy.local.demo --manage $(SITE) $(RUN)

test: ## all tests, on real servers of their own (SUITE=billing_site: one suite; ARGS="-k word" for pytest)
	@$(PYTHON) deploy/local/install.py dev
	@exec $(BIN)/python -m deploy.local.check $(SUITE)

lint: ## style, types and the walls between the programs
	@$(PYTHON) deploy/local/install.py dev
	@exec $(BIN)/python -m deploy.local.lint

format: ## put the code into its one form
	@$(PYTHON) deploy/local/install.py dev
	$(BIN)/ruff check --fix --quiet .
	$(BIN)/ruff format .

requirements: ## pin the newest allowed versions: requirements/*.in → *.txt
	@$(PYTHON) deploy/local/install.py dev
	cd requirements && for list in dev $(LISTS); do \
	  constraint=$$(test $$list = dev || echo "-c dev.txt"); \
	  ../$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-annotate \
	    --custom-compile-command "make requirements" $(UPGRADE) $$constraint $$list.in -o $$list.txt || exit 1; \
	done

messages: ## compile the translations
	@$(PYTHON) deploy/local/install.py dev
	@find . -path ./.venv -prune -o -name '*.po' -print | while read -r file; do \
	  msgfmt --check --output-file "$${file%.po}.mo" "$$file" || exit 1; \
	done

drills: ## break each part of the whole topology while it sells, and check (ARGS="--short", "--seed 7"; needs Docker, root)
	@$(PYTHON) deploy/local/install.py dev
	@exec $(BIN)/python -m tests.drills $(ARGS)

drill: ## one drill: NAME=primary-killed (ARGS=--list says which there are)
	@$(PYTHON) deploy/local/install.py dev
	@exec $(BIN)/python -m tests.drills $(NAME) $(ARGS)

drills-selftest: ## break the code on purpose: the drills' checker must see it
	@$(PYTHON) deploy/local/install.py dev
	@exec $(BIN)/python -m tests.drills.selftest $(NAME)

rolling: ## restart every part one after the other while it sells: no request may fail
	@$(PYTHON) deploy/local/install.py dev
	@exec $(BIN)/python -m tests.drills rolling-restart $(ARGS)

backup: ## dump all three databases of the topology while it sells, into backups/<UTC time> (KEEP=14: only the newest)
	@exec deploy/backup

restore: ## put one site's database back to a backup and heal it (SITE=reservations|billing|portal FROM=backups/…)
	@exec deploy/restore "$(if $(filter file,$(origin SITE)),,$(SITE))" "$(FROM)"

slo: ## service levels beside what the last drills measured; writes docs/faults.md
	@$(PYTHON) deploy/local/install.py dev
	@exec $(BIN)/python -m tests.drills.slo

bench: ## how fast, beside the limit of the database, in rounds; writes docs/performance.md (ARGS="--rounds 3")
	@$(PYTHON) deploy/local/install.py dev
	@exec $(BIN)/python -m tests.bench $(ARGS)

bench-room: ## a sale with a waiting room and 20,000 simulated buyers; writes docs/waiting-room.md
	@$(PYTHON) deploy/local/install.py dev
	@exec $(BIN)/python -m tests.bench.room $(ARGS)

bench-memory: ## the memory of the web processes over an hour of load; writes docs/performance.md
	@$(PYTHON) deploy/local/install.py dev
	@exec $(BIN)/python -m tests.bench.memory $(ARGS)

bench-clusters: ## two PostgreSQL clusters behind one address, one of them killed; writes docs/scaling.md
	@$(PYTHON) deploy/local/install.py dev
	@exec $(BIN)/python -m tests.bench.clusters $(ARGS)

bench-quick: ## the same in two minutes, printed only
	@$(PYTHON) deploy/local/install.py dev
	@exec $(BIN)/python -m tests.bench --quick $(ARGS)

screens: ## a picture of each page, on a phone and on a desk, into docs/screens/
	@$(PYTHON) deploy/local/install.py dev
	@exec $(BIN)/python -m tests.screens
