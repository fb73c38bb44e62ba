# The daily commands. `make setup` once, in a virtual environment of your own.
.PHONY: setup check test slow bench demo help

setup:
	pip install -e ".[dev]"

check:
	ruff format --check .
	ruff check .
	mypy
	lint-imports

test:
	pytest

slow:
	pytest -m slow

bench:
	pgbench --batch 64 --seconds 2 --json > benchmarks/results/throughput.json
	pgbench --batch 1 --seconds 2 --json > benchmarks/results/latency.json
	python benchmarks/startup.py > benchmarks/results/startup.json
	python benchmarks/training.py

demo:
	pgen image Charizard Bulbasaur "a blue water dragon" "a pink fairy cat" --grid --out demo.png

help:
	python -c "from pgen.cli import main; main(['--help'], prog_name='pgen', terminal_width=80)" > runtime/pgen/help.txt
