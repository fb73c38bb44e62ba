"""What the static page costs a visitor, in Chromium on the same machine: bytes, seconds and memory.

    npm ci --prefix web             # ONNX Runtime Web, and Chromium: apt-get install chromium
    pip install playwright
    python -m benchmarks.web        # two minutes, on an idle machine

Rewrites benchmarks/results/web.json.

A host on this machine sends what static hosts compress by gzip. A visitor with an empty browser opens a link to a
picture of a name; the bytes of all answers until it shows are added up. In later visits everything comes from the
service worker, and a visit is timed from the start of the navigation. They are measured with one thread, as browsers
run a page on its first visit to a host without headers, and with the threads that the service worker's headers allow.
Further pictures are timed in galleries of 40, until 200 are drawn; then the memory of the page's process is read, as
Chromium's task manager counts it: without the pages of the program itself, which all its processes share. A sentence is
timed as the first one of a visit, whose encoder is in the cache, after a name.
"""

import argparse
import re
import statistics
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from tests.e2e.serving.browser import CHROMIUM, DESKTOP
from tests.e2e.serving.site import Site, compressed, hosted

from pgbench.measuring.environment import environment
from pgbench.reporting.files import write_json
from pgen.bundle.reader import EMBEDDED, open_bundle
from pgexport.targets.web.folder import write_page

RESULT = Path(__file__).parent / "results" / "web.json"
GALLERY = 40

TARGETS = {
    "first_load_mb": 25,
    "first_picture_s": 3,
    "further_picture_s": 0.5,
    "first_sentence_more_s": 1,
    "memory_mb": 600,
}

WATCH = """new MutationObserver(() => {
    if (!window.shown && document.querySelector("#gallery img")) window.shown = performance.now()
}).observe(document, { childList: true, subtree: true })"""
"""Notes when the first picture is in the page, in milliseconds after the start of the navigation."""


def link(prompt: str, seed: int = 0, n: int = 1) -> str:
    return f"#draw?prompt={prompt.replace(' ', '+')}&seed={seed}&n={n}"


def visit(context: BrowserContext, address: str, prompt: str) -> tuple[Page, float]:
    """Open a link in a new tab; gives the tab, and the seconds until its picture shows."""
    page = context.new_page()
    page.goto(address + link(prompt))
    page.wait_for_function("window.shown")
    return page, page.evaluate("shown") / 1000


def draw(page: Page, address: str, prompt: str, seed: int, n: int) -> float:
    """Draw a gallery in an open tab; gives the seconds until it is complete."""
    page.evaluate(
        "hash => { window.began = performance.now(); window.ended = 0; location.hash = hash }", link(prompt, seed, n)
    )
    page.wait_for_function(
        """([prompt, n]) => {
            const status = document.querySelector("#view-draw .status")
            if (status.classList.contains("error")) throw new Error(status.textContent)
            const isDone = status.textContent.startsWith(`${n} picture`) && status.textContent.includes(prompt)
            return isDone && (window.ended ||= performance.now())
        }""",
        arg=[prompt, n],
        polling=5,
    )
    return float(page.evaluate("ended - began")) / 1000


def first_load(browser: Browser, site: Site) -> dict[str, Any]:
    """Visit with an empty browser, and count."""
    context = fresh(browser)
    _, seconds = visit(context, site.address, "Charizard")
    sent = list(site.sent)
    files: dict[str, int] = {}
    for path, size in sent:
        # Without digests, so that results of two versions can be compared; what is small is added up.
        name = re.sub(r"\.[0-9a-f]{12}(?=\.)", "", Path(path).name) if size > 100_000 else "page"
        files[name] = files.get(name, 0) + size
    context.close()
    return {"mb": round(sum(size for _, size in sent) / 1e6, 2), "seconds": round(seconds, 2), "bytes": files}


def fresh(browser: Browser) -> BrowserContext:
    context = browser.new_context(**DESKTOP, bypass_csp=True)  # Playwright waits by evaluating texts
    context.set_default_timeout(600_000)
    context.add_init_script(WATCH)
    return context


