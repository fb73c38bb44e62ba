"""Several processes, gradient accumulation, loss scaling and compilation: all train like one plain process."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import load_file
from torch import Tensor

from pgtrain.cli import main
from pgtrain.data import sources
from pgtrain.data.dataset import Pictures, decoded, fits, weighted
from pgtrain.data.stats_rows import STATS, TYPES
from pgtrain.engine.accelerator import LEAST_SCALE, Accelerator
from pgtrain.engine.run import CHECKPOINT, Run
from pgtrain.errors import ConfigInvalid, Diverged, ReportedByMain
from pgtrain.systems.dcgan.config import DCGANConfig
from pgtrain.systems.dcgan.system import DCGAN
from pokegan.cli import Command

DCGAN_ARGUMENTS = "--size 32 --width 8 --latent-dim 8 --r1-interval 2 --pretrain 1"
SYSTEMS = {
    "dcgan": f"{DCGAN_ARGUMENTS} --epochs 3",
    "wgan": "--size 32 --width 8 --latent-dim 8 --penalty-interval 2 --pretrain 1 --epochs 3",
    # A memory draws texts and mixes in every process by itself, so that several train another run than one does.
    "stackgan": "--recipe original --stage 1 --width 8 --epochs 2",
    "stats": "--width 16 --critic-width 16 --noise-dim 8 --pac 2 --passes 1 --epochs 2 --recipe original",
}
Runs = tuple[dict[str, Path], dict[str, Path]]


def launch(*program: str, timeout: float = 300) -> subprocess.CompletedProcess[str]:
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    return subprocess.run([*torchrun, *program], capture_output=True, text=True, timeout=timeout, check=False)


def write_rows(folder: Path) -> Path:
    draw = random.Random(0)
    folder.mkdir()
    lines = [
        {"name": f"M{number}", "types": draw.sample(TYPES, 2), "stats": {name: draw.randint(1, 255) for name in STATS}}
        for number in range(40)
    ]
    (folder / "metadata.jsonl").write_text("\n".join(json.dumps(line) for line in lines), "utf-8")
    return folder


@pytest.fixture(scope="module")
def runs(small_data: Path, tiny_encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """Every system, trained by one process and by two; and a run that alternates between one and two."""
    folder = tmp_path_factory.mktemp("scale")
    rows = write_rows(folder / "rows")

    def arguments(name: str, out: Path) -> list[str]:
        common = ["--data", str(rows if name == "stats" else small_data), "--out", str(out), "--precision", "fp32"]
        encoder = ["--encoder", str(tiny_encoder)] if name == "stackgan" else []
        return [name, *SYSTEMS[name].split(), *common, *encoder, "--batch", "8" if name == "stats" else "4"]

    one, two = ({name: folder / kind / name for name in SYSTEMS} for kind in ("one", "two"))
    mixed = one["mixed"] = two["mixed"] = folder / "mixed"
    for name in SYSTEMS:
        main(arguments(name, one[name]), standalone_mode=False)
    alternating = arguments("dcgan", mixed)
    main([*alternating, "--epochs", "1"], standalone_mode=False)
    jobs = [arguments(name, two[name]) for name in SYSTEMS]
    jobs.append([*alternating, "--epochs", "2", "--resume"])
    done = launch(str(Path(__file__).with_name("several.py")), json.dumps(jobs))
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("trained") == len(jobs), "one process speaks"
    main([*alternating, "--epochs", "3", "--resume"], standalone_mode=False)
    return one, two


def losses(folder: Path) -> list[dict[str, float]]:
    return [
        {name: value for name, value in entry.items() if name not in ("phase", "pictures_per_second")}
        for entry in Run(folder).metrics()
    ]


@pytest.mark.parametrize("name", SYSTEMS)
def test_two_processes_train_as_one(runs: Runs, name: str) -> None:
    one, two = (kind[name] for kind in runs)
    assert len(losses(one)) == len(losses(two)) > 1
    for alone, shared in zip(losses(one), losses(two), strict=True):
        assert shared == pytest.approx(alone, rel=2e-3, abs=2e-4)
    whole, shared_weights = load_file(one / CHECKPOINT), load_file(two / CHECKPOINT)
    assert whole.keys() == shared_weights.keys()
    for weight in whole:
        if weight.startswith(("network", "random")):
            torch.testing.assert_close(shared_weights[weight], whole[weight], rtol=1e-2, atol=2e-3, msg=weight)


@pytest.mark.parametrize("name", SYSTEMS)
def test_only_the_main_process_writes(runs: Runs, name: str) -> None:
    one, two = ({path.relative_to(kind[name]) for path in kind[name].rglob("*")} for kind in runs)
    plain = [{path for path in paths if path.parts[0] != "tensorboard"} for paths in (one, two)]
    assert plain[0] == plain[1]
    assert len([path for path in two if "tfevents" in path.name]) == 1


def test_run_continues_with_another_number_of_processes(runs: Runs) -> None:
    one = runs[0]
    for mixed, whole in zip(losses(one["mixed"]), losses(one["dcgan"]), strict=True):
        assert mixed == pytest.approx(whole, rel=2e-3, abs=2e-4)


@pytest.mark.slow
def test_several_processes_fail_in_one_line(small_data: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    done = launch(
        "-m", "pgtrain.cli", "dcgan", "--data", str(small_data), "--out", str(tmp_path), *DCGAN_ARGUMENTS.split()
    )
    assert done.returncode != 0
    assert done.stderr.count("holds a run already") == 1
    assert done.stderr.count("exitcode  : 2") >= 1, done.stderr
    assert "in train" not in done.stderr, "no traceback of ours"


@pytest.mark.slow
def test_signal_to_one_process_stops_all_with_one_checkpoint(small_data: Path, tmp_path: Path) -> None:
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    command = ["-m", "pgtrain.cli", "dcgan", "--data", str(small_data), "--out", str(tmp_path / "run")]
    training = subprocess.Popen(
        [*torchrun, *command, *DCGAN_ARGUMENTS.split(), "--batch", "4", "--epochs", "100000"],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    until = time.monotonic() + 120
    while not Run(tmp_path / "run").metrics() and time.monotonic() < until:
        time.sleep(0.5)
    children = Path(f"/proc/{training.pid}/task/{training.pid}/children").read_text().split()
    os.kill(int(children[-1]), signal.SIGTERM)
    _, stderr = training.communicate(timeout=120)
    assert stderr.count("can be resumed") == 1, stderr
    assert (tmp_path / "run" / CHECKPOINT).is_file()


@pytest.fixture
def data(small_data: Path) -> Pictures:
    return decoded(sources.read(small_data), 32)


def make(data: Pictures, accumulate: int = 1, **options: object) -> DCGAN:
    torch.manual_seed(0)
    config = DCGANConfig(**{"size": 32, "width": 8, "latent_dim": 8, "augment": False} | options)  # type: ignore[arg-type]
    return DCGAN(config, Accelerator("fp32", accumulate), data)


def test_parts_add_up_to_the_batch(data: Pictures) -> None:
    # Real pictures alone: generated ones differ, by their draws and their batch norm.
    gradients = []
    for accumulate in (1, 3):
        made, losses = make(data, accumulate), []
        discriminator = made.networks["discriminator"]
        made.optimizers["discriminator"].step = lambda losses=losses, discriminator=discriminator: losses.extend(  # type: ignore[method-assign]
            parameter.grad.clone() for parameter in discriminator.parameters()
        )

        def loss(part: Tensor, made: DCGAN = made) -> tuple[Tensor, dict[str, Tensor]]:
            real = made.pictures(data, part)
            return made.opponent_loss(real, 1 - real, 0)[0], {}

        parts = made.accelerator.parts(torch.arange(12))
        assert [len(part) for part in parts] == [12 // accumulate] * accumulate
        made.accelerator.step(made.optimizers["discriminator"], loss, parts)
        gradients.append(losses)
    for whole, summed in zip(*gradients, strict=True):
        torch.testing.assert_close(summed, whole, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_system_accumulates(name: str, small_data: Path, tiny_encoder: Path, tmp_path: Path) -> None:
    source = write_rows(tmp_path / "rows") if name == "stats" else small_data
    arguments = [name, "--data", str(source), "--out", str(tmp_path / "run"), *SYSTEMS[name].split(), "--batch", "4"]
    arguments += ["--encoder", str(tiny_encoder)] if name == "stackgan" else []
    main([*arguments, "--epochs", "2", "--accumulate", "2", "--precision", "fp32"], standalone_mode=False)
    assert Run(tmp_path / "run").described()["accumulate"] == 2


def test_batch_that_does_not_divide_is_rejected(small_data: Path, tmp_path: Path) -> None:
    with pytest.raises(click.ClickException, match="batch 4 is not a multiple of 3") as refused:
        main(
            ["dcgan", "--data", str(small_data), "--out", str(tmp_path / "run"), "--batch", "4", "--accumulate", "3"],
            standalone_mode=False,
        )
    assert isinstance(refused.value.__cause__, ConfigInvalid)
    assert not (tmp_path / "run").exists()


def scaled(data: Pictures, scale: float) -> DCGAN:
    """A system whose losses are scaled as fp16's are, on the CPU in float32."""
    made = make(data)
    scaler = torch.amp.GradScaler("cpu", init_scale=scale)
    made.accelerator._accelerate.scaler = scaler
    for name in made.optimizers:
        plain = made.optimizers[name].optimizer  # type: ignore[attr-defined]
        made.optimizers[name] = made.accelerator._accelerate.prepare_optimizer(plain)
    return made


