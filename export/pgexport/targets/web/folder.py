"""A bundle becomes a folder for any static web host: the page of ``pgen serve`` with its networks in the browser.

    index.html, sw.js, app.webmanifest   the page, the service worker for visits offline, and the manifest to install it
    _headers                             what Netlify and Cloudflare Pages send with these files
    page.DIGEST/                         scripts and styles; release.json lists the files below with size and SHA-256
    files/NAME.DIGEST.EXTENSION          networks, names, tables and ONNX Runtime Web's binaries

Only those four ever change their content; every other path holds a digest, so hosts may let browsers keep it for ever,
and a page that is open during an upload never mixes two versions.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pgen
from pgen.bundle.reader import MANIFEST, Bundle, open_bundle
from pgen.errors import BundleInvalid
from pgexport import atomic
from pgexport.errors import WebFilesMissing
from pgexport.targets.web.tables import tables
from pokegan import __version__

REPOSITORY = Path(__file__).parents[4]
SOURCES = REPOSITORY / "web"
DISTRIBUTION = SOURCES / "node_modules" / "onnxruntime-web" / "dist"
PAGE = Path(pgen.__file__).parent / "web"

KINDS = ("text-to-image", "encoder", "stats")
"""Models that the page runs; only the first is required, and features that need another say that it is missing."""

STORED = ("names.json", "names.npy", "tokenizer.json")

SERVER_MODULES = ("api.js", "key.js", "backend.js", "index.html")
"""Files of the served page that need a server, or that are replaced."""

SCRIPTS = ("ort.wasm.bundle.min.mjs", "ort.jspi.bundle.min.mjs", "ort.webgpu.bundle.min.mjs")
BINARIES = tuple(f"ort-wasm-simd-threaded.{flavor}wasm" for flavor in ("", "jspi.", "asyncify."))
"""Of ONNX Runtime Web: for WebAssembly alone, and for WebGPU in browsers with and without JSPI; each loads one pair."""

LAZY = ("encoder", "tokenizer.json", *BINARIES[1:])
"""Loaded when needed: the text encoder, by its kind, its tokenizer, and the binaries for WebGPU."""

SERVICE_WORKER = "sw.js"

RELEASE = 'const RELEASE = {"page": "page.'
"""Text in the service worker of every page and in no other file, by which a page that may be replaced is recognized."""

POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'wasm-unsafe-eval'",
        "img-src 'self' blob: data:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
    )
)
"""Nothing from other sites, as for the served page, and WebAssembly; a host's header can add frame-ancestors."""

HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "X-Content-Type-Options": "nosniff",
}
"""Sent by hosts with every file, or added by the service worker: the policy, and the isolation that threads need."""

PERMANENT = "public, max-age=31536000, immutable"

HEADERS_FILE = "_headers"

HEAD = f"""<meta charset="utf-8">
  <meta http-equiv="Content-Security-Policy" content="{POLICY}">
  <meta name="referrer" content="no-referrer">
  <link rel="manifest" href="app.webmanifest">"""

LICENSES = {"LICENSE": REPOSITORY / "LICENSE", "NOTICE": REPOSITORY / "NOTICE", "THIRD-PARTY": SOURCES / "THIRD-PARTY"}

Content = dict[str, bytes]
"""Files by their paths."""


def write_page(bundle: Path, out: Path, force: bool = False) -> int:
    """Write the page for the bundle in `bundle` to `out`; return the size of the folder in bytes.

    Args:
        bundle: folder of the bundle.
        out: folder to make; its parent must exist.
        force: replace a page that is there.

    Raises:
        BundleNotFound, BundleInvalid: the bundle has no text-to-image model, or one that no browser runs.
        WebFilesMissing: the repository's folder web/, or ONNX Runtime Web in it, is missing.
        TargetInvalid: `out` exists, or cannot be written.
    """
    check_target(out, force)
    content = page_files(open_bundle(bundle))
    with atomic.atomic_folder(out) as staged:
        for path, data in content.items():
            (staged / path).parent.mkdir(parents=True, exist_ok=True)
            (staged / path).write_bytes(data)
    return sum(map(len, content.values()))


def check_target(out: Path, force: bool = False) -> None:
    """Check that a page can be written to `out`, and that its files in web/ are there.

    Raises:
        WebFilesMissing, TargetInvalid: it cannot.
    """
    runtime = [DISTRIBUTION / name for name in (*SCRIPTS, *BINARIES)]
    for path in (*_own_files().values(), *runtime, *LICENSES.values(), SOURCES / SERVICE_WORKER):
        if not path.is_file():
            remedy = "run `npm ci --prefix web` in the repository"
            if not SOURCES.is_dir():  # pgexport is installed as a copy, which has no web/ beside it
                remedy = "clone the repository, and run `pip install -e .` and `npm ci --prefix web` in it"
            raise WebFilesMissing(f"{path}: not found; {remedy}")
    atomic.check_target(out, "page", _fault(out), force)


def _fault(folder: Path) -> str:
    """Say why `folder` was not written by :func:`write_page`; empty if it was."""
    if not folder.is_dir():
        return "not a folder"
    worker = folder / SERVICE_WORKER
    if not worker.is_file() or RELEASE not in worker.read_text("utf-8", "replace"):
        return f"it has no {SERVICE_WORKER} of such a page"
    own = {"index.html", SERVICE_WORKER, "app.webmanifest", HEADERS_FILE, "files", *_license_files()}
    others = sorted(
        path.name for path in folder.iterdir() if path.name not in own and not path.name.startswith("page.")
    )
    return f"it also holds {others[0]}" if others else ""


