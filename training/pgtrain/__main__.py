"""``python -m pgtrain``."""

from pgtrain.cli import main

main(prog_name="pgtrain")
