"""What a run takes over from its start, and what is refused before anything is written."""

import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from pgtrain.config import from_dict
from pgtrain.engine.run import Run
from pgtrain.errors import ConfigInvalid, RunInvalid, RunNotFound
from pgtrain.models.text_encoder import DEFAULT_ENCODER
from pgtrain.systems.dcgan.config import DCGANConfig
from pgtrain.systems.stackgan.config import StackGANConfig
from pgtrain.systems.stackgan.warm_start import prepare


def changed(run: Path, copy: Path, **values: object) -> Path:
    """Copy a run, with other values in its configuration."""
    path = Path(shutil.copytree(run, copy)) / "config.json"
    described = json.loads(path.read_text())
    path.write_text(json.dumps(described | {"config": described["config"] | values}))
    return copy


def test_sizes_and_encoder_come_from_the_start(tiny_run: Path) -> None:
    config = StackGANConfig(start=str(tiny_run))
    assert prepare(config, DEFAULT_ENCODER) == Run(tiny_run).described()["encoder"]
    assert config.width == 8
    assert config.whitened_dim <= 32, "no more numbers than the encoder gives"


@pytest.mark.parametrize(
    ("options", "encoder", "message"),
    [
        ({"width": 16}, DEFAULT_ENCODER, "has the width 8, not 16; leave the width out"),
        ({}, "other", "leave the encoder out"),
    ],
)
def test_other_sizes_than_those_of_the_start_are_refused(
    tiny_run: Path, options: dict[str, Any], encoder: str, message: str
) -> None:
    with pytest.raises(RunInvalid, match=message):
        prepare(StackGANConfig(start=str(tiny_run), **options), encoder)


def test_original_recipe_has_no_start(tiny_run: Path) -> None:
    with pytest.raises(ConfigInvalid, match="the recipe original cannot start from another run"):
        prepare(StackGANConfig(generator="original", start=str(tiny_run)), DEFAULT_ENCODER)


def test_start_needs_a_generator_with_a_memory(tiny_run: Path, tmp_path: Path) -> None:
    with pytest.raises(RunInvalid, match="has no generator with a memory; start from a run or bundle that has one"):
        prepare(StackGANConfig(start=str(changed(tiny_run, tmp_path / "run", generator="original"))), DEFAULT_ENCODER)
    with pytest.raises(RunNotFound):
        prepare(StackGANConfig(start=str(tmp_path / "nowhere")), DEFAULT_ENCODER)


def test_configuration_of_the_embedded_dcgan_has_a_retired_option() -> None:
    config = asdict(DCGANConfig())
    assert from_dict(DCGANConfig, config | {"critic_steps": 1}, "run") == DCGANConfig()
    with pytest.raises(RunInvalid, match="unexpected keyword argument 'no_such'"):
        from_dict(DCGANConfig, config | {"no_such": 1}, "run")


def test_runs_of_a_deleted_generator_are_refused_in_one_line(tiny_run: Path) -> None:
    config = json.loads((tiny_run / "config.json").read_text())["config"]
    with pytest.raises(RunInvalid) as caught:
        from_dict(StackGANConfig, config | {"generator": "conditional"}, "runs/old")
    assert caught.value.message == (
        "runs/old: not a configuration of this version (generator is 'conditional', not one of memory, original)"
    )
