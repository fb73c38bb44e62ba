"""Fusions, shinies, families and sprites over HTTP, by the embedded bundle."""

import asyncio
import base64
import io
import zipfile

import numpy as np

from pgen.bundle.reader import EMBEDDED
from pgen.dex.card import draw_card
from pgen.dex.job import sheet_file
from pgen.images.metadata import read_upload
from pgen.serve.config import Settings
from tests.runtime.serve.serving import decoded, without_network


def test_variants_equal_those_of_the_library() -> None:
    asyncio.run(_variants())


async def _variants() -> None:
    async with without_network(Settings(bundle=EMBEDDED, device="cpu")) as (service, client):
        await service.started()
        generator = service.bundles.current().generator
        answer = await client.post("/v1/fuse", json={"parents": ["Mew", "Muk"], "n": 2, "seed": 3, "colors": "Gengar"})
        fusions = answer.json()["data"]
        expected = generator.fuse(["Mew", "Muk"], 2, seed=3, colors="Gengar")
        assert all(np.array_equal(decoded(one), other) for one, other in zip(fusions, expected, strict=True))
        assert [(one["seed"], one["fused"]) for one in fusions] == [(3, ["Muk"]), (4, ["Muk"])]
        assert (await client.post("/v1/fuse", json={"parents": ["Mew"]})).status_code == 400

        file = base64.b64decode(fusions[0]["b64_json"])
        assert read_upload(file).backend == generator.backend(generator.model)
        varied = await client.post("/v1/images/variations", files={"image": file}, data={"seed": 4})
        assert np.array_equal(decoded(varied.json()["data"][0]), expected[1])
        edited = await client.post("/v1/images/edits", files={"image": file}, data={"prompt": "Mew"})
        assert edited.status_code == 400
        assert "a fusion cannot be an end" in edited.text

        shiny = await client.get("/v1/images", params={"prompt": "Mew", "seed": 1, "shiny": "true"})
        usual = await client.get("/v1/images", params={"prompt": "Mew", "seed": 1})
        assert shiny.content != usual.content
        assert shiny.headers["etag"] != usual.headers["etag"]

        answer = (await client.post("/v1/dex", json={"seed": 5, "family": 2, "n": 2})).json()
        entries = generator.dex(2, seed=5, family=2)
        assert [entry["name"] for entry in answer["data"]] == [entry.words.name for entry in entries]
        for at, sheet in enumerate(answer["sheets"]):
            line = entries[2 * at : 2 * at + 2]
            assert (sheet["family"], sheet["seed"]) == ([*line[0].family], 5 + at)
            assert base64.b64decode(sheet["b64_json"]) == sheet_file(line, [draw_card(entry) for entry in line])
        assert "sheets" not in (await client.post("/v1/dex", json={"seed": 5})).json()
        assert (await client.post("/v1/dex", json={"family": 3, "n": 5})).status_code == 400

        packed = await client.post("/v1/sprite", json={"prompt": "Mew", "seed": 2, "format": "pokeemerald"})
        names = zipfile.ZipFile(io.BytesIO(packed.content)).namelist()
        assert "graphics/pokemon/mew_2/front.png" in names
