"""pgen serve: what is drawn together, what waits, and who is not waited for."""

import asyncio
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any

import httpx
import numpy as np
import pytest

import pgen
from pgen.errors import BundleInvalid, RunFailed
from pgen.serve.service import Service
from tests.runtime.serve import serving
from tests.runtime.serve.serving import PATIENCE, Hold, decoded, pixels_of, until, without_network
from tests.runtime.toy import write_toy

settings = partial(serving.settings, wait_ms=50)


def ask(client: httpx.AsyncClient, prompt: str, **others: Any) -> "asyncio.Task[httpx.Response]":
    body = {"prompt": prompt, "seed": 1} | others
    return asyncio.create_task(client.post("/v1/images/generations", json=body))


def test_concurrent_requests_share_a_batch(toy_bundle: Path) -> None:
    async def scenario() -> None:
        async with without_network(settings(toy_bundle, batch=4)) as (service, client):
            hold = Hold(service)
            first = ask(client, "first")
            await until(lambda: hold.batches)
            others = [ask(client, prompt) for prompt in "abcdef"]
            await until(lambda: service.batcher.queued == 6)
            hold.open.set()
            answers = await asyncio.gather(first, *others)
        assert hold.prompts == [["first"], ["a", "b", "c", "d"], ["e", "f"]]
        alone = pgen.load(toy_bundle, "cpu", threads=1)
        for answer, prompt in zip(answers, ["first", *"abcdef"], strict=True):
            assert np.array_equal(decoded(answer.json()["data"][0]), alone.images(prompt, seed=1)[0])

    asyncio.run(scenario())


def test_first_image_waits_for_a_full_batch(toy_bundle: Path) -> None:
    async def scenario() -> None:
        async with without_network(settings(toy_bundle, batch=3, wait_ms=60_000)) as (service, client):
            hold = Hold(service)
            hold.open.set()
            await asyncio.gather(*(ask(client, prompt) for prompt in "abc"))  # a full batch waits no longer
            assert hold.prompts == [["a", "b", "c"]]
        async with without_network(settings(toy_bundle, batch=3, wait_ms=1)) as (service, client):
            hold = Hold(service)
            hold.open.set()
            await ask(client, "a")
            assert hold.prompts == [["a"]]

    asyncio.run(scenario())


def test_batch_holds_one_model(toy_bundle: Path) -> None:
    async def scenario() -> None:
        async with without_network(settings(toy_bundle)) as (service, client):
            hold = Hold(service)
            first = ask(client, "first")
            await until(lambda: hold.batches)
            others = [ask(client, "a"), ask(client, "", model="dcgan"), ask(client, "b", model="stackgan")]
            await until(lambda: service.batcher.queued == 3)
            hold.open.set()
            assert {answer.status_code for answer in await asyncio.gather(first, *others)} == {200}
        assert hold.prompts == [["first"], ["a", "b"], [""]]

    asyncio.run(scenario())


def test_full_queue_gets_429_with_retry_after(toy_bundle: Path) -> None:
    async def scenario() -> None:
        async with without_network(settings(toy_bundle, queue=3)) as (service, client):
            hold = Hold(service)
            first = ask(client, "first")
            await until(lambda: hold.batches)
            waiting = ask(client, "a", n=3)
            await until(lambda: service.batcher.queued == 3)
            for path, body in (
                ("images/generations", {"prompt": "b"}),
                ("morph", {"start": "a", "end": "b", "frames": 2}),
                ("dex", {}),
                ("stats", {}),
            ):
                refused = await client.post(f"/v1/{path}", json=body)
                assert (refused.status_code, refused.json()["error"]["code"]) == (429, "queue_full")
                assert int(refused.headers["retry-after"]) >= 1
            hold.open.set()
            assert {(await first).status_code, (await waiting).status_code} == {200}
            # What is more than the queue can ever hold is taken where nothing waits.
            assert (await ask(client, "b", n=10)).status_code == 200

    asyncio.run(scenario())


def test_timed_out_request_is_not_drawn(toy_bundle: Path) -> None:
    async def scenario() -> None:
        async with without_network(settings(toy_bundle)) as (service, client):
            hold = Hold(service)
            first = ask(client, "first")
            await until(lambda: hold.batches)
            patient = service.settings
            service.settings = replace(patient, timeout=0.1)
            late = await ask(client, "late")
            assert (late.status_code, late.json()["error"]["code"]) == (504, "deadline_exceeded")
            service.settings = patient
            assert service.batcher.queued == 0
            hold.open.set()
            assert (await first).status_code == 200
            assert (await ask(client, "next")).status_code == 200
        assert hold.prompts == [["first"], ["next"]]

    asyncio.run(scenario())


def test_canceled_request_is_not_drawn(toy_bundle: Path) -> None:
    async def scenario() -> None:
        async with without_network(settings(toy_bundle)) as (service, client):
            hold = Hold(service)
            first = ask(client, "first")
            await until(lambda: hold.batches)
            leaves, stays = ask(client, "leaves", n=5), ask(client, "stays")
            await until(lambda: service.batcher.queued == 6)
            leaves.cancel()
            await until(lambda: service.batcher.queued == 1)
            hold.open.set()
            assert {(await first).status_code, (await stays).status_code} == {200}
        assert hold.prompts == [["first"], ["stays"]]

    asyncio.run(scenario())