def test_overflow_skips_the_step_without_divergence(data: Pictures, monkeypatch: pytest.MonkeyPatch) -> None:
    made = scaled(data, 2.0**120)
    monkeypatch.setattr(made, "generator_loss", lambda scores: 1e6 * scores.mean())  # its scaled gradient is infinite
    before = {name: value.clone() for name, value in made.networks.state_dict().items()}
    metrics = made.train_step(data, torch.arange(4), 0)
    assert not made.accelerator.stepped
    assert all(torch.isfinite(value) for value in metrics.values()), "what the loop takes for a divergence"
    after = made.networks.state_dict()
    kept = [name for name in before if name.startswith("average") or re.match(r"generator.*(weight|bias)", name)]
    assert all(torch.equal(before[name], after[name]) for name in kept)
    assert made.accelerator.loss_scale == 2.0**119
    monkeypatch.undo()
    made.accelerator.scaling = made.accelerator.scaling | {"scale": 1.0}
    made.train_step(data, torch.arange(4), 1)
    assert made.accelerator.stepped
    assert not all(torch.equal(before[name], made.networks.state_dict()[name]) for name in kept)


def test_scaled_losses_train_as_unscaled_ones(data: Pictures) -> None:
    plain, made = make(data), scaled(data, 256.0)
    for step in range(3):
        torch.manual_seed(step)
        expected = plain.train_step(data, torch.arange(4), step)
        torch.manual_seed(step)
        metrics = made.train_step(data, torch.arange(4), step)
        for name, value in expected.items():
            torch.testing.assert_close(metrics[name], value, rtol=1e-4, atol=1e-5)
    assert made.accelerator.stepped


