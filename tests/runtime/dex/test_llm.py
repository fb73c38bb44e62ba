"""Language models, as a server on this machine plays them: well, badly, and never at all."""

import json
import time
import warnings
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pgen
from pgen.dex.endpoint import KEY, MAX_ANSWER, Endpoint, parse_endpoint
from pgen.dex.entry import TEMPLATES, Words
from pgen.dex.llm import LLMWriter, open_writer, parse_answer
from pgen.errors import EndpointFailed
from pgen.lexicon import KnownNames
from tests.conftest import Command
from tests.runtime.dex.language_model import (
    DRAFT,
    DRAFTED,
    GOOD,
    KNOWN,
    ROW,
    SECRET,
    Handler,
    Server,
    reply,
    says,
    writer_of,
)


def write_words(server: Server, warned: list[str]) -> Words:
    (words,) = writer_of(server.url, warned)([DRAFT], KNOWN, ())
    return words


def test_words_come_from_the_endpoint(server: Server) -> None:
    warned: list[str] = []
    assert write_words(server, warned) == Words(**GOOD, author="some")
    assert warned == []
    assert server.paths == ["/v1/chat/completions"]
    assert server.keys == [f"Bearer {SECRET}"]
    sent = server.bodies[0]
    assert sent["model"] == "some"
    assert json.loads(sent["messages"][1]["content"])["stats"] == dict(ROW.stats)


def test_default_model_is_the_first_and_the_key_optional(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY)
    writer = open_writer(f"{server.url}/chat/completions")
    assert isinstance(writer, LLMWriter)
    assert writer.model == "first"
    assert writer([DRAFT], KNOWN, ())[0].name == "Emberlo"
    assert server.keys == [None, None]


def test_text_around_the_answer_is_ignored(server: Server) -> None:
    server.answer = says(f"Sure!\n```json\n{json.dumps(GOOD)}\n```\nEnjoy.")
    assert write_words(server, []).name == "Emberlo"


def hang(request: BaseHTTPRequestHandler) -> None:
    time.sleep(20)


