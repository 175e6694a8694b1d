"""What changed at a source, worth telling once: plain data, from which words are made when it is told."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from signals.liquidation.renewal import TierMove, TierOutline

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class SourceEvent:
    """A source went down or is blocked, and later is back (`ok`).

    Or a platform that messages go to: it refuses the bot's token (`refused`), and takes it again (`accepted`). topics:
    those it concerns. reason: what the source said. since: begin of the state. calm_hours: it comes and goes, so its
    end is told once it has been well for so many hours.
    """

    source: str
    topics: tuple[str, ...]
    state: str
    reason: str
    since: datetime
    calm_hours: float | None = None


@dataclass(frozen=True, slots=True)
class AssetEvent:
    """One asset changed at one source.

    absent and listed: it is not offered any more, for this reason, or again. interval: funding is settled every `hours`
    instead of every `hours_before`. contradicts and agrees: its `name` (an input) is so many `times` what the others,
    or its own price, make of it; and it is no more. apart and joined: the past that it gives of a topic, which is the
    reason, is so many `times` what it says live, first seen of this asset; and it is no more. tiers: its tier table has
    moved, so; earlier versions stored words as the reason instead. calm_hours: as of a SourceEvent.
    """

    source: str
    asset: str
    kind: Literal["interval", "absent", "listed", "contradicts", "agrees", "apart", "joined", "tiers"]
    since: datetime
    reason: str = ""
    hours: float | None = None
    hours_before: float | None = None
    name: str = ""
    times: float | None = None
    tiers: TierMove | None = None
    calm_hours: float | None = None


def about(event: AssetEvent) -> str:
    """Return what is remembered as told of: a source and its asset, or the past of one of its topics."""
    past = f"past {event.reason} " if event.kind in {"apart", "joined"} else ""
    return f"{event.source} {past}{event.asset}"


def to_json(event: SourceEvent | AssetEvent) -> dict[str, Any]:
    """Return an event as plain data that `from_json` reads back equal."""
    return {**asdict(event), "since": event.since.isoformat()}


def from_json(data: Mapping[str, Any]) -> SourceEvent | AssetEvent:
    """Read an event back. TypeError or KeyError for what is none."""
    since = datetime.fromisoformat(data["since"])
    if "topics" in data:
        return SourceEvent(**{**data, "since": since, "topics": tuple(data["topics"])})
    moved = data.get("tiers")
    return AssetEvent(**{**data, "since": since, "tiers": _move(moved) if moved else None})


def _move(data: Mapping[str, Any]) -> TierMove:
    return TierMove(**{**data, "old": TierOutline(**data["old"]), "new": TierOutline(**data["new"])})
