"""pgen serve on a Ray cluster: two replicas answer as one server does."""

import base64
import shutil
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from threading import Event
from time import monotonic, sleep
from typing import Any

import httpx
import openai
import pytest

from pgen.serve.config import API_KEY_VARIABLE
from tests.conftest import free_port
from tests.runtime.serve.serving import IMAGES, PATIENCE, needs_ray_serve, serving, settings

needs_ray_serve()
import psutil  # noqa: E402
import ray  # noqa: E402
from ray import serve  # noqa: E402

from pgen.serve.cluster import app  # noqa: E402

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::DeprecationWarning:ray.*")]

HEADERS = {"Authorization": "Bearer key"}
WISH = "a secret wish"


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Where Ray keeps its sockets, whose paths have to be short, and its logs."""
    made = tempfile.mkdtemp(prefix="ray")
    yield Path(made)
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture(scope="module")
def cluster(folder: Path) -> Iterator[str]:
    """A local Ray whose processes know a key, and its HTTP proxy; gives the proxy's address."""
    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        patch.setenv(API_KEY_VARIABLE, "key")
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S", str(PATIENCE))  # 5 s are little on a busy machine
        stack.callback(ray.shutdown)
        ray.init(
            num_cpus=2,
            object_store_memory=100_000_000,
            include_dashboard=False,
            logging_level="error",
            log_to_driver=False,
            _temp_dir=str(folder),
        )
        port = free_port()
        stack.callback(serve.shutdown)
        serve.start(http_options={"host": "127.0.0.1", "port": port})
        yield f"http://127.0.0.1:{port}"


def deploy(bundle: Path, **args: Any) -> None:
    """Let two replicas serve, and wait until both do."""
    built = app({"bundle": str(bundle), "device": "cpu", "threads": "1", "api_key": True} | args)
    built._bound_deployment = built._bound_deployment.options(num_replicas=2)
    serve.run(built, name="pgen", route_prefix="/")


@pytest.fixture(scope="module")
def client(cluster: str, toy_bundle: Path) -> Iterator[httpx.Client]:
    deploy(toy_bundle)
    with httpx.Client(base_url=cluster, timeout=PATIENCE, headers=HEADERS) as client:
        yield client


def generated(client: httpx.Client, **body: Any) -> list[dict[str, Any]]:
    answer = client.post(IMAGES, json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]  # type: ignore[no-any-return]


def test_replica_without_a_bundle_fails_with_the_reason(cluster: str, tmp_path: Path) -> None:
    built = app({"bundle": str(tmp_path / "none"), "device": "cpu", "threads": 1})
    with pytest.raises(RuntimeError, match="pgen failed"):
        serve.run(built, name="pgen", route_prefix="/")
    assert "manifest.json: not found" in serve.status().applications["pgen"].deployments["pgen"].message
    assert httpx.get(f"{cluster}/readyz", timeout=PATIENCE).status_code >= 400
    serve.delete("pgen")


def test_replicas_return_the_files_of_one_server(client: httpx.Client, toy_bundle: Path) -> None:
    body = {"prompt": "a text that nobody has stored", "seed": 41, "n": 2, "size": "32x32"}
    with (
        serving(settings(toy_bundle)) as (_, url),
        httpx.Client(base_url=url, timeout=PATIENCE) as alone,
        ThreadPoolExecutor(8) as pool,
    ):
        expected = generated(alone, **body)
        for answer in pool.map(lambda _: generated(client, **body), range(24)):
            assert answer == expected
    metrics = [client.get("/metrics").text for _ in range(30)]
    counts = [next((line for line in text.splitlines() if 'path="/metrics"' in line), "") for text in metrics]
    assert len(set(counts)) < len(counts), "one replica counts up; two of them come to the same number"


def test_url_is_answered_by_every_replica(client: httpx.Client, cluster: str) -> None:
    known = openai.OpenAI(base_url=f"{cluster}/v1", api_key="key", timeout=PATIENCE)
    images = known.images.generate(prompt="Red & blue?", n=2, response_format="url", extra_body={"seed": 3}).data
    direct = generated(client, prompt="Red & blue?", n=2, seed=3)
    for image, expected in zip(images or [], direct, strict=True):
        assert image.url is not None
        assert image.url.startswith(f"{cluster}/v1/images?")
        assert httpx.get(image.url).status_code == 401, "the key is asked for"
        for _ in range(8):
            assert client.get(image.url).content == base64.b64decode(expected["b64_json"])


