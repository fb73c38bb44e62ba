"""TensorRT against a fake: the order of calls, refusals, and files written; never against the real TensorRT."""

import json
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pgen.api import load
from pgen.backends.registry import DEVICES
from pgen.backends.tensorrt.session import TensorRTSession, collecting_logger, open_model, started
from pgen.bundle.engines import EngineOptions, check_runs, profile_of, read_engine, release
from pgen.bundle.reader import EMBEDDED, Bundle, Model, open_bundle
from pgen.bundle.reader import Tensor as TensorEntry
from pgen.cli import build_command
from pgen.errors import BundleInvalid, DeviceUnavailable, EngineInvalid, EngineNotFound, EngineOutdated
from pgexport.cli import main
from pgexport.errors import EngineFailed, TargetInvalid
from pgexport.export import export_runs
from pgexport.targets.tensorrt import engines as tensorrt_engines
from pgexport.targets.tensorrt.engines import build_engines
from pokegan.errors import PokeganError
from tests.conftest import contents
from tests.export.targets.fake_cuda import FakeCuda
from tests.export.targets.fake_tensorrt import BuilderFlag, Fake, HardwareCompatibilityLevel, MemoryPoolType, Misuse

SMALL = EngineOptions(batches=(1, 2, 3))
Install = Callable[..., Fake]


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Install:
    """Put a fake TensorRT of some version, and a fake GPU, where `import` finds them."""

    def put(version: str = "10.16.1.11", **gpu: object) -> Fake:
        cuda = FakeCuda(**gpu)  # type: ignore[arg-type]
        fake = Fake(version, cuda)
        bindings = ModuleType("cuda.bindings")
        bindings.runtime = cuda  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "cuda.bindings", bindings)
        monkeypatch.setitem(sys.modules, "tensorrt", fake)  # type: ignore[arg-type]
        return fake

    return put


MODELS = {"encoder", "stackgan", "stats"}


