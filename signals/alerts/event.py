"""What happened, as plain data: it waits in the outbox like this and becomes words only when it is sent."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from signals.alerts.condition import RANKS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from signals.alerts.condition import Rank
    from signals.alerts.episodes import Kind
    from signals.series import Coverage

# The word by which a stored event says of which kind it is.
ALERT: Final = "alert"
POSITION: Final = "position"
SOURCE: Final = "source"
LATE: Final = "late"
HELD: Final = "held"
ANNOUNCEMENT: Final = "announcement"
OWN_GONE: Final = "own_gone"  # a rule of one's own that says nothing any more
RESTORED: Final = "restored"
SELF: Final = "self"
_NEWS_FOR: Final[Mapping[str, timedelta]] = {
    "notice": timedelta(hours=6),
    "warning": timedelta(hours=12),
    "critical": timedelta(hours=24),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What happened to an episode of a rule at one close.

    rank: the level reached; of a resolution the highest that was told. since: when the episode began. values: those of
    that close by their whole names (`oi_drawdown.coins`), NaN where not known. step: distance of two closes of the
    rule. told: of a resolution the values that were told last, so that it can say what was. venues: where the numbers
    come from. silent: venues that another one speaks for. derived: inputs that were computed from others. coverage: of
    open interest, where there are several venues. note: said in every stamp. offline: it happened while perpulse was
    not running. came_and_went: it fired and ended while nobody could be told. again: it had been told as over. within:
    the open episodes of setups that tell this alarm as a leg, each with its rank. takes_in: of what begins the open
    episodes in whose message it goes on where they have one: of a setup those of the alarms that it tells as its legs,
    of a sign of a fall those of earlier signs of it. lacking: of a setup the legs that are not known, each with the day
    from which its data are (ISO), "" where there are none. evidence: the odds as they were known then
    (signals/evidence.py), record: what the rule had said before (signals/alerts/record.py), as plain data.
    """

    kind: Kind
    rule: str
    asset: str
    rank: Rank
    at: datetime
    since: datetime
    values: Mapping[str, float]
    step: timedelta
    venues: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()
    derived: tuple[str, ...] = ()
    coverage: Coverage | None = None
    note: str | None = None
    offline: bool = False
    came_and_went: bool = False
    again: bool = False
    told: Mapping[str, float] = field(default_factory=dict)
    within: tuple[tuple[int, Rank], ...] = ()
    takes_in: tuple[int, ...] = ()
    lacking: Mapping[str, str] = field(default_factory=dict)
    evidence: Mapping[str, Any] | None = None
    record: Mapping[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        """Return plain data that `from_json` reads back equal; what is not known, or no number, is null."""
        values = {name: value if math.isfinite(value) else None for name, value in self.values.items()}
        return {
            "event": ALERT,
            "kind": self.kind,
            "rule": self.rule,
            "asset": self.asset,
            "rank": self.rank,
            "at": self.at.isoformat(),
            "since": self.since.isoformat(),
            "values": values,
            "step": self.step.total_seconds(),
            "venues": list(self.venues),
            "silent": list(self.silent),
            "derived": list(self.derived),
            "coverage": asdict(self.coverage) if self.coverage else None,
            "note": self.note,
            "offline": self.offline,
            "came_and_went": self.came_and_went,
            "again": self.again,
            "told": {name: value for name, value in self.told.items() if math.isfinite(value)},
            "within": [list(one) for one in self.within],
            "takes_in": list(self.takes_in),
            "lacking": dict(self.lacking),
            "evidence": self.evidence,
            "record": self.record,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Event:
        """Read an event back; fields this version does not know are left out, optional ones may be missing."""
        values = {name: math.nan if value is None else float(value) for name, value in data["values"].items()}
        return cls(
            kind=data["kind"],
            rule=data["rule"],
            asset=data["asset"],
            rank=data["rank"],
            at=datetime.fromisoformat(data["at"]),
            since=datetime.fromisoformat(data["since"]),
            values=values,
            step=timedelta(seconds=data["step"]),
            venues=tuple(data.get("venues", ())),
            silent=tuple(data.get("silent", ())),
            derived=tuple(data.get("derived", ())),
            coverage=_coverage(data.get("coverage")),
            note=data.get("note"),
            offline=bool(data.get("offline")),
            came_and_went=bool(data.get("came_and_went")),
            again=bool(data.get("again")),
            told={name: float(value) for name, value in data.get("told", {}).items()},
            within=tuple((int(episode), rank) for episode, rank in data.get("within", ())),
            takes_in=tuple(map(int, data.get("takes_in", ()))),
            lacking=dict(data.get("lacking", {})),
            evidence=data.get("evidence"),
            record=data.get("record"),
        )


def _coverage(data: Mapping[str, Any] | None) -> Coverage | None:
    if data is None:
        return None
    from signals.series import Coverage  # noqa: PLC0415 - brings pandas along, for the few that need it

    known = {field.name for field in fields(Coverage)}
    return Coverage(
        **{name: value for name, value in data.items() if name in known} | {"venues": tuple(data["venues"])}
    )


def tellers(within: Iterable[tuple[int, Rank]], rank: Rank) -> Iterator[tuple[int, Rank]]:
    """Yield the episodes of setups that tell an alarm of a rank as their leg: one more urgent is told beside them."""
    return ((episode, told) for episode, told in within if RANKS.index(told) >= RANKS.index(rank))


def news_for(rank: Rank, kind: str) -> timedelta:
    """Return how long a notice is news; then it is told as one line, never dropped silently."""
    return timedelta(hours=24) if kind == "resolved" else _NEWS_FOR[rank]
