"""Pokémon as stats, and complete dex entries: ``/v1/stats`` and ``/v1/dex``."""

import asyncio
import base64
from functools import partial

from fastapi import APIRouter, Request

from pgen.bundle.reader import Bundle
from pgen.dex.entry import Entry
from pgen.dex.job import card_file
from pgen.images.model import Picture
from pgen.images.postprocess import Postprocess
from pgen.jobs.job import render
from pgen.serve.config import MAX_CARDS
from pgen.serve.endpoints.responses import ERRORS, ModelResponse, bundle_for, service_of
from pgen.serve.endpoints.seeds import seeds_of
from pgen.serve.errors import APIError
from pgen.serve.schemas import DexEntry, DexRequest, DexResponse, EncodedFile, StatsRequest, StatsResponse, StatsRow
from pgen.stats.draw import stream
from pgen.stats.rows import row_filter

router = APIRouter(tags=["Pokémon"])


@router.post("/v1/stats", summary="Generate stats", response_model=StatsResponse, responses=ERRORS)
async def create_stats(body: StatsRequest, request: Request) -> ModelResponse:
    """Generate rows of stats, types and rarity; every row is valid and satisfies the conditions of the request."""
    service, bundle = service_of(request), bundle_for(request)
    conditions = row_filter(body.type or (), body.total, body.rarity, bool(body.legendary))
    blocks = await service.collect(stream(bundle.generator, body.n, body.seed, conditions), 1)
    return ModelResponse(StatsResponse(data=[StatsRow(**row.described()) for rows in blocks for row in rows]))


@router.post("/v1/dex", summary="Generate dex entries", response_model=DexResponse, responses=ERRORS)
async def create_dex(body: DexRequest, request: Request) -> ModelResponse:
    """Generate new Pokémon: stats, name, description, picture, and a card that shows them."""
    service, bundle = service_of(request), bundle_for(request)
    conditions = row_filter(body.type or (), body.total, body.rarity, bool(body.legendary))
    cards = body.n * (body.family or 1)
    if cards > MAX_CARDS:
        raise APIError(400, f"{cards} cards: the maximum is {MAX_CARDS}; request fewer lines", "n")
    seed = seeds_of(body.seed, body.n)[0]
    entries = bundle.maker.entries(body.n, seed, conditions, shiny=body.shiny, family=body.family)
    collected = await service.collect(entries, cards)
    encoding = (service.run_in_encoder(partial(_encode, entry, bundle.generator.bundle)) for entry in collected)
    return ModelResponse(DexResponse(data=list(await asyncio.gather(*encoding))))


def _encode(entry: Entry, bundle: Bundle) -> DexEntry:
    image = Picture(entry.request, entry.pixels, backend=entry.backend)
    picture, card = (
        EncodedFile(b64_json=base64.b64encode(file).decode())
        for file in (render(image, bundle, Postprocess()), card_file(entry))
    )
    return DexEntry(**entry.described(), picture=picture, card=card)