@pytest.mark.parametrize(
    "more",
    [
        {"prompt": "Redball", "output_format": "webp", "background": "opaque", "size": "40x40"},
        {"prompt": "", "model": "dcgan", "size": "auto", "background": "auto"},
    ],
)
def test_url_contains_all_options(client: httpx.Client, more: dict[str, Any]) -> None:
    (direct,) = generated(client, seed=5, **more)
    (image,) = generated(client, seed=5, response_format="url", **more)
    fetched = client.get(image["url"])
    assert fetched.headers["content-type"] == f"image/{more.get('output_format', 'png')}"
    assert fetched.content == base64.b64decode(direct["b64_json"])


def test_proxy_passes_errors_keys_and_the_page(client: httpx.Client, cluster: str) -> None:
    wrong = client.post(IMAGES, json={"prompt": "x", "n": 11})
    assert (wrong.status_code, wrong.json()["error"]["param"]) == (400, "n")
    assert client.post(IMAGES, content=b"{}").status_code == 415
    assert client.post(IMAGES, json={"prompt": "x" * 2**17}).status_code == 413
    assert httpx.post(f"{cluster}{IMAGES}", json={"prompt": "x"}).json()["error"]["code"] == "invalid_api_key"
    page = httpx.get(cluster)
    assert "default-src 'self'" in page.headers["content-security-policy"]
    assert httpx.get(f"{cluster}/readyz").json() == {"status": "ready"}
    assert client.get("/openapi.json").status_code == 200
    assert client.get("/static/../cluster.py").status_code == 404


def test_ray_logs_contain_no_prompt(client: httpx.Client, folder: Path) -> None:
    assert client.get("/v1/images", params={"prompt": WISH}).status_code == 200
    generated(client, prompt=WISH)
    logs = [path.read_text("utf-8", "replace") for path in folder.rglob("logs/**/*") if path.is_file()]
    assert any("/v1/images 200" in log for log in logs), "these are the logs"
    assert any("serving bundle" in log for log in logs), "and the server's own lines are in them"
    for word in (WISH, WISH.replace(" ", "+"), WISH.replace(" ", "%20")):
        assert not any(word in log for log in logs)


def test_redeployment_loses_no_request(client: httpx.Client, toy_bundle: Path) -> None:
    stop, answers = Event(), list[int]()

    def keep_asking(seed: int) -> None:
        while not stop.is_set():
            answer = client.post(IMAGES, json={"prompt": "Redball", "seed": seed, "n": 4})
            answers.append(answer.status_code)

    with ThreadPoolExecutor(3) as pool:
        asking = [pool.submit(keep_asking, seed) for seed in range(3)]
        try:
            deploy(toy_bundle, batch=3)
        finally:
            stop.set()
        for one in asking:
            one.result()
    assert client.get("/v1/about").json()["limits"]["batch"] == 3
    assert len(answers) > 3
    assert set(answers) == {200}


def replicas() -> list[psutil.Process]:
    """Find the processes of the replicas by what Ray calls them."""
    return [process for process in psutil.process_iter() if "ServeReplica:pgen" in title(process)]


def title(process: psutil.Process) -> str:
    with suppress(psutil.Error):  # it has ended
        return " ".join(process.cmdline())
    return ""


def test_killed_replica_is_replaced_and_requests_are_answered(client: httpx.Client, toy_bundle: Path) -> None:
    deploy(toy_bundle)
    stop, answers = Event(), list[int]()

    def keep_asking(seed: int) -> None:
        while not stop.is_set():
            answers.append(client.post(IMAGES, json={"prompt": "Redball", "seed": seed, "n": 4}).status_code)

    with ThreadPoolExecutor(4) as pool:
        asking = [pool.submit(keep_asking, seed) for seed in range(4)]
        try:
            wait_until(lambda: len(answers) > 8, "no answers")
            killed, other = replicas()
            killed.kill()
            wait_until(lambda: len(set(replicas()) - {killed, other}) == 1, "no other replica was started")
            before = len(answers)
            wait_until(lambda: len(answers) > before + 8, "no more answers")
        finally:
            stop.set()
        for one in asking:
            one.result()  # raises where a connection ended without an answer
    assert all(code == 200 or code >= 500 for code in answers), answers
    assert set(answers[before:]) == {200}


def wait_until(so: Callable[[], bool], otherwise: str) -> None:
    end = monotonic() + PATIENCE
    while not so():
        assert monotonic() < end, otherwise
        sleep(0.2)
