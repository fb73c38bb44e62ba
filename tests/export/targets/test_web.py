"""The static page: its scripts compute what pgen computes; the folder that pgexport writes."""

import hashlib
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import pgen
from pgen.bundle.names import _installed_translations, fold
from pgen.bundle.reader import EMBEDDED, Bundle, open_bundle
from pgen.dex.entry import EntryGenerator
from pgen.images.fusion import fusion_name
from pgen.images.shiny import color_distance
from pgen.latents import latents
from pgen.lexicon import KnownNames, load_lexicon
from pgen.morph.interpolation import morph, morph_ends
from pgen.request import Request, request_template
from pgen.rng import Rng, Stream
from pgen.stats.rows import row_filter
from pgen.text_encoder import TextEncoder
from pgexport.cli import main
from pgexport.targets.web import folder
from pgexport.targets.web.tables import tables

NODE = shutil.which("node")
SCRIPT = Path(__file__).with_name("web_vectors.mjs")

Compute = Callable[..., Any]

SEEDS = [0, 1, 7, 255, 256, 2**32, 2**53 - 1, 2**63, 2**64 - 1]

TEXTS = [
    "a small blue turtle",
    "Flabébé, or: ÉCLAIR!",
    "naïve façade -- don't stop",
    "[SEP] and [MASK] and [cls]",
    "\u5317\u4eac and \u30ac\u30ae",
    "ΑΣ Σ ς İstanbul straße ﬁre ½",
    "un\u00adaffable\tunaffable\nunaffable",
    "x" * 100 + " " + "x" * 101,
    "dragon " * 90,
    "\u200b\ufffd\u00a0",
    "🔥 fire",
]


@pytest.fixture(scope="module")
def in_page(tmp_path_factory: pytest.TempPathFactory) -> Compute:
    """Computes with the page's modules, in node."""
    if NODE is None:
        pytest.skip("needs node: apt-get install nodejs")
    job = tmp_path_factory.mktemp("web") / "job.json"

    def compute(method: str, **body: Any) -> Any:
        job.write_text(json.dumps({"method": method, **body}), "utf-8")
        done = subprocess.run([str(NODE), str(SCRIPT), str(job)], capture_output=True, timeout=300)
        assert done.returncode == 0, done.stderr.decode()
        return json.loads(done.stdout)

    return compute


@pytest.fixture(scope="module")
def embedded() -> Bundle:
    return open_bundle(EMBEDDED)


def bits(values: Any) -> list[int]:
    return np.asarray(values, np.float32).ravel().view(np.uint32).tolist()  # type: ignore[no-any-return]


def test_latents_are_those_of_pgen_bit_for_bit(in_page: Compute) -> None:
    for dimensions in (357, 128, 3):
        seeds = [*SEEDS, *range(1000, 1200)]
        computed = in_page("latents", seeds=[str(seed) for seed in seeds], dimensions=dimensions)
        assert computed == [bits(row) for row in latents(seeds, dimensions)]


def test_random_choices_are_those_of_pgen(in_page: Compute) -> None:
    computed = in_page("uniforms", seeds=[str(seed) for seed in SEEDS], count=9)
    for seed, streams in zip(SEEDS, computed, strict=True):
        for stream, drawn in zip(Stream, streams, strict=True):
            rng = Rng(seed, stream)
            assert drawn == [rng.uniform() for _ in range(9)]


def test_tokens_are_those_of_the_library_tokenizers(in_page: Compute, embedded: Bundle) -> None:
    tokenizer = json.loads(embedded.read("tokenizer.json"))
    most = embedded.model("encoder").settings["max_tokens"]
    letters = [f"a{chr(point)}b" for point in (*range(1, 0x2FF), *range(0x370, 0x5FF), *range(0x1E00, 0x2BFF))]
    texts = [*TEXTS, *embedded.names, *letters]
    computed = in_page("tokens", tokenizer=tokenizer, most=most, texts=texts)
    expected = TextEncoder(embedded).tokens(texts)
    different = [text for text, one, other in zip(texts, computed, expected, strict=True) if one != other]
    assert different == []


