"""What a chat is told, in words, and what of it is open right now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from handlers.words import wording
from handlers.words.alerts import moving
from signals.alerts import burst
from signals.alerts.rule import rules
from signals.inputs import MARKET
from storage.people.destinations import ANY
from storage.people.subscriptions import SOURCES, of_the_market

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from storage.alerts.episodes import Episode
    from storage.people.subscriptions import RuleOfAsset
    from storage.people.switches import Switch

_SOURCES_TITLE: Final = "Trouble with data"
_MOST_OPEN: Final = 5


def on(rows: Sequence[RuleOfAsset]) -> list[str]:
    """Say what is on, alarms with the same assets together."""
    if (ANY, ANY) in rows:
        also = [title(alarm) for alarm, _ in rows if alarm != ANY]
        return [
            f"Everything: all alarms of all followed assets{', and ' + wording.listing(also) if also else ''}.",
            *([] if (SOURCES, ANY) in rows else ["Trouble with data is told on /sub sources."]),
        ]
    assets_of: dict[str, list[str]] = {}
    for alarm, asset in rows:
        assets_of.setdefault(alarm, []).append(asset)
    grouped: dict[tuple[str, ...], list[str]] = {}
    for alarm, assets in assets_of.items():
        key = (ANY,) if ANY in assets or (alarm != ANY and of_the_market(alarm)) else tuple(assets)
        grouped.setdefault(key, []).append(title(alarm))
    return [
        f"{'All followed assets' if key == (ANY,) else wording.listing(key)}: {_few(titles)}."
        for key, titles in grouped.items()
    ]


def sounds(switched: Sequence[Switch]) -> list[str]:
    """Say what was made loud or silent; nothing where the ranks decide."""
    said = []
    for kind, word in (("loud", "With sound"), ("silent", "Without sound")):
        parts = [title(switch.what) for switch in switched if switch.kind == kind]
        if parts:
            said.append(f"{word}: {_few(parts)}.")
    return said


def title(alarm: str) -> str:
    """Return what an alarm is called."""
    if alarm == ANY:
        return "everything"
    beside = {SOURCES: _SOURCES_TITLE, burst.BURST: burst.TITLE}
    return beside.get(alarm) or (rules()[alarm].title if alarm in rules() else alarm)


def _few(titles: Sequence[str], most: int = 10) -> str:
    more = f"; and {len(titles) - most} more" if len(titles) > most else ""
    return "; ".join(titles[:most]) + more


def open_now(episodes: Sequence[Episode], now: datetime) -> list[str]:
    """Say which of the alarms that are on have an open episode, the most urgent first."""
    if not episodes:
        return ["Open right now: nothing."]
    lines = ["Open right now:", *(f"– {_headline(episode, now)}" for episode in episodes[:_MOST_OPEN])]
    if len(episodes) > _MOST_OPEN:
        lines.append(f"– and {len(episodes) - _MOST_OPEN} more, see /health.")
    return lines


def _headline(episode: Episode, now: datetime) -> str:
    if episode.rule == burst.BURST:
        return moving(episode.asset, burst.Running.of_values(episode.last_values))
    rule = rules()[episode.rule]
    fields = dict.fromkeys(wording.template_fields(rule.headline))
    asset = "the market" if episode.asset == MARKET else episode.asset
    said = wording.template(rule.headline, {**fields, **rule.named(episode.last_values), "asset": asset}).rstrip(".")
    since = wording.day(episode.since, year=episode.since.year != now.year)
    return f"{said[:1].upper()}{said[1:]} (since {since})."