def page_files(bundle: Bundle) -> Content:
    """Return the content of every file of the page, by its path in the folder."""
    named = dict(_data_files(bundle))
    paths = {name: _with_digest(name, data) for name, data in named.items()}
    entries = {name: {"path": paths[name], "bytes": len(data), "sha256": _sha256(data)} for name, data in named.items()}
    shell = {name: path.read_bytes() for name, path in _own_files().items()}
    shell |= {f"engine/{Path(name).stem}.js": (DISTRIBUTION / name).read_bytes() for name in SCRIPTS}
    scripts = {name: _sha256(data) for name, data in shell.items() if name.startswith("engine/")}
    release = {"version": __version__, "bundle": bundle.digest, "files": entries, "scripts": scripts}
    shell["release.json"] = _json(release)
    digests = {name: _sha256(data) for name, data in shell.items()}
    page = f"page.{_sha256(_json(digests))[:12]}"
    lazy = {*LAZY} | {model.file for model in bundle.manifest.models.values() if model.kind in LAZY}
    installable = _json(_web_manifest(page))
    service = {
        "page": page,
        "headers": HEADERS,
        "shell": {f"{page}/{name}": digest for name, digest in digests.items()}
        | {"app.webmanifest": _sha256(installable)},
        "files": {entry["path"]: entry["sha256"] for entry in entries.values()},
        "lazy": [entries[name]["path"] for name in sorted(lazy) if name in entries],
    }
    return {
        "index.html": _index(page).encode(),
        SERVICE_WORKER: _service_worker(service).encode(),
        "app.webmanifest": installable,
        HEADERS_FILE: _headers(page).encode(),
        **_license_files(),
        **{f"{page}/{name}": data for name, data in shell.items()},
        **{paths[name]: data for name, data in named.items()},
    }


def _data_files(bundle: Bundle) -> Iterator[tuple[str, bytes]]:
    """Yield the names and contents of the files that release.json lists."""
    bundle.model(KINDS[0])
    yield MANIFEST, (bundle.folder / MANIFEST).read_bytes()
    yield "tables.json", _json(tables())
    for model in bundle.manifest.models.values():
        if model.kind in KINDS:
            if model.parity.get("storage") == "bf16":
                path = bundle.folder / model.file
                raise BundleInvalid(f"{path}: computes in bf16, which no browser does; export in another precision")
            yield model.file, bundle.graph(model)
    for name in STORED:
        if name in bundle.manifest.files:
            yield name, bundle.read(name)
    for name in BINARIES:
        yield name, (DISTRIBUTION / name).read_bytes()


def _own_files() -> dict[str, Path]:
    """Return the page's own files: those of the served page that need no server, and those of web/."""
    served = {path.name: path for path in sorted(PAGE.iterdir()) if path.name not in SERVER_MODULES}
    engine = {f"engine/{path.name}": path for path in sorted((SOURCES / "engine").glob("*.js"))}
    return served | {"backend.js": SOURCES / "backend.js"} | engine


def _license_files() -> Content:
    return {f"{name}.txt": path.read_bytes() for name, path in LICENSES.items()}


def _index(page: str) -> str:
    """Return the served page's index.html without what needs a server, with the paths of this release."""
    markup = (PAGE / "index.html").read_text("utf-8")
    markup = re.sub(r"\s*<!-- server -->.*?<!-- /server -->", "", markup, flags=re.DOTALL)
    return markup.replace('"static/', f'"{page}/').replace('<meta charset="utf-8">', HEAD, 1)


def _service_worker(release: dict[str, Any]) -> str:
    source = (SOURCES / SERVICE_WORKER).read_text("utf-8")
    return source.replace('const RELEASE = "release";', f"const RELEASE = {json.dumps(release)};", 1)


def _headers(page: str) -> str:
    """Return the headers by path, in the format of Netlify and Cloudflare Pages."""
    changing = ("/", "/index.html", f"/{SERVICE_WORKER}", "/app.webmanifest")
    rules = {"/*": HEADERS} | {path: {"Cache-Control": "no-cache"} for path in changing}
    rules |= {path: {"Cache-Control": PERMANENT} for path in (f"/{page}/*", "/files/*")}
    return "".join(
        f"{path}\n" + "".join(f"  {name}: {value}\n" for name, value in headers.items())
        for path, headers in rules.items()
    )


def _web_manifest(page: str) -> dict[str, Any]:
    icon = {"src": f"{page}/icon.svg", "sizes": "any", "type": "image/svg+xml"}
    return {
        "name": "PokéGAN",
        "short_name": "PokéGAN",
        "description": "Generates pictures and new Pokémon in the browser.",
        "start_url": "./",
        "scope": "./",
        "display": "standalone",
        "background_color": "#f6f3ee",
        "theme_color": "#4338b8",
        "icons": [icon],
    }


def _with_digest(name: str, data: bytes) -> str:
    stem, _, extension = name.rpartition(".")
    return f"files/{stem}.{_sha256(data)[:12]}.{extension}"


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
