"""What a symbol or a file name says about the contract, and under which venue of ours its figures are kept."""

from __future__ import annotations

import re
from itertools import pairwise

from bot.archive.importing.model import BadRow, ImportRefused
from signals.assets import DOLLARS, Instrument, UnreadableSymbol, instrument
from signals.venues import listed_at


def read(symbol: str) -> Instrument:
    """Read a symbol of a perpetual in dollars, of whichever kind. BadRow, with the reason, for any other."""
    try:
        found = instrument(symbol)
    except UnreadableSymbol as why:
        raise BadRow(str(why).rstrip(".")) from None
    if found.kind in ("future", "option"):
        raise BadRow(f"{symbol[:40]} is a dated contract; only perpetuals are kept")
    if found.quote is not None and found.quote not in DOLLARS:
        raise BadRow(f"{symbol[:40]} is quoted in {found.quote}; only what is quoted in dollars is kept")
    if found.margin == "quanto":
        raise BadRow(f"{symbol[:40]} is paid in {found.settle}; its figures are in an unknown unit")
    return found


def given(asset: str | None) -> Instrument | None:
    """Return what a person named: btc, BTC or BTCUSDT. ImportRefused where it can be no asset."""
    if asset is None:
        return None
    try:
        return read(asset)
    except BadRow as why:
        raise ImportRefused(f"--asset: {why}; write it like BTC") from None


def in_name(file: str) -> Instrument | None:
    """Return the first part of a file name that is a symbol: binance-spot-btcusdt-1d.json, BTCUSD_PERP-1h.json.

    ImportRefused where that symbol is of nothing that is kept.
    """
    parts = re.split(r"[\W_]+", file)
    for part, following in pairwise([*parts, ""]):
        for symbol in (f"{part}_{following}", part):
            try:
                found = instrument(symbol)
            except UnreadableSymbol:
                continue
            if found.quote is None or (symbol != part and found.kind is None):
                continue  # a word, or btcusdt_1d
            try:
                return read(symbol)
            except BadRow as why:
                raise ImportRefused(f"{file}: {why}") from None
    return None


def venue_of(found: Instrument, linear: str) -> str:
    """Return the venue that an exchange's contract is kept under: its coin-margined ones may have their own."""
    return listed_at(linear, found.margin or "linear")
