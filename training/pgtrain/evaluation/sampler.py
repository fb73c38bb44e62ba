"""Drawing the pictures of an evaluation: with the averaged generator of a run, or with a bundle through ``pgen``."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from pgtrain.engine import checkpoint
from pgtrain.engine.accelerator import Accelerator
from pgtrain.engine.run import Run
from pgtrain.errors import BundleInvalid, RunInvalid
from pgtrain.models.text_encoder import cached_embeddings
from pgtrain.systems.registry import SYSTEMS
from pokegan.errors import last_line, one_line

MANIFEST = "manifest.json"
KINDS = {"text-to-image": "image", "latent-to-image": "random"}
"""The kinds of a bundle's models that draw pictures, and the command of pgen that draws with each."""
CHUNK = 32
IN_TURN, TOGETHER = 8, 16
"""Most seeds that prompts take turns with, and fewest prompts per seed, which are drawn together."""


class Sampler(Protocol):
    """Draws pictures from prompts and seeds, or only from seeds."""

    reads_text: bool

    def draw(self, prompts: Sequence[str], seeds: Sequence[int]) -> Tensor:
        """Draw every prompt with every seed, prompt by prompt; without text, draw the seeds.

        Returns:
            Premultiplied RGBA, uint8 (N, 4, S, S).
        """


class RunSampler:
    """The averaged generator of a run, in the stage of its checkpoint."""

    def __init__(self, run: Run, config: Any, data: Any) -> None:
        """Load the checkpoint of `run`, whose system is built for `data`.

        Raises:
            RunNotFound, RunInvalid: there is no checkpoint, or it does not fit.
        """
        described = run.described()
        accelerator = Accelerator("fp32")
        self.system = SYSTEMS[described["system"]].load("system")(config, accelerator, data.to(accelerator.device))
        try:
            position = checkpoint.restore(run.checkpoint, self.system, networks_only=True)
        except RunInvalid as error:
            trained = described["data"]["examples"]
            if trained == len(data):
                raise
            raise RunInvalid(
                f"{run.folder}: was trained on {trained} examples, and the data has {len(data)}; "
                "give the data that it was trained on, or export the run and evaluate the bundle"
            ) from error
        self.system.start_epoch(position.epoch if position.step else max(0, position.epoch - 1))
        self.epochs, self.encoder = position.epoch, described["encoder"]
        self.reads_text = self.encoder is not None

    def draw(self, prompts: Sequence[str], seeds: Sequence[int]) -> Tensor:
        """See :meth:`Sampler.draw`."""
        latents = torch.stack([self._latent(seed) for seed in seeds])
        if self.encoder is None:
            return self._drawn(latents, None)
        texts = cached_embeddings(self.encoder, prompts)
        return self._drawn(latents.repeat(len(prompts), 1), texts.repeat_interleave(len(seeds), 0))

    def _latent(self, seed: int) -> Tensor:
        return torch.randn(self.system.latent_dim, generator=torch.Generator().manual_seed(seed))

    def _drawn(self, latents: Tensor, texts: Tensor | None) -> Tensor:
        chunks = torch.split(latents, CHUNK)
        embeddings = torch.split(texts, CHUNK) if texts is not None else (None,) * len(chunks)
        parts = [self.system.generate(*pair).float().cpu() for pair in zip(chunks, embeddings, strict=True)]
        return (torch.cat(parts).clamp(0, 1) * 255).round().byte()


class BundleSampler:
    """A bundle, drawn from as users do: by ``pgen`` in another process, from the ONNX files."""

    def __init__(self, folder: Path, model: str | None = None) -> None:
        """Choose the model: `model`, or the first that reads text, or else the first that draws.

        Raises:
            BundleInvalid: `folder` is not a bundle, or has no such model.
        """
        self.folder = folder
        models = self._models()
        drawing = [name for kind in KINDS for name, described in models.items() if described.get("kind") == kind]
        if not drawing or (model is not None and model not in drawing):
            raise BundleInvalid(
                f"{folder}: has no model {model or 'that draws'}; those that draw: {', '.join(drawing) or 'none'}"
            )
        self.model = model or drawing[0]
        self.described = models[self.model]
        self.reads_text = self.described["kind"] == "text-to-image"

    def _models(self) -> dict[str, Any]:
        path = self.folder / MANIFEST
        try:
            manifest = json.loads(path.read_bytes())
            return {name: {"provenance": {}} | model for name, model in manifest["models"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise BundleInvalid(
                f"{path}: not the manifest of a bundle ({one_line(error)}); export the bundle again"
            ) from error

    @property
    def trained(self) -> dict[str, Any]:
        """The manifest's record of the run; empty if it has none."""
        run: dict[str, Any] = self.described["provenance"].get("run", {})
        return run

    def draw(self, prompts: Sequence[str], seeds: Sequence[int]) -> Tensor:
        """See :meth:`Sampler.draw`.

        Raises:
            BundleInvalid: pgen failed.
        """
        command = [sys.executable, "-m", "pgen", KINDS[self.described["kind"]]]
        command += ["-"] if self.reads_text else []
        command += ["--seeds", ",".join(map(str, seeds)), "--model", self.model, "--bundle", str(self.folder)]
        with TemporaryDirectory() as place:
            process = subprocess.run(
                [*command, "--out-dir", place], input="\n".join(prompts), capture_output=True, encoding="utf-8"
            )
            if process.returncode:
                raise BundleInvalid(f"{self.folder}: pgen cannot draw from it: {last_line(process.stderr)}")
            return torch.stack([_premultiplied(Path(line)) for line in process.stdout.splitlines()])


def _premultiplied(file: Path) -> Tensor:
    with Image.open(file) as picture:
        return torch.from_numpy(np.array(picture.convert("RGBA").convert("RGBa"))).permute(2, 0, 1)


def draw_in_turn(sampler: Sampler, prompts: Sequence[str], seed: int) -> tuple[Tensor, Tensor]:
    """Draw one picture of each prompt, with the seeds from `seed` in turn.

    Returns:
        Pictures as :meth:`Sampler.draw` returns them, and the seed of each, int64 (N,).
    """
    turns = max(1, min(IN_TURN, len(prompts) // TOGETHER))
    seeds = seed + torch.arange(len(prompts)) % turns
    parts = [sampler.draw(prompts[turn::turns], [seed + turn]) for turn in range(turns)]
    drawn = torch.empty(len(prompts), *parts[0].shape[1:], dtype=torch.uint8)
    for turn, part in enumerate(parts):
        drawn[turn::turns] = part
    return drawn, seeds
