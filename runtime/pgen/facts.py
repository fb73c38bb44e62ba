"""The facts that a file carries: all that is needed to make its pixels again."""

import json
from collections.abc import Sequence

from pgen.bundle import Bundle
from pgen.finish import Finish
from pgen.request import Request
from pokegan import __version__


def facts(request: Request, bundle: Bundle, finish: Finish) -> dict[str, str]:
    """List what made a picture, for the text chunks of its PNG."""
    return _told({"prompt": request.prompt, "seed": request.seed} | _common(request, bundle, finish))


def grid_facts(wanted: Sequence[Request], columns: int | None, bundle: Bundle, finish: Finish) -> dict[str, str]:
    """List what made a grid: prompt and seed of every picture, and what they share."""
    pictures = [[request.prompt, request.seed] for request in wanted]
    told = {"grid": json.dumps({"columns": columns, "pictures": pictures}, ensure_ascii=False)}
    return told | _told(_common(wanted[0], bundle, finish))


def _common(request: Request, bundle: Bundle, finish: Finish) -> dict[str, object]:
    return {
        "model": model_name(request, bundle),
        "truncation": float(request.truncation),
        "stage": request.stage,
        "size": finish.size,
        "resample": finish.resample,
        "background": finish.background,
        "bundle": bundle.digest,
        "Software": f"pokegan {__version__}",
    }


def _told(values: dict[str, object]) -> dict[str, str]:
    return {key: str(value) for key, value in values.items() if value not in (None, "")}


def model_name(request: Request, bundle: Bundle) -> str:
    """Name the model that draws `request`; empty where only the caller knows, since no prompt tells its kind."""
    return request.model or (bundle.name("text-to-image") if request.prompt else "")
