"""The ASGI application: endpoints, middleware and error handlers."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware

from pgen.serve.config import Settings
from pgen.serve.endpoints import api_docs, images, info, morph, page, sprite, stats, uploads
from pgen.serve.errors import APIError, handle_error, handle_http_error, handle_invalid_request
from pgen.serve.middleware.access_log import AccessLog
from pgen.serve.middleware.auth import APIKeyAuth
from pgen.serve.middleware.limits import RequestLimits
from pgen.serve.service import Service
from pokegan import __version__
from pokegan.errors import PokeganError

DESCRIPTION = "New Pokémon from exported GANs. A prompt and a seed give the same image as `pgen image`."

ROUTERS = (
    images.router,
    uploads.router,
    morph.router,
    sprite.router,
    stats.router,
    info.router,
    info.health,
    api_docs.router,
    page.router,
)


def create_app(settings: Settings) -> FastAPI:
    """Create the application of one server; `app.state.service` is its state.

    The application loads its bundle when it is started, and answers 503 until the bundle is warm.
    """
    service = Service(settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with service.running():
            yield

    app = api_docs.API(
        settings.api_key is not None, title="PokéGAN", version=__version__, description=DESCRIPTION, lifespan=lifespan
    )
    app.state.service = service
    for router in ROUTERS:  # not by include_router, which hides the routes from the middleware that looks them up
        app.router.routes.extend(router.routes)
    _add_middleware(app, service)
    for error_class, handler in (
        (APIError, handle_error),
        (PokeganError, handle_error),
        (RequestValidationError, handle_invalid_request),
        (HTTPException, handle_http_error),
    ):
        app.add_exception_handler(error_class, handler)
    return app


def _add_middleware(app: FastAPI, service: Service) -> None:
    """Wrap the endpoints, from the innermost layer to the outermost."""
    app.add_middleware(RequestLimits, service=service)
    app.add_middleware(APIKeyAuth, key=service.settings.api_key)
    if service.settings.cors:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(service.settings.cors),
            allow_methods=["GET", "HEAD", "POST"],
            allow_headers=["*"],  # OpenAI's clients send x-stainless-* headers, which change from version to version
            expose_headers=["ETag", "Retry-After"],
        )
    app.add_middleware(AccessLog, service=service)
