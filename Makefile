# Two commands: `make run` and `make test`. Each does its own set-up in .venv and needs only Python 3.11 and make.
# Plain POSIX make: the make of macOS (GNU 3.81) and of the BSDs read it too.
#
#   make run ARGS='say "/liq 95000 25x long"'      make test ARGS="tests/signals -x"      PYTHON=python3.12 make test

PY = .venv/bin/python

help:
	@echo "make run     start perpulse: the demo, or the bot once there is a config.toml  (ARGS=\"say /help\")"
	@echo "make test    run the tests  (ARGS=\"tests/signals -x\"; ARGS=--quick: each room's own)"
	@echo "make lint    ruff, mypy, import layers, and whether the generated tables are current"
	@echo "make docs    write the generated tables of README.md and CONTRIBUTING.md, and deploy/grafana.json, again"
	@echo "make bench   measure what DESIGN promises, as ratios  (ARGS=\"start\")"
	@echo "make fuzz    the property tests with many more examples, a million command lines, a million rules"
	@echo "make faults  every fault at both platforms, whole, in some three hours; writes docs/faults.md  (ARGS=\"S5 S8\"; \"R8 --seed 2\": a month)"
	@echo "make mutate  break the outbox and the alarm machine one place at a time; the tests are to notice  (ARGS=\"--most 0\")"
	@echo "make lock    resolve the requirements again  (needs uv; ARGS=--upgrade for newer versions)"
	@echo "make clean   remove .venv and every cache; data/ and config.toml stay"

run:
	@sh .ci/setup runtime
	@.venv/bin/perpulse $(ARGS)

# Without byte code each worker would compile every test anew; with worksteal it has whole folders, and their set-up once.
test:
	@sh .ci/setup dev
	@PYTHONDONTWRITEBYTECODE= $(PY) -m pytest -n auto --dist worksteal $(ARGS)

# Every tool has its say, so that one run shows all there is to do.
lint:
	@sh .ci/setup dev
	@failed=""; \
	check() { echo "$$*" | sed "s#^$(PY) -m ##"; "$$@" || failed=yes; }; \
	check $(PY) -m ruff check --quiet --output-format=concise .; \
	check $(PY) -m ruff format --check --quiet .; \
	check $(PY) -m mypy; \
	check .venv/bin/lint-imports --no-logo; \
	check $(PY) -m cogapp --check README.md CONTRIBUTING.md; \
	check $(PY) -m bot.watch.served.dashboard --check; \
	[ -z "$$failed" ]

docs:
	@sh .ci/setup dev
	$(PY) -m cogapp -r README.md CONTRIBUTING.md
	$(PY) -m bot.watch.served.dashboard

bench:
	@sh .ci/setup dev
	@$(PY) -m benchmarks $(ARGS)

fuzz:
	@sh .ci/setup dev
	@$(PY) -m pytest -m hypothesis --hypothesis-profile=fuzz --timeout=0 $(ARGS)
	@PYTHONPATH=. $(PY) tests/fuzz_parsing.py
	@PYTHONPATH=. $(PY) tests/fuzz_rules.py

faults:
	@sh .ci/setup dev
	@$(PY) -m tests.faults $(ARGS)

mutate:
	@sh .ci/setup dev
	@PYTHONDONTWRITEBYTECODE= $(PY) -m tests.faults.mutants $(ARGS)

lock:
	@command -v uv >/dev/null || { echo "perpulse: make lock needs uv: https://docs.astral.sh/uv" >&2; exit 1; }
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header $(ARGS) --extra postgres pyproject.toml \
		-o requirements.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header $(ARGS) -c requirements.txt \
		--group dev pyproject.toml -o requirements-dev.txt

clean:
	rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find bot handlers signals storage tests benchmarks -name __pycache__ -prune -exec rm -rf {} +

.PHONY: help run test lint docs bench fuzz faults mutate lock clean