@pytest.fixture(scope="module")
def bundle(tiny_run: Path, system_runs: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle that TensorRT can read: of pictures, texts and rows, in float32."""
    out = tmp_path_factory.mktemp("bundles") / "float32"
    export_runs([tiny_run, system_runs["stats"]], out, storage="float32")
    return out


@pytest.fixture
def built(bundle: Path, install: Install) -> Iterator[tuple[Path, Fake]]:
    """A bundle with engines of batches 1, 2 and 3; the engines are removed again."""
    fake = install()
    build_engines(bundle, SMALL)
    yield bundle, fake
    shutil.rmtree(bundle / "engines")


@pytest.mark.parametrize("version", ["10.6.0.post1", "10.16.1.11", "11.4.0.106"])
def test_engines_draw_what_onnx_runtime_draws(bundle: Path, install: Install, version: str) -> None:
    fake = install(version)
    infos = build_engines(bundle, SMALL)
    assert set(infos) == MODELS
    ours, theirs = load(bundle, "engine"), load(bundle, "cpu", threads=1)
    prompts = ["redball", "a text that no bundle stores", "a blue egg"]
    for batch in (1, 2, 5):  # below, at and beyond what the profile is tuned for
        pictures = ours.images(prompts, n=2, batch=batch)
        assert np.abs(pictures.astype(int) - theirs.images(prompts, n=2).astype(int)).max() <= 1
    assert ours.providers() == ["TensorRT"]
    assert fake.cuda.launches > 0, "the usual batch runs as a CUDA graph"
    shutil.rmtree(bundle / "engines")


def test_sidecar_has_every_field(built: tuple[Path, Fake]) -> None:
    folder, fake = built
    assert {path.name for path in (folder / "engines").iterdir()} == {
        f"{name}.{kind}" for name in MODELS for kind in ("plan", "json")
    }, "and nothing half-written"
    values = json.loads((folder / "engines" / "encoder.json").read_text())
    assert (values["tensorrt"], values["gpu"], values["compute_capability"]) == ("10.16.1.11", "Fake GPU", "9.0")
    assert values["profile"]["input_ids"] == [[1, 1], [2, 16], [3, 64]]
    assert values["onnx_sha256"] == open_bundle(folder).manifest.files["encoder.onnx"].sha256
    assert values["options"] == {
        "batches": [1, 2, 3], "workspace": None, "version_compatible": False, "hardware_compatible": False,
    }  # fmt: skip
    assert values["parity"]["cosine"] > 0.9999
    assert read_engine(open_bundle(folder), "encoder")[0].options == SMALL
    assert all(BuilderFlag.TF32 not in config.flags for config in fake.configs), "float32 means float32"


def test_options_reach_tensorrt(bundle: Path, install: Install) -> None:
    fake = install()
    options = replace(SMALL, workspace=256, version_compatible=True, hardware_compatible=True)
    info = build_engines(bundle, options)["stackgan"]
    for config in fake.configs:
        assert config.pools == {MemoryPoolType.WORKSPACE: 256 * 2**20}
        assert BuilderFlag.VERSION_COMPATIBLE in config.flags
        assert config.hardware_compatibility_level is HardwareCompatibilityLevel.AMPERE_PLUS
    opened = open_bundle(bundle)
    check_runs(opened, info, "11.4.0.106", "another", (8, 6))
    with pytest.raises(EngineInvalid, match=r"built by TensorRT 10\.16\.1\.11"):
        check_runs(opened, info, "10.9.0", "another", (8, 6))
    with pytest.raises(EngineInvalid, match="compute capability"):
        check_runs(opened, info, "10.16.1.11", "Turing", (7, 5))
    assert load(bundle, "engine").images(["Mew"]).shape[0] == 1, "host code is allowed for these alone"
    shutil.rmtree(bundle / "engines")


def test_timing_is_kept_between_builds(
    built: tuple[Path, Fake], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder, _ = built
    build_engines(folder, SMALL)
    build_engines(folder, SMALL)
    (kept,) = (tmp_path / "pokegan" / "tensorrt").iterdir()
    assert kept.read_bytes() == b"measured;" * 2 * len(MODELS), "two builds of each model"
    kept.write_bytes(b"of another device")
    build_engines(folder, SMALL)
    assert kept.read_bytes() == b"measured;" * len(MODELS), "started anew"
    assert "10.16.1.11" in kept.name


def test_another_tensorrt_or_gpu_is_rejected_with_the_command(built: tuple[Path, Fake], install: Install) -> None:
    folder, _ = built
    for version, gpu in (("11.4.0.106", {}), ("10.16.1.10", {}), ("10.16.1.11", {"capability": (8, 9)})):
        install(version, **gpu)
        with pytest.raises(EngineOutdated, match=r"; build the engine again$") as refused:
            load(folder, "engine").images(["Mew"])
        assert build_command(refused.value) == shlex.join(["pgexport", str(folder), "--tensorrt", "--batches", "1,2,3"])


def test_commands_in_hints_can_be_pasted() -> None:
    folder = Path("one's bundle")
    options = EngineOptions((1, 2, 3), 64, version_compatible=True)
    call = "pgexport FOLDER --tensorrt --batches 1,2,3 --workspace 64 --version-compatible"
    command = build_command(EngineOutdated("damaged", folder, options))
    assert shlex.split(command) == [str(folder) if word == "FOLDER" else word for word in call.split()]


def spoil_plan(folder: Path) -> None:
    (folder / "engines" / "stackgan.plan").write_bytes(b"x")


def spoil_sidecar(folder: Path) -> None:
    (folder / "engines" / "stackgan.json").write_text("{")


def spoil_model(folder: Path) -> None:
    path = folder / "engines" / "stackgan.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"onnx_sha256": "0" * 64}))


def newer(folder: Path) -> None:
    path = folder / "engines" / "stackgan.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 99}))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (spoil_plan, r"not the engine.*; build the engine again$"),
        (spoil_sidecar, r"damaged.*; build the engine again$"),
        (spoil_model, r"built from another stackgan\.onnx; build the engine again$"),
        (newer, r"format 99.*pip install -U"),
    ],
)
def test_spoilt_engines_are_rejected(built: tuple[Path, Fake], spoil: Callable[[Path], None], message: str) -> None:
    spoil(built[0])
    with pytest.raises(EngineInvalid, match=message) as refused:
        load(built[0], "engine").images(["Mew"])
    assert "\n" not in refused.value.message


def test_without_engines_the_command_that_builds_them_is_reported(bundle: Path, install: Install) -> None:
    install()
    with pytest.raises(EngineNotFound, match=r"stackgan\.plan: not found; build the engine$") as missing:
        load(bundle, "engine").images(["Mew"])
    assert build_command(missing.value).startswith("pgexport ")


def test_graph_that_cannot_be_captured_runs_without_capture(built: tuple[Path, Fake]) -> None:
    folder, fake = built
    fake.cuda.launches, fake.cuda.capturable = 0, False
    generator, plain = load(folder, "engine"), load(folder, "cpu", threads=1)
    for _ in range(2):
        assert np.array_equal(generator.images(["Mew"], n=2, batch=2), plain.images(["Mew"], n=2, batch=2))
    assert fake.cuda.launches == 0


def open_engine(bundle: Bundle, kind: str) -> TensorRTSession:
    return open_model(bundle, bundle.model(kind), DEVICES["engine"], 0)


def zeros(bundle: Bundle, batch: int) -> dict[str, NDArray[np.float32]]:
    inputs = bundle.model("text-to-image").inputs
    return {tensor.name: np.zeros((batch, int(tensor.shape[1])), np.float32) for tensor in inputs}


def test_memory_is_given_back(built: tuple[Path, Fake]) -> None:
    folder, fake = built
    assert not fake.cuda.memory, "building left nothing"
    opened = open_bundle(folder)
    model = opened.model("text-to-image")
    engine = open_engine(opened, model.kind)
    engine.run(["pictures"], zeros(opened, 2))
    assert len(fake.cuda.memory) == len(model.inputs) + len(model.outputs)
    engine.close()
    engine.close()
    assert (fake.cuda.memory, fake.cuda.streams, fake.cuda.graphs) == ({}, {}, 0)


def test_wrong_inputs_are_rejected(built: tuple[Path, Fake]) -> None:
    folder, fake = built
    opened = open_bundle(folder)
    generator = open_engine(opened, "text-to-image")
    feeds = zeros(opened, 1)
    with pytest.raises(ValueError, match="latent is float64"):
        generator.run(["pictures"], feeds | {"latent": feeds["latent"].astype(float)})
    with pytest.raises(ValueError, match="takes"):
        generator.run(["pictures"], {"latent": feeds["latent"]})
    encoder = open_engine(opened, "encoder")
    ids = np.ones((1, 65), np.int64)
    with pytest.raises(EngineInvalid, match=r"input_ids of shape \(1, 65\) is outside its profile"):
        encoder.run(["sentence_embedding"], {"input_ids": ids, "attention_mask": ids})
    fake.cuda.full = True
    with pytest.raises(PokeganError, match="memory"):
        open_engine(opened, "encoder")


def test_smaller_batches_than_the_profile_are_filled_up(bundle: Path, install: Install) -> None:
    install()
    build_engines(bundle, EngineOptions(batches=(2, 2, 3)))
    ours, theirs = load(bundle, "engine"), load(bundle, "cpu", threads=1)
    assert np.array_equal(ours.images(["Mew"], batch=1), theirs.images(["Mew"]))
    shutil.rmtree(bundle / "engines")


def test_failed_build_is_one_line(bundle: Path, install: Install) -> None:
    fake = install()
    fake.fails = True
    with pytest.raises(EngineFailed, match=r"Could not find any implementation for node conv1\.\)") as failed:
        build_engines(bundle, SMALL)
    assert failed.value.exit_code == 1
    fake.fails, fake.wrong = False, True
    with pytest.raises(EngineFailed, match="differs from ONNX Runtime"):
        build_engines(bundle, SMALL)
    fake.wrong = False
    for output in ("stats", "type_pair", "rarity_index"):
        fake.off_by_one = output
        with pytest.raises(EngineFailed, match=r"stats\.onnx: its engine differs from ONNX Runtime: equal is"):
            build_engines(bundle, SMALL)
    fake.off_by_one = ""
    with pytest.raises(EngineFailed, match="cannot read it"):
        tensorrt_engines.build_plan(b"no model", "x.onnx", {}, SMALL, tensorrt_engines.ready())
    assert not (bundle / "engines").exists()


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()], ids=["full", "ctrl-c"])
@pytest.mark.parametrize("step", ["third plan", "swap"])
def test_engines_are_replaced_all_or_none(
    built: tuple[Path, Fake], monkeypatch: pytest.MonkeyPatch, error: BaseException, step: str
) -> None:
    folder, _ = built
    bundle, before = {path.name for path in folder.iterdir()}, contents(folder / "engines")
    write, rename, written = Path.write_bytes, Path.rename, list[Path]()

    def writing(self: Path, content: bytes) -> int:
        if step == "third plan" and self.suffix == ".plan":  # not a cache of timings, which may fail
            written.append(self)
            if len(written) == 3:
                raise error
        return write(self, content)

    def renaming(self: Path, target: Path) -> Path:
        if step == "swap" and target.name == "engines" and self.name != "replaced":
            raise error
        return rename(self, target)

    monkeypatch.setattr(Path, "write_bytes", writing)
    monkeypatch.setattr(Path, "rename", renaming)
    raised = TargetInvalid if isinstance(error, OSError) else KeyboardInterrupt
    with pytest.raises(raised, match="No space left on device" if isinstance(error, OSError) else None):
        build_engines(folder, EngineOptions(batches=(1, 1, 1)))
    assert contents(folder / "engines") == before
    assert {path.name for path in folder.iterdir()} == bundle, "and nothing lies beside"


def test_missing_requirements_are_named(bundle: Path, install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    def error_of(*options: str) -> str:
        done = CliRunner().invoke(main, [str(bundle), "--tensorrt", *options])
        assert done.exit_code == 2, done.output
        assert done.stderr.count("\n") == 1
        return done.stderr

    install(count=0)
    assert "no NVIDIA GPU that CUDA can use (cudaErrorNoDevice); install NVIDIA's driver" in error_of()
    install(capability=(7, 5))
    assert "hardware-compatible engines need a GPU from Ampere on" in error_of("--hardware-compatible")
    monkeypatch.setitem(sys.modules, "tensorrt", ModuleType("tensorrt"))
    assert "incomplete; install it with its libraries: pip install" in error_of()
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    monkeypatch.delitem(sys.modules, "tensorrt")
    assert "tensorrt is not installed; install it with: pip install 'pokegan[tensorrt]'" in error_of()
    assert not (bundle / "engines").exists()


def test_unsupported_graph_is_rejected_before_any_build(
    tiny_run: Path, tmp_path: Path, install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = install()
    embedded = Path(shutil.copytree(EMBEDDED, tmp_path / "embedded"))
    refused = CliRunner().invoke(main, [str(embedded), "--tensorrt"])
    message = "encoder: TensorRT does not read INT8 in its graph; export its run with float32 or fp16 storage"
    assert (refused.exit_code, refused.stderr.count("\n")) == (2, 1)
    assert message in refused.stderr
    assert not fake.configs
    assert not (embedded / "engines").exists()
    refused = CliRunner().invoke(main, [str(tiny_run), "--out", str(tmp_path / "b"), "--tensorrt", "--int8"])
    assert (refused.exit_code, refused.stderr.count("\n")) == (2, 1)
    assert "DynamicQuantizeLinear" in refused.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["embedded"], "no bundle either"


@pytest.mark.parametrize("count", [1, 8, 300])
def test_stats_are_tried_on_valid_conditions(bundle: Path, count: int) -> None:
    opened = open_bundle(bundle)
    feeds = tensorrt_engines._inputs(opened, opened.model("stats"), count, np.random.default_rng(0))
    assert set(np.unique(feeds["types"])) <= {0, 1}
    assert feeds["types"].sum(1).max(initial=0) <= 2
    assert feeds["rarity"].sum(1).max(initial=0) <= 1
    assert all(total == 0 or 6 <= total <= 1530 for total in feeds["total"])


def test_driver_that_does_not_start_tensorrt_is_reported(install: Install) -> None:
    fake = install(count=0)
    with pytest.raises(DeviceUnavailable, match="CUDA initialization failure with error: 35"):
        started(fake.Builder, collecting_logger())


@pytest.mark.parametrize("batches", ["1", "1,2", "0,1,2", "3,2,1", "a,b,c", "1,2,3,4", ""])
def test_bad_batches_are_rejected(bundle: Path, batches: str) -> None:
    done = CliRunner().invoke(main, [str(bundle), "--tensorrt", "--batches", batches])
    assert done.exit_code == 2
    assert "three rising batches" in done.stderr


def test_command_builds_into_a_bundle(bundle: Path, install: Install) -> None:
    install()
    done = CliRunner().invoke(main, [str(bundle), "--tensorrt", "--batches", "1,2,3"])
    assert done.exit_code == 0, done.output
    assert "--device engine" in done.stdout
    shutil.rmtree(bundle / "engines")
    refused = CliRunner().invoke(main, [str(bundle), "--workspace", "64"])
    assert refused.exit_code == 2
    assert "--workspace is about engines: add --tensorrt" in refused.stderr


def test_engines_beside_add_verify_inspect_and_diff(
    full_bundle: Path, system_runs: dict[str, Path], tmp_path: Path, install: Install
) -> None:
    install()
    folder = Path(shutil.copytree(full_bundle, tmp_path / "bundle"))

    def invoke(*words: object) -> None:
        done = CliRunner().invoke(main, [str(word) for word in words])
        assert done.exit_code == 0, done.output

    invoke(folder, "--tensorrt", "--batches", "1,2,3")
    engines = {f"{name}.plan" for name in open_bundle(folder).manifest.models}
    assert {path.name for path in (folder / "engines").glob("*.plan")} == engines
    invoke("diff", full_bundle, folder)
    invoke(system_runs["dcgan"], "--out", folder, "--add", "--force", "--fp16")
    opened = open_bundle(folder)
    assert not any(name.startswith("engines") for name in opened.manifest.files), "they are this machine's alone"
    left = {path.name for path in (folder / "engines").iterdir()}
    assert engines - left == {"dcgan.plan"}, "the engine of a model that was replaced is gone"
    assert "dcgan.json" not in left
    assert read_engine(opened, "wgan")[0].model == "wgan"
    invoke("verify", folder)
    invoke("inspect", folder)
    refused = CliRunner().invoke(main, [str(folder), "--tensorrt", "--fp16"])
    assert refused.exit_code == 2
    assert "is a bundle, not a run: leave out --fp16" in refused.stderr


@given(
    st.tuples(st.integers(1, 512), st.integers(1, 512), st.integers(1, 512)).map(lambda result: tuple(sorted(result))),
    st.integers(1, 512),
)
def test_profiles_rise(batches: tuple[int, int, int], tokens: int) -> None:
    inputs = [TensorEntry("ids", "int64", ["batch", "sequence"]), TensorEntry("latent", "float32", ["batch", 7])]
    model = Model("encoder", "m.onnx", inputs, [], "float32", 18, {"max_tokens": tokens}, {})
    for least, usual, most in profile_of(model, batches).values():
        assert all(1 <= a <= b <= c for a, b, c in zip(least, usual, most, strict=True))
        assert (least[0], usual[0], most[0]) == batches


def test_versions_are_numbers() -> None:
    assert release("10.6.0.post1") == release("10.6.0") < release("10.16.1.11") < release("11.0.0.114")


def test_model_name_cannot_leave_the_bundle(bundle: Path) -> None:
    opened = open_bundle(bundle)
    with pytest.raises(BundleInvalid, match="cannot be a file name"):
        read_engine(opened, "../../outside")


def test_fake_tensorrt_checks_the_order_of_calls(built: tuple[Path, Fake]) -> None:
    folder, fake = built
    logger = collecting_logger()
    builder = fake.Builder(logger)
    network, config = builder.create_network(0), builder.create_builder_config()
    with pytest.raises(Misuse, match="parse before building"):
        builder.build_serialized_network(network, config)
    model = open_bundle(folder).read("stackgan.onnx")
    fake.OnnxParser(network, logger).parse(model)
    with pytest.raises(Misuse, match="strongly typed"):
        builder.build_serialized_network(network, config)
    network = builder.create_network(2)
    fake.OnnxParser(network, logger).parse(model)
    with pytest.raises(Misuse, match="need a profile"):
        builder.build_serialized_network(network, config)
    info, plan = read_engine(open_bundle(folder), "stackgan")
    context = fake.Runtime(logger).deserialize_cuda_engine(plan).create_execution_context()
    stream = fake.cuda.cudaStreamCreateWithFlags(1)[1]
    with pytest.raises(Misuse, match="set_input_shape"):
        context.execute_async_v3(int(stream))
    with pytest.raises(Misuse, match="a stream that is open"):
        context.execute_async_v3(0)
    assert not context.set_input_shape("latent", zeros(open_bundle(folder), 4)["latent"].shape), "beyond the profile"
    opened, cuda = open_bundle(folder), tensorrt_engines.ready()
    assert isinstance(TensorRTSession(plan, info, cuda, opened), TensorRTSession)
    fake.__version__ = "10.16.1.12"
    with pytest.raises(EngineOutdated, match=r"TensorRT cannot load it .*; build the engine again$"):
        TensorRTSession(plan, info, cuda, opened)
