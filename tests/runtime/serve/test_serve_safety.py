"""pgen serve: what clients with bad manners get."""

import asyncio
import contextlib
import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from pgen.errors import ServeInvalid
from pgen.serve import protocol
from pgen.serve.config import API_KEY_VARIABLE, Settings, read_api_key
from pgen.serve.service import Service
from tests.runtime.serve.serving import IMAGES, PATIENCE, Hold, serving, settings, until, without_network

JSON = {"Content-Type": "application/json"}


def code_of(answer: httpx.Response) -> tuple[int, str]:
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    return answer.status_code, error["code"]


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"",
        b"[]",
        b"null",
        b'"prompt"',
        b"\xff\xfe",
        b"[" * 30_000,
        b'{"prompt": "x", "seed": ' + b"9" * 30_000 + b"}",
        b'{"prompt": "x", "seed": NaN}',
        b'{"prompt": "x", "seed": Infinity}',
        b'{"prompt": "x", "seed": 1e400}',
        b'{"prompt": "x", "seed": 1.5}',
        b'{"prompt": "x", "n": -99999999999999999999999}',
        b'{"prompt": "\\ud800"}',
        b'{"prompt": "x", "\\ud800": 1}',
        b'{"prompt": "x\\u0000"}',
    ],
)
def test_invalid_body_gets_400(client: httpx.Client, body: bytes) -> None:
    assert code_of(client.post(IMAGES, content=body, headers=JSON))[0] == 400


def test_other_content_type_gets_415(client: httpx.Client) -> None:
    for kind in ({}, {"Content-Type": "text/plain"}, {"Content-Type": "application/x-www-form-urlencoded"}):
        answer = client.post(IMAGES, content=b'{"prompt": "x"}', headers=kind)
        assert code_of(answer) == (415, "unsupported_media_type")


def test_large_body_gets_413(client: httpx.Client) -> None:
    def parts() -> Iterator[bytes]:
        for _ in range(20):
            yield b" " * 4096

    for body in (b" " * (2**16 + 1), parts()):
        assert code_of(client.post(IMAGES, content=body, headers=JSON)) == (413, "request_too_large")
    assert client.post(IMAGES, content=b'{"prompt": "x"}'.ljust(2**16), headers=JSON).status_code == 200


@pytest.mark.parametrize("size", ["65537", "99999999999", "9" * 400])
def test_declared_large_body_is_rejected_early(url: str, size: str) -> None:
    head = f"POST {IMAGES} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {size}\r\n"
    response = _raw(url, f"{head}Expect: 100-continue\r\n\r\n".encode())
    assert response.startswith((b"HTTP/1.1 413", b"HTTP/1.1 400")), response[:200]


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py",
        "/static/..%2f..%2fapp.py",
        "/static/%2e%2e/app.py",
        "/static/..%5capp.py",
        "/static//etc/passwd",
        "/static/%00",
        "/static/a%00.js",
        "/static/" + "a" * 300,
        "/static/",
        "/static",
        "/v1/images/files/../../../etc/passwd",
        "/v1/images/files/..%2f..%2fetc%2fpasswd",
        "/v1/images/files/%00",
        "/v1/models/..%2f..",
        "/v1/models/%00",
        "//etc/passwd",
        "/v1/images/generations/",
        "/server.py",
    ],
)
def test_path_traversal_gets_404(url: str, path: str) -> None:
    answer = _raw(url, f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    assert answer.startswith((b"HTTP/1.1 404", b"HTTP/1.1 405")), answer[:200]
    assert b"import " not in answer
    assert b"root:" not in answer


def _raw(url: str, sent: bytes) -> bytes:
    host, port = url.removeprefix("http://").split(":")

    async def talk() -> bytes:
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(sent)
        response = b""
        # A server may refuse a request and close before all of it was sent, which resets the connection.
        with contextlib.suppress(ConnectionResetError):
            async with asyncio.timeout(PATIENCE):
                while part := await reader.read(2**16):
                    response += part
        writer.close()
        return response

    return asyncio.run(talk())


@pytest.mark.parametrize(
    "sent",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 70_000 + b"\r\n\r\n",
        b"GET /v1/names HTTP/1.1\r\nHost: [\r\nConnection: close\r\n\r\n",
        b"GET /v1/images?prompt=x&seed=" + b"9" * 10_000 + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    ],
)
def test_malformed_http_is_survived(url: str, sent: bytes) -> None:
    assert b" 500 " not in _raw(url, sent).partition(b"\r\n")[0]
    assert httpx.get(f"{url}/healthz").status_code == 200


