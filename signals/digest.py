"""What a reader should know since the last digest, as plain data, and what of it comes first: the most unusual.

What is unusual says `signals/unusual.py`. NaN handling: what is not known is None; it is ranked last, and never called
unusual or quiet.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from signals.unusual import FigureChange

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from signals.alerts.condition import Rank

DIGEST: Final = "digest"  # the word by which a stored event says that it is one
DigestKind: TypeAlias = Literal["daily", "weekly"]
QUIET: Final = 0.10  # of price: a day of which there are fewer than one in ten is not called quiet
REACH: Final = 0.10  # a position this near to its liquidation is no quiet day
NEARER: Final = 0.7  # or one at this part of the distance that it had


@dataclass(frozen=True, slots=True)
class Alarm:
    """An alarm that began (`at`) or ended. move: of its fast move, a fraction, None of other alarms."""

    rule: str
    asset: str
    rank: Rank
    at: datetime
    ended: datetime | None = None
    move: float | None = None


@dataclass(frozen=True, slots=True)
class Near:
    """A calm reading near the line at which its alarm begins."""

    metric: str
    asset: str
    value: float
    line: float


@dataclass(frozen=True, slots=True)
class Yours:
    """A watched position, and how far it is from liquidation now and was then, as fractions; None where not known.

    unit: BTC, 1000PEPE. number: what its owner calls it by; None where it belongs to a followed address.
    """

    unit: str
    side: str
    number: int | None
    distance: float
    was: float | None

    @property
    def pressing(self) -> bool:
        """Tell whether it is near, or has come much nearer."""
        return self.distance <= REACH or (self.was is not None and self.distance <= NEARER * self.was)


@dataclass(frozen=True, slots=True)
class Expiry:
    """Options that expire: how many coins, the part of all that is open, and the strike with the most of them."""

    venue: str
    asset: str
    at: datetime
    coins: float
    share: float
    strike: float


@dataclass(frozen=True, slots=True)
class FundingDue:
    """The next funding of a watched position, as in Yours. usd: what it pays at the rate of now, negative: receives."""

    unit: str
    side: str
    number: int | None
    at: datetime
    usd: float


@dataclass(frozen=True, slots=True)
class Silence:
    """A source that did not answer from a time on, until `ended`; None while it does not."""

    source: str
    at: datetime
    ended: datetime | None


@dataclass(frozen=True, slots=True)
class Said:
    """What was said a week or a month ago, as the record has it, and what became of it.

    change: of price, a fraction; usual: what it usually is over so long a time. days: after how many days the record
    judged it; None where that is still to come and the change is that until now.
    """

    rule: str
    asset: str
    at: datetime
    change: float
    usual: float
    days: int | None = None
    move: float | None = None

    @property
    def missed(self) -> bool:
        """Tell whether price went on as if nothing had been said: it moved less than it usually does."""
        return abs(self.change) < self.usual


@dataclass(frozen=True, slots=True)
class HeldBack:
    """Messages that were not told when they were news: held for quiet hours, or for a limit of them, or too late."""

    quiet: int = 0
    budget: int = 0
    late: int = 0

    def __add__(self, other: HeldBack) -> HeldBack:
        return HeldBack(self.quiet + other.quiet, self.budget + other.budget, self.late + other.late)


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """What there is to know. due: when it was to come, None where somebody asked for it now.

    prices: of each asset, in the order asked for. changes: all of them, the most unusual first. began, over: alarms.
    on: how many go on, and the oldest of them. silent: sources in the time since.
    """

    kind: DigestKind
    since: datetime
    until: datetime
    due: datetime | None = None
    prices: tuple[FigureChange, ...] = ()
    changes: tuple[FigureChange, ...] = ()
    began: tuple[Alarm, ...] = ()
    over: tuple[Alarm, ...] = ()
    on: int = 0
    oldest: Alarm | None = None
    near: tuple[Near, ...] = ()
    yours: tuple[Yours, ...] = ()
    expiry: Expiry | None = None
    settlement: FundingDue | None = None
    held: HeldBack = HeldBack()
    silent: tuple[Silence, ...] = ()
    said: tuple[Said, ...] = ()

    @property
    def unusual(self) -> tuple[FigureChange, ...]:
        """Return the changes that are worth a line, the most unusual first."""
        return tuple(change for change in self.changes if change.unusual)

    @property
    def known(self) -> bool:
        """Tell whether enough is known to call anything usual: the price of every asset, and what it usually does."""
        known = all(price.rarity is not None and None not in {price.value, price.change} for price in self.prices)
        return bool(self.prices) and known

    @property
    def quiet(self) -> bool:
        """Tell whether one sentence says it all."""
        moved = self.unusual or any(price.moved and (price.rarity or 0.0) <= QUIET for price in self.prices)
        news = moved or self.began or self.over or self.expiry or self.silent or self.said
        pressing = any(position.pressing for position in self.yours)
        return self.known and not (news or pressing or self.held != HeldBack())

    def to_json(self) -> dict[str, Any]:
        """Return plain data that `from_json` reads back equal."""
        return {"event": DIGEST, **_plain(asdict(self))}


_PARTS: Final[Mapping[str, Any]] = {
    "prices": FigureChange,
    "changes": FigureChange,
    "began": Alarm,
    "over": Alarm,
    "oldest": Alarm,
    "near": Near,
    "yours": Yours,
    "expiry": Expiry,
    "settlement": FundingDue,
    "held": HeldBack,
    "silent": Silence,
    "said": Said,
}
_TIMES: Final = frozenset({"since", "until", "due", "at", "ended"})


def from_json(data: Mapping[str, Any]) -> Digest:
    """Read a digest back; fields that this version does not know are left out, optional ones may be missing."""
    found: Digest = _read(Digest, data)
    return found


def _plain(value: Any) -> Any:
    match value:
        case datetime():
            return value.isoformat()
        case dict():
            return {name: _plain(part) for name, part in value.items()}
        case list() | tuple():
            return [_plain(part) for part in value]
        case _:
            return value


def _read(kind: Any, data: Mapping[str, Any]) -> Any:
    known = {field.name for field in fields(kind)}
    return kind(**{name: _value(name, value) for name, value in data.items() if name in known})


def _value(name: str, value: Any) -> Any:
    if value is None:
        return None
    if name in _TIMES:
        return datetime.fromisoformat(value)
    if name in _PARTS:
        part = _PARTS[name]
        return tuple(_read(part, one) for one in value) if isinstance(value, list) else _read(part, value)
    return value


def misses_first(said: Sequence[Said]) -> tuple[Said, ...]:
    """Return what was said, first that after which least happened against what is usual."""
    return tuple(sorted(said, key=lambda one: (abs(one.change) / one.usual if one.usual else math.inf, one.at)))
