"""Animations between two prompts: ``/v1/morph``."""

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
from pgen.serve.endpoints.responses import ERRORS, binary, bundle_for, log_prompts, service_of
from pgen.serve.schemas import EncodedFile, FramesResponse, MorphRequest

router = APIRouter(tags=["animations"], responses=ERRORS)

FPS = 24
"""Frames per second, as in `pgen morph`."""

MAX_STEP = 8
"""Frames generated at a time; images of other clients are generated in between."""


@router.post(
    "/v1/morph",
    summary="Interpolate between two prompts",
    response_model=FramesResponse,
    responses=binary("image/gif", "image/webp"),
)
async def create_morph(body: MorphRequest, request: Request) -> FramesResponse | Response:
    """Generate an animation, returned as a file, or as JSON with a PNG file per frame."""
    service, bundle = service_of(request), bundle_for(request)
    log_prompts(request, start=body.start, end=body.end)
    start, end = check_prompt(body.start), check_prompt(body.end)
    ends = morph_ends(start, end, body.seed, body.to_seed, bundle.request_template(None, body.colors, body.shiny))
    step = min(MAX_STEP, service.settings.batch)
    frames = morph(bundle.generator, *ends, body.frames, body.loop, batch=step)
    pixels = await service.batcher.collect(frames, body.frames, step)
    if body.format == "frames":
        return await service.run_in_encoder(partial(_encode_frames, pixels))
    content = await service.run_in_encoder(partial(_encode_animation, pixels, body.format))
    return Response(content, media_type=f"image/{body.format}")


def _encode_animation(frames: Sequence[NDArray[np.uint8]], format: str) -> bytes:
    return encode_animation(map(Postprocess().apply, frames), format, FPS)


def _encode_frames(frames: Sequence[NDArray[np.uint8]]) -> FramesResponse:
    files = [encode(Postprocess().apply(pixels), "png", {}) for pixels in frames]
    return FramesResponse(data=[EncodedFile(b64_json=file) for file in files])