def drip(request: BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.end_headers()
    for _ in range(200):
        request.wfile.write(b" ")
        request.wfile.flush()
        time.sleep(0.1)


def drip_headers(request: BaseHTTPRequestHandler) -> None:
    request.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
    drip(request)


def huge(request: BaseHTTPRequestHandler) -> None:
    reply(request, b"[" + b" " * (2 * MAX_ANSWER) + b"]")


def endless(request: BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.end_headers()
    while True:
        request.wfile.write(b"x" * 65536)


def echo_key(request: BaseHTTPRequestHandler) -> None:
    says(GOOD | {"description": f"It whispers {request.headers['Authorization'].split()[1]} at night."})(request)


FAILURES: dict[str, tuple[Handler, str]] = {
    "hang": (hang, "timed out after 0.5 s"),
    "drip": (drip, "timed out after 0.5 s"),
    "drip headers": (drip_headers, "timed out after 0.5 s"),
    "huge": (huge, "sent an answer of more than 1,048,576 bytes"),
    "endless": (endless, "sent an answer of more than 1,048,576 bytes"),
    "status": (lambda r: reply(r, SECRET.encode(), 500), "answered with status 500"),
    "denied": (lambda r: reply(r, {"error": SECRET}, 401), "answered with status 401"),
    "garbage": (lambda r: reply(r, b"\xff\x00<html>"), "sent an answer that is not a JSON object"),
    "deep": (lambda r: reply(r, b"[" * 200_000), "sent an answer that is not a JSON object"),
    "list": (lambda r: reply(r, [1]), "sent an answer that is not a JSON object"),
    "other": (lambda r: reply(r, {"choices": []}), "sent an answer without choices"),
    "no text": (lambda r: reply(r, {"choices": [{"message": {"content": None}}]}), "sent an answer without choices"),
    "no http": (lambda r: r.wfile.write(b"SSH-2.0 hello\r\n"), "broke the connection (BadStatusLine)"),
    "cut": (
        lambda r: r.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"),
        "sent an answer that is not a JSON object",
    ),
    "echo": (echo_key, "sent the key back; do not use this endpoint"),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_failing_endpoint_warns_once_and_is_not_called_again(server: Server, failure: str) -> None:
    server.answer, expected = FAILURES[failure]
    warned: list[str] = []
    writer = writer_of(server.url, warned, 0.5 if "timed out" in expected else 5.0)
    for _ in range(2):
        assert writer([DRAFT], KNOWN, ()) == [DRAFTED]
    assert warned == [f"{server.url}: {expected}{warned[0].partition(expected)[2]}"]
    assert "names and texts come from templates" in warned[0]
    assert SECRET not in warned[0]
    assert "\n" not in warned[0]
    assert len(server.paths) == 1


def test_redirect_is_not_followed(server: Server) -> None:
    other = Server()
    for status in (301, 302, 303, 307, 308):
        server.answer = lambda r, status=status: reply(r, b"", status, Location=f"{other.url}/chat/completions")  # type: ignore[misc]
        warned: list[str] = []
        assert write_words(server, warned) == DRAFTED
        assert f"answered with status {status}; use the URL that it redirects to" in warned[0]
    assert other.paths == []
    other.server.server_close()


REJECTED = {
    "existing": (GOOD | {"name": "charizard"}, "its name exists"),
    "almost": (GOOD | {"name": "Charizarde"}, "its name exists"),
    "no name": ({"genus": "Kiln", "description": GOOD["description"]}, "its answer has no name"),
    "number": (GOOD | {"name": 7}, "its answer has no name"),
    "signs": (GOOD | {"name": "<b>Em</b>"}, "its name has characters other than letters"),
    "long name": (GOOD | {"name": "Emberlo" * 9}, "its name has 63 characters"),
    "short text": (GOOD | {"description": "Hot."}, "its description has 4 characters"),
    "long text": (GOOD | {"description": "It glows. " * 99}, "its description has 989 characters"),
    "control": (
        GOOD | {"description": "It glows \x1b[31m in the dark of night."},
        "its description has characters",
    ),
    "bidi": (
        GOOD | {"description": "It glows \u202e in the dark of night."},
        "its description has characters",
    ),
    "letters": (GOOD | {"description": "火" * 30}, "its description has characters"),
    "one word": (GOOD | {"description": "a" * 60}, "its description has a word"),
    "genus": (GOOD | {"genus": "Pokémon Pokémon Pokémon Pokémon Pokémon"}, "its genus has 39 characters"),
    "only genus": (GOOD | {"genus": "  Pokémon"}, "its genus has characters other than letters"),
    "rude": (GOOD | {"description": "It shits in the woods, they say."}, "it uses a word"),
    "no json": ("Emberlo, the Kiln Pokémon", "its answer is not a JSON object"),
}


@pytest.mark.parametrize("case", REJECTED)
def test_invalid_answer_warns_and_the_next_is_requested(server: Server, case: str) -> None:
    value, expected = REJECTED[case]
    server.answer = says(value)
    warned: list[str] = []
    writer = writer_of(server.url, warned)
    assert writer([DRAFT], KNOWN, ()) == [DRAFTED]
    assert warned[0].startswith(f"{server.url}: {expected}"), warned
    assert warned[0].endswith("; names and texts of seed 7 come from templates")
    server.answer = says(GOOD)
    assert writer([DRAFT], KNOWN, ())[0].name == "Emberlo"


def test_name_of_another_entry_is_rejected(server: Server) -> None:
    warned: list[str] = []
    assert writer_of(server.url, warned)([DRAFT], KNOWN, {"emberlo"}) == [DRAFTED]
    assert "its name is that of another entry" in warned[0]


@given(
    st.recursive(
        st.none() | st.text() | st.integers(),
        lambda inner: (
            st.dictionaries(st.sampled_from(["name", "genus", "description", "stages"]), inner) | st.lists(inner)
        ),
        max_leaves=6,
    ),
    st.text(max_size=5),
)
def test_answers_raise_only_value_errors(value: Any, around: str) -> None:
    with suppress(ValueError):
        for stages in (1, 2):
            for words in parse_answer(around + json.dumps(value) + around, "some", KNOWN, stages=stages):
                assert len(words.name) <= 12


@pytest.mark.parametrize(
    "url",
    ["", "localhost:8080", "ftp://host/v1", "file:///etc/passwd", "http://", "http://host:x/v1", "http://[::1/v1",
     "http://ho st/v1", "http://host/\nv1", "http://höst/v1", "http://host:99999/v1"],
)  # fmt: skip
def test_invalid_url_is_rejected(url: str) -> None:
    with pytest.raises(EndpointFailed, match="URL of the LLM endpoint is invalid"):
        parse_endpoint(url)


def test_passwords_and_invalid_keys_are_rejected_unseen(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(EndpointFailed, match="has a password") as warned:
        parse_endpoint("http://me:hunter2@host/v1")
    assert "hunter2" not in str(warned.value)
    for key in ("sk-a\nb", "sk a", "sk-ü"):
        monkeypatch.setenv(KEY, key)
        with pytest.raises(EndpointFailed, match=KEY) as warned:
            parse_endpoint("http://host/v1")
        assert key not in str(warned.value)
    for timeout in (0.0, -1.0, float("inf"), float("nan")):
        with pytest.raises(EndpointFailed, match="timeout"):
            parse_endpoint("http://host/v1", timeout)


def test_key_is_not_shown() -> None:
    shown = repr(Endpoint("http://host/v1", "api-key=hush", 1.0, SECRET))
    assert SECRET not in shown
    assert "hush" not in shown


def test_query_is_sent_and_not_shown(server: Server) -> None:
    warned: list[str] = []
    server.answer = says("nothing")
    writer_of(f"{server.url}?api-key=hush", warned)([DRAFT], KNOWN, ())
    assert server.paths == ["/v1/chat/completions?api-key=hush"]
    assert "hush" not in warned[0]


def test_command_uses_endpoint_and_falls_back(
    command: Command, full_bundle: Path, server: Server, tmp_path: Path
) -> None:
    common = ("pgen", "dex", "--bundle", full_bundle, "--llm", server.url, "--out", tmp_path)
    done = command(*common, "--seed", 1)
    assert (done.returncode, done.stderr) == (0, "")
    server.answer = lambda request: reply(request, {}, 503)
    done = command(*common, "-n", 2, "--seed", 2)
    assert done.returncode == 0
    assert (
        done.stderr == f"{server.url}: answered with status 503; names and texts come from templates from seed 2 on\n"
    )
    listed = json.loads((tmp_path / "dex.json").read_text("utf-8"))["pokemon"]
    assert [entry["words_by"] for entry in listed] == ["first", TEMPLATES, TEMPLATES]
    assert listed[0]["description"] == GOOD["description"]
    html = (tmp_path / listed[0]["page"]).read_text("utf-8")
    assert "&lt;b&gt;glows&lt;/b&gt;" in html
    assert "<b>glows" not in html
    for path in tmp_path.iterdir():
        assert SECRET.encode() not in path.read_bytes()


def test_python_warns_and_falls_back(full_bundle: Path) -> None:
    generator = pgen.load(full_bundle)
    with pytest.warns(UserWarning, match="cannot be reached"):
        (entry,) = generator.dex(1, llm="http://127.0.0.1:1/v1", llm_timeout=5)
    with warnings.catch_warnings(action="error"):
        assert generator.dex(1)[0].words == entry.words


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        ([None], []),
        ([3], []),
        (["a"], []),
        ([{"id": 3}, {"id": None}, {"id": ["x"]}], []),
        ([None, {"id": "b"}], ["b"]),
    ],
)
def test_listed_models_without_a_text_for_an_id_are_passed_over(
    listed: list[object], expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Endpoint, "_fetch", lambda *_: {"data": listed})
    assert Endpoint("http://localhost/v1").models() == expected


@pytest.mark.parametrize("before", ["<think>a {fast} one?</think>", 'so {"name": 1}\n</think>\n```json\n'])
def test_thoughts_before_an_answer_are_ignored(before: str) -> None:
    answer = {
        "name": "Zolvantis",
        "genus": "Ember Pokémon",
        "description": "It guards the embers of old fires at night.",
    }
    assert parse_answer(before + json.dumps(answer), "m", KnownNames([]))[0].name == "Zolvantis"
