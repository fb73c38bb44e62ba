"""Small things that the tests make for themselves: pictures drawn by code, a tiny BERT, a run, a bundle."""

import contextlib
import errno
import json
import os
import shutil
import signal
import socket
import string
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from filelock import FileLock
from hypothesis import HealthCheck, settings
from numpy.typing import NDArray
from PIL import Image, ImageDraw

SHAPES = ("ball", "upright", "wings")
COLORS = {"red": (200, 40, 40), "green": (40, 180, 60), "blue": (50, 80, 210), "yellow": (230, 200, 40)}
POKEMON = Path(__file__).parents[2] / "shared" / "data" / "pokemon"

# A shell that starts pytest in the background has it ignore Ctrl-C, and so would every process that a test starts.
signal.signal(signal.SIGINT, signal.default_int_handler)

# No test is timed: by the clock, these two checks fail on a busy machine.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

# Two workers of pytest-xdist share two cores; threads of theirs would wait for each other.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")


@contextlib.contextmanager
def uncovered() -> Iterator[None]:
    """Measure no coverage inside: the hook on every call more than doubles the time of training and tracing."""
    coverage = sys.modules.get("coverage")
    measuring = coverage and coverage.Coverage.current()
    if measuring:
        measuring.stop()
    try:
        yield
    finally:
        if measuring:
            measuring.start()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, bool | None, bool | None]:
    """Measure no coverage in the tests of training and export, but for targets, whose files the runtime runs."""
    folder, within, *_ = (*item.path.relative_to(Path(__file__).parent).parts, "")
    with uncovered() if folder in ("training", "export") and within != "targets" else contextlib.nullcontext():
        return (yield)


Command = Callable[..., subprocess.CompletedProcess[str]]
MadeOnce = Callable[[str, Callable[[Path], object]], Path]


@pytest.fixture(scope="session")
def pokemon() -> Path:
    """The real data set, where it lies beside the repository."""
    if not (POKEMON / "metadata.jsonl").is_file():
        pytest.skip("the real data set is not beside this checkout")
    return POKEMON


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep the tests out of the user's cache, in this process and in those it starts."""
    os.environ["XDG_CACHE_HOME"] = str(tmp_path_factory.mktemp("cache"))


def draw(path: Path, shape: str = "ball", color: str = "red") -> Path:
    """Draw an ellipse of one of SHAPES and COLORS, 96 pixels square, into a file whose folder need not exist."""
    image = Image.new("RGBA", (96, 96))
    box = {"ball": (20, 20, 76, 76), "upright": (34, 8, 62, 88), "wings": (6, 36, 90, 60)}[shape]
    ImageDraw.Draw(image).ellipse(box, fill=(*COLORS[color], 255))
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)
    return path


def pixels(path: Path) -> NDArray[np.uint8]:
    """Read a picture, uint8 (H, W, 4)."""
    with Image.open(path) as image:
        return np.array(image.convert("RGBA"))


def contents(folder: Path) -> dict[str, bytes]:
    """Read the files of a folder by name, in their order."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def disk_full(*_: object, **__: object) -> None:
    """Take the place of a function that writes, and fail as on a full disk."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def free_port() -> int:
    """Find a port of this machine that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def run_python(program: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run the text of a program in a process of its own."""
    call = [sys.executable, "-c", program]
    return subprocess.run(call, capture_output=True, text=True, check=False, **options)


