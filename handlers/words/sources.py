"""What became of a source or of one of its contracts, in a sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from handlers.words import wording
from signals.venues import source_title
from storage.sources.source_events import SourceEvent

if TYPE_CHECKING:
    from storage.sources.source_events import AssetEvent


def sentence(event: SourceEvent | AssetEvent, zone: str = "UTC") -> str:
    """Say what became of a source or of an asset there, with its times in a zone."""
    return _source(event, zone) if isinstance(event, SourceEvent) else _asset(event)


def _source(event: SourceEvent, zone: str) -> str:
    name = source_title(event.source)
    topics = wording.listing([topic.replace("_", " ") for topic in event.topics])
    which = f" ({topics})"
    if name.endswith(topics):  # "Bybit liquidations" is one stream, and its one topic
        name, which = f"The stream of {name}", ""
    since = wording.clock(event.since, zone, dated=True)
    match event.state:
        case "ok":
            return f"{name} answers again{which}."
        case "blocked":
            return f"{name} refuses this server{which} since {since}: {event.reason}"
        case _:
            return f"{name} does not answer{which} since {since}: {event.reason}"


def _asset(event: AssetEvent) -> str:
    name, asset = source_title(event.source), event.asset
    match event.kind:
        case "absent":
            return f"{name} has {asset} no longer: {event.reason}"
        case "listed":
            return f"{name} has {asset} again."
        case "interval":
            return f"{name} now settles funding of {asset} every {event.hours:g} h instead of {event.hours_before:g} h."
        case "contradicts":
            return f"{name} is left out of {asset}: {_contradiction(event)}. A unit or a contract has changed there."
        case "agrees":
            return f"{name} agrees on {asset} again."
        case "tiers":
            return f"{name} has moved its tiers. {event.reason}"
        case _ as kind:
            assert_never(kind)


def _contradiction(event: AssetEvent) -> str:
    if event.name == "open_interest_usd":
        return f"its open interest of {event.asset} in dollars is {event.times:.3g} times coins times price"
    return f"its price of {event.asset} is {event.times:.3g} times that of the other venues"
