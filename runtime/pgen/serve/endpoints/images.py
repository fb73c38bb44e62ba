"""Pictures: ``/v1/images``."""

import base64
import hashlib
import json
import time
from typing import Annotated, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from pgen.images.metadata import model_name
from pgen.images.postprocess import TRANSPARENT, Postprocess
from pgen.prompts import check_prompt
from pgen.request import Request as Wanted
from pgen.request import requests
from pgen.serve.bundle_state import Loaded
from pgen.serve.endpoints.seeds import seeds_of
from pgen.serve.errors import Refusal
from pgen.serve.responses import ERRORS, JSON, PNG, service_of, tell
from pgen.serve.schemas import ImagesAsked, ImagesTold, ImageTold, Prompt, Seed, Size, side_of
from pokegan import __version__

router = APIRouter(tags=["pictures"])

DAY = 86_400
"""Seconds that a browser keeps a picture: then it sees what a new bundle draws, at the latest."""


def _wanted(loaded: Loaded, prompt: str, seeds: list[int], model: str | None) -> list[Wanted]:
    """Ask for a prompt with each seed; the prompt is checked here, so that no batch fails by one of its pictures."""
    like = loaded.like(model)
    reads = loaded.models[like.model or str(loaded.default)].reads_text
    if not reads and prompt.strip():
        raise Refusal(400, f"model {model} reads no text: leave the prompt empty", "prompt", "invalid_value")
    return list(requests([check_prompt(prompt) if reads else ""], seeds, like))


@router.post(
    "/v1/images/generations",
    summary="Draw pictures of a prompt",
    response_model=ImagesTold,
    response_model_exclude_none=True,
    responses=ERRORS,
)
async def generate(asked: ImagesAsked, request: Request) -> JSON:
    """Draw pictures as OpenAI's images API does, so that its clients work with nothing but a base URL.

    The n pictures have the seeds seed, seed + 1, ... and their pixels are those of `pgen image PROMPT --seed SEED`.
    """
    service = service_of(request)
    tell(request, prompt=asked.prompt)
    loaded = service.bundles.now()
    wanted = _wanted(loaded, asked.prompt, seeds_of(asked.seed, asked.n or 1), asked.model)
    drew = wanted[0].model or str(loaded.default)
    told = [ImageTold(seed=one.seed, prompt=one.prompt) for one in wanted]
    if asked.response_format == "url" and service.settings.replicated:
        for one in told:
            one.url = f"{request.base_url}v1/images?{_query(one, drew, asked)}"
        return JSON(ImagesTold(created=int(time.time()), model=drew, data=told))
    finish = _finish(asked.size, asked.background, asked.output_format)
    for one, file in zip(told, await service.files(loaded, wanted, finish), strict=True):
        if asked.response_format == "url":
            one.url = f"{request.base_url}v1/images/files/{service.store.put(file, finish.format)}"
        else:
            one.b64_json = base64.b64encode(file).decode()
    return JSON(ImagesTold(created=int(time.time()), model=drew, data=told))


def _finish(size: str | None, background: str | None, format: str | None) -> Postprocess:
    ground = "white" if background == "opaque" else TRANSPARENT
    return Postprocess(side_of(size), background=ground, format=format or "png")


def _query(one: ImageTold, model: str, asked: ImagesAsked) -> str:
    """Write what GET /v1/images draws the same picture by, wherever it is asked."""
    told = {"prompt": one.prompt, "seed": one.seed, "model": model}
    more = {"size": asked.size, "background": asked.background, "output_format": asked.output_format}
    return urlencode(told | {name: value for name, value in more.items() if value is not None})


@router.get("/v1/images", summary="Draw one picture", response_class=Response, responses=ERRORS | PNG)
async def image(
    request: Request,
    prompt: Annotated[Prompt, Query(examples=["Charizard"])] = "",
    seed: Annotated[Seed, Query(examples=[7])] = 0,
    size: Annotated[Size | None, Query(examples=["256x256"])] = None,
    model: Annotated[str | None, Query(max_length=100)] = None,
    output_format: Literal["png", "webp"] = "png",
    background: Literal["transparent", "opaque", "auto"] = "auto",
) -> Response:
    """Draw the picture itself, for an <img> or a link; it is the same until the server gets another bundle."""
    service = service_of(request)
    tell(request, prompt=prompt)
    loaded = service.bundles.now()
    (wanted,) = _wanted(loaded, prompt, [seed], model)
    finish = _finish(size, background, output_format)
    headers = {"ETag": _tag(loaded, wanted, finish), "Cache-Control": f"private, max-age={DAY}, immutable"}
    if headers["ETag"] in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    (file,) = await service.files(loaded, [wanted], finish)
    return Response(file, media_type=f"image/{finish.format}", headers=headers)


def _tag(loaded: Loaded, wanted: Wanted, finish: Postprocess) -> str:
    """Name a picture by all that its bytes depend on."""
    bundle = loaded.generator.bundle
    told = [
        wanted.prompt,
        wanted.seed,
        model_name(wanted, bundle),
        (finish.size, finish.background, finish.format),
        bundle.digest,
        loaded.device,
        __version__,
    ]
    return f'"{hashlib.sha256(json.dumps(told).encode()).hexdigest()[:32]}"'


@router.get(
    "/v1/images/files/{name}", summary="Fetch a picture by its URL", response_class=Response, responses=ERRORS | PNG
)
async def file(name: str, request: Request) -> Response:
    """Fetch a picture that was asked for as a URL, for as long as it is kept."""
    stored = service_of(request).store.get(name)
    if stored is None:
        raise Refusal(404, "this picture is not kept any more; ask for it again, with its seed")
    return Response(stored.content, media_type=stored.media_type, headers={"Cache-Control": "private, immutable"})
