"""The application: endpoints, and the layers around them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.types import Scope

from pgen.serve.config import Settings
from pgen.serve.endpoints import api_docs, images, info, morph, stats
from pgen.serve.errors import Refusal, answer_http, answer_invalid, answer_refusal
from pgen.serve.middleware.access_log import Gate
from pgen.serve.middleware.auth import Access
from pgen.serve.middleware.limits import Guard
from pgen.serve.service import Service
from pokegan import __version__
from pokegan.errors import PokeganError

PAGE = Path(__file__).parents[1] / "web"

DESCRIPTION = "New Pokémon from exported networks. The same prompt and seed give the same picture as `pgen image`."

AGAIN = {"Cache-Control": "no-cache"}
"""Files of the page are asked for again, and sent where they have changed."""


def create_app(settings: Settings) -> FastAPI:
    """Make the ASGI application of one server, whose state is `app.state.service`.

    It loads its bundle when it is started, and answers 503 until that is done.
    """
    service = Service(settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with service.running():
            yield

    app = FastAPI(
        title="PokéGAN",
        version=__version__,
        description=DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,  # FastAPI's pages load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.service = service
    for part in (images, morph, stats, info):
        app.include_router(part.router)
    for router in (info.health, api_docs.router):
        app.include_router(router)
    _add_page(app)
    _add_layers(app, service)
    for kind, handler in (
        (Refusal, answer_refusal),
        (PokeganError, answer_refusal),
        (RequestValidationError, answer_invalid),
        (HTTPException, answer_http),
    ):
        app.add_exception_handler(kind, handler)
    api_docs.describe(app, settings.api_key is not None)
    return app


def _add_layers(app: FastAPI, service: Service) -> None:
    """Put the layers around the endpoints, the innermost first."""
    app.add_middleware(Guard, service=service)
    app.add_middleware(Access, key=service.settings.api_key)
    if service.settings.cors:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(service.settings.cors),
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type"],
            expose_headers=["ETag", "Retry-After"],
        )
    app.add_middleware(Gate, service=service)


class _Files(StaticFiles):
    """The files of the page, and no others."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Find a file.

        Raises:
            HTTPException: there is none.
        """
        if "\0" in path:
            raise HTTPException(404)
        response = await super().get_response(path, scope)
        response.headers.update(AGAIN)
        return response


def _add_page(app: FastAPI) -> None:
    @app.get("/", include_in_schema=False)
    async def page(_: Request) -> Response:
        """Show the page."""
        index = PAGE / "index.html"
        if not index.is_file():
            raise Refusal(404, "this installation has no page; GET /docs tells of the API")
        return FileResponse(index, headers=AGAIN)

    if PAGE.is_dir():
        app.mount("/static", _Files(directory=PAGE))
