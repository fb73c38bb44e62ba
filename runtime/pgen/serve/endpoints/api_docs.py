"""The documentation of the API: ``/openapi.json``, and ``/docs``, a page that needs no script and no network."""

import json
from collections.abc import Iterator
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import FileResponse, HTMLResponse, Response

router = APIRouter(include_in_schema=False)

STYLE = Path(__file__).with_name("api_docs.css")

Described = dict[str, Any]


def describe(app: FastAPI, with_key: bool) -> None:
    """Make the app's description say what is true here: wrong requests get a 400, never a 422, and keys are told of."""
    plain = app.openapi

    @cache
    def openapi() -> Described:
        told = plain()
        for schema in ("HTTPValidationError", "ValidationError"):
            told["components"]["schemas"].pop(schema, None)
        for path, _, operation in operations(told):
            operation["responses"].pop("422", None)
            if with_key and path.startswith("/v1/") and "files" not in path:
                operation["security"] = [{"key": []}]
        if with_key:
            told["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        return told

    app.openapi = openapi  # type: ignore[method-assign]


def operations(told: Described) -> Iterator[tuple[str, str, Described]]:
    """List path, method and description of every operation."""
    for path, methods in told["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


@router.get("/docs")
async def docs(request: Request) -> HTMLResponse:
    """Show what the server can do."""
    app: FastAPI = request.app
    base = str(request.base_url).rstrip("/")
    return HTMLResponse(_page(app.openapi(), base))


@router.get("/docs/style.css")
async def style() -> Response:
    """Give the style of that page."""
    return FileResponse(STYLE, media_type="text/css")


def _page(told: Described, base: str) -> str:
    parts = [_operation(told, base, *one) for one in operations(told)]
    links = "".join(
        f'<li><a href="#{_anchor(path, method)}"><code>{method.upper()} {escape(path)}</code></a></li>'
        for path, method, _ in operations(told)
    )
    title = escape(f"{told['info']['title']} {told['info']['version']}")
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}: the API</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<link rel="stylesheet" href="docs/style.css"></head><body><main><h1>{title}</h1>'
        f"<p>{_text(told['info']['description'])}</p>"
        '<p>For programs: <a href="openapi.json">openapi.json</a>. '
        f"OpenAI's clients take <code>{escape(base)}/v1</code> as their base URL.</p>"
        f"<nav><ul>{links}</ul></nav>{''.join(parts)}</main></body></html>"
    )


def _operation(told: Described, base: str, path: str, method: str, operation: Described) -> str:
    name = f"{method.upper()} {path}"
    found = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    schema = _resolved(told, found)
    fields = _fields(told, schema, operation.get("parameters", []))
    answers = "".join(
        f"<tr><th>{status}</th><td>{escape(answer.get('description', ''))}</td></tr>"
        for status, answer in operation["responses"].items()
    )
    return (
        f'<section id="{_anchor(path, method)}"><h2><code>{escape(name)}</code></h2>'
        f"<p><strong>{escape(operation['summary'])}.</strong> {_text(operation.get('description', ''))}</p>"
        f"{fields}<pre><code>{escape(_example(base, path, method, operation, schema))}</code></pre>"
        f"<details><summary>Answers</summary><table>{answers}</table></details></section>"
    )


def _fields(told: Described, schema: Described, parameters: list[Described]) -> str:
    named = [(name, field, name in schema.get("required", ())) for name, field in schema.get("properties", {}).items()]
    named += [(one["name"], one["schema"], one.get("required", False)) for one in parameters]
    lines = "".join(
        f"<tr><th><code>{escape(name)}</code></th><td>{escape(_kind(told, field))}</td>"
        f"<td>{'needed' if needed else _default(field)}</td><td>{escape(field.get('description', ''))}</td></tr>"
        for name, field, needed in named
    )
    return f"<table>{lines}</table>" if lines else ""


def _default(field: Described) -> str:
    return "" if field.get("default") is None else f"default <code>{escape(json.dumps(field['default']))}</code>"


def _kind(told: Described, field: Described) -> str:
    """Tell in words what a field takes."""
    if "anyOf" in field:
        kinds = [_kind(told, one) for one in field["anyOf"] if one.get("type") != "null"]
        return " or ".join(kinds)
    if "enum" in field:
        return ", ".join(map(str, field["enum"]))
    if "$ref" in field:
        return _kind(told, _resolved(told, field))
    kind = str(field.get("const", field.get("type", "anything")))
    if "maximum" in field:
        return f"{kind}, {field.get('minimum', 0)} to {field['maximum']}"
    return f"{kind}, {field['maxLength']} characters at most" if "maxLength" in field else kind


def _resolved(told: Described, schema: Described) -> Described:
    if "$ref" not in schema:
        return schema
    found: Described = told["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return found


def _example(base: str, path: str, method: str, operation: Described, schema: Described) -> str:
    """Write a command that asks for it."""
    if method == "post":
        body = json.dumps(schema.get("examples", [{}])[0], ensure_ascii=False)
        return f"curl {base}{path} -H 'Content-Type: application/json' -d '{body}'"
    given = [
        f"{one['name']}={one['schema']['examples'][0]}"
        for one in operation.get("parameters", [])
        if "examples" in one["schema"]
    ]
    return f"curl '{base}{path}{'?' if given else ''}{'&'.join(given)}'"


def _anchor(path: str, method: str) -> str:
    return escape(f"{method}{path.replace('/', '-').replace('{', '').replace('}', '')}")


def _text(description: str) -> str:
    """Show a description, whose backticks mark code."""
    parts = escape(" ".join(description.split())).split("`")
    return "".join(f"<code>{part}</code>" if index % 2 else part for index, part in enumerate(parts))
