"""pgen serve as a process: signals, the port, the log."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from pgen.serve.config import API_KEY_VARIABLE
from tests.conftest import Command, run_python
from tests.runtime.serve.serving import IMAGES, PATIENCE
from tests.runtime.toy import write_toy

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals of Unix")


class Running:
    """A server in a process of its own."""

    def __init__(self, process: "subprocess.Popen[str]", log: Path) -> None:
        self.process, self._log = process, log

    @property
    def log(self) -> str:
        return self._log.read_text("utf-8")

    def wait_for(self, pattern: str) -> "re.Match[str]":
        until = time.monotonic() + PATIENCE
        while not (match := re.search(pattern, self.log)):
            assert self.process.poll() is None, self.log
            assert time.monotonic() < until, self.log
            time.sleep(0.02)
        return match


@contextmanager
def process(tmp_path: Path, bundle: Path, *options: object, **environment: str) -> Iterator[tuple[Running, str]]:
    program = str(Path(sys.executable).parent / "pgen")
    log_file = tmp_path / "log"
    fixed = ["serve", "--port", 0, "--bundle", bundle, "--device", "cpu", "--threads", 1]
    with (
        log_file.open("w") as log,
        subprocess.Popen(
            [program, *map(str, [*fixed, *options])], stderr=log, text=True, env=os.environ | environment
        ) as started,
    ):
        try:
            running = Running(started, log_file)
            url = running.wait_for(r"listening on (http://\S+)")[1]
            running.wait_for("serving bundle")
            yield running, url
        finally:
            started.kill()


def begun(url: str, body: dict[str, object]) -> socket.socket:
    """Send a request but for its last byte."""
    host, port = url.removeprefix("http://").split(":")
    sent = json.dumps(body).encode()
    head = f"POST {IMAGES} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(sent)}\r\n\r\n"
    connection = socket.create_connection((host, int(port)), PATIENCE)
    connection.sendall(head.encode() + sent[:-1])
    return connection


def finished(connection: socket.socket) -> tuple[bytes, bytes]:
    """Send the last byte; give the status line and the body of the answer."""
    with connection:
        connection.sendall(b"}")
        response = b"".join(iter(lambda: connection.recv(2**16), b""))
    head, _, body = response.partition(b"\r\n\r\n")
    return head.partition(b"\r\n")[0], body


def test_sigterm_finishes_accepted_requests(tmp_path: Path, toy_bundle: Path) -> None:
    with process(tmp_path, toy_bundle) as (running, url):
        accepted = [begun(url, {"seed": seed, "n": 10, "prompt": "Redball"}) for seed in range(3)]
        until = time.monotonic() + PATIENCE
        while "pokegan_requests_in_flight 4.0" not in httpx.get(f"{url}/metrics").text:  # itself is the fourth
            assert time.monotonic() < until
        running.process.send_signal(signal.SIGTERM)
        # The fourth has its answer here, but may not yet be signed off over there.
        running.wait_for("shutting down: [34] requests in flight")
        late = httpx.post(f"{url}{IMAGES}", json={"prompt": "Redball"})
        assert (late.status_code, late.headers["connection"]) == (503, "close")
        assert "retry-after" in late.headers
        assert httpx.get(f"{url}/readyz").status_code == 503
        assert httpx.get(f"{url}/healthz").status_code == 200
        for connection in accepted:
            status, body = finished(connection)
            assert (status, len(json.loads(body)["data"])) == (b"HTTP/1.1 200 OK", 10)
        assert running.process.wait(PATIENCE) == 0
        assert "all requests finished" in running.log


def test_second_signal_exits_immediately(tmp_path: Path, toy_bundle: Path) -> None:
    with process(tmp_path, toy_bundle) as (running, url):
        never = begun(url, {"prompt": "Redball"})
        running.process.send_signal(signal.SIGINT)
        running.wait_for("shutting down")
        running.process.send_signal(signal.SIGINT)
        assert b"".join(iter(lambda: never.recv(2**16), b"")).startswith(b"HTTP/1.1 503")
        never.close()
        assert running.process.wait(PATIENCE) == 0
        assert "Traceback" not in running.log


def test_sighup_reloads_the_bundle(tmp_path: Path) -> None:
    bundle = write_toy(tmp_path / "bundle")
    with process(tmp_path, bundle) as (running, url), httpx.Client(base_url=url, timeout=PATIENCE) as client:
        old = client.get("/v1/about").json()["bundle"]
        write_toy(tmp_path / "new", seed=1)
        for file in (tmp_path / "new").iterdir():
            file.replace(bundle / file.name)
        running.process.send_signal(signal.SIGHUP)
        running.wait_for(rf"serving bundle (?!{old[:12]})")
        assert client.get("/v1/about").json()["bundle"] != old
        (bundle / "manifest.json").write_text("{")
        running.process.send_signal(signal.SIGHUP)
        running.wait_for("ERROR reload failed, still serving the previous bundle: .*manifest.json")
        assert client.post(IMAGES, json={"prompt": "Redball"}).status_code == 200
        assert "Traceback" not in running.log


def test_log_has_requests_without_prompts(tmp_path: Path, toy_bundle: Path) -> None:
    with process(tmp_path, toy_bundle, **{API_KEY_VARIABLE: "key"}) as (running, url):
        headers = {"Authorization": "Bearer key"}
        assert httpx.get(f"{url}/v1/images?prompt=secret%20wish", headers=headers).status_code == 200
        assert httpx.get(f"{url}/v1/names").status_code == 401
        running.wait_for(r"INFO GET /v1/images 200, \d+ ms\n")
        assert "secret" not in running.log


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--bundle", "nowhere"], "nowhere/manifest.json: not found"),
        (["--port", "70000"], "70000 is not in the range"),
        (["--cors", "example.org"], "'example.org' is not an origin"),
        (["--api-key"], f"{API_KEY_VARIABLE} is not set"),
        (["--host", "256.1.1.1"], "cannot bind 256.1.1.1:0"),
    ],
)
def test_invalid_options_fail_in_one_line(command: Command, options: list[str], message: str) -> None:
    done = command("pgen", "serve", "--port", 0, *options)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_used_port_and_damaged_bundle_fail_in_one_line(tmp_path: Path, toy_bundle: Path, command: Command) -> None:
    with process(tmp_path, toy_bundle) as (_, url):
        done = command("pgen", "serve", "--bundle", toy_bundle, "--port", url.rpartition(":")[2])
        assert (done.returncode, "choose another host or port" in done.stderr) == (2, True)
    bundle = write_toy(tmp_path / "damaged")
    (bundle / "dcgan.onnx").write_bytes(b"no")
    done = command("pgen", "serve", "--bundle", bundle, "--port", 0, "--device", "cpu")
    assert done.returncode == 2
    assert "dcgan.onnx" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_public_address_without_a_key_is_warned_about(tmp_path: Path, toy_bundle: Path) -> None:
    for environment, warned in (({}, True), ({API_KEY_VARIABLE: "key"}, False)):
        with process(tmp_path, toy_bundle, "--host", "0.0.0.0", **environment) as (running, _):  # type: ignore[arg-type]
            assert ("anyone who can reach 0.0.0.0" in running.log) is warned


def test_missing_extra_is_named() -> None:
    program = (
        "import sys; sys.modules['fastapi'] = None; sys.argv = ['pgen', 'serve']; from pgen.main import main; main()"
    )
    done = run_python(program)
    assert (done.returncode, "pip install 'pokegan[serve]'" in done.stderr) == (2, True)
