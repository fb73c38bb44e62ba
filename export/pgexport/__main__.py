"""``python -m pgexport``."""

from pgexport.cli import main

main(prog_name="pgexport")
