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
    code: object = 1

    def end() -> None:
        # Python would free every network and module first, which takes a tenth of the time of a single picture.
        try:
            for stream in (sys.stdout, sys.stderr):
                if stream is not None:
                    stream.flush()
        except (OSError, ValueError):
            return  # Python reports it
        if isinstance(code, int):
            os._exit(code)

    atexit.register(end)  # functions that libraries register later are called before
    try:
        main()
        code = 0
    except SystemExit as ending:
        code = ending.code or 0
        raise


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
