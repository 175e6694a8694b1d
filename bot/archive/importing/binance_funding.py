"""Raw answer of Binance `fapi/v1/fundingRate`: a JSON list of settlements, rates as fractions per interval."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from bot.archive.importing import symbols
from bot.archive.importing.bars import check_bars
from bot.archive.importing.model import BadRow, Content, Draft, ImportedValue, Reader, require, shown
from bot.archive.importing.values import epoch, number
from bot.market.border.intervals import intervals

if TYPE_CHECKING:
    from datetime import datetime

    from signals.assets import Instrument

VENUE: Final = "binance"


def recognises(content: Content) -> bool:
    """Tell by the first entry."""
    rows = content.document
    return (
        isinstance(rows, list)
        and bool(rows)
        and isinstance(rows[0], dict)
        and {"fundingTime", "fundingRate"} <= rows[0].keys()
    )


def read(content: Content, asset: str | None, now: datetime) -> Draft:
    """Read settlements with the interval that ended at each, which the answer does not name."""
    rows: list[Any] = content.document if isinstance(content.document, list) else []
    named = symbols.given(asset)
    draft = Draft(content.name, entries=True)
    contracts: dict[tuple[str, str], str] = {}  # venue, asset -> the one symbol of this file that speaks for it
    rates: dict[tuple[str, str], dict[int, tuple[float, int]]] = {}
    for place, entry in enumerate(rows, 1):
        draft.rows += 1
        try:
            at, symbol, key, rate = _settlement(entry, named, now)
            first = contracts.setdefault(key, symbol)
            require(first == symbol, f"{symbol} beside {first}: two contracts of {key[1]}, import them apart")
            same = rates.setdefault(key, {}).setdefault(at, (rate, place))[0] == rate
            require(same, "an earlier entry gives another rate for the same time")
        except BadRow as bad:
            draft.refuse(place, str(bad))
    for (venue, name), known in rates.items():
        times = sorted(known)
        for at, hours in zip(times, intervals(times), strict=True):
            rate, place = known[at]
            draft.kept.append(ImportedValue(at, venue, name, "funding_rate", rate))
            draft.places.append(place)
            if hours is not None:
                draft.kept.append(ImportedValue(at, venue, name, "funding_interval_hours", hours))
                draft.places.append(place)
    notes = [
        f"{name} has one settlement only, so its interval is unknown"
        for (_, name), known in rates.items()
        if len(known) == 1
    ]
    return draft.done(READER.format, check_bars(draft, now), notes)


def _settlement(entry: object, named: Instrument | None, now: datetime) -> tuple[int, str, tuple[str, str], float]:
    """Return time, symbol, (venue, asset) and rate of one entry."""
    if not isinstance(entry, dict) or not {"fundingTime", "fundingRate"} <= entry.keys():
        raise BadRow(f"has no fundingTime and fundingRate: {shown(entry)}")
    symbol = str(entry.get("symbol", named or ""))
    contract = symbols.read(symbol)
    if contract.quote is None and named is None:
        raise BadRow(f"symbol is not a dollar contract: {shown(symbol)}")
    at = epoch(entry["fundingTime"], now)
    rate = number(entry["fundingRate"], "fundingRate")
    key = symbols.venue_of(contract, VENUE), (named or contract).asset
    return at, symbol, key, rate


READER: Final = Reader("Binance funding", recognises, read)
