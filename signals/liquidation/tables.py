"""Maintenance tiers: dated tables of our own compact form, one line per symbol.

A line is found by the asset's one name, however the venue writes it (1000PEPE, BTC-261225 for a dated contract).
A file of the folder `tiers` starts with `# name: value` lines (venue, contract, as_of, unit, source) and holds
`asset,quote,notes,tiers` lines. A tier is `rate:amount:max_leverage:cap`, tiers are separated by blanks, an empty
cap is unlimited or (in a partial table) unknown, an empty leverage is unknown. Notes are `lot=` (coins or USD per
contract), `tick=`, `slope=` and `initial=` (rates that grow with the size), `checked=` (the last day on which the
venue was seen to have these very tiers) and `partial`. Only the wanted line is parsed, so one symbol of nine hundred
costs no more than one.
"""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from signals.assets import DOLLARS, Instrument, UnreadableSymbol, coin, instrument, listed_as
from signals.liquidation.errors import NoTierTable, SizeBeyondTable
from signals.liquidation.rules import Rule, as_day, rule_for

if TYPE_CHECKING:
    from collections.abc import Callable

QUOTES = ("USDT", "USDC", "USD")
"""The quote currencies tried in this order when none is named."""

BORDER = 1e-12
"""Rounding at a border: 10 BTC are 1,000 contracts of 0.01, not a hair more."""


@dataclass(frozen=True, slots=True)
class RenewedTables:
    """Table files from outside the package, beside the bundled ones: this folder reads no file by itself.

    `names` are `venue-contract-YYYY-MM-DD.csv`, `versions` tell two contents of one name apart (a time of change),
    `place` two folders, and `read` gives the text of a name. Of two tables of one day the renewed one's wins.
    """

    place: str
    names: tuple[str, ...]
    versions: tuple[int, ...]
    read: Callable[[str], str] = field(compare=False)


@dataclass(frozen=True, slots=True)
class Tier:
    """One tier: holds from above `floor` up to and with `cap`, both in the unit of its table.

    `amount` is in settle coin. `max_leverage` None: not known.
    """

    number: int
    floor: float
    cap: float
    rate: float
    amount: float
    max_leverage: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TierTable:
    """The maintenance tiers of one symbol on one day.

    `unit` is "quote" (value in settle currency; coin value for inverse), "contracts" or "coins"; `lot` is the size
    of one contract in coins (inverse: USD). `as_of` is the day from which it is known, `checked` the last day on
    which it was seen unchanged. `partial`: the venue has more than is known here. `slope` is what the rate grows by
    per unit (Deribit), `initial` the initial margin rate it starts from. `multiplier`: how many coins of the asset
    count as one here, in sizes, lot and tick. `expiry`: of a dated contract.
    """

    venue: str
    contract: str
    asset: str
    quote: str
    multiplier: int = 1
    expiry: dt.date | None = None
    unit: str
    as_of: dt.date
    checked: dt.date
    source: str
    tiers: tuple[Tier, ...]
    lot: float = 1.0
    tick: float | None = None
    partial: bool = False
    slope: float = 0.0
    initial: float = 0.0

    @property
    def limit(self) -> float:
        """Give the largest size the table knows, in its unit; infinite where the last tier is open."""
        return self.tiers[-1].cap

    @property
    def partial_above(self) -> float | None:
        """Give the size above which the tiers are not known; None for a complete table, 0.0 if no bound is known."""
        if not self.partial:
            return None
        return self.limit if math.isfinite(self.limit) else 0.0

    def at(self, size: float) -> Tier:
        """Find the tier for a size in the table's unit; SizeBeyondTable above the last one."""
        if not size >= 0.0:
            raise ValueError(f"a size is zero or more, not {size}")
        for tier in self.tiers:
            if size <= tier.cap * (1.0 + BORDER):
                return self._sloped(tier, size) if self.slope else tier
        raise self.beyond(size)

    def units(self, notional: float, price: float | None = None) -> float:
        """Convert a value in quote currency into the table's unit.

        The price is needed where the table counts coins or contracts, or stands in coin (inverse).
        """
        if self.unit == "quote" and self.contract == "linear":
            return notional
        if self.unit == "contracts" and self.contract == "inverse":
            return notional / self.lot
        if price is None:
            raise ValueError(f"the tiers of {self.venue} are not in {self.quote}: a price is needed as well")
        return notional / price / self.lot

    def max_size(self, leverage: float) -> float:
        """Give the largest size (table's unit) at which this leverage is allowed; 0.0: at none.

        Infinite where the table ends before the leverage does: a partial table, an open last tier.
        """
        if self.slope:
            first = self.tiers[0].max_leverage
            if first is not None and leverage > first:
                return 0.0
            return max(0.0, (1.0 / leverage - self.initial) / self.slope)
        allowed = [t.cap for t in self.tiers if t.max_leverage is None or t.max_leverage >= leverage]
        largest = max(allowed, default=0.0)
        return math.inf if self.partial and largest == self.limit else largest

    def counted_by(self, multiplier: int) -> TierTable:
        """Give the same table for so many coins counted as one: a table of 1000PEPE serves PEPE and the reverse."""
        if multiplier == self.multiplier:
            return self
        ratio = self.multiplier / multiplier
        found = self.tiers
        if self.unit == "coins":
            found = tuple(replace(tier, floor=tier.floor * ratio, cap=tier.cap * ratio) for tier in found)
        return replace(
            self,
            multiplier=multiplier,
            lot=self.lot * ratio if self.unit == "contracts" and self.contract == "linear" else self.lot,
            tick=None if self.tick is None else self.tick / ratio,
            slope=self.slope / ratio,
            tiers=found,
        )

    def beyond(self, size: float) -> SizeBeyondTable:
        """Make the error for a size above the last tier."""
        unit = "contracts" if self.unit == "contracts" else self.asset
        if self.unit == "quote" and self.contract == "linear":
            unit = self.quote
        known = "higher tiers are not known here" if self.partial else "the venue allows no larger position"
        return SizeBeyondTable(
            f"{size:,.10g} {unit} is above the last tier of {self.venue} {self.asset}, {self.limit:,.10g} {unit} "
            f"(table of {self.as_of}): {known}; ask for a smaller size or another venue",
            venue=self.venue,
            contract=self.contract,
            asset=self.asset,
            limit=self.limit,
            as_of=self.as_of,
            partial=self.partial,
        )

    def _sloped(self, tier: Tier, size: float) -> Tier:
        growth = self.slope * size
        leverage = 1.0 / (self.initial + growth)
        if tier.max_leverage is not None:
            leverage = min(leverage, tier.max_leverage)
        return Tier(tier.number, tier.floor, tier.cap, tier.rate + growth, tier.amount, leverage)


