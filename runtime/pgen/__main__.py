"""``python -m pgen`` is ``pgen``."""

from pgen.main import main

main()
