"""What the server is: its models, names, figures and health."""

import math
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST

from pgen.bundle.reader import Model
from pgen.prompts import MAX_PROMPT
from pgen.serve.bundle_state import Loaded
from pgen.serve.config import MAX_CARDS, MAX_FRAMES, MAX_PICTURES, MAX_ROWS, MAX_SIDE, MAX_STORED, Settings
from pgen.serve.errors import Refusal
from pgen.serve.responses import ERRORS, JSON, service_of
from pgen.serve.schemas import ModelsTold, ModelTold, NamesTold, State
from pokegan import __version__

router = APIRouter(tags=["about"])
health = APIRouter(tags=["health"])


def _told(loaded: Loaded, name: str) -> ModelTold:
    model = loaded.models[name]
    size = loaded.generator.size(model)
    default = name == loaded.default
    return ModelTold(
        id=name, created=loaded.created, kind=model.kind, size=size, reads_text=model.reads_text, default=default
    )


@router.get("/v1/models", summary="List the models", response_model=ModelsTold, responses=ERRORS)
async def models(request: Request) -> JSON:
    """List the models that draw pictures, which /v1/images takes."""
    loaded = service_of(request).bundles.now()
    return JSON(ModelsTold(data=[_told(loaded, name) for name in loaded.models]))


@router.get("/v1/models/{name}", summary="Tell of a model", response_model=ModelTold, responses=ERRORS)
async def model(name: str, request: Request) -> JSON:
    """Tell of one of them."""
    loaded = service_of(request).bundles.now()
    if name not in loaded.models:
        raise Refusal(404, "there is no such model; GET /v1/models lists them", code="model_not_found")
    return JSON(_told(loaded, name))


@router.get("/v1/names", summary="List the known names", response_model=NamesTold, responses=ERRORS)
async def names(request: Request) -> JSON:
    """List the names whose embeddings the bundle stores: prompts that need no text encoder."""
    return JSON(NamesTold(names=service_of(request).bundles.now().generator.bundle.names))


@router.get("/v1/about", summary="Tell of the server and its bundle", responses=ERRORS)
async def about(request: Request) -> dict[str, Any]:
    """Tell version, bundle, device, limits, and of each network how it was trained, exported and judged."""
    service = service_of(request)
    loaded = service.bundles.now()
    bundle = loaded.generator.bundle
    return {
        "version": __version__,
        "bundle": bundle.digest,
        "device": loaded.device,
        "names": len(bundle.names),
        "models": _finite({name: _described(model) for name, model in bundle.manifest.models.items()}),
        "limits": limits(service.settings),
    }


def _described(model: Model) -> dict[str, Any]:
    run = model.provenance.get("run", {})
    recipe = {key: run[key] for key in ("system", "seed", "epoch", "epochs", "step", "config") if key in run}
    return {
        "kind": model.kind,
        "precision": model.precision,
        "opset": model.opset,
        "parity": model.parity,
        "provenance": {
            "data": run.get("data", {}),
            "recipe": recipe,
            "versions": run.get("versions", {}),
            "metrics": model.provenance.get("metrics", {}),
            "evaluation": model.provenance.get("evaluation", {}),
        },
    }


def _finite(told: Any) -> Any:
    """Replace numbers that JSON has no word for, which a training may end with, by None."""
    if isinstance(told, dict):
        return {key: _finite(value) for key, value in told.items()}
    if isinstance(told, list):
        return list(map(_finite, told))
    return None if isinstance(told, float) and not math.isfinite(told) else told


def limits(settings: Settings) -> dict[str, float]:
    """List what one request, and all of them, may ask for."""
    return {
        "pictures": MAX_PICTURES,
        "side": MAX_SIDE,
        "prompt": MAX_PROMPT,
        "frames": MAX_FRAMES,
        "rows": MAX_ROWS,
        "cards": MAX_CARDS,
        "body_bytes": settings.max_body,
        "stored_bytes": MAX_STORED,
        "queue": settings.queue,
        "batch": settings.batch,
        "timeout_seconds": settings.timeout,
    }


@health.get("/healthz", summary="Is the process alive?", response_model=State)
async def alive() -> JSONResponse:
    """Answer; whoever does not is to be started again."""
    return JSONResponse({"status": "alive"})


@health.get("/readyz", summary="May requests be sent here?", response_model=State, responses={503: {"model": State}})
async def ready(request: Request) -> JSONResponse:
    """Answer 200 once the bundle is warm, and 503 before, and again when the server has been told to end."""
    service = service_of(request)
    status = "ready" if service.ready else "draining" if service.draining else "starting"
    return JSONResponse({"status": status}, 200 if service.ready else 503)


@health.get("/metrics", summary="Figures for Prometheus", response_class=Response)
async def metrics(request: Request) -> Response:
    """Tell what was counted and measured, in Prometheus' text format."""
    return Response(service_of(request).metrics.text(), media_type=CONTENT_TYPE_LATEST)
