"""Who else keeps the processors busy during a run."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from pgbench.measuring.load import HYPERVISOR, Load


def write(
    proc: Path,
    processors: list[int],
    processes: dict[int, tuple[str, int]],
    started: Mapping[int, int] = MappingProxyType({}),
) -> None:
    """Write what Linux shows under /proc, in ticks of which a second has 100."""
    proc.mkdir(exist_ok=True)
    (proc / "stat").write_text(f"cpu  {' '.join(map(str, processors))} 0 0\ncpu0 1 1\n")
    for pid, (name, ticks) in processes.items():
        (proc / str(pid)).mkdir(exist_ok=True)
        fields = ["S", *["1"] * 10, str(ticks // 2), str(ticks - ticks // 2), *["0"] * 6, str(started.get(pid, pid))]
        (proc / str(pid) / "stat").write_text(f"{pid} ({name}) {' '.join(fields)}\n")


def test_busiest_other_programs_are_named(tmp_path: Path) -> None:
    proc = tmp_path / "proc"
    write(proc, [100, 0, 0, 900, 0, 0, 0, 0], {1: ("own", 50), 2: ("browser (tab)", 10), 3: ("browser (tab)", 10)})
    load = Load({1}, proc)
    assert load.report() == []
    write(proc, [600, 0, 0, 1300, 0, 0, 0, 100], {1: ("own", 250), 2: ("browser (tab)", 110), 3: ("browser (tab)", 60)})
    write(proc, [600, 0, 0, 1300, 0, 0, 0, 100], {4: ("short", 100), 5: ("idle", 19)})
    assert load.report() == [
        {"program": "browser (tab)", "share": 0.15},
        {"program": HYPERVISOR, "share": 0.1},
        {"program": "short", "share": 0.1},
    ]


def test_nothing_is_known_where_the_system_does_not_count(tmp_path: Path) -> None:
    assert Load(set(), tmp_path).report() == []


IDLE, BUSY = [0, 0, 0, 1000, 0, 0, 0, 0], [500, 0, 0, 1500, 0, 0, 0, 0]


def test_renamed_kernel_thread_is_charged_from_the_beginning_of_the_run_alone(tmp_path: Path) -> None:
    proc = tmp_path / "proc"
    write(proc, IDLE, {7: ("kworker/0:1-events", 90_000), 8: ("kworker/u4:2", 500)})
    load = Load(set(), proc)
    write(proc, BUSY, {7: ("kworker/0:1-mm", 90_100), 8: ("kworker/u4:2", 500)})
    assert load.report() == [{"program": "kworker", "share": 0.1}]


def test_programs_whose_processes_end_or_begin_between_samples_are_counted(tmp_path: Path) -> None:
    proc = tmp_path / "proc"
    write(proc, IDLE, {7: ("compiler", 50_000)})
    load = Load(set(), proc)
    write(proc, IDLE, {7: ("compiler", 50_100), 9: ("compiler", 30)})
    load.sample()
    shutil.rmtree(proc / "7")
    write(proc, BUSY, {9: ("tests", 20)}, started={9: 12})  # another process of the same number
    assert load.report() == [{"program": "compiler", "share": 0.13}, {"program": "tests", "share": 0.02}]
