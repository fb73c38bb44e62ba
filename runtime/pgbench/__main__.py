"""``python -m pgbench``."""

from pgbench.cli import main

main(prog_name="pgbench")
