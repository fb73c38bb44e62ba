"""Models, names, notes, metrics and health of the server."""

from functools import partial
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST

from pgen.bundle.reader import Model
from pgen.prompts import MAX_PROMPT, check_prompt
from pgen.serve.bundle_state import LoadedBundle
from pgen.serve.config import (
    MAX_CARDS,
    MAX_FRAMES,
    MAX_IMAGES,
    MAX_ROWS,
    MAX_SIDE,
    MAX_STORED_BYTES,
    MAX_UPLOAD,
    Settings,
)
from pgen.serve.endpoints.responses import ERRORS, bundle_for, log_prompts, service_of
from pgen.serve.errors import APIError
from pgen.serve.middleware.routing import HEALTH, PUBLIC
from pgen.serve.schemas import HealthStatus, ModelInfo, ModelList, NamesResponse, NotesRequest, NotesResponse
from pokegan import __version__

router = APIRouter(tags=["about"], responses=ERRORS)
health = APIRouter(tags=[HEALTH])


def _model_info(bundle: LoadedBundle, name: str) -> ModelInfo:
    model = bundle.models[name]
    return ModelInfo(
        id=name,
        created=bundle.created,
        kind=model.kind,
        size=bundle.generator.size(model),
        reads_text=model.reads_text,
        default=name == bundle.default_model,
    )


@router.get("/v1/models", summary="List the models")
async def list_models(request: Request) -> ModelList:
    """List the models that generate images, for the `model` of /v1/images."""
    bundle = bundle_for(request)
    return ModelList(data=[_model_info(bundle, name) for name in bundle.models])


@router.get("/v1/models/{name}", summary="Describe a model")
async def describe_model(name: str, request: Request) -> ModelInfo:
    """Describe one of the models; names of OpenAI's stand for the default one."""
    bundle = bundle_for(request)
    model = bundle.find(name)
    if model is None:
        raise APIError(404, "unknown model; GET /v1/models lists the models", code="model_not_found")
    return _model_info(bundle, model)


@router.get("/v1/names", summary="List the known names")
async def list_names(request: Request) -> NamesResponse:
    """List the names whose embeddings the bundle stores: prompts that need no text encoder."""
    return NamesResponse(names=bundle_for(request).generator.bundle.names)


@router.post("/v1/notes", summary="Check texts for misspelled names")
async def note_texts(body: NotesRequest, request: Request) -> NotesResponse:
    """Return the notes that images of these texts would have; nothing is drawn."""
    service, bundle = service_of(request), bundle_for(request)
    log_prompts(request, **{f"text{number}": text for number, text in enumerate(body.texts, 1)})
    texts = list(map(check_prompt, body.texts))
    notes = await service.run_in_encoder(partial(bundle.generator.encoder.advise, texts))
    return NotesResponse(notes=[notes.get(text) for text in texts])


@router.get("/v1/about", summary="Describe the server and its bundle")
async def about(request: Request) -> dict[str, Any]:
    """Return version, bundle, device, limits, and the provenance, parity and evaluation of every network."""
    bundle = bundle_for(request)
    manifest = bundle.generator.bundle.manifest
    return {
        "version": __version__,
        "bundle": bundle.generator.bundle.digest,
        "device": bundle.device,
        "names": len(bundle.generator.bundle.names),
        "models": {name: _details(model) for name, model in manifest.models.items()},
        "limits": limits(service_of(request).settings),
    }


def _details(model: Model) -> dict[str, Any]:
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


def limits(settings: Settings) -> dict[str, float]:
    """Return the limits of a request and of the server."""
    return {
        "pictures": MAX_IMAGES,
        "side": MAX_SIDE,
        "prompt": MAX_PROMPT,
        "frames": MAX_FRAMES,
        "rows": MAX_ROWS,
        "cards": MAX_CARDS,
        "body_bytes": settings.max_body,
        "upload_bytes": MAX_UPLOAD,
        "stored_bytes": MAX_STORED_BYTES,
        "queue": settings.queue,
        "batch": settings.batch,
        "timeout_seconds": settings.timeout,
    }


@health.get("/healthz", summary="Liveness", openapi_extra=PUBLIC)
async def liveness() -> HealthStatus:
    """Return 200 as long as the process runs; a supervisor should restart a server that does not answer."""
    return HealthStatus(status="alive")


@health.get(
    "/readyz",
    summary="Readiness",
    response_model=HealthStatus,
    responses={503: {"model": HealthStatus, "description": "The server is starting or shutting down."}},
    openapi_extra=PUBLIC,
)
async def readiness(request: Request) -> JSONResponse:
    """Return 200 while the server accepts requests; 503 before the bundle is warm, and during shutdown."""
    service = service_of(request)
    status = "ready" if service.ready else "draining" if service.draining else "starting"
    return JSONResponse({"status": status}, 200 if service.ready else 503)


@health.get("/metrics", summary="Prometheus metrics", response_class=Response)
async def metrics(request: Request) -> Response:
    """Return the metrics in Prometheus' text format."""
    return Response(service_of(request).metrics.render(), media_type=CONTENT_TYPE_LATEST)
