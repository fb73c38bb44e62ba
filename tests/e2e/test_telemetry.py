"""Without network and home: no command looks up a host or leaves a file in the home."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pgen.bundle.reader import EMBEDDED

WATCH = """
import os, sys

def watch(event, arguments):
    if event == "socket.getaddrinfo" or (event == "socket.connect" and isinstance(arguments[1], tuple)):
        host = arguments[0] if event == "socket.getaddrinfo" else arguments[1][0]
        if host not in (None, "localhost", "127.0.0.1", "::1"):
            with open(os.environ["SEEN"], "a") as file:
                print(event, host, sys.argv, file=file)

sys.addaudithook(watch)
"""
"""A sitecustomize, which every Python process of a command runs: notes hosts that are looked up or connected to."""

COMMANDS = {
    "pictures": "pgen image Mew --out mew.png && pgen variations mew.png -n 2 && pgen reproduce mew.png",
    "sentence": "pgen image 'a red fire dragon' --out d.png && pgen fuse Mew Muk --out f.png",
    "morph": "pgen random --out random.png && pgen morph Mew Muk --frames 3 --out film.gif",
    "rows": "pgen stats -n 3 && pgen dex -n 1 && pgen sprite Mew --out-dir game",
    "doctor": "pgen doctor",
    "serve": "timeout -s INT 9 pgen serve --port 0 || test $? = 124",
    "pgexport": "pgexport inspect {bundle}",
    "pgbench": "pgbench --batch 1 --seconds 0 --rounds 2",
    "pgtrain": "pgtrain data inspect {data}",
}


@pytest.fixture
def cut(tmp_path: Path) -> tuple[Path, dict[str, str], list[str]]:
    """An empty home, an environment that points there and watches, and a prefix that cuts the network."""
    home, site = tmp_path / "home", tmp_path / "site"
    home.mkdir()
    site.mkdir()
    (site / "sitecustomize.py").write_text(WATCH)
    homes = {name: str(home) for name in ("HOME", "USERPROFILE", "APPDATA", "LOCALAPPDATA")}
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "ORT_", "RAY_", "HF_"))}
    kept["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), kept["PATH"]])
    path = os.pathsep.join([str(site), kept.get("PYTHONPATH", "")])
    caches = {"XDG_CACHE_HOME": str(tmp_path / "cache"), "MPLCONFIGDIR": str(tmp_path / "cache")}
    environment = kept | homes | caches | {"PYTHONPATH": path, "SEEN": str(tmp_path / "seen")}
    prefix = ["unshare", "-rn"] if shutil.which("unshare") else []
    works = prefix and subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode == 0
    return home, environment, prefix if works else []


@pytest.mark.skipif(os.name == "nt", reason="needs a POSIX shell")
@pytest.mark.parametrize("name", COMMANDS)
def test_command_neither_calls_out_nor_writes_into_the_home(
    name: str, cut: tuple[Path, dict[str, str], list[str]], tmp_path: Path, small_data: Path
) -> None:
    home, environment, prefix = cut
    call = COMMANDS[name].replace("{bundle}", str(EMBEDDED)).replace("{data}", str(small_data))
    done = subprocess.run([*prefix, "sh", "-ec", call], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert list(home.rglob("*")) == []
    seen = tmp_path / "seen"
    assert not seen.exists(), seen.read_text()


def test_watch_sees_a_lookup(cut: tuple[Path, dict[str, str], list[str]], tmp_path: Path) -> None:
    call = [sys.executable, "-c", "import socket; socket.getaddrinfo('a.invalid', 80)"]
    assert subprocess.run(call, env=cut[1], capture_output=True, check=False).returncode == 1
    assert "a.invalid" in (tmp_path / "seen").read_text()
