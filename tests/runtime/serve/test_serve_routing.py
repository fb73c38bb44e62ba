"""pgen serve: an endpoint is declared once, and routing, OpenAPI, authentication, metrics and log follow."""

import asyncio
import json
import logging
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pydantic import BaseModel

from pgen.errors import BundleNotFound, OutputInvalid, PromptInvalid, RequestInvalid, RunFailed
from pgen.serve.app import create_app
from pgen.serve.config import Settings
from pgen.serve.errors import APIError, to_api_error
from pgen.serve.middleware.routing import PUBLIC

KEY = {"Authorization": "Bearer key"}


class Toy(BaseModel):
    name: str


def app_with_toys(bundle: Path) -> FastAPI:
    app = create_app(Settings(bundle=bundle, api_key="key"))

    @app.get("/v1/toys/{name}", summary="Describe a toy")
    async def describe_toy(name: str) -> Toy:
        if name == "lost":
            raise RequestInvalid("no such toy")
        return Toy(name=name)

    @app.get("/v1/public-toy", openapi_extra=PUBLIC)
    async def public_toy() -> Toy:
        return Toy(name="ball")

    return app


def test_endpoint_that_is_declared_once_is_served_everywhere(
    toy_bundle: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "pgen.serve")
    app = app_with_toys(toy_bundle)

    async def scenario() -> None:
        transport = httpx.ASGITransport(app)  # without the lifespan: no bundle is loaded
        async with httpx.AsyncClient(transport=transport, base_url="http://pgen") as client:
            answer = await client.get("/v1/toys/car", headers=KEY)
            assert (answer.status_code, answer.json()) == (200, {"name": "car"})
            lost = await client.get("/v1/toys/lost", headers=KEY)
            assert (lost.status_code, "no such toy" in lost.json()["error"]["message"]) == (400, True)
            assert (await client.get("/v1/toys/car")).status_code == 401
            assert (await client.post("/v1/toys/car", headers=KEY, json={})).status_code == 405
            assert (await client.get("/v1/public-toy")).status_code == 200
            described: dict[str, Any] = (await client.get("/openapi.json")).json()
            metrics = (await client.get("/metrics", headers=KEY)).text
        operation = described["paths"]["/v1/toys/{name}"]["get"]
        assert operation["summary"] == "Describe a toy"
        assert operation["responses"].keys() == {"200"}
        assert described["components"]["schemas"]["Toy"]
        assert described["paths"]["/v1/public-toy"]["get"]["security"] == []
        for status in (200, 400, 401):
            assert f'{{method="GET",path="/v1/toys/{{name}}",status="{status}"}} 1.0' in metrics
        assert "/v1/toys/car" not in metrics

    asyncio.run(scenario())
    assert "GET /v1/toys/{name} 200" in caplog.text
    assert "GET /v1/toys/{name} 401" in caplog.text


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (PromptInvalid("the prompt is empty"), 400, "the prompt is empty; GET"),
        (RequestInvalid("seed -1 is too small"), 400, "seed -1 is too small; GET"),
        (OutputInvalid("size 0 is too small"), 400, "size 0 is too small; GET"),
        (BundleNotFound("/secret/folder has no stats"), 404, "the served bundle has no model for this request; GET"),
        (RunFailed("/secret/folder failed"), 500, "internal server error"),
        (ZeroDivisionError("secret"), 500, "internal server error"),
        (APIError(429, "full"), 429, "full"),
    ],
)
def test_library_errors_become_http_errors_with_a_hint(error: Exception, status: int, message: str) -> None:
    api_error = to_api_error(error)
    assert api_error.status == status
    assert api_error.message.startswith(message)
    assert "secret" not in api_error.message


IMAGES = "images/generations"

FIELD_FAULTS: list[tuple[str, dict[str, Any], str, str]] = [
    (
        IMAGES,
        {"prompt": "x", "size": "256"},
        "size",
        "images are square, 8 to 1024 pixels a side; write 256x256, or auto",
    ),
    (IMAGES, {"prompt": "x", "stream": True}, "stream", "this value is not supported; use false, or leave it out"),
    (
        IMAGES,
        {"prompt": "x", "output_format": "gif"},
        "output_format",
        "this value is not supported; use 'png', 'webp' or 'jpeg', or leave it out",
    ),
    (IMAGES, {"prompt": "x", "n": 11}, "n", "must be 10 or less"),
    (IMAGES, {"prompt": "x", "n": "2"}, "n", "must be an integer, without quotes"),
    (IMAGES, {"prompt": "x", "seed": -1}, "seed", "must be 0 or more"),
    (IMAGES, {"prompt": "x", "shiny": "yes"}, "shiny", "must be true or false, without quotes"),
    (IMAGES, {"prompt": "x" * 1001}, "prompt", "too long; the maximum is 1000 characters"),
    (IMAGES, {"prompt": "\ud800"}, "prompt", "contains text that is not valid Unicode"),
    (IMAGES, {"prompt": 3}, "prompt", "must be a string"),
    (IMAGES, {}, "prompt", "missing"),
    (IMAGES, {"prompt": "x", "sed": 1}, "sed", "unknown field; did you mean seed?"),
    (IMAGES, {"prompt": "x", "frame": 1}, "frame", "unknown field; GET /openapi.json describes every field"),
    ("morph", {"start": "a", "end": "b", "frame": 1}, "frame", "unknown field; did you mean frames?"),
    ("fuse", {"parents": ["Mew"]}, "parents", "too few items; the minimum is 2"),
    ("fuse", {"parents": ["Mew"] * 7}, "parents", "too many items; the maximum is 6"),
    ("fuse", {"parents": "Mew"}, "parents", "must be a list"),
    ("fuse", {"parents": ["Mew", 3]}, "parents.1", "must be a string"),
    ("stats", {"type": ["fire"] * 3}, "type", "too many items; the maximum is 2"),
    ("stats", {"type": "x" * 41}, "type", "too long; the maximum is 40 characters"),
    ("stats", {"type": 3}, "type", "must be a string"),
]


@pytest.mark.parametrize(("path", "body", "param", "reason"), FIELD_FAULTS)
def test_message_about_a_field_names_the_remedy(
    toy_bundle: Path, path: str, body: dict[str, Any], param: str, reason: str
) -> None:
    async def scenario() -> None:
        transport = httpx.ASGITransport(create_app(Settings(bundle=toy_bundle)))  # no bundle is loaded
        async with httpx.AsyncClient(transport=transport, base_url="http://pgen") as client:
            headers = {"Content-Type": "application/json"}
            answer = await client.post(f"/v1/{path}", content=json.dumps(body), headers=headers)
        error = answer.json()["error"]
        assert (answer.status_code, error["param"], error["message"]) == (400, param, f"{param}: {reason}")

    asyncio.run(scenario())
