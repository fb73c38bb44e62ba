# The daily commands. `make setup` once, in a virtual environment of your own.
.PHONY: setup stubs check test slow coverage docs readme bench load regression gpu demo help

setup:
	pip install -e ".[dev]"

# TensorRT's type stubs, for mypy. Installed alone and outside the environment: they require TensorRT's libraries,
# which many machines cannot install. sed repairs what is not valid Python in them.
stubs:
	pip install --no-deps --upgrade --target .typings tensorrt-stubs
	sed -i.bak -E 's/\bin: list/in_: list/; s/, channel_axis: int\)/, channel_axis: int = ...)/' .typings/tensorrt_bindings/tensorrt.pyi

check:
	ruff format --check .
	ruff check .
	codespell
	mypy
	lint-imports
	python benchmarks/readme.py --check

test:
	pytest

slow:
	pytest -m slow

# Of the runtime by all tests; the floor is in pyproject.toml.
coverage:
	pytest --cov

# The site, into site/.
docs:
	NO_MKDOCS_2_WARNING=1 mkdocs build

# The tables of README.md and docs/, from benchmarks/results.
readme:
	python benchmarks/readme.py

# Half an hour on an idle machine; benchmarks/install.py downloads gigabytes, those in quality/ train for hours:
# run those by hand.
bench:
	pgbench --batch 1,8,64 --vs $(VS) --limit --cold --out $(SPEED).json --plot $(SPEED).png
	python benchmarks/startup.py
	python benchmarks/sessions.py
	python benchmarks/devices.py
	python benchmarks/training.py
	python benchmarks/bulk_stats.py
	python benchmarks/plots.py
	python benchmarks/readme.py

VS = all
SPEED = benchmarks/results/pgbench

# A quarter of an hour, on an idle machine.
load:
	python benchmarks/serving/serve.py
	python benchmarks/plots.py

regression:
	python benchmarks/regression.py

gpu:
	python benchmarks/gpu.py

demo:
	pgen image Charizard Bulbasaur "a blue water dragon" "a pink fairy cat" --grid --out demo.png

help:
	python -c "from pgen.cli import main; main(['--help'], prog_name='pgen', terminal_width=80)" > runtime/pgen/help.txt
