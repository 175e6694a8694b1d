"""Where a watched position stands, and what is told of it: plain data that survives JSON.

An event waits in the outbox and becomes words when it is sent, so it holds numbers, names and times and nothing that
lives in memory only. Distances are fractions of the mark price, profits and margins in settle coin, prices in quote
currency; a number that is not known is NaN.
"""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, Final, Literal, Union, get_args, get_origin, get_type_hints

from signals.alerts.condition import Rank  # noqa: TC001 - `from_json` reads the hints
from signals.liquidation.moves import MarkRange, WorstPrice  # noqa: TC001 - as above
from signals.liquidation.watching import Holding, Relief  # noqa: TC001 - as above

_MICROSECOND: Final = dt.timedelta(microseconds=1)
STOOD_IN: Final = 0.005  # of the price, what another venue's mark may be off: a choice, no measurement
WELL_SEEN_S: Final = 180.0  # marks come once a minute; two that are missing are not a gap


@dataclass(frozen=True, slots=True)
class Holder:
    """A followed address, by its own name where its follower gave it one."""

    address: str
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionNow:
    """Where a watched position stands.

    number, name: what its owner calls it by. holder: the followed address that holds it. doubt: when its owner was told
    that it may be gone.
    liquidation: NaN where there is no such price or it is not known. shown: the same as the venue would show it.
    priced: computed by rule and tier table (of `table_as_of`), stated by the venue itself, or unknown for want of a
    table. mark_at None: no mark price is stored. distance: infinite where the venue says that there is no liquidation.
    known: it rests on a fresh mark price. taken: what funding took from the margin since the watch began; settled:
    by how many payments, None where no rates are stored. typical: the mean absolute move of a day, as a fraction.
    """

    holding: Holding
    lines: tuple[float, ...]
    number: int | None = None
    name: str | None = None
    holder: Holder | None = None
    doubt: dt.datetime | None = None
    liquidation: float
    shown: float | None = None
    priced: Literal["computed", "stated", "unknown"] = "computed"
    table_as_of: dt.date | None = None
    mark: float
    mark_at: dt.datetime | None
    mark_venue: str
    distance: float
    known: bool
    profit: float
    profit_share: float
    taken: float = 0.0
    settled: int | None = None
    typical: float | None = None

    @property
    def typical_days(self) -> float | None:
        """Give the distance in typical days of movement; None where either is not known."""
        if self.typical is None or not self.typical > 0.0 or not math.isfinite(self.distance):
            return None
        return self.distance / self.typical

    @property
    def own_mark(self) -> bool:
        """Tell whether the mark price is that of its own contract, which alone decides; another stands in for it."""
        holding = self.holding
        return self.mark_venue == holding.listed and not (
            holding.contract == "inverse" and holding.listed == holding.venue
        )

    @property
    def stood_in_for(self) -> bool:
        """Tell whether the mark price of another venue stands in for that of its own, which is not known now."""
        return self.mark_at is not None and self.mark_venue != self.holding.listed

    @property
    def judged(self) -> float:
        """Return the distance by which its lines are judged: of a price that stands in less, since it may be off."""
        return self.distance - STOOD_IN if self.stood_in_for else self.distance

    @property
    def since(self) -> dt.datetime:
        """Return the time of the newest mark price; the beginning of the watch where there is none."""
        return self.mark_at or self.holding.begun


@dataclass(frozen=True, slots=True, kw_only=True)
class PastPrice:
    """The price of a stretch of the past that matters to a position, and what it proves.

    venue: whose prices. by_mark: they are mark prices, else those of trades. marks: what is stored of the mark price in
    that stretch, None where nothing is.
    """

    worst: WorstPrice
    venue: str
    by_mark: bool
    marks: MarkRange | None = None

    @property
    def well_seen(self) -> bool:
        """Tell whether the mark price was seen all through that stretch."""
        return self.marks is not None and self.marks.longest_gap_s <= WELL_SEEN_S


# --- events of a position ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LineCrossed:
    """A position has come within one of its lines. escalated: it was within a farther one already.

    relief: what moves its liquidation twice as far away as that line; None where money cannot be named.
    """

    position: PositionNow
    rank: Rank
    escalated: bool = False
    relief: Relief | None = None


@dataclass(frozen=True, slots=True)
class LinesLeft:
    """A position is outside all of its lines again, after `lasted`."""

    position: PositionNow
    lasted: dt.timedelta


@dataclass(frozen=True, slots=True)
class Liquidated:
    """The mark price of a position's own contract has reached its liquidation price; its watch ends."""

    position: PositionNow


@dataclass(frozen=True, slots=True)
class TableMoved:
    """A newer tier table has moved the liquidation price of a position, `before` by the table of `table_before`."""

    position: PositionNow
    before: float
    table_before: dt.date


