"""Sprites for games: ``/v1/sprite``."""

import io
import zipfile
from functools import partial

from fastapi import APIRouter
from fastapi import Request as HTTPRequest
from fastapi.responses import Response

from pgen.images.sprite import draw_sprites, sprite_files
from pgen.prompts import check_prompt
from pgen.request import requests
from pgen.serve.endpoints.responses import ERRORS, binary, bundle_for, log_prompts, service_of
from pgen.serve.schemas import SpriteRequest

router = APIRouter(tags=["images"], responses=ERRORS)


@router.post(
    "/v1/sprite", summary="Generate a sprite for a game", response_class=Response, responses=binary("application/zip")
)
async def create_sprite(body: SpriteRequest, request: HTTPRequest) -> Response:
    """Generate the files of `pgen sprite`, as a ZIP archive: pictures, icon, and the usual and the shiny palette."""
    service, bundle = service_of(request), bundle_for(request)
    log_prompts(request, prompt=body.prompt)
    template = bundle.request_template(None, body.colors)
    sprites = draw_sprites(bundle.generator, requests([check_prompt(body.prompt)], [body.seed], template))
    (sprite,) = await service.batcher.collect(sprites, 1)
    files = await service.run_in_encoder(partial(sprite_files, sprite, body.format, bundle.generator.bundle))
    return Response(archive(files), media_type="application/zip")


def archive(files: dict[str, bytes]) -> bytes:
    """Pack files into a ZIP archive, whose bytes depend on nothing else."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as packed:
        for name, file in files.items():
            packed.writestr(zipfile.ZipInfo(name), file)  # dated 1980
    return content.getvalue()
