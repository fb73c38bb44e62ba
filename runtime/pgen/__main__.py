"""``python -m pgen``."""

from pgen.main import main

main()
