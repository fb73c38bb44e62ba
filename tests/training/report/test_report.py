import json
import shutil
from pathlib import Path

import av
import pytest
from PIL import Image

from pgtrain.engine.run import Run
from pgtrain.errors import RunInvalid
from pgtrain.report.curves import series
from pgtrain.report.page import write_report
from tests.conftest import Command


def test_report_holds_everything(tiny_run: Path) -> None:
    page = write_report(Run(tiny_run)).read_text("utf-8")
    assert page.count("data:image/") == 4
    assert "adversarial" in page
    # Not just "http": four letters stand in the base64 of a picture by chance.
    assert "://" not in page.replace("http://www.w3.org", ""), "nothing is fetched from outside"
    card = (tiny_run / "MODEL_CARD.md").read_text("utf-8")
    assert "| stage1_pretrain | 1 |" in card
    with Image.open(tiny_run / "timelapse.gif") as film:
        assert film.n_frames >= 3
    with av.open(str(tiny_run / "timelapse.mp4")) as container:
        assert sum(1 for _ in container.decode(video=0)) == 3
    assert list((tiny_run / "tensorboard").iterdir())


@pytest.mark.parametrize("evaluated", [{}, {"system": "stats", "samples": 40, "real": 40, "overall": 0.9}])
@pytest.mark.parametrize("missing", ["neighbors.png", "real.png", "grids/*.png"])
def test_report_leaves_out_missing_files(
    system_runs: dict[str, Path], tmp_path: Path, evaluated: dict[str, object], missing: str
) -> None:
    shutil.copytree(system_runs["stats"], tmp_path / "run")
    for path in (tmp_path / "run").glob(missing):
        path.unlink()
    (tmp_path / "run" / "metrics.json").write_text(json.dumps(evaluated))
    page = write_report(Run(tmp_path / "run")).read_text("utf-8")
    assert ("overall" in page) == bool(evaluated)
    assert page.index("<img") < page.index("Losses") < page.index("<details>")


def test_damaged_pictures_are_left_out_and_named(system_runs: dict[str, Path], tmp_path: Path) -> None:
    run = Path(shutil.copytree(system_runs["dcgan"], tmp_path / "run"))
    last = run / "grids" / "00002.png"
    last.write_bytes(last.read_bytes()[:100])
    (run / "sheet.png").write_bytes(b"no picture")
    said: list[str] = []
    page = write_report(Run(run), said.append).read_text("utf-8")
    assert page.count("data:image/") == 4, "grid, real pictures, curves and film"
    first, second = said
    assert first.startswith(f"{last}: left out, damaged (")
    assert second.startswith(f"{run / 'sheet.png'}: left out, damaged (")
    (run / "grids" / "00001.png").write_bytes(b"")
    (run / "timelapse.gif").unlink()
    assert write_report(Run(run), said.append).read_text("utf-8").count("data:image/") == 2, "real pictures and curves"


def test_run_without_an_epoch_has_no_report(tiny_run: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text((tiny_run / "config.json").read_text())
    with pytest.raises(RunInvalid, match="no epoch has ended"):
        write_report(Run(tmp_path))


def test_curves_break_where_a_loss_is_absent() -> None:
    epochs, values = series([{"epoch": 1, "r1": 0.5}, {"epoch": 2}, {"epoch": 3, "r1": 0.7}])["r1"]
    assert epochs == [1, 2, 3]
    assert values[1] != values[1], "not a number: matplotlib draws no line there"


def test_list_and_show(inside: Command, tiny_run: Path, tmp_path: Path) -> None:
    listed = inside("pgtrain", "list", tiny_run.parent)
    assert listed.returncode == 0
    assert "stackgan" in listed.stdout
    shown = inside("pgtrain", "show", tiny_run)
    assert "stage1_epochs" in shown.stdout
    file = tiny_run / "config.json"
    for call in (["list", tmp_path], ["list", file], ["show", tmp_path], ["report", tmp_path]):
        done = inside("pgtrain", *call)
        assert done.returncode == 2
        assert len(done.stderr.strip().splitlines()) == 1
        assert ("not a folder" in done.stderr) == (call[1] == file)


def test_list_and_show_survive_damage_and_markup(inside: Command, tiny_run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "my runs [lr=0.1]"
    shutil.copytree(tiny_run, folder / "a [lr=0.1]")
    (folder / "broken").mkdir()
    (folder / "broken" / "config.json").write_text("{")
    listed = inside("pgtrain", "list", folder)
    assert listed.returncode == 0
    assert "[lr=0.1]" in listed.stdout
    assert "damaged" in listed.stdout
    rows = {row["run"]: row for row in json.loads(inside("pgtrain", "list", folder, "--json").stdout)}
    assert rows["a [lr=0.1]"]["epochs"] == 3
    assert "config.json" in rows["broken"]["error"]
    shown = inside("pgtrain", "show", folder / "a [lr=0.1]").stdout
    assert f"--out '{folder / 'a [lr=0.1]'}' --epochs N" in shown
    assert json.loads(inside("pgtrain", "show", folder / "a [lr=0.1]", "--json").stdout)["last"]["epoch"] == 3