def cached(browser: Browser, site: Site, visits: int, pictures: int, isolated: bool) -> dict[str, Any]:
    """Measure later visits, with threads or without."""
    context = fresh(browser)
    page, _ = visit(context, site.address, "Charizard")
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    draw(page, site.address, "a small blue turtle", 0, 1)  # so that the encoder is in the cache, too
    page.close()
    address = site.address if isolated else f"{site.address}?threads=1"
    firsts, sentences, further = [], [], []
    for number in range(visits):
        page, first = visit(context, address, "Charizard")
        firsts.append(first)
        name = statistics.median(draw(page, address, "Charizard", seed, 1) for seed in range(1, 4))
        sentences.append(draw(page, address, f"a red dragon number {number}", 0, 1) - name)
        if number < visits - 1:
            page.close()
    runs = page.locator("#runs").inner_text()
    for seed in range(0, pictures, GALLERY):
        further.append(draw(page, address, "Mew", seed, GALLERY) / GALLERY)
    result = {
        "runs": re.findall(r"on (.*)\.$", runs)[0],
        "first_picture_s": summary(firsts),
        "first_sentence_more_s": summary(sentences),
        "further_picture_s": summary(further),
        "pictures": pictures,
        **memory(browser),
    }
    context.close()
    return result


def summary(seconds: list[float]) -> dict[str, float]:
    return {"median": round(statistics.median(seconds), 3), "max": round(max(seconds), 3)}


def memory(browser: Browser) -> dict[str, float]:
    """Return the memory of the largest process of a page, in MB: its own, and with the program's shared pages."""
    processes = browser.new_browser_cdp_session().send("SystemInfo.getProcessInfo")["processInfo"]
    renderers = [Path(f"/proc/{process['id']}/status") for process in processes if process["type"] == "renderer"]
    sizes = [dict(re.findall(r"^(\w+):\s+(\d+) kB", path.read_text(), re.M)) for path in renderers]
    largest = {name: int(size) / 1000 for name, size in max(sizes, key=lambda size: int(size["VmRSS"])).items()}
    return {"memory_mb": round(largest["RssAnon"] + largest["RssShmem"], 1), "resident_mb": round(largest["VmRSS"], 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--visits", type=int, default=5, help="later visits (5)")
    parser.add_argument("--pictures", type=int, default=200, help="pictures before memory is read (200)")
    parser.add_argument("--bundle", type=Path, default=EMBEDDED, help="folder of a bundle (the embedded one)")
    parser.add_argument("--out", type=Path, default=RESULT)
    options = parser.parse_args()
    machine, bundle = environment(), open_bundle(options.bundle)
    with tempfile.TemporaryDirectory() as temporary, sync_playwright() as playwright:
        folder = Path(temporary) / "page"
        write_page(options.bundle, folder)
        with hosted(folder) as site:
            for path in folder.rglob("*"):
                if path.suffix == ".wasm":
                    compressed(path.read_bytes())  # hosts compress once, not while a visitor waits
            # Chromium's sandbox does not start for root; the page is the project's own.
            chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            first = first_load(chromium, site)
            later = [cached(chromium, site, options.visits, options.pictures, isolated) for isolated in (False, True)]
            version = chromium.version
            chromium.close()
    measured = {"first_load_mb": first["mb"]} | {
        name: max(row[name]["median"] if isinstance(row[name], dict) else row[name] for row in later)
        for name in list(TARGETS)[1:]
    }
    targets = {
        name: {"measured": measured[name], "target": target, "met": measured[name] <= target}
        for name, target in TARGETS.items()
    }
    about = {"command": "python -m benchmarks.web", "chromium": version, "bundle": bundle.digest}
    result = {"visits": options.visits, "first_load": first, "later_visits": later, "targets": targets}
    write_json(options.out, about | result | {"environment": machine})
    for name, row in targets.items():
        print(f"{name}: {row['measured']} (target {row['target']})")


if __name__ == "__main__":
    main()
