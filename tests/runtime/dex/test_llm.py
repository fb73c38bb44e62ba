"""Language models, as a server on this machine plays them: well, badly, and never at all."""

import json
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pgen
from pgen.dex.endpoint import KEY, MAX_ANSWER, Endpoint, endpoint
from pgen.dex.entry import GRAMMAR, Words
from pgen.dex.llm import Author, read, writer_at
from pgen.dex.names import Known
from pgen.dex.templates import Looks
from pgen.errors import EndpointFailed
from pgen.stats.rows import Row
from tests.conftest import Command

SECRET = "sk-very-secret-0123456789"
GOOD = {
    "name": "Emberlo",
    "genus": "Kiln Pokémon",
    "description": "It bakes its own clay armour, and <b>glows</b> at dusk.",
}
ROW = Row(7, {"hp": 60, "speed": 120}, ("fire",), "ordinary")
DRAFTED = Words("Cindrop", "Cinder Racer Pokémon", "It runs. It glows.")
KNOWN = Known(["Charizard"])

Handler = Callable[[BaseHTTPRequestHandler], None]


class Server:
    """Answers on a port of its own and keeps what it was sent."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.keys: list[str | None] = []
        self.bodies: list[dict[str, Any]] = []
        self.answer: Handler = says(GOOD)
        outer = self

        class Handling(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                outer.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.do_GET()

            def do_GET(self) -> None:
                outer.paths.append(self.path)
                outer.keys.append(self.headers["Authorization"])
                try:
                    if self.path.endswith("/models"):
                        reply(self, {"data": [{"id": "first"}, {"id": "second"}]})
                    else:
                        outer.answer(self)
                except OSError:
                    pass  # the client hung up

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handling)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()


def reply(request: BaseHTTPRequestHandler, value: Any, status: int = 200, **headers: str) -> None:
    content = value if isinstance(value, bytes) else json.dumps(value).encode()
    request.send_response(status)
    for name, told in headers.items():
        request.send_header(name, told)
    request.send_header("Content-Length", str(len(content)))
    request.end_headers()
    request.wfile.write(content)


def says(value: Any) -> Handler:
    text = value if isinstance(value, str) else json.dumps(value)
    return lambda request: reply(request, {"choices": [{"message": {"content": text}}]})


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv(KEY, SECRET)
    started = Server()
    yield started
    started.server.shutdown()
    started.server.server_close()


def ask(server: Server, told: list[str], timeout: float = 5.0) -> Words:
    writer = writer_at(server.url, "some", timeout, told.append)
    assert writer is not None
    return writer(DRAFTED, ROW, Looks("red", "wings"), KNOWN)


def test_words_come_from_the_endpoint(server: Server) -> None:
    told: list[str] = []
    assert ask(server, told) == Words(**GOOD, author="some")
    assert told == []
    assert server.paths == ["/v1/chat/completions"]
    assert server.keys == [f"Bearer {SECRET}"]
    sent = server.bodies[0]
    assert sent["model"] == "some"
    assert json.loads(sent["messages"][1]["content"])["stats"] == dict(ROW.stats)


def test_the_first_listed_model_is_taken_and_a_key_is_not_needed(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(KEY)
    writer = writer_at(f"{server.url}/chat/completions")
    assert isinstance(writer, Author)
    assert writer.model == "first"
    assert writer(DRAFTED, ROW, Looks("red", "wings"), KNOWN).name == "Emberlo"
    assert server.keys == [None, None]


def test_talk_around_the_answer_is_passed_over(server: Server) -> None:
    server.answer = says(f"Sure!\n```json\n{json.dumps(GOOD)}\n```\nEnjoy.")
    assert ask(server, []).name == "Emberlo"


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
    "hang": (hang, "gave no answer within 0.5 s"),
    "drip": (drip, "gave no answer within 0.5 s"),
    "drip headers": (drip_headers, "gave no answer within 0.5 s"),
    "huge": (huge, "answers more than 1,048,576 bytes"),
    "endless": (endless, "answers more than 1,048,576 bytes"),
    "status": (lambda r: reply(r, SECRET.encode(), 500), "answers with status 500"),
    "denied": (lambda r: reply(r, {"error": SECRET}, 401), "answers with status 401"),
    "garbage": (lambda r: reply(r, b"\xff\x00<html>"), "answers no JSON object"),
    "deep": (lambda r: reply(r, b"[" * 200_000), "answers no JSON object"),
    "list": (lambda r: reply(r, [1]), "answers no JSON object"),
    "other": (lambda r: reply(r, {"choices": []}), "answers without choices"),
    "no text": (lambda r: reply(r, {"choices": [{"message": {"content": None}}]}), "answers without choices"),
    "no http": (lambda r: r.wfile.write(b"SSH-2.0 hello\r\n"), "breaks off (BadStatusLine)"),
    "cut": (lambda r: r.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"), "answers no JSON object"),
    "echo": (echo_key, "sent the key back; do not trust it"),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_what_fails_is_told_in_a_line_and_not_asked_again(server: Server, failure: str) -> None:
    server.answer, expected = FAILURES[failure]
    told: list[str] = []
    writer = writer_at(server.url, "some", 0.5 if "no answer" in expected else 5.0, told.append)
    assert writer is not None
    for _ in range(2):
        assert writer(DRAFTED, ROW, Looks("red", "wings"), KNOWN) == DRAFTED
    assert told == [f"{server.url}: {expected}{told[0].partition(expected)[2]}"]
    assert "pgen's own words are used" in told[0]
    assert SECRET not in told[0]
    assert "\n" not in told[0]
    assert len(server.paths) == 1


def test_a_redirect_is_not_followed(server: Server) -> None:
    other = Server()
    for status in (301, 302, 303, 307, 308):
        server.answer = lambda r, status=status: reply(r, b"", status, Location=f"{other.url}/chat/completions")  # type: ignore[misc]
        told: list[str] = []
        assert ask(server, told) == DRAFTED
        assert f"answers with status {status}; give the address that it redirects to" in told[0]
    assert other.paths == []
    other.server.server_close()


REJECTED = {
    "existing": (GOOD | {"name": "charizard"}, "its name exists"),
    "almost": (GOOD | {"name": "Charizarde"}, "its name exists"),
    "no name": ({"genus": "Kiln", "description": GOOD["description"]}, "its answer has no name"),
    "number": (GOOD | {"name": 7}, "its answer has no name"),
    "signs": (GOOD | {"name": "<b>Em</b>"}, "its name is not made of letters"),
    "long name": (GOOD | {"name": "Emberlo" * 9}, "its name has 63 characters"),
    "short text": (GOOD | {"description": "Hot."}, "its description has 4 characters"),
    "long text": (GOOD | {"description": "It glows. " * 99}, "its description has 989 characters"),
    "control": (GOOD | {"description": "It glows \x1b[31m in the dark of night."}, "its description has signs"),
    "bidi": (GOOD | {"description": "It glows \u202e in the dark of night."}, "its description has signs"),
    "letters": (GOOD | {"description": "火" * 30}, "its description has signs"),
    "one word": (GOOD | {"description": "a" * 60}, "its description has a word"),
    "genus": (GOOD | {"genus": "Pokémon Pokémon Pokémon Pokémon Pokémon"}, "its genus has 39 characters"),
    "only genus": (GOOD | {"genus": "  Pokémon"}, "its genus is not made of words"),
    "rude": (GOOD | {"description": "It shits in the woods, they say."}, "it uses a word"),
    "no json": ("Emberlo, the Kiln Pokémon", "it answers no JSON object"),
}


@pytest.mark.parametrize("case", REJECTED)
def test_words_that_cannot_be_used_are_told_and_the_next_are_asked_for(server: Server, case: str) -> None:
    value, expected = REJECTED[case]
    server.answer = says(value)
    told: list[str] = []
    writer = writer_at(server.url, "some", 5.0, told.append)
    assert writer is not None
    assert writer(DRAFTED, ROW, Looks("red", "wings"), KNOWN) == DRAFTED
    assert told[0].startswith(f"{server.url}: {expected}"), told
    assert told[0].endswith("; pgen's own words are used for seed 7")
    server.answer = says(GOOD)
    assert writer(DRAFTED, ROW, Looks("red", "wings"), KNOWN).name == "Emberlo"


@given(
    st.recursive(
        st.none() | st.text() | st.integers(),
        lambda inner: st.dictionaries(st.sampled_from(["name", "genus", "description"]), inner) | st.lists(inner),
        max_leaves=6,
    ),
    st.text(max_size=5),
)
def test_no_answer_is_a_traceback(value: Any, around: str) -> None:
    with suppress(ValueError):
        assert len(read(around + json.dumps(value) + around, "some", KNOWN).name) <= 12


@pytest.mark.parametrize(
    "url",
    ["", "localhost:8080", "ftp://host/v1", "file:///etc/passwd", "http://", "http://host:x/v1", "http://[::1/v1",
     "http://ho st/v1", "http://host/\nv1", "http://höst/v1", "http://host:99999/v1"],
)  # fmt: skip
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(EndpointFailed, match="no address of an endpoint"):
        endpoint(url)


def test_passwords_and_bad_keys_are_refused_unseen(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(EndpointFailed, match="holds a password") as told:
        endpoint("http://me:hunter2@host/v1")
    assert "hunter2" not in str(told.value)
    for key in ("sk-a\nb", "sk a", "sk-ü"):
        monkeypatch.setenv(KEY, key)
        with pytest.raises(EndpointFailed, match=KEY) as told:
            endpoint("http://host/v1")
        assert key not in str(told.value)
    for timeout in (0.0, -1.0, float("inf"), float("nan")):
        with pytest.raises(EndpointFailed, match="time-out"):
            endpoint("http://host/v1", timeout)


def test_the_key_is_not_shown() -> None:
    shown = repr(Endpoint("http://host/v1", "api-key=hush", 1.0, SECRET))
    assert SECRET not in shown
    assert "hush" not in shown


def test_queries_are_sent_and_not_shown(server: Server) -> None:
    told: list[str] = []
    server.answer = says("nothing")
    writer = writer_at(f"{server.url}?api-key=hush", "some", 5.0, told.append)
    assert writer is not None
    writer(DRAFTED, ROW, Looks("red", "wings"), KNOWN)
    assert server.paths == ["/v1/chat/completions?api-key=hush"]
    assert "hush" not in told[0]


def test_the_command_uses_it_and_falls_back(
    command: Command, full_bundle: Path, server: Server, tmp_path: Path
) -> None:
    common = ("pgen", "dex", "--bundle", full_bundle, "--llm", server.url, "--out", tmp_path)
    done = command(*common, "--seed", 1)
    assert (done.returncode, done.stderr) == (0, "")
    server.answer = lambda request: reply(request, {}, 503)
    done = command(*common, "-n", 2, "--seed", 2)
    assert done.returncode == 0
    assert done.stderr == f"{server.url}: answers with status 503; pgen's own words are used from seed 2 on\n"
    listed = json.loads((tmp_path / "dex.json").read_text("utf-8"))["pokemon"]
    assert [entry["words_by"] for entry in listed] == ["first", GRAMMAR, GRAMMAR]
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
