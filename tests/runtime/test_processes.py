"""Generators and errors in other processes: pickled, copied and forked."""

import copy
import multiprocessing
import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pgen
import pgen.errors
from pgen.bundle.reader import EMBEDDED
from pokegan.errors import MissingExtra, PokeganError


def every_error() -> list[type[PokeganError]]:
    from importlib import import_module

    for module in ("pgbench.reporting.files", "pgen.backends.tensorrt.cuda", "pgexport.errors"):
        import_module(module)
    errors, queue = [], [PokeganError]
    while queue:
        errors += (kinds := queue.pop().__subclasses__())
        queue += kinds
    return [*dict.fromkeys(errors)]


def with_message(kind: type[PokeganError], message: str) -> PokeganError:
    """Make an error of any class; some take something else than a message."""
    base: Any = kind.__base__
    error: PokeganError = base.__new__(kind, message)
    PokeganError.__init__(error, message)
    return error


def test_errors_survive_pickling() -> None:
    errors = [
        MissingExtra("av", "video"),
        *(with_message(kind, "a thing: is wrong; do that") for kind in every_error()),
    ]
    assert len(errors) > 20
    for error in errors:
        restored = pickle.loads(pickle.dumps(error))
        assert (type(restored), str(restored)) == (type(error), str(error))
        assert (restored.message, restored.code) == (error.message, error.code)


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda generator: pickle.loads(pickle.dumps(generator))])
def test_generator_can_be_copied_and_pickled(again: Any) -> None:
    generator = pgen.load(device="cpu", threads=1)
    generator.images("Mew")  # so that a session is open
    other = again(generator)
    assert (other.device, other.threads, other.bundle.digest) == ("cpu", 1, generator.bundle.digest)
    assert np.array_equal(other.images("Mew"), generator.images("Mew"))


def test_pickled_generator_refuses_another_bundle(tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    shutil.copytree(EMBEDDED, folder)
    pickled = pickle.dumps(pgen.load(folder))
    manifest = folder / "manifest.json"
    manifest.write_text(manifest.read_text("utf-8") + "\n", "utf-8")
    with pytest.raises(pgen.errors.OtherBundle, match="another bundle than the one that was pickled"):
        pickle.loads(pickled)


def check_fork(device: str) -> None:
    """Check that a forked process draws with a generator that its parent has used."""
    if "fork" not in multiprocessing.get_all_start_methods():
        pytest.skip("this system does not fork")
    generator = pgen.load(device=device, threads=2)
    expected = generator.images(["Mew", "Muk"], n=2)
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    process = context.Process(target=lambda: queue.put(generator.images(["Mew", "Muk"], n=2)))
    process.start()
    try:
        assert np.array_equal(queue.get(timeout=60), expected)
    finally:
        process.kill()


def test_forked_process_draws_with_a_used_generator() -> None:
    check_fork("cpu")
