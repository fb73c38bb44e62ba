"""Variations and edits of images that the server generated."""

import io
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import openai
import pytest
from PIL import Image

import pgen
from pgen.images.encoders import encode
from pgen.images.metadata import picture_fields
from pgen.images.postprocess import Postprocess
from pgen.morph.interpolation import morph
from pgen.request import Request
from pgen.serve.config import MAX_UPLOAD
from tests.runtime.serve.serving import PATIENCE, decoded

VARIATIONS, EDITS = "/v1/images/variations", "/v1/images/edits"


def picture(client: httpx.Client, **fields: Any) -> bytes:
    return client.get("/v1/images", params={"prompt": "Redball", "seed": 3} | fields).content


def sent(client: httpx.Client, path: str, image: bytes, **fields: Any) -> httpx.Response:
    return client.post(path, files={"image": ("a.png", image)}, data=fields)


@pytest.mark.parametrize("format", ["png", "webp", "jpeg"])
def test_variations_are_images_of_the_same_prompt(client: httpx.Client, toy_bundle: Path, format: str) -> None:
    answer = sent(client, VARIATIONS, picture(client, output_format=format), n=2, seed=7)
    assert answer.status_code == 200, answer.text
    images = answer.json()["data"]
    assert [(image["prompt"], image["seed"]) for image in images] == [("Redball", 7), ("Redball", 8)]
    expected = pgen.load(toy_bundle, "cpu").images(["Redball"], seeds=[7, 8])
    assert all(np.array_equal(decoded(image), pixels) for image, pixels in zip(images, expected, strict=True))


def test_variations_of_a_model_without_text(client: httpx.Client) -> None:
    answer = sent(client, VARIATIONS, picture(client, prompt="", model="dcgan"), model="dall-e-2")
    assert answer.json()["model"] == "dcgan"
    refused = sent(client, EDITS, picture(client, prompt="", model="dcgan"), prompt="Redball")
    assert refused.status_code == 400
    assert "reads no text" in refused.json()["error"]["message"]


def test_edits_are_halfway_to_the_prompt(client: httpx.Client, toy_bundle: Path) -> None:
    answer = sent(client, EDITS, picture(client), prompt="a blue fish", seed=9)
    assert answer.status_code == 200, answer.text
    (image,) = answer.json()["data"]
    assert (image["prompt"], image["seed"]) == ("a blue fish", 9)
    generator = pgen.load(toy_bundle, "cpu")
    frames = list(morph(generator, Request("Redball", 3), Request("a blue fish", 9), 3))
    assert np.abs(decoded(image).astype(int) - frames[1]).max() <= 1, "alone, and in a batch of three"


def test_openai_client_varies_and_edits(url: str, client: httpx.Client) -> None:
    theirs = openai.OpenAI(base_url=f"{url}/v1", api_key="none", timeout=PATIENCE)
    image = io.BytesIO(picture(client))
    varied = theirs.images.create_variation(image=image, n=2, size="256x256", model="dall-e-2")
    assert len(varied.data or []) == 2
    edited = theirs.images.edit(image=[image], prompt="a blue fish", model="gpt-image-1", response_format="url")
    assert edited.data
    assert httpx.get(str(edited.data[0].url)).headers["content-type"] == "image/png"


def test_images_of_misspelled_prompts_have_a_note(client: httpx.Client) -> None:
    for path, fields in ((VARIATIONS, {}), (EDITS, {"prompt": "Redbal"})):
        misspelled = picture(client, prompt="Redbal") if path == VARIATIONS else picture(client)
        (image,) = sent(client, path, misspelled, **fields).json()["data"]
        assert (path, image.get("note")) == (path, "did you mean Redball?")


def foreign() -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (8, 8)).save(stream, "PNG")
    return stream.getvalue()


def of_another_bundle() -> bytes:
    fields = picture_fields(Request("Mew", 0), pgen.open_bundle(), Postprocess())
    return encode(Image.new("RGBA", (8, 8)), "png", fields)


@pytest.mark.parametrize("path", [VARIATIONS, EDITS])
@pytest.mark.parametrize(
    ("image", "message"),
    [
        (b"text", "neither PNG"),
        (b"", "image: is empty; use an undamaged copy"),
        (encode(Image.new("RGBA", (8, 8)), "png", {"prompt": "Mew"})[:60], "image: is damaged or cut off"),
        (foreign(), "no metadata"),
        (of_another_bundle(), "another bundle"),
    ],
)
def test_other_images_are_refused_in_the_form_of_openai(
    client: httpx.Client, path: str, image: bytes, message: str
) -> None:
    answer = sent(client, path, image, prompt="Redball") if path == EDITS else sent(client, path, image)
    error = answer.json()["error"]
    assert (answer.status_code, error["type"], error["param"]) == (400, "invalid_request_error", "image")
    assert message in error["message"]
    assert "/" not in error["message"], "no path of the server"


@pytest.mark.parametrize(
    ("fields", "param"),
    [({"n": 11}, "n"), ({"n": "x"}, "n"), ({"size": "1x2"}, "size"), ({"sede": 1}, "sede"), ({"stream": 1}, "stream")],
)
def test_invalid_field_of_a_form_is_named(client: httpx.Client, fields: dict[str, Any], param: str) -> None:
    answer = sent(client, VARIATIONS, picture(client), **fields)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)
    assert sent(client, EDITS, picture(client)).json()["error"]["code"] == "missing_parameter"
    files = {name: ("a.png", picture(client)) for name in ("image", "mask")}
    masked = client.post(EDITS, files=files, data={"prompt": "Redball"}).json()["error"]
    assert (masked["param"], masked["message"]) == (
        "mask",
        "mask: unknown field; GET /openapi.json describes every field",
    )


def test_bodies_without_a_form_or_image_are_refused(client: httpx.Client) -> None:
    assert client.post(VARIATIONS, json={}).status_code == 415
    assert client.post(VARIATIONS, files={"mask": b"x"}).json()["error"]["param"] == "image"
    headers = {"Content-Type": "multipart/form-data"}
    for content in (b"", b"--x\r\n"):
        assert client.post(VARIATIONS, content=content, headers=headers).status_code == 400
    too_large = sent(client, VARIATIONS, b"x" * (MAX_UPLOAD + 1))
    assert (too_large.status_code, too_large.json()["error"]["code"]) == (413, "request_too_large")


def test_form_of_another_site_is_refused(client: httpx.Client) -> None:
    files = {"image": ("a.png", picture(client))}
    for site, status in (("cross-site", 403), ("same-origin", 200), ("none", 200)):
        assert client.post(VARIATIONS, files=files, headers={"Sec-Fetch-Site": site}).status_code == status


def test_forms_are_described(client: httpx.Client) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    schema = paths[EDITS]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert {"image", "prompt"} == set(schema["required"])