def test_markup_is_returned_as_text(client: httpx.Client) -> None:
    prompt = "<script>alert(1)</script>\u2028\"'&"
    answer = client.post(IMAGES, json={"prompt": prompt})
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.json()["data"][0]["prompt"] == prompt
    assert client.get("/v1/images", params={"prompt": prompt}).headers["content-type"] == "image/png"
    wrong = client.post(IMAGES, json={prompt: 1, "prompt": "x"})
    assert (wrong.json()["error"]["param"], wrong.headers["content-type"]) == (prompt, "application/json")


def test_responses_carry_security_headers(client: httpx.Client) -> None:
    for path in ("/", "/openapi.json", "/nowhere", "/v1/names", "/healthz"):
        headers = client.get(path).headers
        assert "default-src 'self'; img-src 'self' blob: data:" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "unsafe" not in headers["content-security-policy"]
        assert "access-control-allow-origin" not in headers


def test_api_key_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(API_KEY_VARIABLE, raising=False)
    assert read_api_key(False) is None
    with pytest.raises(ServeInvalid, match=API_KEY_VARIABLE):
        read_api_key(True)
    for empty in ("", " "):
        with pytest.raises(ServeInvalid, match="empty"):
            Settings(api_key=empty)


def test_api_key_is_required_on_private_routes(toy_bundle: Path) -> None:
    async def scenario() -> None:
        async with without_network(settings(toy_bundle, api_key="s3crét")) as (_, client):
            made = await client.post(IMAGES, json={"prompt": "x"}, headers=bearer("s3crét"))
            address = await client.post(
                IMAGES, json={"prompt": "x", "response_format": "url"}, headers=bearer("s3crét")
            )
            stored = address.json()["data"][0]["url"]
            for public in ("/", "/static/app.js", "/healthz", "/readyz", "/openapi.json", stored):
                assert (await client.get(public)).status_code == 200
            assert made.status_code == 200
            wrong = ({}, bearer("s3cret"), bearer(""), bearer("s3crét "[:-2]), {"Authorization": "Basic s3cr"})
            for headers in wrong:
                for path in ("/v1/names", "/v1/about", "/metrics", "/v1/images?prompt=x", "/v1%2Fnames", "/other"):
                    answer = await client.get(path, headers=headers)
                    assert code_of(answer) == (401, "invalid_api_key")
                    assert answer.headers["www-authenticate"] == "Bearer"
                assert (await client.post(IMAGES, json={"prompt": "x"}, headers=headers)).status_code == 401
            schema = (await client.get("/openapi.json")).json()
            assert schema["security"] == [{"key": []}]
            get_endpoints = {path: methods.get("get", {}) for path, methods in schema["paths"].items()}
            public_paths = {path for path, endpoint in get_endpoints.items() if endpoint.get("security") == []}
            assert public_paths == {"/healthz", "/readyz", "/v1/images/files/{name}"}

    def bearer(key: str) -> dict[Any, Any]:
        return {b"Authorization": f"Bearer {key}".encode()}

    asyncio.run(scenario())


