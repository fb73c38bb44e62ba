"""Films: ``/v1/morph``."""

import base64
from collections.abc import Sequence
from functools import partial

import numpy as np
from fastapi import APIRouter, Request
from fastapi.responses import Response
from numpy.typing import NDArray

from pgen.images.animation import encode_animation
from pgen.images.encoders import encode
from pgen.images.postprocess import Postprocess
from pgen.morph.interpolation import morph, morph_ends
from pgen.prompts import check_prompt
from pgen.serve.errors import Refusal
from pgen.serve.responses import ERRORS, JSON, binary, service_of, tell
from pgen.serve.schemas import Encoded, FramesTold, MorphAsked

router = APIRouter(tags=["films"])

FPS = 24
"""Frames a second, as the command's."""

STEP = 8
"""Frames at a time: between them other clients' pictures are drawn."""


@router.post(
    "/v1/morph",
    summary="Draw the way from one prompt to another",
    response_model=FramesTold,
    responses=ERRORS | binary("image/gif", "image/webp"),
)
async def draw(asked: MorphAsked, request: Request) -> Response:
    """Draw a film, which is the answer itself, or its frames as PNG files in JSON."""
    service = service_of(request)
    tell(request, start=asked.start, end=asked.end)
    loaded = service.bundles.now()
    start, end = check_prompt(asked.start), check_prompt(asked.end)
    ends = morph_ends(start, end, asked.seed, asked.to_seed, loaded.like(None))
    if ends[0] == ends[1]:
        raise Refusal(400, "both ends are the same picture: give another end, or to_seed", "end", "invalid_value")
    frames = morph(loaded.generator, *ends, asked.frames, asked.loop, batch=min(STEP, service.settings.batch))
    drawn = await service.collected(frames, asked.frames, min(STEP, service.settings.batch))
    if asked.format == "frames":
        return JSON(await service.encoded(partial(_frames, drawn)))
    content = await service.encoded(partial(_film, drawn, asked.format))
    return Response(content, media_type=f"image/{asked.format}")


def _film(frames: Sequence[NDArray[np.uint8]], format: str) -> bytes:
    return encode_animation(map(Postprocess().apply, frames), format, FPS)


def _frames(frames: Sequence[NDArray[np.uint8]]) -> FramesTold:
    files = (encode(Postprocess().apply(pixels), "png", {}) for pixels in frames)
    return FramesTold(data=[Encoded(b64_json=base64.b64encode(file).decode()) for file in files])