def test_gradients_that_overflow_at_every_scale_are_a_divergence(data: Pictures) -> None:
    made = scaled(data, LEAST_SCALE / 4)
    weight = next(made.networks["discriminator"].parameters())
    with pytest.raises(Diverged, match="try bf16 or fp32"):
        made.accelerator.step(made.optimizers["discriminator"], lambda part: (1e10 * (1e38 * part).sum(), {}), [weight])


def test_scale_of_losses_is_checkpointed(data: Pictures) -> None:
    kept = scaled(data, 8.0).accelerator.scaling
    other = scaled(data, 1024.0).accelerator
    other.scaling = json.loads(json.dumps(kept))
    assert other.loss_scale == 8.0


@pytest.mark.skipif(torch.cuda.is_available(), reason="a CUDA GPU is here")
def test_fp16_without_a_gpu_is_rejected() -> None:
    with pytest.raises(ConfigInvalid, match="CUDA"):
        Accelerator("fp16")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU")
@pytest.mark.parametrize("precision", ["fp16", "bf16"])
def test_half_precision_trains_on_cuda(data: Pictures, precision: str) -> None:
    accelerator = Accelerator(precision)  # type: ignore[arg-type]
    made = DCGAN(DCGANConfig(size=32, width=8, latent_dim=8, r1_interval=2), accelerator, data.to(accelerator.device))
    for step in range(12):
        metrics = made.train_step(data, torch.arange(4, device=accelerator.device), step)
        assert all(torch.isfinite(value) for value in metrics.values())
    assert made.accelerator.stepped
    assert (accelerator.loss_scale is not None) == (precision == "fp16")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU")
