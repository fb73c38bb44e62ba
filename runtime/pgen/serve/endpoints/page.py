"""The web page and its files."""

from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from pgen.serve.middleware.routing import PUBLIC

router = APIRouter(include_in_schema=False)

FOLDER = Path(__file__).parents[2] / "web"
FILES = StaticFiles(directory=FOLDER, check_dir=False)

REVALIDATE = {"Cache-Control": "no-cache"}
"""Browsers ask for each file again and receive it only if it has changed."""


@router.get("/", openapi_extra=PUBLIC)
async def index() -> Response:
    """Return the page."""
    return FileResponse(FOLDER / "index.html", headers=REVALIDATE)


@router.api_route("/static/{path:path}", methods=["GET", "HEAD"], openapi_extra=PUBLIC)
async def static(path: str, request: Request) -> Response:
    """Return a file of the page."""
    if "\0" in path:
        raise HTTPException(404)
    response = await FILES.get_response(path, request.scope)
    response.headers.update(REVALIDATE)
    return response
