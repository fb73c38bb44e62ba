"""Entry point of ``pgen``: answers ``--help`` and ``--version`` without importing click.

Importing click takes longer than an empty Python interpreter; the help text is rendered once (``make help``) and
stored beside this file, and a test compares it with the output of click.
"""

import atexit
import os
import sys

from pokegan.streams import prepare_streams


def run() -> None:
    """Run pgen as the only program of this process, and end the process."""
    try:
        main()
    except SystemExit as ending:
        if not isinstance(ending.code, int | None):
            raise
        _exit(ending.code or 0)
    _exit(0)


def _exit(code: int) -> None:
    """Exit as Python does, but for freeing every network and module, which takes a tenth of a single picture's time."""
    try:
        if "threading" in sys.modules:
            sys.modules["threading"]._shutdown()  # waits for threads
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
    except (KeyboardInterrupt, OSError, ValueError):
        sys.exit(code)  # Python reports what cannot be flushed
    os._exit(code)


def main() -> None:
    """Run pgen."""
    prepare_streams()
    try:
        _main(sys.argv[1:])
    except KeyboardInterrupt:  # before click handles it
        sys.stderr.write("Error: interrupted\n")
        sys.exit(130)


def _print(text: str) -> None:
    if sys.stdout is None:  # closed
        return
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        os._exit(1)
    except OSError as error:
        sys.stderr.write(f"Error: stdout: cannot be written ({error.strerror}); free space, or redirect it elsewhere\n")
        sys.stderr.flush()
        os._exit(2)  # Python would try again to write what is left, and print a traceback


def _main(arguments: list[str]) -> None:
    completing = "_PGEN_COMPLETE" in os.environ  # a shell requests completions, which click provides
    if arguments in ([], ["--help"]) and not completing:
        with open(__file__.removesuffix("main.py") + "help.txt", encoding="utf-8") as file:  # noqa: PTH123 (pathlib is slow to import)
            _print(file.read())
    elif arguments == ["--version"]:
        from pokegan import __version__

        _print(f"pgen {__version__}\n")
    else:
        # NumPy's linear algebra, which pgen hardly uses, would otherwise start threads and allocate their buffers.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        from pgen.cli import main as cli

        cli(prog_name="pgen")
