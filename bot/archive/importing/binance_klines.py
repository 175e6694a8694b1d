"""Raw Binance klines: a JSON list of rows of 12 fields, of spot or of the perpetual (the content is the same).

Of the coin-margined perpetual ("_PERP" in the file name) [5] and [9] are contracts and [7] and [10] coins.

[0] open time ms, [1..4] open high low close, [5] volume in coins, [6] close time ms, [7] volume in quote, [8] trades,
[9] taker buys in coins, [10] taker buys in quote, [11] unused.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from bot.archive.importing.bars import STEPS, check_bars, step_name
from bot.archive.importing.model import (
    BadRow,
    Content,
    Draft,
    ImportedValue,
    ImportRefused,
    Reader,
    require,
    shown,
)
from bot.archive.importing.symbols import given, in_name, venue_of
from bot.archive.importing.symbols import read as symbol
from bot.archive.importing.values import epoch, number
from signals.inputs import INPUTS
from signals.units import to_ms

if TYPE_CHECKING:
    from datetime import datetime

    from signals.assets import Instrument

VENUE: Final = "binance"
_FIELDS: Final = 12
_PRICES: Final = (("open", 1), ("high", 2), ("low", 3), ("close", 4))
_FLOWS: Final = (("volume_usd", 7), ("taker_buy_usd", 10))
# COIN-M counts contracts where USD-M counts coins, and coins where USD-M counts dollars
_CONTRACTS: Final = (("volume_usd", 5), ("taker_buy_usd", 9))
_LARGE: Final = 100.0  # dollars a contract, of BTC; of every other coin
_SMALL: Final = 10.0
_LOOKED_AT: Final = 200  # entries by which is seen what their volumes count
_BELOW, _ABOVE = 0.99, 1.01  # of low and high


def recognises(content: Content) -> bool:
    """Tell by the first row; one with fewer fields has lost the taker columns and is another format."""
    rows = content.document
    return isinstance(rows, list) and bool(rows) and isinstance(rows[0], list) and len(rows[0]) == _FIELDS


def read(content: Content, asset: str | None, now: datetime) -> Draft:
    """Read closed bars whole: an entry with one bad field is refused with all six values."""
    named = given(asset)
    contract = named if named and named.quote else in_name(content.name)
    if named and (contract is None or contract.asset != named.asset):
        contract = named
    if contract is None:
        raise ImportRefused(
            f"{content.name} holds Binance klines, which do not name their asset; "
            "say which with --asset BTC, or put the symbol into the file name (btcusdt-1d.json)"
        )
    rows: list[Any] = content.document if isinstance(content.document, list) else []
    contract = _as_counted(rows, contract, content.name)
    name, venue = contract.asset, venue_of(contract, VENUE)
    draft = Draft(content.name, entries=True)
    seen: dict[int, list[float]] = {}
    step: int | None = None
    for place, entry in enumerate(rows, 1):
        draft.rows += 1
        try:
            at, length, values = _bar(entry, now, contract)
            step = step or length
            require(length == step, f"is a bar of {step_name(length)} in a file of {step_name(step)}")
            same = seen.setdefault(at, values) == values
            require(same, "an earlier entry gives other numbers for the same open time")
        except BadRow as bad:
            draft.refuse(place, str(bad))
            continue
        for (field, _), value in zip(_PRICES + _FLOWS, values, strict=True):
            draft.kept.append(ImportedValue(at, venue, name, field, value))
            draft.places.append(place)
    notes = (
        f"asset {name} {'as given' if named else 'taken from the file name'}",
        f"the content does not tell spot from perpetual; kept as {venue} {name}",
        "the newest bar may have been running when the file was saved; a later file corrects it",
    )
    return draft.done(READER.format, check_bars(draft, now), notes)


def _as_counted(rows: list[Any], contract: Instrument, file: str) -> Instrument:
    """Return the contract whose volumes these are: dollars by coins is a price of the bar, as are dollars by contracts.

    ImportRefused where that is another one than was named.
    """
    votes: Counter[str] = Counter()
    for entry in rows[:_LOOKED_AT]:
        try:
            low, high, first, second = (number(entry[column]) for column in (3, 2, 5, 7))
        except (BadRow, IndexError, TypeError, KeyError):
            continue
        if not (first > 0 and second > 0):
            continue
        near = (low * _BELOW, high * _ABOVE)
        votes["linear"] += near[0] <= second / first <= near[1]
        votes["inverse"] += near[0] <= first * _face(contract) / second <= near[1]
    (kind, count), *_ = votes.most_common(1) or [("", 0)]
    margin = contract.margin or "linear"
    if not count or votes[margin] == count:
        return contract
    if contract.margin is None and kind == "inverse":
        return symbol(f"{contract.asset}USD_PERP")
    named, told = ("coin-margined", "BTCUSDT") if margin == "inverse" else ("paid in dollars", "BTCUSD_PERP")
    raise ImportRefused(
        f"{file}: its volumes are not those of {contract}, which is {named}; say whose they are, as with --asset {told}"
    )


def _face(contract: Instrument) -> float:
    return _LARGE if contract.asset == "BTC" else _SMALL


def _bar(entry: object, now: datetime, contract: Instrument) -> tuple[int, int, list[float]]:
    """Return open time, length in milliseconds and the six values of one entry, in dollars and for one coin."""
    if not isinstance(entry, list) or len(entry) != _FIELDS:
        raise BadRow(f"is not a row of {_FIELDS} fields: {shown(entry)}")
    at = epoch(entry[0], now)
    length = int(number(entry[6], "close time")) + 1 - at
    if length not in STEPS:
        lengths = ", ".join(step_name(step) for step in STEPS)
        said = step_name(length) if length > 0 else "no length"
        raise BadRow(f"is a bar of {said}; ask for one of {lengths}")
    if at + length > to_ms(now):
        raise BadRow(f"the {step_name(length)} bar is not closed yet; import it when it is")
    inverse = contract.margin == "inverse"
    dollars = _face(contract) if inverse else 1.0
    values = [INPUTS[name].of_one_coin(number(entry[column], name), contract.multiplier) for name, column in _PRICES]
    values += [dollars * number(entry[column], name) for name, column in (_CONTRACTS if inverse else _FLOWS)]
    return at, length, values


READER: Final = Reader("Binance klines", recognises, read)
