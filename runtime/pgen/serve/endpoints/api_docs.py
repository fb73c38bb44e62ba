"""The OpenAPI description of the API: ``/openapi.json``.

There is no HTML page: FastAPI's own pages load scripts from a CDN, and a server may run without a network.
"""

from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import JSONResponse

from pgen.latents import MAX_SEED
from pgen.serve.endpoints.responses import base_url, service_of
from pgen.serve.middleware.routing import PUBLIC

router = APIRouter(include_in_schema=False)


class API(FastAPI):
    """FastAPI whose description matches this server: invalid requests are answered with 400, never with 422.

    Args:
        requires_key: endpoints that are not public require an API key.
        options: see FastAPI.
    """

    def __init__(self, requires_key: bool, **options: Any) -> None:
        super().__init__(**options, openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
        self.requires_key = requires_key

    def openapi(self) -> dict[str, Any]:
        """Return the description, which is generated once."""
        if self.openapi_schema is None:
            schema = super().openapi()
            for name in ("HTTPValidationError", "ValidationError"):
                schema["components"]["schemas"].pop(name, None)
            for methods in schema["paths"].values():
                for operation in methods.values():
                    operation["responses"].pop("422", None)
            self.openapi_schema = schema = _exact(schema)
            if self.requires_key:
                schema["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
                schema["security"] = [{"key": []}]
        assert self.openapi_schema is not None
        return self.openapi_schema


def _exact(schema: Any) -> Any:
    """Convert whole numbers to integers: FastAPI makes limits floats, which cannot represent the largest seed."""
    if isinstance(schema, dict):
        return {name: _exact(value) for name, value in schema.items()}
    if isinstance(schema, list):
        return list(map(_exact, schema))
    return min(int(schema), MAX_SEED) if isinstance(schema, float) and schema.is_integer() else schema


@router.get("/openapi.json", openapi_extra=PUBLIC)
async def description(request: Request) -> JSONResponse:
    """Return the OpenAPI description."""
    app: FastAPI = request.app
    settings = service_of(request).settings
    behind_proxy = settings.root_path or settings.public_url
    return JSONResponse(app.openapi() | ({"servers": [{"url": base_url(request)}]} if behind_proxy else {}))
