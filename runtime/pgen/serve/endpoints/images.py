"""Images: ``/v1/images``."""

import hashlib
import json
import re
import time
from collections.abc import Iterable, Sequence
from typing import Annotated, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Query
from fastapi import Request as HTTPRequest
from fastapi.responses import Response

from pgen.images.fusion import fusion_name
from pgen.images.metadata import model_name
from pgen.images.postprocess import TRANSPARENT, Postprocess
from pgen.prompts import check_prompt
from pgen.request import Request, fusion_requests, requests
from pgen.serve.bundle_state import LoadedBundle
from pgen.serve.endpoints.responses import (
    ERRORS,
    IMAGE_FILE,
    base_url,
    bundle_for,
    log_prompts,
    seeds_of,
    service_of,
)
from pgen.serve.errors import APIError
from pgen.serve.middleware.routing import PUBLIC
from pgen.serve.schemas import (
    FuseRequest,
    FuseResponse,
    FusionData,
    ImageData,
    ImageRequest,
    ImageResponse,
    OpenAIRequest,
    Prompt,
    Seed,
    Size,
)
from pokegan import __version__

router = APIRouter(tags=["images"], responses=ERRORS)

MAX_AGE = 86_400
"""Seconds for which browsers cache an image: the longest time until they see what a new bundle generates."""


def image_requests(
    bundle: LoadedBundle, prompt: str, seeds: list[int], model: str | None, colors: str = "", shiny: bool = False
) -> list[Request]:
    """Build the requests for a prompt and seeds; they are checked here, so that they cannot fail a shared batch."""
    like = bundle.request_template(model, colors, shiny)
    reads_text = bundle.generator.find(like.model).reads_text
    prompt = re.sub(r"\s*[\r\n\t]\s*", " ", prompt.strip())  # of several lines, as chat clients send them
    built = list(requests([check_prompt(prompt) if reads_text else prompt], seeds, like))
    bundle.generator.check(built)
    return built


def image_response(bundle: LoadedBundle, drawn: Sequence[Request]) -> ImageResponse:
    """Describe images of one model, without their files; those that have been generated with their notes."""
    model = drawn[0].model or str(bundle.default_model)
    images = [ImageData(seed=image.seed, prompt=image.prompt, note=_note(bundle, image)) for image in drawn]
    return ImageResponse(created=int(time.time()), model=model, data=images)


def _note(bundle: LoadedBundle, drawn: Request) -> str | None:
    """Join the notes on the texts of a generated image; None if they have none."""
    return "; ".join(bundle.generator.encoder.notes_on(drawn.texts).values()) or None


def add_files(response: ImageResponse, files: Iterable[bytes], body: OpenAIRequest, request: HTTPRequest) -> None:
    """Add the files of the images in `response`: as base64, or as the URLs under which they are stored here."""
    for image, file in zip(response.data, files, strict=True):
        if body.response_format == "url":
            name = service_of(request).store.put(file, body.output_format or "png")
            image.url = f"{base_url(request)}/v1/images/files/{name}"
        else:
            image.b64_json = file


@router.post("/v1/images/generations", summary="Generate images", response_model_exclude_none=True)
async def create_images(body: ImageRequest, request: HTTPRequest) -> ImageResponse:
    """Generate images; compatible with OpenAI's images API, whose clients need only another base URL.

    The n images have the seeds seed, seed + 1, ... and the pixels of `pgen image PROMPT --seed SEED`.
    """
    service, bundle = service_of(request), bundle_for(request)
    log_prompts(request, prompt=body.prompt)
    seeds = seeds_of(body.seed, body.n or 1)
    drawn = image_requests(bundle, body.prompt, seeds, body.model, body.colors, body.shiny)
    if body.response_format == "url" and service.settings.replicated:
        response = image_response(bundle, drawn)
        for image in response.data:
            image.url = f"{base_url(request)}/v1/images?{_query(image, response.model, body)}"
        return response
    postprocess = postprocess_of(body.size, body.background, body.output_format)
    files = await service.generate_files(bundle, drawn, postprocess)
    response = image_response(bundle, drawn)
    add_files(response, files, body, request)
    return response


