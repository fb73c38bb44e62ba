"""pgen serve: what its endpoints answer."""

import asyncio
import base64
import io
import json
import math
import re
import socket
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import openai
import pytest
from click.testing import CliRunner
from PIL import Image

import pgen
from pgen.cli import main
from pgen.errors import ServeInvalid
from pgen.images.metadata import read_metadata
from pgen.serve.config import Settings
from pgen.serve.protocol import Protocol
from tests.runtime.serve.serving import PATIENCE, decoded, pixels_of, serving, settings, without_network
from tests.runtime.toy import SIDE


def generated(client: httpx.Client, **body: Any) -> dict[str, Any]:
    answer = client.post("/v1/images/generations", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()  # type: ignore[no-any-return]


def test_images_are_the_files_of_the_command(client: httpx.Client, toy_bundle: Path, tmp_path: Path) -> None:
    prompt, seeds = "a text that nobody has stored", (41, 42)
    arguments = ["image", prompt, "--bundle", toy_bundle, "--device", "cpu", "--out-dir", tmp_path, "--size", "200"]
    done = CliRunner().invoke(main, [str(one) for one in (*arguments, "--seed", 41, "-n", 2)])
    assert done.exit_code == 0, done.output
    response = generated(client, prompt=f" {prompt} ", seed=41, n=2, size="200x200")
    assert [(image["seed"], image["prompt"]) for image in response["data"]] == [(seed, prompt) for seed in seeds]
    for image, name in zip(response["data"], done.stdout.split(), strict=True):
        assert base64.b64decode(image["b64_json"]) == Path(name).read_bytes(), "facts and pixels"


def test_openai_client_works_with_another_base_url(url: str, toy_bundle: Path) -> None:
    client = openai.OpenAI(base_url=f"{url}/v1", api_key="none", timeout=PATIENCE)
    response = client.images.generate(
        model="stackgan", prompt="Redball", n=2, size="256x256", quality="high", user="me"
    )
    assert response.data is not None
    assert [decoded({"b64_json": one.b64_json}).shape for one in response.data] == [(256, 256, 4)] * 2
    again = client.images.generate(prompt="Redball", response_format="url", extra_body={"seed": 3})
    assert again.data is not None
    address = again.data[0].url
    assert address is not None
    assert address.startswith(f"{url}/v1/images/files/")
    fetched = httpx.get(address)
    assert fetched.headers["content-type"] == "image/png"
    assert np.array_equal(pixels_of(fetched.content), pgen.load(toy_bundle, "cpu").images("Redball", seed=3)[0])
    assert [model.id for model in client.models.list()] == ["stackgan", "dcgan"]
    assert client.models.retrieve("dcgan").owned_by == "pokegan"
    with pytest.raises(openai.BadRequestError, match="prompt"):
        client.images.generate(prompt=["a list"])  # type: ignore[call-overload]
    with pytest.raises(openai.NotFoundError) as caught:
        client.images.generate(prompt="Redball", model="another")
    assert caught.value.code == "model_not_found"


def test_missing_seed_is_random_and_returned(client: httpx.Client) -> None:
    first, second = (generated(client, prompt="Redball", n=2)["data"] for _ in range(2))
    assert first[1]["seed"] == first[0]["seed"] + 1
    assert first[0]["seed"] != second[0]["seed"]
    again = generated(client, prompt="Redball", seed=first[0]["seed"])["data"][0]
    assert again == first[0]


def test_openai_options_keep_their_meaning(client: httpx.Client) -> None:
    (webp,) = generated(client, prompt="Redball", seed=1, output_format="webp")["data"]
    image = Image.open(io.BytesIO(base64.b64decode(webp["b64_json"])))
    assert image.format == "WEBP"
    assert np.array_equal(np.array(image), decoded(generated(client, prompt="Redball", seed=1)["data"][0]))
    (opaque,) = generated(client, prompt="Redball", seed=1, background="opaque")["data"]
    assert decoded(opaque).shape == (SIDE, SIDE, 3)
    (jpeg,) = generated(client, prompt="Redball", seed=1, output_format="jpeg")["data"]
    assert Image.open(io.BytesIO(base64.b64decode(jpeg["b64_json"]))).format == "JPEG"
    assert generated(client, prompt="red\nball ", seed=1)["data"][0]["prompt"] == "red ball"
    default = client.get("/v1/models/stackgan").json()
    for model in ("gpt-image-1", "dall-e-3"):
        assert client.get(f"/v1/models/{model}").json() == default
        assert generated(client, prompt="Redball", seed=1, model=model)["model"] == "stackgan"
    assert generated(client, prompt="Redbal", seed=1)["data"][0]["note"] == "did you mean Redball?"
    nulls = generated(client, prompt="Redball", seed=1, n=None, size=None, response_format=None, model=None, user=None)
    assert nulls["model"] == "stackgan"


def test_texts_are_noted_without_an_image(client: httpx.Client) -> None:
    body = {"texts": [" Bluewing ", "Redball", "🐉🐉", "a blue fish"]}
    notes = client.post("/v1/notes", json=body).json()["notes"]
    assert notes[:2] == ["did you mean Bluewings?", None]
    assert notes[2].startswith("most of it is unknown")
    assert notes[3] is None
    assert client.post("/v1/notes", json={"texts": [" "]}).status_code == 400


@pytest.mark.parametrize(
    ("body", "param", "message"),
    [
        ({}, "prompt", "missing"),
        ({"prompt": ["Redball"]}, "prompt", "string"),
        ({"prompt": " "}, None, "empty"),
        ({"prompt": "a\u0007b"}, None, "control character"),
        ({"prompt": "x" * 1001}, "prompt", "1000"),
        ({"prompt": "x", "n": 11}, "n", "10"),
        ({"prompt": "x", "n": "2"}, "n", "integer"),
        ({"prompt": "x", "n": True}, "n", "integer"),
        ({"prompt": "x", "size": "256x128"}, "size", "square"),
        ({"prompt": "x", "size": "1x1"}, "size", "square"),
        ({"prompt": "x", "size": "2048x2048"}, "size", "1024"),
        ({"prompt": "x", "size": "large"}, "size", "write 256x256, or auto"),
        ({"prompt": "x", "seed": -1}, "seed", "0"),
        ({"prompt": "x", "seed": 2**64}, "seed", "18446744073709551615"),
        ({"prompt": "x", "seed": 2**64 - 1, "n": 2}, None, "exceed the largest"),
        ({"prompt": "x", "stream": True}, "stream", "use false"),
        ({"prompt": "x", "sede": 1}, "sede", "unknown field; did you mean seed?"),
        ({"prompt": "x", "model": "dcgan"}, None, "text"),
        ({"prompt": "x", "output_format": "bmp"}, "output_format", "png"),
        ({"prompt": "x", "partial_images": 2}, "partial_images", "0"),
    ],
)
def test_invalid_request_names_its_field(
    client: httpx.Client, body: dict[str, Any], param: str | None, message: str
) -> None:
    answer = client.post("/v1/images/generations", json=body)
    error = answer.json()["error"]
    assert (answer.status_code, error["param"], error["type"]) == (400, param, "invalid_request_error")
    assert message in error["message"]
    assert "\n" not in error["message"]


def test_head_is_answered_as_get_without_a_body(client: httpx.Client) -> None:
    for path in ("/", "/v1/models", "/healthz", "/v1/images?prompt=Redball", "/openapi.json"):
        head, get = client.head(path), client.get(path)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-length"] == get.headers["content-length"]
    assert client.head("/v1/images/generations").status_code == 405


def test_unknown_paths_are_routed_before_their_content(client: httpx.Client) -> None:
    form = {"image": ("a.png", b"x")}
    assert client.post("/v1/images/upscales", files=form).status_code == 404
    assert client.post("/v1/models", files=form).status_code == 405
    assert client.post("/v1/images/generations", files=form).status_code == 415


def test_model_without_text_draws_from_the_seed(client: httpx.Client, toy_bundle: Path) -> None:
    response = generated(client, prompt="", model="dcgan", seed=5)
    assert response["model"] == "dcgan"
    expected = pgen.load(toy_bundle, "cpu").random(1, seed=5, model="dcgan")[0]
    assert np.array_equal(decoded(response["data"][0]), expected)


def test_get_image_returns_a_file_with_an_etag(client: httpx.Client, toy_bundle: Path, tmp_path: Path) -> None:
    query = {"prompt": "Redball", "seed": "7", "size": "64x64"}
    answer = client.get("/v1/images", params=query)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
    assert "immutable" in answer.headers["cache-control"]
    (tmp_path / "a.png").write_bytes(answer.content)
    made = read_metadata(tmp_path / "a.png")
    assert (made.requests[0].prompt, made.requests[0].seed, made.postprocess.size) == ("Redball", 7, 64)
    assert made.bundle == pgen.open_bundle(toy_bundle).digest
    tag = {"If-None-Match": answer.headers["etag"]}
    unchanged = client.get("/v1/images", params=query, headers=tag)
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    other = client.get("/v1/images", params=query | {"seed": "8"}, headers=tag)
    assert (other.status_code, other.headers["etag"] != answer.headers["etag"]) == (200, True)
    wrong = client.get("/v1/images", params=query | {"seed": "seven"})
    assert (wrong.status_code, wrong.json()["error"]["param"]) == (400, "seed")


def test_morph_returns_animations_and_frames(client: httpx.Client, toy_bundle: Path) -> None:
    body = {"start": "Redball", "end": "Bluewings", "frames": 4, "seed": 2, "loop": True}
    expected = pgen.load(toy_bundle, "cpu").morph("Redball", "Bluewings", 4, 2, loop=True)
    response = client.post("/v1/morph", json=body | {"format": "frames"}).json()
    assert np.array_equal(np.stack([decoded(frame) for frame in response["data"]]), expected)
    for format in ("gif", "webp"):
        answer = client.post("/v1/morph", json=body | {"format": format})
        assert answer.headers["content-type"] == f"image/{format}"
        assert Image.open(io.BytesIO(answer.content)).n_frames == 4  # type: ignore[attr-defined]
    same = client.post("/v1/morph", json=body | {"end": "Redball"})
    assert (same.status_code, "same picture" in same.json()["error"]["message"]) == (400, True)


def test_stats_returns_the_rows_of_the_library(client: httpx.Client, toy_bundle: Path) -> None:
    body = {"n": 3, "seed": 510, "type": "Water", "total": 400}
    rows = pgen.load(toy_bundle, "cpu").stats(3, 510, type="water", total=400)
    assert client.post("/v1/stats", json=body).json()["data"] == [row.described() for row in rows]
    both = client.post("/v1/stats", json={"type": ["water", "ice"]}).json()["data"]
    assert set(both[0]["types"]) == {"water", "ice"}
    for wrong in ({"type": "plasma"}, {"total": 5}, {"n": 1001}, {"rarity": "baby", "legendary": True}):
        assert client.post("/v1/stats", json=wrong).status_code == 400


def test_dex_returns_the_entries_of_the_library(client: httpx.Client, toy_bundle: Path) -> None:
    (entry,) = pgen.load(toy_bundle, "cpu").dex(1, 9, type="grass")
    (returned,) = client.post("/v1/dex", json={"seed": 9, "type": "grass"}).json()["data"]
    assert np.array_equal(decoded(returned.pop("picture")), entry.pixels)
    assert decoded(returned.pop("card")).shape == (1400, 1000, 4)
    assert returned == entry.described()


def test_about_names_and_models_describe_the_bundle(client: httpx.Client, toy_bundle: Path) -> None:
    bundle = pgen.open_bundle(toy_bundle)
    assert client.get("/v1/names").json() == {"names": bundle.names}
    about = client.get("/v1/about").json()
    assert (about["version"], about["bundle"]) == (pgen.__version__, bundle.digest)
    assert "ONNX Runtime on the CPU" in about["device"]
    drawing = about["models"]["stackgan"]
    assert drawing["parity"] == bundle.manifest.models["stackgan"].parity
    assert re.fullmatch("[0-9a-f]{64}", drawing["provenance"]["data"]["digest"])
    assert about["limits"]["pictures"] == 10
    assert str(toy_bundle) not in client.get("/v1/about").text
    sizes = {model["id"]: (model["size"], model["reads_text"]) for model in client.get("/v1/models").json()["data"]}
    assert sizes == {"stackgan": (SIDE, True), "dcgan": (SIDE, False)}
    assert client.get("/v1/models/none").status_code == 404
    assert (client.get("/healthz").json(), client.get("/readyz").json()) == ({"status": "alive"}, {"status": "ready"})


def test_about_is_valid_json_where_metrics_are_not_finite(toy_bundle: Path) -> None:
    async def scenario() -> None:
        async with without_network(Settings(bundle=toy_bundle, device="cpu", threads=1)) as (service, client):
            models = service.bundles.current().generator.bundle.manifest.models
            models["stackgan"].provenance["metrics"] = {"fid": math.nan, "losses": [math.inf, 1.5]}
            about = (await client.get("/v1/about")).json(parse_constant=pytest.fail)
            metrics = about["models"]["stackgan"]["provenance"]["metrics"]
            assert metrics == {"fid": None, "losses": [None, 1.5]}

    asyncio.run(scenario())


def test_sockets_send_without_delay(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    options, made = [], Protocol.connection_made

    def noted(self: Protocol, transport: Any) -> None:
        made(self, transport)
        options.append(transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))

    monkeypatch.setattr(Protocol, "connection_made", noted)
    assert httpx.get(f"{url}/healthz").status_code == 200
    assert [bool(without_delay) for without_delay in options] == [True]


def test_metrics_count_images_and_known_paths(client: httpx.Client) -> None:
    generated(client, prompt="Redball")
    response = client.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain")
    assert re.search(r'pokegan_pictures_total\{model="stackgan"\} [1-9]', response.text)
    assert re.search(
        r'pokegan_requests_total\{method="POST",path="/v1/images/generations",status="200"\}', response.text
    )
    client.get("/made/up/by/a/client")
    assert "made/up" not in client.get("/metrics").text


def test_openapi_has_examples_and_no_422(client: httpx.Client) -> None:
    described = client.get("/openapi.json").json()
    assert "422" not in str(described)
    assert described["components"]["schemas"]["ImageRequest"]["examples"]
    assert "security" not in described
    limits = described["components"]["schemas"]["StatsRequest"]["properties"]
    assert [json.dumps(limits[name]["maximum"]) for name in ("n", "seed")] == ["1000", str(2**64 - 1)]
    assert client.get("/docs").status_code == 404, "FastAPI's page loads scripts from elsewhere"


def test_prefix_and_scheme_of_a_proxy_are_kept(toy_bundle: Path) -> None:
    headers = {"Host": "example.org", "X-Forwarded-Proto": "https"}  # as the nginx of docs/serve.md does
    with (
        serving(settings(toy_bundle, root_path="/pokemon")) as (service, place),
        httpx.Client(base_url=place, timeout=PATIENCE, headers=headers) as proxy,
    ):
        (image,) = generated(proxy, prompt="Redball", response_format="url")["data"]
        assert image["url"].startswith("https://example.org/pokemon/v1/images/files/")
        assert proxy.get(image["url"].removeprefix("https://example.org/pokemon")).status_code == 200
        for path in ("", "/pokemon"):  # with and without a proxy that strips the prefix
            assert proxy.get(f"{path}/openapi.json").json()["servers"] == [{"url": "https://example.org/pokemon"}]
            for page in ("/", "/static/app.js", "/v1/models", "/readyz", "/v1/images?prompt=Redball"):
                assert proxy.get(path + page).status_code == 200, path + page
        assert proxy.get("/pokemons/v1/models").status_code == 404
        object.__setattr__(service.settings, "public_url", "https://public.example/p/")
        (image,) = generated(proxy, prompt="Redball", response_format="url")["data"]
        assert image["url"].startswith("https://public.example/p/v1/images/files/")
    for wrong in ({"root_path": "pokemon"}, {"root_path": "/p/"}, {"public_url": "example.org"}):
        with pytest.raises(ServeInvalid, match="(?i)" + next(iter(wrong)).replace("_", " ")):
            Settings(**wrong)  # type: ignore[arg-type]


def test_forwarded_headers_of_untrusted_peers_are_ignored(toy_bundle: Path) -> None:
    untrusting = settings(toy_bundle, forwarded_allow_ips="192.0.2.1")
    headers = {"X-Forwarded-Proto": "https"}
    with serving(untrusting) as (_, place), httpx.Client(base_url=place, timeout=PATIENCE, headers=headers) as stranger:
        (image,) = generated(stranger, prompt="Redball", response_format="url")["data"]
        assert image["url"].startswith("http://")


def test_url_of_a_replica_is_answered_by_another(toy_bundle: Path, client: httpx.Client) -> None:
    body = {"prompt": "Red & blue?", "seed": 3, "size": "40x40", "output_format": "webp", "background": "opaque"}
    replicated = settings(toy_bundle, replicated=True)
    with serving(replicated) as (_, place), httpx.Client(base_url=place, timeout=PATIENCE) as replica:
        (image,) = generated(replica, response_format="url", **body)["data"]
    (direct,) = generated(client, **body)["data"]
    address = image["url"].removeprefix(place)
    assert address.startswith("/v1/images?")
    answer = client.get(address)
    assert answer.headers["content-type"] == "image/webp"
    assert answer.content == base64.b64decode(direct["b64_json"])
    assert client.get(address.replace("opaque", "transparent")).headers["etag"] != answer.headers["etag"]
    assert client.get(address.replace("webp", "bmp")).json()["error"]["param"] == "output_format"