def test_pictures_that_do_not_fit_stay_on_the_cpu(data: Pictures, monkeypatch: pytest.MonkeyPatch) -> None:
    device = torch.device("cuda", 0)
    expected = data.fetch(torch.tensor([3, 1]))
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (data.pictures.nbytes, 0))
    data.to(device)
    assert data.pictures.device.type == "cpu"
    assert torch.equal(data.fetch(torch.tensor([3, 1], device=device)).cpu(), expected)


def test_pictures_fit_in_half_of_the_free_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    pictures, device = torch.zeros(10, 4, 8, 8, dtype=torch.uint8), torch.device("cuda", 0)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (2 * 2560, 9999))
    assert fits(pictures, device)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (2 * 2560 - 1, 9999))
    assert not fits(pictures, device)


def test_captions_are_drawn_by_their_weights() -> None:
    weights = torch.tensor([[0.4, 0.0, 0.6, 0.0]]).expand(10001, -1)
    chosen = weighted(weights, torch.linspace(0, 1, 10001)[:, None]).flatten()
    counts = torch.bincount(chosen, minlength=4)
    assert counts[1] == counts[3] == 0
    assert counts[0].item() == pytest.approx(4000, abs=2)


def test_missing_compiler_is_reported_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(ConfigInvalid, match="no-such-compiler is not found"):
        Accelerator("fp32", compiled=True)


def test_other_processes_print_nothing() -> None:
    @click.command(cls=Command)
    def failing() -> None:
        raise ReportedByMain(130)

    done = CliRunner().invoke(failing)
    assert (done.exit_code, done.output) == (130, "")


@pytest.mark.slow
def test_compiled_run_trains_as_an_eager_one_and_continues(small_data: Path, tmp_path: Path) -> None:
    for name, flags in (("eager", []), ("compiled", ["--compile"])):
        arguments = [
            "dcgan",
            "--data",
            str(small_data),
            "--out",
            str(tmp_path / name),
            *DCGAN_ARGUMENTS.split(),
            *flags,
        ]
        arguments += ["--batch", "4", "--precision", "fp32"]
        main([*arguments, "--epochs", "2"], standalone_mode=False)
        main([*arguments, "--epochs", "3", "--resume"], standalone_mode=False)
    for eager, compiled in zip(losses(tmp_path / "eager"), losses(tmp_path / "compiled"), strict=True):
        assert compiled == pytest.approx(eager, rel=2e-3, abs=2e-4)
    names = [load_file(tmp_path / name / CHECKPOINT).keys() for name in ("eager", "compiled")]
    assert names[0] == names[1]
