"""What became of tier tables when a venue was asked for them again: plain data, which somebody else says."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from signals.assets import packed

if TYPE_CHECKING:
    import datetime as dt

    from signals.liquidation.tables import TierTable

Kind = Literal["new", "changed", "same"]
MAIN_ASSETS: Final = ("BTC", "ETH", "SOL", "XRP", "DOGE", "BNB", "ADA", "AVAX", "LINK", "LTC", "SUI", "PEPE")


@dataclass(frozen=True, slots=True)
class TierOutline:
    """What is said of a table: its first tier, how many there are, and where they end.

    rate: of maintenance, a fraction; cap, limit: in the table's unit, None where infinite; partial: there are more.
    """

    contract: str
    unit: str
    asset: str
    multiplier: int
    rate: float
    cap: float | None
    max_leverage: float | None
    count: int
    limit: float | None
    partial: bool


@dataclass(frozen=True, slots=True)
class TierMove:
    """How a table differs from the one before it. differs, floor: the first tier that is another, and from where on."""

    symbol: str
    old: TierOutline
    new: TierOutline
    differs: int
    floor: float


@dataclass(frozen=True, slots=True)
class TierChange:
    """One symbol's table and the one before it; None where there was none."""

    old: TierTable | None
    new: TierTable

    @property
    def symbol(self) -> str:
        """Return what the table is of, as a venue would list it: 1000PEPE, BTC-261225."""
        return symbol_of(self.new)

    @property
    def kind(self) -> Kind:
        """Tell whether the table is new, differs from the one before it, or says the same."""
        if self.old is None:
            return "new"
        same = all(getattr(self.old, name) == getattr(self.new, name) for name in ("unit", "lot", "tiers", "partial"))
        return "same" if same else "changed"

    @property
    def move(self) -> TierMove | None:
        """Return what is told of it; None where there was no table before."""
        if self.old is None:
            return None
        tiers = zip(self.old.tiers, self.new.tiers, strict=False)
        at = next((new for old, new in tiers if old != new), self.new.tiers[-1])
        return TierMove(self.symbol, outline(self.old), outline(self.new), at.number, at.floor)


def outline(table: TierTable) -> TierOutline:
    """Return what is said of a table."""
    first = table.tiers[0]
    return TierOutline(
        table.contract,
        table.unit,
        table.asset,
        table.multiplier,
        first.rate,
        first.cap if math.isfinite(first.cap) else None,
        first.max_leverage,
        len(table.tiers),
        table.limit if math.isfinite(table.limit) else None,
        table.partial,
    )


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why one symbol has no new table.

    sent: its tiers came, and contradict themselves; stays: the day of the old ones, None where there are none.
    """

    symbol: str
    why: str
    sent: bool = False
    stays: dt.date | None = None


@dataclass(frozen=True, slots=True)
class Renewal:
    """What became of one venue. error: why it could not be asked at all."""

    venue: str
    changes: tuple[TierChange, ...] = ()
    refused: tuple[Refusal, ...] = ()
    error: str | None = None

    def count(self, kind: Kind) -> int:
        """Count the changes of one kind."""
        return sum(change.kind == kind for change in self.changes)


def symbol_of(table: TierTable) -> str:
    """Return the coin of a table as its venue packs it, with the day on which a dated contract ends."""
    name = packed(table.asset, table.multiplier) + (f"-{table.expiry:%y%m%d}" if table.expiry else "")
    return named(name, table.contract)


def named(coin: str, contract: str) -> str:
    """Tell the two contracts of one coin apart."""
    return coin if contract == "linear" else f"{coin} coin-margined"