@dataclass(frozen=True, slots=True)
class MayBeLiquidated:
    """A price that is evidence, and no proof, has reached the liquidation price of a position."""

    position: PositionNow
    past: PastPrice


@dataclass(frozen=True, slots=True)
class CameNear:
    """While nobody looked a position came within one of its lines, and it still is. went: it is outside again."""

    position: PositionNow
    past: PastPrice
    went: bool = False


@dataclass(frozen=True, slots=True)
class PriceSilent:
    """Positions of one asset are not judged: no fresh mark price is known."""

    asset: str
    positions: tuple[PositionNow, ...]


@dataclass(frozen=True, slots=True)
class PriceBack:
    """Positions of one asset are judged again."""

    asset: str
    positions: tuple[PositionNow, ...]


# --- events of a followed address -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FirstLook:
    """What a newly followed address holds. unasked: dexes of its venue that gave no answer, "*" for all of others."""

    holder: Holder
    positions: tuple[PositionNow, ...]
    unasked: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HoldingsChanged:
    """A followed address has opened and closed positions."""

    holder: Holder
    opened: tuple[PositionNow, ...]
    closed: tuple[Holding, ...]


@dataclass(frozen=True, slots=True)
class HolderSilent:
    """The venue has given no answer about addresses since a time, for a reason in one sentence."""

    holders: tuple[Holder, ...]
    since: dt.datetime
    reason: str


@dataclass(frozen=True, slots=True)
class HolderBack:
    """The venue answers about an address again."""

    holder: Holder


@dataclass(frozen=True, slots=True)
class DexSilent:
    """One dex of the venue has given no answer about an address since a time; what it held there is not judged."""

    holder: Holder
    dex: str
    since: dt.datetime
    positions: tuple[Holding, ...]


@dataclass(frozen=True, slots=True)
class DexBack:
    """A dex of the venue answers about an address again."""

    holder: Holder
    dex: str


PositionEvent = (
    LineCrossed
    | LinesLeft
    | Liquidated
    | TableMoved
    | MayBeLiquidated
    | CameNear
    | PriceSilent
    | PriceBack
    | FirstLook
    | HoldingsChanged
    | HolderSilent
    | HolderBack
    | DexSilent
    | DexBack
)

# What stands in a stored event: a class may be renamed, its word here never.
_KINDS: Final[dict[str, type[PositionEvent]]] = {
    "line crossed": LineCrossed,
    "lines left": LinesLeft,
    "liquidated": Liquidated,
    "table moved": TableMoved,
    "may be liquidated": MayBeLiquidated,
    "came near": CameNear,
    "price silent": PriceSilent,
    "price back": PriceBack,
    "first look": FirstLook,
    "holdings changed": HoldingsChanged,
    "holder silent": HolderSilent,
    "holder back": HolderBack,
    "dex silent": DexSilent,
    "dex back": DexBack,
}
_WORDS: Final = {made: word for word, made in _KINDS.items()}


def to_json(event: PositionEvent) -> dict[str, Any]:
    """Return an event as plain data that `from_json` reads back equal."""
    return {"event": _WORDS[type(event)], **_plain(event)}


def from_json(data: dict[str, Any]) -> PositionEvent:
    """Read an event back from `to_json`. ValueError for a kind that this version does not know."""
    kind = _KINDS.get(data["event"])
    if kind is None:
        raise ValueError(f"unknown event {data['event']!r}: it was written by a newer version of perpulse")
    event: PositionEvent = _made(kind, data)
    return event


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    match value:
        case tuple():
            return [_plain(part) for part in value]
        case float() if not math.isfinite(value):
            return str(value)  # nan, inf: JSON has no word for them
        case dt.date():  # a datetime is one
            return value.isoformat()
        case dt.timedelta():
            return value // _MICROSECOND  # whole numbers: as seconds the last digit of long spans goes
    return value


def _made(kind: Any, data: Any) -> Any:
    """Make a value of a type of what `_plain` made of it; what an older version did not write keeps its default."""
    if is_dataclass(kind) and isinstance(kind, type):
        return kind(**{name: _made(hint, data[name]) for name, hint in _hints(kind).items() if name in data})
    if get_origin(kind) in (Union, UnionType):  # here always: or None
        return None if data is None else _made(next(part for part in get_args(kind) if part is not NoneType), data)
    if get_origin(kind) is tuple:
        return tuple(_made(get_args(kind)[0], part) for part in data)
    if kind in (dt.datetime, dt.date):
        return kind.fromisoformat(data)
    if kind is dt.timedelta:
        return data * _MICROSECOND
    return float(data) if kind is float else data


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)
