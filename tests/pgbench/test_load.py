"""Who else keeps the processors busy during a run."""

from pathlib import Path

from pgbench.measuring.load import HYPERVISOR, Load


def write(proc: Path, processors: list[int], processes: dict[int, tuple[str, int]]) -> None:
    """Write what Linux shows under /proc, in ticks of which a second has 100."""
    proc.mkdir(exist_ok=True)
    (proc / "stat").write_text(f"cpu  {' '.join(map(str, processors))} 0 0\ncpu0 1 1\n")
    for pid, (name, ticks) in processes.items():
        (proc / str(pid)).mkdir(exist_ok=True)
        fields = ["S", *["1"] * 10, str(ticks // 2), str(ticks - ticks // 2), "0", "0"]
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
