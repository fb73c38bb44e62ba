"""``python -m pgen`` is ``pgen``."""

from pgen.main import run

run()