@lru_cache(maxsize=512)
def tiers(
    venue: str,
    contract: str,
    asset: str,
    quote: str | None = None,
    on: dt.date | None = None,
    renewed: RenewedTables | None = None,
    *,
    multiplier: int = 1,
    expiry: dt.date | None = None,
) -> TierTable:
    """Read the tier table of one contract: the newest, or the newest that was known `on` a day.

    Bundled tables and those of `renewed` are one collection. Without a quote USDT, USDC and USD are tried in this
    order. multiplier: how many coins are priced as one; the table is given in that unit, however the venue lists the
    coin. A day before the first table gets the first one: look at `as_of`. Raises NoTierTable where there is none,
    UnknownVenue for an unknown venue.
    """
    rule = rule_for(venue, contract)
    name, times = _coin(rule, asset)
    multiplier *= times
    quotes = QUOTES if quote is None else (quote.strip().upper(),)
    dated = _dated(rule, on, renewed)
    day = f"-{expiry:%y%m%d}" if expiry else ""
    names = [f"{base}{day}" for base, _ in listed_as(name, multiplier)]
    for currency in quotes:  # first: a newer file that lists ETH against USDC alone must not hide ETH against USDT
        for file in dated:
            text = file.text()
            line = next((line for base in names if (line := _line(text, f"{base},{currency},"))), None)
            if line is not None:
                return parse_table(text, line).counted_by(multiplier)
    known = () if quote is None else _quotes(dated, names, quotes[0])
    raise NoTierTable(
        f"no tier table of {rule.title} is known here for {f'{name}/{quotes[0]}' if quote else name}"
        + (f" of {expiry}" if expiry else "")
        + (f"; known is {' and '.join(f'{name}/{currency}' for currency in known)}" if known else ""),
        venue=rule.venue,
        contract=rule.contract,
        asset=name,
    )


def _coin(rule: Rule, asset: str) -> tuple[str, int]:
    try:
        return coin(asset)
    except UnreadableSymbol as why:
        text = f"no tier table of {rule.title} is known here: {why}"
        raise NoTierTable(text, venue=rule.venue, contract=rule.contract, asset=asset) from None


