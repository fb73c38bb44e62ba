import io
import os
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pgen.errors import PromptInvalid
from pgen.prompts import read_prompts


def stdin(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))


def test_prompts_are_ordered_and_counted(tmp_path: Path) -> None:
    (tmp_path / "list").write_text("\ufeff Mew \n\n  \na, b\r\nFlabébé", "utf-8")
    prompts, count = read_prompts(["Eevee", " Ditto "], tmp_path / "list")
    assert list(prompts) == ["Eevee", "Ditto", "Mew", "a, b", "Flabébé"]
    assert count == 5


def test_stdin_is_read_lazily(monkeypatch: pytest.MonkeyPatch) -> None:
    stdin(monkeypatch, b"Mew\n\xff\n")
    prompts, count = read_prompts(["Eevee", "-"])
    assert count is None
    assert [next(prompts), next(prompts)] == ["Eevee", "Mew"]
    with pytest.raises(PromptInvalid, match="stdin, line 2: "):
        next(prompts)


def test_invalid_line_is_rejected_at_once(tmp_path: Path) -> None:
    (tmp_path / "list").write_bytes(b"Mew\n\na\x07b\n")
    with pytest.raises(PromptInvalid, match=r"list, line 3: .*control character"):
        read_prompts((), tmp_path / "list")
    (tmp_path / "list").write_bytes(b"x" * 200_000)
    with pytest.raises(PromptInvalid, match=r"line 1: .*characters"):
        read_prompts((), tmp_path / "list")


def test_missing_prompts_are_rejected(tmp_path: Path) -> None:
    with pytest.raises(PromptInvalid, match="no prompt is given"):
        read_prompts()
    (tmp_path / "list").write_text("\n \n")
    with pytest.raises(PromptInvalid, match="contains no prompt"):
        read_prompts((), tmp_path / "list")
    for unreadable in (tmp_path / "none", tmp_path):
        with pytest.raises(PromptInvalid, match="cannot be read"):
            read_prompts((), unreadable)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_pipe_is_read_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_text, args=("Mew\nEevee\n",))
    writer.start()
    prompts, count = read_prompts((), tmp_path / "pipe")
    assert (list(prompts), count) == (["Mew", "Eevee"], None)
    writer.join()


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=60))
def test_any_file_is_read_or_rejected(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "list").write_bytes(content)
    try:
        prompts, count = read_prompts((), tmp_path / "list")
    except PromptInvalid:
        return
    assert len(list(prompts)) == count
