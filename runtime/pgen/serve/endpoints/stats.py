"""Pokémon as stats, and complete dex entries: ``/v1/stats`` and ``/v1/dex``."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TypeVar

from fastapi import APIRouter, Request
from PIL import Image

from pgen.bundle.reader import Bundle
from pgen.dex.card import draw_card
from pgen.dex.entry import Entry
from pgen.dex.job import card_file, sheet_file
from pgen.images.model import Picture
from pgen.images.postprocess import Postprocess
from pgen.jobs.job import render
from pgen.serve.config import MAX_CARDS
from pgen.serve.endpoints.responses import ERRORS, bundle_for, seeds_of, service_of
from pgen.serve.errors import APIError
from pgen.serve.schemas import (
    DexEntry,
    DexRequest,
    DexResponse,
    DexSheet,
    EncodedFile,
    StatsRequest,
    StatsResponse,
    StatsRow,
)
from pgen.stats.draw import stream
from pgen.stats.rows import row_filter

Encoded = TypeVar("Encoded")

router = APIRouter(tags=["Pokémon"], responses=ERRORS)


@router.post("/v1/stats", summary="Generate stats")
async def create_stats(body: StatsRequest, request: Request) -> StatsResponse:
    """Generate rows of stats, types and rarity; every row is valid and satisfies the conditions of the request."""
    service, bundle = service_of(request), bundle_for(request)
    conditions = row_filter(body.type or (), body.total, body.rarity, bool(body.legendary))
    blocks = await service.batcher.collect(stream(bundle.generator, body.n, body.seed, conditions), 1)
    return StatsResponse(data=[StatsRow(**row.described()) for rows in blocks for row in rows])


@router.post("/v1/dex", summary="Generate dex entries", response_model_exclude_none=True)
async def create_dex(body: DexRequest, request: Request) -> DexResponse:
    """Generate new Pokémon: stats, name, description, picture, and a card that shows them; of a line also a sheet."""
    service, bundle = service_of(request), bundle_for(request)
    conditions = row_filter(body.type or (), body.total, body.rarity, bool(body.legendary))
    count = body.n * (body.family or 1)
    if count > MAX_CARDS:
        raise APIError(400, f"{count} cards: the maximum is {MAX_CARDS}; request fewer lines", "n")
    seed = seeds_of(body.seed, body.n)[0]
    drawn = bundle.entry_generator.entries(body.n, seed, conditions, shiny=body.shiny, family=body.family)
    entries = await service.batcher.collect(drawn, count)

    async def encode(calls: Iterable[Callable[[], Encoded]]) -> list[Encoded]:
        return await asyncio.gather(*map(service.run_in_encoder, calls))

    cards = await encode(partial(draw_card, entry) for entry in entries)
    data = await encode(
        partial(_encode, entry, card, bundle.generator.bundle) for entry, card in zip(entries, cards, strict=True)
    )
    if body.family is None:
        return DexResponse(data=data)
    lines = [slice(at, at + body.family) for at in range(0, count, body.family)]
    sheets = await encode(partial(_encode_sheet, entries[line], cards[line]) for line in lines)
    return DexResponse(data=data, sheets=sheets)


def _encode(entry: Entry, card: Image.Image, bundle: Bundle) -> DexEntry:
    picture = render(Picture(entry.request, entry.pixels, backend=entry.backend), bundle, Postprocess())
    return DexEntry(
        **entry.described(), picture=EncodedFile(b64_json=picture), card=EncodedFile(b64_json=card_file(entry, card))
    )


def _encode_sheet(line: Sequence[Entry], cards: Sequence[Image.Image]) -> DexSheet:
    last = line[-1]
    return DexSheet(b64_json=sheet_file(line, cards), family=[*last.family], seed=last.row.seed)