def _quotes(dated: list[_File], names: list[str], but: str) -> tuple[str, ...]:
    """List the quotes that a contract has tables in, where there is none in the one that was asked for."""
    return tuple(
        currency
        for currency in DOLLARS
        if currency != but and any(_line(file.text(), f"{base},{currency},") for file in dated for base in names)
    )


@lru_cache(maxsize=1)
def listed_names() -> frozenset[str]:
    """List the names that have a bundled table, as the venues write them: a word among them is a coin, not a slip."""
    texts = (_text(name) for name in _files() if "-linear-" in name)
    return frozenset(
        line.split(",", 1)[0] for text in texts for line in text.splitlines() if line and not line.startswith("#")
    )


def listed(base: str, quote: str, contract: str) -> Instrument:
    """Read what a line of a table is of: 1000PEPE,USDT or BTC-261225,USDT. UnreadableSymbol where it can be nothing."""
    name, _, day = base.partition("-")
    settle = name if contract == "inverse" else quote
    return instrument(f"{name}/{quote}:{settle}{f'-{day}' if day else ''}")


def parse_table(text: str, line: str) -> TierTable:
    """Read one line of a table file, with the `# name: value` lines of the file's head."""
    head = dict(row[2:].split(": ", 1) for row in text.split("\n", 12) if row.startswith("# ") and ": " in row)
    base, quote, notes, packed = line.split(",", 3)
    contract = listed(base, quote, head["contract"])
    known = dict(note.partition("=")[::2] for note in notes.split())
    found: list[Tier] = []
    for item in packed.split():
        rate, amount, leverage, cap = item.split(":")
        floor = found[-1].cap if found else 0.0
        top = float(cap) if cap else math.inf
        limit = float(leverage) if leverage else None
        found.append(Tier(len(found) + 1, floor, top, float(rate), float(amount), limit))
    as_of = dt.date.fromisoformat(head["as_of"])
    return TierTable(
        venue=head["venue"],
        contract=head["contract"],
        asset=contract.asset,
        quote=quote,
        multiplier=contract.multiplier,
        expiry=contract.expiry,
        unit=head["unit"],
        as_of=as_of,
        checked=dt.date.fromisoformat(known["checked"]) if "checked" in known else as_of,
        source=head["source"],
        tiers=tuple(found),
        lot=float(known.get("lot", 1.0)),
        tick=float(known["tick"]) if "tick" in known else None,
        partial="partial" in known,
        slope=float(known.get("slope", 0.0)),
        initial=float(known.get("initial", 0.0)),
    )


def day_of(file: str) -> dt.date:
    """Read the day out of a table's file name, `venue-contract-YYYY-MM-DD.csv`."""
    return dt.date.fromisoformat(file.removesuffix(".csv")[-10:])


@dataclass(frozen=True, slots=True)
class _File:
    """One table file, bundled or renewed."""

    name: str
    renewed: RenewedTables | None = None

    @property
    def order(self) -> tuple[dt.date, bool]:
        """Sort by day; of one day the renewed one's is the newer."""
        return day_of(self.name), self.renewed is not None

    def text(self) -> str:
        return _text(self.name) if self.renewed is None else self.renewed.read(self.name)


def _dated(rule: Rule, on: dt.date | None, renewed: RenewedTables | None) -> list[_File]:
    """List a market's table files, the one to be asked first at the front."""
    start = f"{rule.venue}-{rule.contract}-"
    every = [_File(name) for name in _files() if name.startswith(start)]
    if renewed is not None:
        every += [_File(name, renewed) for name in renewed.names if name.startswith(start)]
    every.sort(key=lambda file: file.order)
    older = [file for file in every if on is None or file.order[0] <= as_day(on)]
    return [*reversed(older), *every[len(older) :]]


@lru_cache(maxsize=1)
def _files() -> tuple[str, ...]:
    from importlib.resources import files  # noqa: PLC0415 - costs more than all the rest; a bare formula needs none

    folder = files("signals.liquidation").joinpath("tiers")
    return tuple(sorted(item.name for item in folder.iterdir() if item.name.endswith(".csv")))


@lru_cache(maxsize=32)
def _text(file: str) -> str:
    from importlib.resources import files  # noqa: PLC0415 - as above

    return files("signals.liquidation").joinpath("tiers", file).read_text(encoding="utf-8")


def _line(text: str, start: str) -> str | None:
    begin = text.find("\n" + start)
    if begin < 0:
        return None
    end = text.find("\n", begin + 1)
    return text[begin + 1 :] if end < 0 else text[begin + 1 : end]