def test_names_are_found_as_pgen_finds_them(in_page: Compute, embedded: Bundle) -> None:
    spellings = [
        "NIDORAN♀",
        "mega charizard x",
        "Charizard (Mega X)",
        "Farfetchd",
        "flabebe",
        "MR MIME",
        "Porygon 2",
        "mew two",
        "no name",
        "!",
    ]
    prompts = [*embedded.names, *spellings, *list(_installed_translations())[::50], "リザードン", "Glurak"]
    assert in_page("folded", names=prompts) == [fold(prompt) for prompt in prompts]
    exact, index = embedded.known_names, embedded.name_index
    expected = [exact[name] if (name := prompt.lower()) in exact else index.find(prompt) for prompt in prompts]
    assert None in expected
    rows = in_page("rows", names=embedded.names, translations=_installed_translations(), prompts=prompts)
    assert rows == expected


def test_notes_on_prompts_are_those_of_pgen(in_page: Compute, embedded: Bundle) -> None:
    shortened = [name[:at] + name[at + 1 :] for name in embedded.names[::7] for at in (1, len(name) // 2)]
    swapped = [name[:-2] + name[-1] + name[-2] for name in embedded.names[::11]]
    others = [
        "Charzard",
        "mr mimee",
        "🐉🐉",
        "дракон",
        "赤い竜",
        "dragon",
        "a red fire dragon",
        "x" * 300,
        "Δelta",
        "!",
    ]
    prompts = [prompt for prompt in (*shortened, *swapped, *others, *TEXTS) if embedded.name_index.find(prompt) is None]
    expected = TextEncoder(embedded).advise(prompts)
    assert {*expected.values()} > {"did you mean Charizard?"}
    tokenizer, most = json.loads(embedded.read("tokenizer.json")), embedded.model("encoder").settings["max_tokens"]
    computed = in_page("notes", tokenizer=tokenizer, most=most, names=embedded.names, prompts=prompts)
    assert computed == [expected.get(prompt) for prompt in prompts]


def test_stored_embeddings_are_read_exactly(in_page: Compute, embedded: Bundle, tmp_path: Path) -> None:
    values = np.concatenate([embedded.stored_embeddings[:5].ravel(), [0.0, -0.0, 6e-8, 65504, 1e-5]])
    for dtype in (np.float16, np.float32):
        np.save(tmp_path / "values.npy", values.astype(dtype))
        assert in_page("numbers", path=str(tmp_path / "values.npy")) == bits(values.astype(dtype))


def test_names_of_fusions_are_those_of_pgen(in_page: Compute) -> None:
    pairs = [("Charizard", "Gengar"), ("a small turtle", "Mr. Mime"), ("Muk", "Mew"), ("Ho-Oh", "Porygon2")]
    seeded = [(*pair, seed) for pair in pairs for seed in range(12)]
    expected = [fusion_name(Request(first, seed, fused=(last,))) for first, last, seed in seeded]
    assert in_page("blends", tables=tables(), pairs=seeded) == expected
    lexicon = load_lexicon()
    names = ["charizart", "pikachuu", "zzzzzz", "abramew", "bulbas", "grimoire"]
    known = KnownNames(lexicon.known)
    assert in_page("resembles", known=lexicon.known, names=names) == [known.resemble(name) for name in names]


@pytest.mark.parametrize(
    "body", [{"n": 6, "seed": 11}, {"n": 2, "seed": 3, "family": 3, "type": "water"}, {"n": 2, "seed": 8, "family": 2}]
)
def test_entries_are_those_of_pgen(in_page: Compute, embedded: Bundle, body: dict[str, Any]) -> None:
    """The network of the stats answers with what pgen's answers; words, names, appearance and prompts are compared."""
    generator = pgen.load(device="cpu", threads=1)
    generator.draw_batch = lambda requests: np.zeros((len(requests), 8, 8, 4), np.uint8)  # type: ignore[method-assign]
    calls: list[Any] = []
    maker = EntryGenerator(generator)
    session = generator.session(embedded.model("stats"))

    class Recorder:
        def run(self, names: Any, feeds: Any) -> Any:
            outputs = session.run(names, feeds)
            calls.append((feeds, outputs))
            return outputs

        def get_providers(self) -> list[str]:
            return list(session.get_providers())

    generator._sessions["stats.onnx"] = Recorder()  # type: ignore[assignment]
    conditions = row_filter(body.get("type", ()))
    entries = list(maker.entries(body["n"], body["seed"], conditions, family=body.get("family")))
    answers, feeds = [], []
    seeds = [body["seed"] + index for index in range(body["n"])]
    for (inputs, outputs), seed in zip(
        calls if "family" in body else calls * len(seeds),
        [seed for seed in seeds for _ in range(body.get("family", 1))],
        strict=True,
    ):
        row = seed % 512
        stats, pair, rarity = (np.asarray(output)[row].ravel().tolist() for output in outputs)
        answers.append({"stats": stats, "type_pair": pair, "rarity_index": rarity})
        feeds.append({name: bits(values[row]) for name, values in inputs.items()})
    # The page asks for the last stage first, as pgen does.
    model = json.loads((EMBEDDED / "manifest.json").read_bytes())["models"]["stats"]
    computed = in_page("entries", tables=tables(), names=embedded.names, model=model, answers=answers, body=body)
    for entry, described in zip(entries, computed["entries"], strict=True):
        expected = entry.described()
        expected.pop("bundle")
        assert described == expected
    assert computed["feeds"] == feeds


def test_fusions_and_shinies_are_planned_as_pgen_plans_them(in_page: Compute, embedded: Bundle) -> None:
    manifest = json.loads((EMBEDDED / "manifest.json").read_bytes())["models"]
    model = next(model for model in manifest.values() if model["kind"] == "text-to-image")
    generator = pgen.load(device="cpu", threads=1)
    embeddings = {"Charizard": 1.0, "Gengar": 2.0, "Mew": 3.0}
    generator.embed = lambda prompts: np.array([[embeddings[text]] for text in prompts], np.float32)  # type: ignore[method-assign]
    requests = [
        {"prompt": "Charizard", "seed": 5},
        {"prompt": "Charizard", "seed": 5, "colors": "Mew"},
        *({"prompt": "Charizard", "seed": seed, "fused": "Gengar"} for seed in range(4)),
        {"prompt": "Charizard", "seed": 9, "fused": "Gengar", "colors": "Mew"},
    ]
    for request in requests:
        (computed,) = in_page("inputs", model=model, names=[], embeddings=embeddings, request=request)
        parents = {"fused": (request["fused"],)} if "fused" in request else {}
        expected = generator.inputs(
            [Request(request["prompt"], request["seed"], colors=request.get("colors", ""), **parents)]
        )
        assert computed == {name: bits(values) for name, values in expected.items()}
    names = ["Charizard", "Gengar", "Mew"]
    feeds = in_page("inputs", model=model, names=names, embeddings=embeddings, request=requests[0] | {"shiny": True})
    rng = Rng(5, Stream.SHINY)  # pictures that show nothing are as near as can be: all names are tried
    assert [shiny["color_text"] for shiny in feeds[1:]] == [bits([embeddings[rng.pick(names)]]) for _ in range(8)]


@pytest.mark.parametrize("loop", [False, True])
def test_morphs_are_interpolated_as_pgen_interpolates_them(in_page: Compute, loop: bool) -> None:
    manifest = json.loads((EMBEDDED / "manifest.json").read_bytes())["models"]
    model = next(model for model in manifest.values() if model["kind"] == "text-to-image")
    generator = pgen.load(device="cpu", threads=1)
    embeddings = {"Charizard": 1.0, "Gengar": 2.0}
    generator.embed = lambda prompts: np.array([[embeddings[text]] for text in prompts], np.float32)  # type: ignore[method-assign]
    expected: list[dict[str, Any]] = []

    def record(inputs: dict[str, Any], *rest: Any) -> Any:
        expected.extend(
            {name: bits(values[row]) for name, values in inputs.items()} for row in range(len(inputs["share"]))
        )
        return np.zeros((len(inputs["share"]), 1, 1, 4), np.uint8)

    generator.generate = record  # type: ignore[method-assign]
    ends = morph_ends("Charizard", "Gengar", 3, None, request_template())
    list(morph(generator, *ends, 7, loop))
    body = {"start": {"prompt": "Charizard", "seed": 3}, "end": {"prompt": "Gengar", "seed": 3}}
    assert in_page("morph", model=model, embeddings=embeddings, count=7, loop=loop, **body) == expected


def test_color_distance_is_that_of_pgen(in_page: Compute) -> None:
    random = np.random.default_rng(0)
    first, second = random.integers(0, 256, (2, 9, 9, 4), dtype=np.uint8)
    computed = in_page("distance", first=first.ravel().tolist(), second=second.ravel().tolist())
    assert computed == pytest.approx(color_distance(first, second), rel=1e-9)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("pages") / "page"
    try:
        folder.check_target(out)
    except folder.WebFilesMissing as error:
        pytest.skip(f"needs ONNX Runtime Web: {error}")
    done = CliRunner().invoke(main, [str(EMBEDDED), "--web", str(out)])
    assert done.exit_code == 0, done.output
    return out


def release_of(page: Path) -> dict[str, Any]:
    (path,) = page.glob("page.*/release.json")
    release: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return release


def test_release_lists_every_file_with_its_digest(written: Path, embedded: Bundle) -> None:
    release = release_of(written)
    assert release["bundle"] == embedded.digest
    listed = {entry["path"]: entry for entry in release["files"].values()}
    assert listed.keys() == {f"files/{path.name}" for path in (written / "files").iterdir()}
    for path, entry in listed.items():
        content = (written / path).read_bytes()
        assert (entry["bytes"], entry["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
        assert entry["sha256"][:12] in path
    worker = json.loads(re.search(r"^const RELEASE = (.*);$", (written / "sw.js").read_text("utf-8"), re.M)[1])  # type: ignore[index]
    scripts = {str(path.relative_to(written)) for path in written.glob("page.*/**/*") if path.is_file()}
    assert worker["shell"].keys() == scripts | {"app.webmanifest"}
    for path, digest in worker["shell"].items():
        assert hashlib.sha256((written / path).read_bytes()).hexdigest() == digest
    assert worker["files"] == {path: entry["sha256"] for path, entry in listed.items()}


def test_page_has_nothing_of_the_server_and_only_relative_paths(written: Path) -> None:
    markup = (written / "index.html").read_text("utf-8")
    assert "<!-- server -->" not in markup
    assert "openapi" not in markup
    assert 'id="key"' not in markup
    referenced = re.findall(r'(?:src|href)="([^"#]+)"', markup)
    assert len(referenced) > 5
    assert all((written / path).is_file() for path in referenced)
    imported = {
        (path.parent / name).resolve()
        for path in written.glob("page.*/**/*.js")
        if not path.name.startswith("ort.")
        for name in re.findall(r'from "([^"]+)"', path.read_text("utf-8"))
    }
    assert all(path.is_file() for path in imported)
    assert all("license" in (written / f"{name}.txt").read_text("utf-8").lower() for name in folder.LICENSES)


def test_docs_give_the_headers_of_the_folder(written: Path) -> None:
    docs = (folder.REPOSITORY / "docs" / "web.md").read_text("utf-8")
    headers = (written / "_headers").read_text("utf-8")
    (page,) = written.glob("page.*")
    assert f"/{page.name}/*" in headers
    assert f"```\n{re.sub(r'page[.][0-9a-f]{12}', 'page.0123456789ab', headers)}```" in docs
    nginx = docs.partition("```nginx\n")[2].partition("```")[0]
    values = dict(re.findall(r'add_header (\S+) "?(.+?)"?;\n', nginx))
    assert values.pop("Cache-Control") == "$page_cache"
    assert values == dict(re.findall(r"^  (\S+): (.+)$", headers.partition("/\n")[0], re.M))
    assert f'"{folder.PERMANENT}"' in nginx


def test_backends_export_the_same() -> None:
    exported = [
        set(re.findall(r"^export (?:async )?(?:const|function) (\w+)", path.read_text("utf-8"), re.M))
        for path in (folder.PAGE / "backend.js", folder.SOURCES / "backend.js")
    ]
    exported[0].add("isAborted")  # passed on from api.js
    assert exported[0] == exported[1]


def test_page_is_replaced_by_force_alone(written: Path, tmp_path: Path) -> None:
    def export(out: Path, *options: str) -> tuple[int, str]:
        done = CliRunner().invoke(main, [str(EMBEDDED), "--web", str(out), *options])
        return done.exit_code, done.output

    code, output = export(written)
    assert (code, output.count("\n")) == (2, 1)
    assert "exists" in output
    assert "--force" in output
    assert export(written, "--force")[0] == 0
    (written / "photos.txt").write_text("mine")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "sw.js").write_text("const CACHE = 1;")
    for taken in (tmp_path / "other", written):
        code, output = export(taken, "--force")
        assert code == 2
        assert "is not a page" in output
    (written / "photos.txt").unlink()
    code, output = export(tmp_path / "missing" / "page")
    assert code == 2
    assert "no such folder" in output


def changed(place: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """Link the embedded bundle, with another manifest."""
    place.mkdir()
    for path in EMBEDDED.iterdir():
        (place / path.name).symlink_to(path)
    manifest = json.loads((EMBEDDED / "manifest.json").read_bytes())
    change(manifest["models"])
    (place / "manifest.json").unlink()
    (place / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    return place


def test_bundle_that_no_browser_runs_is_refused(written: Path, tmp_path: Path) -> None:
    def export(bundle: Path) -> str:
        done = CliRunner().invoke(main, [str(bundle), "--web", str(tmp_path / "page")])
        assert (done.exit_code, done.output.count("\n")) == (2, 1)
        assert not (tmp_path / "page").exists()
        return done.output

    assert "has no text-to-image model" in export(changed(tmp_path / "a", lambda models: models.pop("stackgan")))
    storage = {"storage": "bf16"}
    bundle = changed(tmp_path / "b", lambda models: models["encoder"]["parity"].update(storage))
    assert "encoder.onnx: computes in bf16, which no browser does" in export(bundle)


def test_missing_package_is_one_line_with_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "DISTRIBUTION", tmp_path / "node_modules")
    done = CliRunner().invoke(main, [str(EMBEDDED), "--web", str(tmp_path / "page")])
    assert (done.exit_code, done.output.count("\n")) == (2, 1)
    assert done.output.endswith("not found; run `npm ci --prefix web` in the repository\n")
    assert not (tmp_path / "page").exists()


def test_installation_without_the_repository_is_one_line_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = tmp_path / "web"
    monkeypatch.setattr(folder, "SOURCES", sources)
    done = CliRunner().invoke(main, [str(EMBEDDED), "--web", str(tmp_path / "page")])
    remedy = "clone the repository, and run `pip install -e .` and `npm ci --prefix web` in it"
    assert (done.exit_code, done.output) == (2, f"Error: {sources / 'backend.js'}: not found; {remedy}\n")


def test_lock_file_names_no_registry_and_the_version_of_the_notice() -> None:
    lock = json.loads((folder.SOURCES / "package-lock.json").read_text("utf-8"))
    assert not [name for name, package in lock["packages"].items() if "resolved" in package]
    pinned = json.loads((folder.SOURCES / "package.json").read_text("utf-8"))["dependencies"]["onnxruntime-web"]
    assert lock["packages"]["node_modules/onnxruntime-web"]["version"] == pinned
    notice = (folder.SOURCES / "THIRD-PARTY").read_text("utf-8")
    assert f"ONNX Runtime Web {pinned} " in notice
    assert f"v{pinned}" in notice


@pytest.mark.parametrize("kind", ["missing", "empty"])
def test_missing_bundle_is_named(tmp_path: Path, kind: str) -> None:
    bundle = tmp_path / "bundle"
    if kind == "empty":
        bundle.mkdir()
    done = CliRunner().invoke(main, [str(bundle), "--web", str(tmp_path / "page")])
    assert done.exit_code == 2
    assert f"only an existing bundle takes --tensorrt, --triton or --web alone, and {bundle} is not one" in done.output
    assert not (tmp_path / "page").exists()
