"""What is measured: encoder, generator, and both in sequence, with PyTorch eager beside them."""

from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pgbench.environment import cores, environment
from pgbench.measure import Target, measure, timed
from pgbench.peer import Peer, PeerFailed, available
from pgen.generator import Generator, load

SCHEMA = 1
"""Version of the JSON that a benchmark writes."""

COLOURS = ("red", "blue", "green", "yellow", "brown", "purple", "pink", "grey")
CREATURES = ("dragon", "turtle", "mouse", "bird", "fish", "plant", "ghost", "golem")


@dataclass(frozen=True)
class Settings:
    """What to measure: `batch` pictures at once for `seconds` a target; 0 `threads` means one a core."""

    bundle: Path
    batch: int = 64
    device: str = "auto"
    threads: int = 0
    seconds: float = 3.0
    torch: bool = True


def texts(count: int) -> list[str]:
    """Compose `count` different texts that no bundle stores, all of one length in tokens."""
    pairs = [f"a {colour} {creature}" for creature in CREATURES for colour in COLOURS]
    return [f"{pairs[number % 64]} {number // 64}" for number in range(count)]


def run(settings: Settings) -> dict[str, Any]:
    """Measure and return the result as JSON-ready values (schema SCHEMA).

    Raises:
        PokeganError: the bundle or the device cannot be used.
    """
    threads = settings.threads or cores()
    generator = load(settings.bundle, settings.device, threads)
    targets = _runtime_targets(generator, settings.batch)
    before = environment()
    with ExitStack() as stack:
        beside, missing = _torch_targets(stack, settings, threads)
        timings = measure(targets | beside, settings.batch, settings.seconds)
    ratios = {
        name: round(timings[f"{name} (PyTorch eager)"].p50_ms / timings[name].p50_ms, 3)
        for name in targets
        if f"{name} (PyTorch eager)" in timings
    }
    return {
        "schema": SCHEMA,
        "batch": settings.batch,
        "threads": threads,
        "providers": generator.providers(),
        "bundle": generator.bundle.digest,
        "timings": {name: asdict(timing) for name, timing in timings.items()},
        "speed_over_pytorch_eager": ratios,
        "without_pytorch_because": missing,
        "environment": before | {"load_average_after": environment()["load_average"]},
    }


def _runtime_targets(generator: Generator, batch: int) -> dict[str, Target]:
    prompts, seeds = texts(batch), range(batch)
    latent, text = generator.draw(seeds), generator.embed(prompts)
    return {
        "encoder": timed(lambda: generator.encoder.encode(prompts)),
        "generator": timed(lambda: generator.generate(latent, text)),
        "end to end": timed(lambda: generator.generate(generator.draw(seeds), generator.embed(prompts))),
    }


def _torch_targets(stack: ExitStack, settings: Settings, threads: int) -> tuple[dict[str, Target], str | None]:
    if not settings.torch:
        return {}, "it was switched off"
    if not available():
        return {}, "it is not installed (pip install 'pokegan[export]')"
    try:
        peer = stack.enter_context(Peer(settings.bundle, settings.batch, threads))
    except PeerFailed as failure:
        return {}, f"it failed: {failure}"
    return {f"{name} (PyTorch eager)": peer.target(name) for name in ("encoder", "generator", "end to end")}, None