def test_cors_is_off_by_default(toy_bundle: Path) -> None:
    origin = "https://friend.example"
    asks = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type, x-stainless-os",
    }

    async def scenario() -> None:
        async with without_network(settings(toy_bundle)) as (_, client):
            refused = await client.options(IMAGES, headers=asks)
            assert (refused.status_code, "access-control-allow-origin" in refused.headers) == (405, False)
            plain = await client.get("/v1/names", headers={"Origin": origin})
            assert plain.headers["cross-origin-resource-policy"] == "same-origin"
        async with without_network(settings(toy_bundle, cors=(origin,), api_key="key")) as (_, client):
            allowed = await client.options(IMAGES, headers=asks)
            assert (allowed.status_code, allowed.headers["access-control-allow-origin"]) == (200, origin)
            assert "x-stainless-os" in allowed.headers["access-control-allow-headers"]
            denied = await client.get("/v1/names", headers={"Origin": origin})
            assert (denied.status_code, denied.headers["access-control-allow-origin"]) == (401, origin)
            other = await client.options(IMAGES, headers=asks | {"Origin": "https://other.example"})
            assert "access-control-allow-origin" not in other.headers

    asyncio.run(scenario())
    for wrong in ("friend.example", "https://a.example/path", "null"):
        with pytest.raises(ServeInvalid, match="origin"):
            Settings(cors=(wrong,))


@pytest.mark.parametrize("log_prompts", [False, True])
def test_prompts_are_logged_only_with_log_prompts(
    toy_bundle: Path, log_prompts: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    prompt = "a very private wish"

    async def scenario() -> None:
        async with without_network(settings(toy_bundle, log_prompts=log_prompts)) as (_, client):
            await client.post(IMAGES, json={"prompt": prompt})
            await client.get("/v1/images", params={"prompt": f"{prompt}\n"})
            await client.post("/v1/morph", json={"start": prompt, "end": prompt})

    asyncio.run(scenario())
    ours = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("pgen"))
    assert f"POST {IMAGES} 200" in ours
    assert (ours.count(prompt) == 4) is log_prompts
    assert (prompt in ours) is log_prompts


def test_slow_clients_are_timed_out(toy_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "HEADER_TIMEOUT", 2)
    head = f"POST {IMAGES} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n{{"

    async def scenario(service: Service, url: str) -> None:
        host, port = url.removeprefix("http://").split(":")
        patient = service.settings
        service.settings = replace(patient, timeout=3)
        slow = [await asyncio.open_connection(host, int(port)) for _ in range(20)]
        for number, (_, writer) in enumerate(slow):
            writer.write((head if number % 2 else head[:30]).encode())
        await until(lambda: service.in_flight == 10)
        service.settings = patient
        async with httpx.AsyncClient(base_url=url, timeout=PATIENCE) as client:
            assert (await client.post(IMAGES, json={"prompt": "x"})).status_code == 200
        async with asyncio.timeout(PATIENCE):
            responses = [await reader.read() for reader, _ in slow]  # all are ended by the server
        assert all(not answer for answer in responses[::2]), "of a head that does not come"
        assert all(answer.startswith(b"HTTP/1.1 408") for answer in responses[1::2]), "of a body that does not"
        for _, writer in slow:
            writer.close()

    with serving(settings(toy_bundle)) as (service, url):
        asyncio.run(scenario(service, url))


def test_disconnected_client_leaves_the_queue(toy_bundle: Path) -> None:
    with serving(settings(toy_bundle)) as (service, url):
        hold = Hold(service)
        host, port = url.removeprefix("http://").split(":")
        body = json.dumps({"prompt": "leaves"})
        head = f"POST {IMAGES} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        head += f"Content-Length: {len(body)}\r\n\r\n"

        async def scenario() -> None:
            async with httpx.AsyncClient(base_url=url, timeout=PATIENCE) as client:
                first = asyncio.create_task(client.post(IMAGES, json={"prompt": "first"}))
                await until(lambda: hold.batches)
                _, writer = await asyncio.open_connection(host, int(port))
                writer.write((head + body).encode())
                await until(lambda: service.batcher.queued == 1)
                writer.close()
                await until(lambda: service.batcher.queued == 0)
                hold.open.set()
                assert (await first).status_code == 200

        asyncio.run(scenario())
        assert hold.prompts == [["first"]]