@pytest.fixture(scope="session")
def small_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of twelve ellipses, and a record without a picture."""
    folder = tmp_path_factory.mktemp("data")
    lines = [json.dumps({"name": "Unseen", "types": ["ghost"]})]
    for shape in SHAPES:
        for number, color in enumerate(COLORS):
            file = f"images/{shape}-{color}.png"
            draw(folder / file, shape, color)
            types = ["fire", "water"][: number % 2 + 1]
            record = {"file_name": file, "name": f"{color}{shape}", "types": types, "color": color, "shape": shape}
            lines.append(json.dumps(record | {"genus": "Egg Pokémon", "description": "It rolls. It shines at night."}))
    (folder / "metadata.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    return folder


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A two-layer BERT with random weights, 32 numbers a text, whose vocabulary is letters."""
    torch = pytest.importorskip("torch", reason="needs PyTorch")
    from tokenizers import Tokenizer, normalizers, pre_tokenizers, processors
    from tokenizers.models import WordPiece
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("encoder")
    letters = string.ascii_lowercase + string.digits + ",."
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *letters, *(f"##{letter}" for letter in letters)]
    vocabulary = {word: number for number, word in enumerate(words)}
    tokenizer = Tokenizer(WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
    ).save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=512,
    )
    BertModel(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def command() -> Command:
    """Run one of the project's commands as a user would, in a process of its own."""

    def run(*arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
        name, *rest = (str(argument) for argument in arguments)
        program = str(Path(sys.executable).parent / name)
        usual: dict[str, Any] = {"capture_output": True, "text": True, "timeout": 300}
        return subprocess.run([program, *rest], check=False, **usual | options)

    return run


@pytest.fixture(scope="session")
def inside() -> Command:
    """Run a command in this process, which spares seconds of imports, with the results of a process."""

    def run(name: str, *arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        call: Any = import_module(f"{name}.cli").main
        with contextlib.chdir(cwd or Path.cwd()):
            done = CliRunner().invoke(call, [str(argument) for argument in arguments], prog_name=name)
        return subprocess.CompletedProcess([name, *map(str, arguments)], done.exit_code, done.stdout, done.stderr)

    return run


TINY = ("--width", "8", "--batch", "4")


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> MadeOnce:
    """Make a folder by a function that is given its place, once for all workers of pytest-xdist."""

    def make(name: str, write: Callable[[Path], object]) -> Path:
        root = tmp_path_factory.getbasetemp()
        root = root.parent if "PYTEST_XDIST_WORKER" in os.environ else root
        place = root / "shared" / name
        place.parent.mkdir(exist_ok=True)
        with FileLock(f"{place}.lock"):
            if not place.with_suffix(".done").exists():
                with uncovered():
                    write(place)
                place.with_suffix(".done").touch()
        return place

    return make


@pytest.fixture(scope="session")
def quick_exports(made_once: MadeOnce) -> Iterator[None]:
    """Export in less time from here on, see tests/exports.py."""
    pytest.importorskip("torch", reason="needs PyTorch")
    from tests import exports

    with exports.quick_exports(made_once):
        yield


@pytest.fixture(scope="session")
def tiny_run(inside: Command, small_data: Path, tiny_encoder: Path, made_once: MadeOnce) -> Path:
    """A run of `pgtrain stackgan` through all three phases on the small data."""
    phases = ("--epochs", "3", "--stage1-pretrain", "1", "--stage1-epochs", "2")
    where = ("--data", small_data, "--encoder", tiny_encoder)

    def write(folder: Path) -> None:
        done = inside("pgtrain", "stackgan", *where, "--out", folder, *phases, *TINY)
        assert done.returncode == 0, done.stderr

    return made_once("tiny-run", write)


@pytest.fixture(scope="session")
def tiny_bundle(inside: Command, tiny_run: Path, quick_exports: None, made_once: MadeOnce) -> Path:
    """That run, exported."""

    def write(folder: Path) -> None:
        done = inside("pgexport", tiny_run, "--out", folder)
        assert done.returncode == 0, done.stderr

    return made_once("tiny-bundle", write)


@pytest.fixture(scope="session")
def stats_table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CSV of forty Pokémon."""
    lines = ["name,hp,attack,defense,sp_attack,sp_defense,speed,type1,type2,is_legendary"]
    for number in range(40):
        stats = ",".join(str(20 + 5 * ((number * step) % 30)) for step in (1, 3, 5, 7, 11, 13))
        types = ("fire,", "water,ice", "grass,poison")[number % 3]
        lines.append(f"Mon{number},{stats},{types},{int(number % 10 == 9)}")
    path = tmp_path_factory.mktemp("stats") / "pokemon.csv"
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


@pytest.fixture(scope="session")
def system_runs(small_data: Path, stats_table: Path, made_once: MadeOnce) -> dict[str, Path]:
    """Runs of two epochs of the systems that read no text, by system."""
    pytest.importorskip("torch", reason="needs PyTorch")
    from pgtrain.systems.registry import SYSTEMS
    from pgtrain.train import Request, train

    pictures = {"size": 32, "width": 4, "batch": 6, "latent_dim": 8, "pretrain": 1}
    options = {
        "dcgan": (small_data, pictures),
        "wgan": (small_data, pictures),
        "stats": (stats_table, {"width": 16, "critic_width": 16, "batch": 16, "noise_dim": 8, "passes": 2}),
    }

    def write(folder: Path) -> None:
        for system, (data, recipe) in options.items():
            request = Request(system, data, folder / system, 2, None, 0, "fp32", 60, False)
            train(request, SYSTEMS[system].config(**recipe))

    folder = made_once("system-runs", write)
    return {system: folder / system for system in options}


@pytest.fixture(scope="session")
def full_bundle(inside: Command, tiny_bundle: Path, system_runs: dict[str, Path], made_once: MadeOnce) -> Path:
    """A bundle of all systems."""

    def write(folder: Path) -> None:
        shutil.copytree(tiny_bundle, folder)
        done = inside("pgexport", *system_runs.values(), "--out", folder, "--add")
        assert done.returncode == 0, done.stderr

    return made_once("full-bundle", write)
