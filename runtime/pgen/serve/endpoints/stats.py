"""Pokémon as numbers, and whole ones: ``/v1/stats`` and ``/v1/dex``."""

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
from pgen.request import Request as Wanted
from pgen.serve.endpoints.seeds import seeds_of
from pgen.serve.responses import ERRORS, JSON, service_of
from pgen.serve.schemas import CardsTold, CardTold, DexAsked, Encoded, RowsTold, RowsWanted, RowTold, StatsAsked
from pgen.stats.draw import stream
from pgen.stats.rows import RowFilter, row_filter

router = APIRouter(tags=["Pokémon"])


def _asked(wanted: RowsWanted) -> RowFilter:
    return row_filter(wanted.type or (), wanted.total, wanted.rarity, bool(wanted.legendary))


@router.post("/v1/stats", summary="Draw Pokémon as numbers", response_model=RowsTold, responses=ERRORS)
async def stats(asked: StatsAsked, request: Request) -> JSON:
    """Draw rows of stats, types and rarity; every row is valid, and has what was asked."""
    service = service_of(request)
    loaded = service.bundles.now()
    loaded.check_stats()
    parts = await service.collected(stream(loaded.generator, asked.n, asked.seed, _asked(asked)), 1)
    return JSON(RowsTold(data=[RowTold(**row.described()) for rows in parts for row in rows]))


@router.post("/v1/dex", summary="Make whole new Pokémon", response_model=CardsTold, responses=ERRORS)
async def dex(asked: DexAsked, request: Request) -> JSON:
    """Make whole new Pokémon: numbers, name, description, picture, and a card that shows it all."""
    service = service_of(request)
    loaded = service.bundles.now()
    loaded.check_dex()
    entries = loaded.maker.entries(asked.n, seeds_of(asked.seed, asked.n)[0], _asked(asked))
    made = await service.collected(entries, asked.n)
    cards = (service.encoded(partial(_card, entry, loaded.generator.bundle)) for entry in made)
    return JSON(CardsTold(data=list(await asyncio.gather(*cards))))


def _card(entry: Entry, bundle: Bundle) -> CardTold:
    drawn = Picture(Wanted(entry.prompt, entry.row.seed), entry.pixels)
    picture, card = (
        Encoded(b64_json=base64.b64encode(file).decode())
        for file in (render(drawn, bundle, Postprocess()), card_file(entry))
    )
    return CardTold(**entry.described(), picture=picture, card=card)
