"""Checkpoints: one safetensors file with networks, optimizers, random streams and position; nothing is unpickled."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor
from torch.optim import Optimizer

from pgtrain.engine.system import System
from pgtrain.errors import RunInvalid, RunNotFound
from pokegan.errors import one_line, write_remedy
from pokegan.files import atomic_path


@dataclass
class Position:
    """Progress of a run: `epoch` (from 0), `step` within it, and `total` steps since the start."""

    epoch: int = 0
    step: int = 0
    total: int = 0


def not_finite(system: System) -> str:
    """Name the first tensor of the networks or optimizers that holds an infinite number or NaN; "" if none does."""
    for name, value in _tensors(system).items():
        if value.is_floating_point() and not value.isfinite().all():
            return name
    return ""


def _tensors(system: System) -> dict[str, Tensor]:
    """Collect networks and moments of optimizers by their names in a checkpoint."""
    tensors = {f"network.{name}": value for name, value in system.networks.state_dict().items()}
    for name, optimizer in system.optimizers.items():
        for index, values in optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{name}.{index}.{key}": value for key, value in values.items()}
    return tensors


def save(path: Path, system: System, position: Position, keep: int = 1) -> None:
    """Write a checkpoint beside `path` and rename it into place, so that `path` is whole at every moment.

    Of the checkpoints before it the last ``keep - 1`` stay, under names with their steps; see :func:`older`.

    Raises:
        RunInvalid: it cannot be written (a full disk, say); the checkpoint before it is intact.
    """
    tensors = _tensors(system)
    groups = {name: optimizer.state_dict()["param_groups"] for name, optimizer in system.optimizers.items()}
    tensors["random.cpu"] = torch.get_rng_state()
    if torch.cuda.is_available():
        tensors["random.cuda"] = torch.cuda.get_rng_state()
    header = {"position": vars(position), "groups": groups, "scaling": system.accelerator.scaling}
    metadata = {name: json.dumps(value) for name, value in header.items()}
    try:
        with atomic_path(path, keep_links=False) as hidden:  # an older one may be the same file, see _keep_older
            mode = _mode_of_new_file(hidden)
            save_file({name: value.contiguous() for name, value in tensors.items()}, hidden, metadata)
            hidden.chmod(mode)  # safetensors makes files that only their owner may read
            with hidden.open("rb") as file:
                os.fsync(file.fileno())
            _keep_older(path, position.total, keep)
    except (SafetensorError, OSError) as error:
        reason = getattr(error, "strerror", None) or error
        raise RunInvalid(f"{path}: cannot be written ({reason}); {write_remedy(error)}, then resume the run") from error


def older(path: Path) -> dict[int, Path]:
    """Find the checkpoints that were kept beside `path`, oldest first, by their steps since the start of the run."""
    numbered = {
        each.stem.removeprefix(f"{path.stem}-"): each for each in path.parent.glob(f"{path.stem}-*{path.suffix}")
    }
    return {int(steps): numbered[steps] for steps in sorted(numbered) if steps.isdecimal()}


def drop_after(path: Path, total: int) -> None:
    """Remove the kept checkpoints with more than `total` steps, which a run resumed from `path` repeats."""
    for steps, kept in older(path).items():
        if steps > total:
            kept.unlink()


def _keep_older(path: Path, total: int, keep: int) -> None:
    """Give the checkpoint at `path` a second name, which outlives its replacement; drop those beyond `keep` - 1."""
    with suppress(RunNotFound, RunInvalid, KeyError):  # there is none yet, or it is damaged
        steps = read(path, "no tensor")[1]["position"]["total"]
        kept = path.with_stem(f"{path.stem}-{steps:09d}")
        if keep > 1 and steps != total and not kept.exists():
            try:
                os.link(path, kept)
            except OSError:  # the file system has no hard links
                shutil.copyfile(path, kept)
    for surplus in list(older(path).values())[: -(keep - 1) or None]:
        surplus.unlink()


def _mode_of_new_file(path: Path) -> int:
    """Make an empty file at `path` and return its permissions, which follow the user's umask."""
    path.unlink(missing_ok=True)
    path.touch()
    return path.stat().st_mode


def read(path: Path, prefix: str = "") -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read the tensors whose names start with `prefix` (which is cut off) and the checkpoint's metadata.

    Raises:
        RunNotFound: there is no checkpoint.
        RunInvalid: it cannot be read, is damaged or cut short.
    """
    if not path.is_file():
        raise RunNotFound(f"{path}: no checkpoint there; give the folder of a run that pgtrain made")
    try:
        path.open("rb").close()  # safetensors calls a file without permission missing
        with safe_open(path, framework="pt") as file:
            names = [name for name in file.keys() if name.startswith(prefix)]  # noqa: SIM118 (safe_open is no dict)
            tensors = {name[len(prefix) :]: file.get_tensor(name) for name in names}
            metadata = file.metadata() or {}
        return tensors, {key: json.loads(value) for key, value in metadata.items()}
    except OSError as error:
        raise RunInvalid(f"{path}: cannot be read ({error.strerror or error}); see its permissions") from error
    except (SafetensorError, ValueError) as error:
        raise RunInvalid(f"{path}: damaged or cut short ({one_line(error)}); restore it or train again") from error


def restore(path: Path, system: System) -> Position:
    """Load the checkpoint at `path` into `system` and the random streams; return where the run stood.

    Raises:
        RunNotFound, RunInvalid: as :func:`read`, or the networks do not fit the checkpoint.
    """
    tensors, metadata = read(path)
    with _fitting(path):
        system.networks.load_state_dict(_under("network.", tensors))
        for name, optimizer in system.optimizers.items():
            state: dict[int, dict[str, Tensor]] = {}
            for key, value in _under(f"optimizer.{name}.", tensors).items():
                index, field = key.split(".", 1)
                state.setdefault(int(index), {})[field] = value
            rates = [group["lr"] for group in optimizer.param_groups]
            optimizer.load_state_dict({"state": state, "param_groups": metadata["groups"][name]})
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate  # of the configuration, which a resume may change
            _lay_out(optimizer)
        system.accelerator.scaling = metadata.get("scaling", {})
        torch.set_rng_state(tensors["random.cpu"])
        if "random.cuda" in tensors and torch.cuda.is_available():
            torch.cuda.set_rng_state(tensors["random.cuda"])
        return Position(**metadata["position"])


def restore_networks(path: Path, system: System) -> Position:
    """Load only the networks of the checkpoint at `path` into `system`; return where the run stood.

    Raises:
        RunNotFound, RunInvalid: as :func:`restore`.
    """
    tensors, metadata = read(path)
    with _fitting(path):
        system.networks.load_state_dict(_under("network.", tensors))
        return Position(**metadata["position"])


@contextmanager
def _fitting(path: Path) -> Iterator[None]:
    """Turn what PyTorch says of tensors that do not fit into one line."""
    try:
        yield
    except (RuntimeError, KeyError, ValueError, TypeError) as error:
        raise RunInvalid(f"{path}: does not fit this run's networks ({one_line(error)})") from error


def _lay_out(optimizer: Optimizer) -> None:
    """Give each moment the memory layout and alignment of its parameter.

    The file holds plain contiguous tensors at any alignment; a fused optimizer walks parameter and
    moments side by side, and a resumed run must round as an uninterrupted one does.
    """
    for parameter, values in optimizer.state.items():
        for key, value in values.items():
            if value.shape == parameter.shape:
                values[key] = torch.empty_like(parameter).copy_(value)


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name[len(prefix) :]: value for name, value in tensors.items() if name.startswith(prefix)}
