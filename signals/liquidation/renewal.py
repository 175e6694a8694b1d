"""What became of tier tables when a venue was asked for them again: plain data, which somebody else says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from signals.assets import packed

if TYPE_CHECKING:
    import datetime as dt

    from signals.liquidation.tables import TierTable

Kind = Literal["new", "changed", "same"]
MAIN_ASSETS: Final = ("BTC", "ETH", "SOL", "XRP", "DOGE", "BNB", "ADA", "AVAX", "LINK", "LTC", "SUI", "PEPE")


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
