"""From Enter to the first picture on the page of `pgen serve`, in Chromium on the same machine.

    pip install playwright          # and Chromium: apt-get install chromium
    python benchmarks/serving/page.py       # a minute, on an idle machine

Rewrites benchmarks/results/page.json.

The page measures from the key press to the second frame after the picture was inserted, when it has been painted.
Known names and sentences take turns, eight pictures each, the page's default; the next prompt is entered when all
eight have arrived.
"""

import argparse
import shutil
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

from load.processes import Options, served
from load.prompts import sentence
from playwright.sync_api import Page, sync_playwright

from pgbench.measuring.environment import environment
from pgbench.reporting.files import write_json
from pgen.bundle.reader import EMBEDDED, open_bundle

RESULT = Path(__file__).parents[1] / "results" / "page.json"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

WATCH = """() => {
    addEventListener("keydown", (event) => {
        if (event.key === "Enter") Object.assign(window, { began: performance.now(), shown: 0 })
    }, true)
    const stamp = () => { window.shown ||= performance.now() }
    const painted = () => requestAnimationFrame(() => requestAnimationFrame(stamp))
    new MutationObserver((changes) => {
        for (const { addedNodes } of changes)
            for (const node of addedNodes) if (node.querySelector?.("img")) return painted()
    }).observe(document.getElementById("gallery"), { childList: true, subtree: true })
}"""


def enter(page: Page, prompt: str) -> float:
    """Type a prompt, press Enter, and wait for all pictures; gives the milliseconds until the first."""
    page.get_by_label("A name or a sentence").fill(prompt)
    page.keyboard.press("Enter")
    page.get_by_text(f"pictures of “{prompt}”").first.wait_for()
    return float(page.evaluate("shown - began"))


def measure(page: Page, names: list[str], count: int) -> dict[str, Any]:
    """Enter `count` names and as many sentences in turn, after a warm-up of one each."""
    prompts: dict[str, Callable[[int], str]] = {"a stored name": lambda number: names[number], "a sentence": sentence}
    took: dict[str, list[float]] = {what: [] for what in prompts}
    for number in range(count + 1):
        for what, prompt in prompts.items():
            took[what].append(enter(page, prompt(number)))
    counted = {what: times[1:] for what, times in took.items()}
    return {
        "prompts": count,
        "median_ms": {what: round(statistics.median(times), 1) for what, times in counted.items()},
        "max_ms": {what: round(max(times), 1) for what, times in counted.items()},
        "target_ms": 500,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prompts", type=int, default=30, help="names, and as many sentences (30)")
    parser.add_argument("--bundle", type=Path, default=EMBEDDED, help="folder of a bundle (the embedded one)")
    parser.add_argument("--out", type=Path, default=RESULT)
    options = parser.parse_args()
    machine, bundle = environment(), open_bundle(options.bundle)
    with served(Options(options.bundle, "auto", 0, 8, 128, 30.0)) as server, sync_playwright() as playwright:
        # Chromium's sandbox does not start for root; the page is the project's own.
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = chromium.new_page()
        page.goto(f"http://127.0.0.1:{server.port}/")
        page.evaluate(WATCH)
        result = measure(page, list(bundle.names), options.prompts)
        version = chromium.version
        chromium.close()
    about = {"command": "python benchmarks/serving/page.py", "chromium": version, "bundle": bundle.digest}
    write_json(options.out, about | result | {"environment": machine})
    print(result["median_ms"], result["max_ms"])


if __name__ == "__main__":
    main()
