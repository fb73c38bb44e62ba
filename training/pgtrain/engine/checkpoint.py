"""Checkpoints: one safetensors file, without pickle, with networks, optimizers, random states and position."""

import json
import os
import shutil
from contextlib import suppress
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
    """Name the first tensor of the networks or optimizers with an infinite or NaN value; "" if all are finite."""
    for name, value in _tensors(system).items():
        if value.is_floating_point() and not value.isfinite().all():
            return name
    return ""


def _tensors(system: System) -> dict[str, Tensor]:
    """Collect the tensors of networks and optimizers by their names in a checkpoint."""
    tensors = {f"network.{name}": value for name, value in system.networks.state_dict().items()}
    for name, optimizer in system.optimizers.items():
        for index, values in optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{name}.{index}.{key}": value for key, value in values.items()}
    return tensors


def save(path: Path, system: System, position: Position, keep: int = 1) -> None:
    """Write a checkpoint beside `path` and rename it into place, so that `path` is complete at every moment.

    The last ``keep - 1`` checkpoints before it are kept, under names with their steps; see :func:`older`.

    Raises:
        RunInvalid: the checkpoint cannot be written, for example to a full disk; the previous one is intact.
    """
    tensors = _tensors(system)
    groups = {name: optimizer.state_dict()["param_groups"] for name, optimizer in system.optimizers.items()}
    tensors["random.cpu"] = torch.get_rng_state()
    if torch.cuda.is_available():
        tensors["random.cuda"] = torch.cuda.get_rng_state()
    header = {"position": vars(position), "groups": groups, "scaling": system.accelerator.scaling}
    metadata = {name: json.dumps(value) for name, value in header.items()}
    try:
        with atomic_path(path, keep_links=False) as hidden:  # an older one may be a link to it, see _keep_older
            hidden.touch()
            mode = hidden.stat().st_mode
            save_file({name: value.contiguous() for name, value in tensors.items()}, hidden, metadata)
            hidden.chmod(mode)  # safetensors makes files that only their owner can read, whatever the umask
            with hidden.open("rb") as file:
                os.fsync(file.fileno())
            _keep_older(path, position.total, keep)
    except (SafetensorError, OSError) as error:
        reason = getattr(error, "strerror", None) or error
        raise RunInvalid(f"{path}: cannot be written ({reason}); {write_remedy(error)}, then resume the run") from error


def older(path: Path) -> dict[int, Path]:
    """Find the older checkpoints beside `path`, oldest first, by their steps since the start of the run."""
    files = sorted(path.parent.glob(f"{path.stem}-*{path.suffix}"))
    numbered = {file.stem.removeprefix(f"{path.stem}-"): file for file in files}
    return {int(steps): file for steps, file in numbered.items() if steps.isdecimal()}


def drop_after(path: Path, total: int) -> None:
    """Remove the older checkpoints with more than `total` steps, which a run resumed from `path` repeats."""
    for steps, file in older(path).items():
        if steps > total:
            file.unlink()


def _keep_older(path: Path, total: int, keep: int) -> None:
    """Link the checkpoint at `path` to a second name before it is replaced; remove those beyond `keep` - 1."""
    with suppress(RunNotFound, RunInvalid, KeyError):  # the first checkpoint, or a damaged one
        steps = read(path, "no tensor")[1]["position"]["total"]
        kept = path.with_stem(f"{path.stem}-{steps:09d}")
        if keep > 1 and steps != total and not kept.exists():
            try:
                os.link(path, kept)
            except OSError:  # the file system has no hard links
                shutil.copyfile(path, kept)
    for surplus in list(older(path).values())[: -(keep - 1) or None]:
        surplus.unlink()


def read(path: Path, prefix: str = "") -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read the tensors whose names start with `prefix` (which is removed) and the checkpoint's metadata.

    Raises:
        RunNotFound: there is no checkpoint.
        RunInvalid: it cannot be read, or is damaged or truncated.
    """
    if not path.is_file():
        raise RunNotFound(f"{path}: no checkpoint there; choose the folder of a run")
    try:
        path.open("rb").close()  # safetensors reports a file without read permission as missing
        with safe_open(path, framework="pt") as file:
            names = [name for name in file.keys() if name.startswith(prefix)]  # noqa: SIM118 (safe_open is no dict)
            tensors = {name[len(prefix) :]: file.get_tensor(name) for name in names}
            metadata = file.metadata() or {}
        return tensors, {key: json.loads(value) for key, value in metadata.items()}
    except OSError as error:
        raise RunInvalid(f"{path}: cannot be read ({error.strerror or error}); see its permissions") from error
    except (SafetensorError, ValueError) as error:
        raise RunInvalid(f"{path}: damaged or cut short ({one_line(error)}); restore it or train again") from error


def restore(path: Path, system: System, networks_only: bool = False) -> Position:
    """Load the checkpoint at `path` into `system` and the random states; return its position.

    Raises:
        RunNotFound, RunInvalid: as :func:`read`, or the networks do not fit the checkpoint.
    """
    tensors, metadata = read(path)
    try:
        system.networks.load_state_dict(_under("network.", tensors))
        if not networks_only:
            _restore_training(system, tensors, metadata)
        return Position(**metadata["position"])
    except (RuntimeError, KeyError, ValueError, TypeError) as error:
        raise RunInvalid(f"{path}: does not fit this run's networks ({one_line(error)})") from error


def _restore_training(system: System, tensors: dict[str, Tensor], metadata: dict[str, Any]) -> None:
    for name, optimizer in system.optimizers.items():
        state: dict[int, dict[str, Tensor]] = {}
        for key, value in _under(f"optimizer.{name}.", tensors).items():
            index, field = key.split(".", 1)
            state.setdefault(int(index), {})[field] = value
        rates = [group["lr"] for group in optimizer.param_groups]
        optimizer.load_state_dict({"state": state, "param_groups": metadata["groups"][name]})
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate  # that of the configuration, which a resume may change
        _align_state(optimizer)
    system.accelerator.scaling = metadata.get("scaling", {})
    torch.set_rng_state(tensors["random.cpu"])
    if "random.cuda" in tensors and torch.cuda.is_available():
        torch.cuda.set_rng_state(tensors["random.cuda"])


def _align_state(optimizer: Optimizer) -> None:
    """Give each moment the memory layout and alignment of its parameter.

    Tensors from the file are contiguous, with any alignment, and a fused optimizer's rounding depends on both: a
    resumed run must round like an uninterrupted one.
    """
    for parameter, values in optimizer.state.items():
        for key, value in values.items():
            if value.shape == parameter.shape:
                values[key] = torch.empty_like(parameter).copy_(value)


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name[len(prefix) :]: value for name, value in tensors.items() if name.startswith(prefix)}