@router.post("/v1/fuse", summary="Fuse two or more parents", response_model_exclude_none=True)
async def create_fusions(body: FuseRequest, request: HTTPRequest) -> FuseResponse:
    """Generate fusions of the parents: the images of `pgen fuse PARENTS --seed SEED`, for seeds that count up."""
    service, bundle = service_of(request), bundle_for(request)
    log_prompts(request, **{f"parent{number}": parent for number, parent in enumerate(body.parents, 1)})
    template = bundle.request_template(None, body.colors, body.shiny)
    fusions = list(fusion_requests(map(check_prompt, body.parents), seeds_of(body.seed, body.n), template))
    bundle.generator.check(fusions)
    postprocess = postprocess_of(body.size, body.background, body.output_format)
    files = await service.generate_files(bundle, fusions, postprocess)
    return FuseResponse(
        data=[
            FusionData(
                b64_json=file,
                note=_note(bundle, fusion),
                seed=fusion.seed,
                prompt=fusion.prompt,
                fused=list(fusion.fused),
                name=fusion_name(fusion),
            )
            for fusion, file in zip(fusions, files, strict=True)
        ]
    )


def postprocess_of(size: str | None, background: str | None, format: str | None) -> Postprocess:
    """Translate the fields of a request into the processing of its pixels."""
    side = None if size in (None, "auto") else int(size.split("x")[0])
    color = "white" if background == "opaque" else TRANSPARENT
    return Postprocess(side, background=color, format=format or "png")


def _query(image: ImageData, model: str, body: ImageRequest) -> str:
    """Write the query of GET /v1/images that returns the same image on every replica."""
    fields = {
        "prompt": image.prompt,
        "seed": image.seed,
        "model": model,
        "colors": body.colors or None,
        "shiny": "true" if body.shiny else None,
        "size": body.size,
        "background": body.background,
        "output_format": body.output_format,
    }
    return urlencode({name: value for name, value in fields.items() if value is not None})


@router.get("/v1/images", summary="Generate one image", response_class=Response, responses=IMAGE_FILE)
async def get_image(
    request: HTTPRequest,
    prompt: Annotated[Prompt, Query(examples=["Charizard"])] = "",
    seed: Annotated[Seed, Query(examples=[7])] = 0,
    size: Annotated[Size | None, Query(examples=["256x256"])] = None,
    model: Annotated[str | None, Query(max_length=100)] = None,
    colors: Annotated[Prompt, Query(examples=["Gengar"])] = "",
    shiny: Annotated[bool, Query()] = False,
    output_format: Literal["png", "webp", "jpeg"] = "png",
    background: Literal["transparent", "opaque", "auto"] = "auto",
) -> Response:
    """Return an image file, for an <img> or a link; it stays the same until the server loads another bundle."""
    service, bundle = service_of(request), bundle_for(request)
    log_prompts(request, prompt=prompt)
    drawn = image_requests(bundle, prompt, [seed], model, colors, shiny)
    postprocess = postprocess_of(size, background, output_format)
    etag = _etag(bundle, drawn[0], postprocess)
    headers = {"ETag": etag, "Cache-Control": f"private, max-age={MAX_AGE}, immutable"}
    if etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    (file,) = await service.generate_files(bundle, drawn, postprocess)
    return Response(file, media_type=f"image/{postprocess.format}", headers=headers)


def _etag(bundle: LoadedBundle, request: Request, postprocess: Postprocess) -> str:
    """Hash everything that the bytes of an image depend on."""
    parts = [
        request.prompt,
        request.seed,
        request.colors,
        request.shiny,
        model_name(request, bundle.generator.bundle),
        (postprocess.size, postprocess.background, postprocess.format),
        bundle.generator.bundle.digest,
        bundle.device,
        bundle.generator.backend(bundle.generator.find(request.model)),
        __version__,
    ]
    return f'"{hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]}"'


@router.get(
    "/v1/images/files/{name}",
    summary="Fetch an image by its URL",
    response_class=Response,
    responses=IMAGE_FILE,
    openapi_extra=PUBLIC,  # the names cannot be guessed
)
async def get_file(name: str, request: HTTPRequest) -> Response:
    """Return an image of a `url` response, as long as it is stored."""
    file = service_of(request).store.get(name)
    if file is None:
        raise APIError(404, "this image is no longer stored; request it again with the same seed")
    media_type = f"image/{name.rpartition('.')[2]}"
    return Response(file, media_type=media_type, headers={"Cache-Control": "private, immutable"})
