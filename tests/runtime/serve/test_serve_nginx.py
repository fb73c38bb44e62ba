"""The nginx example of docs/serve.md, run in front of a server."""

import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.conftest import free_port
from tests.runtime.serve.serving import PATIENCE, serving, settings

ROOT = Path(__file__).parents[3]
NGINX = shutil.which("nginx")

pytestmark = pytest.mark.skipif(NGINX is None, reason="nginx is not installed")


def location(upstream: str) -> str:
    """The example of the documentation, with another address of the server."""
    page = (ROOT / "docs" / "serve.md").read_text("utf-8")
    (example,) = re.findall(r"```nginx\n(.*?)```", page, re.DOTALL)
    assert "http://127.0.0.1:8000/" in example
    return str(example).replace("http://127.0.0.1:8000", upstream)


@pytest.fixture
def proxied(toy_bundle: Path, tmp_path: Path) -> Iterator[str]:
    port = free_port()
    with serving(settings(toy_bundle, root_path="/pokemon")) as (_, place):
        server = f"server {{ listen 127.0.0.1:{port}; {location(place)} }}"
        temporary = " ".join(
            f"{kind}_temp_path {tmp_path / kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        config = tmp_path / "nginx.conf"
        config.write_text(
            f"daemon off; pid {tmp_path / 'nginx.pid'}; error_log stderr; events {{}}\n"
            f"http {{ access_log off; {temporary} {server} }}\n"
        )
        assert NGINX
        nginx = subprocess.Popen([NGINX, "-c", str(config), "-p", str(tmp_path)], stderr=subprocess.PIPE, text=True)
        try:
            for _ in range(100):
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.1)
            yield f"http://127.0.0.1:{port}"
        finally:
            nginx.terminate()
            nginx.communicate(timeout=30)


def test_example_keeps_prefix_and_host(proxied: str) -> None:
    with httpx.Client(base_url=f"{proxied}/pokemon", timeout=PATIENCE) as client:
        response = client.post("/v1/images/generations", json={"prompt": "Redball", "response_format": "url"})
        assert response.status_code == 200, response.text
        (image,) = response.json()["data"]
        assert image["url"].startswith(f"{proxied}/pokemon/v1/images/files/")
        picture = client.get(image["url"])
        assert (picture.status_code, picture.headers["content-type"]) == (200, "image/png")
        assert client.get("/openapi.json").json()["servers"] == [{"url": f"{proxied}/pokemon"}]
        assert client.get("/").status_code == 200