def test_failure_affects_only_its_batch(toy_bundle: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        # A batch is full with two pictures, and waits for the second.
        async with without_network(settings(toy_bundle, batch=2, wait_ms=60_000)) as (service, client):
            generator = service.bundles.current().generator
            stream = generator.stream

            def failing(requests: Any, batch: int = 16) -> Iterator[Any]:
                requests = list(requests)
                for prompt, error in (("memory", RunFailed("out of memory")), ("fault", ZeroDivisionError("secret"))):
                    if any(request.prompt == prompt for request in requests):
                        raise error
                return stream(requests, batch)

            generator.stream = failing  # type: ignore[method-assign]
            for prompt in ("memory", "fault"):
                failed = await asyncio.gather(ask(client, prompt), ask(client, "beside"))
                assert {answer.status_code for answer in failed} == {500}
                assert "secret" not in failed[0].text
                assert "memory" not in failed[0].text
            after = await asyncio.gather(ask(client, "next"), ask(client, "beside"))
            assert {answer.status_code for answer in after} == {200}

    asyncio.run(scenario())
    assert "out of memory" in caplog.text


def test_animation_alternates_with_images(toy_bundle: Path) -> None:
    async def scenario() -> None:
        async with without_network(settings(toy_bundle, wait_ms=0)) as (service, client):
            order: list[str] = []
            go_on = Event()
            generator = service.bundles.current().generator
            generate, stream = generator.generate, generator.stream

            def noted(*arguments: Any) -> Any:
                order.append("frames")
                assert go_on.wait(PATIENCE)
                return generate(*arguments)

            def streamed(requests: Any, batch: int = 16) -> Any:
                order.append("picture")
                return stream(requests, batch)

            generator.generate, generator.stream = noted, streamed  # type: ignore[method-assign]
            body = {"start": "Redball", "end": "Bluewings", "frames": 64, "format": "frames"}
            film = asyncio.create_task(client.post("/v1/morph", json=body))
            await until(lambda: order)
            between = ask(client, "between")
            await until(lambda: service.batcher.queued == 65)
            go_on.set()
            assert (await between).status_code == 200
            assert len((await film).json()["data"]) == 64
            assert order == ["frames", "picture", *["frames"] * 8], "one of them the picture's own"

    asyncio.run(scenario())


def test_reload_loses_no_request(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    bundle = write_toy(tmp_path / "served")

    async def scenario() -> None:
        async with without_network(settings(bundle, batch=2)) as (service, client):
            before = await ask(client, "a")
            old = service.bundles.current()
            hold = Hold(service)
            waiting = [ask(client, prompt) for prompt in "aaaa"]
            await until(lambda: hold.batches)
            shutil.rmtree(bundle)
            write_toy(bundle, seed=1)
            service.bundles.request_reload()
            await until(lambda: service.bundles.current() is not old)
            new = await ask_later(client, hold, waiting)
            for answer in await asyncio.gather(*waiting):
                assert answer.json()["data"] == before.json()["data"], "asked of the old one, drawn by the old one"
            assert new.json()["data"] != before.json()["data"]
            (bundle / "stackgan.onnx").write_bytes(b"broken")
            caplog.clear()
            service.bundles.request_reload()
            await until(lambda: "reload failed" in caplog.text)
            assert len(caplog.records) == 1
            assert re.search(r"previous bundle: .*stackgan\.onnx", caplog.text)
            assert (await ask(client, "a")).json()["data"] == new.json()["data"]
            metrics = service.metrics.render().decode()
            assert 'pokegan_reloads_total{result="refused"} 1.0' in metrics
            assert 'pokegan_reloads_total{result="good"} 2.0' in metrics

    async def ask_later(client: httpx.AsyncClient, hold: Hold, waiting: Any) -> httpx.Response:
        answer = ask(client, "a")
        hold.open.set()
        return await answer

    asyncio.run(scenario())


def test_stored_urls_are_evicted_least_recently_used_first(toy_bundle: Path) -> None:
    async def scenario() -> None:
        async with without_network(settings(toy_bundle)) as (service, client):
            images = (await ask(client, "a", n=3, response_format="url")).json()["data"]
            first, second, _ = (image["url"] for image in images)
            assert pixels_of((await client.get(first)).content).shape[2] == 4
            service.store.max_bytes = service.store.total_bytes  # the next one needs the room of another
            (await ask(client, "a", response_format="url")).raise_for_status()
            gone = await client.get(second)
            assert (gone.status_code, gone.json()["error"]["code"]) == (404, "not_found")
            assert (await client.get(first)).status_code == 200, "used since"

    asyncio.run(scenario())


def test_started_raises_for_a_damaged_bundle(tmp_path: Path, toy_bundle: Path) -> None:
    damaged = write_toy(tmp_path / "damaged")
    (damaged / "dcgan.onnx").write_bytes(b"no")

    async def scenario() -> None:
        sound = Service(settings(toy_bundle))
        async with sound.running():
            assert not sound.ready
            await sound.started()
            assert sound.ready
        broken = Service(settings(damaged))
        async with broken.running():
            for _ in range(2):
                with pytest.raises(BundleInvalid, match=r"dcgan\.onnx"):
                    await broken.started()

    asyncio.run(scenario())
