"""What a chat is told and what it has muted, in words, and what of it is open right now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from handlers.words import wording
from handlers.words.alerts import moving
from signals.alerts import burst
from signals.alerts.rule import OWN, rule_of, rules
from signals.inputs import MARKET
from signals.language.spelling import sentence_case
from storage.alerts.episodes import PRIVATE
from storage.people.destinations import ANY
from storage.people.subscriptions import SOURCES, of_the_market
from storage.people.switches import EPISODE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from storage.alerts.episodes import Episode
    from storage.people.subscriptions import RuleOfAsset
    from storage.people.switches import Switch

_SOURCES_TITLE: Final = "Trouble with data"
_MOST_OPEN: Final = 5
_WEEKDAYS: Final = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()  # noqa: SIM905


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
        f"{'All followed assets' if key == (ANY,) else wording.listing(key)}: {few(titles)}."
        for key, titles in grouped.items()
    ]


def sounds(switched: Sequence[Switch]) -> list[str]:
    """Say what was made loud or silent; nothing where the ranks decide."""
    said = []
    for kind, word in (("loud", "With sound"), ("silent", "Without sound")):
        whats = [switch.what for switch in switched if switch.kind == kind]
        parts = [title(what) for what in ([ANY] if ANY in whats else whats)]
        if parts:
            said.append(f"{word}: {few(parts)}.")
    return said


def title(alarm: str) -> str:
    """Return what an alarm is called, `*` being everything; one that is no more by its id."""
    if alarm == ANY:
        return "everything"
    if alarm.startswith(PRIVATE):
        return "a watched position"
    beside = {SOURCES: _SOURCES_TITLE, burst.BURST: burst.TITLE}
    return beside.get(alarm) or (rule_of(alarm).title if alarm in rules() or alarm.startswith(OWN) else alarm)


def _of_one(alarm: str, asset: str) -> str:
    """Name an alarm of one asset: BTC: price is far below its high."""
    name = title(alarm)
    return name if asset == MARKET or alarm.startswith(PRIVATE) else f"{asset}: {name[:1].lower()}{name[1:]}"


def episode_named(episode: Episode) -> str:
    """Name an episode by its alarm and asset."""
    return _of_one(episode.rule, episode.asset)


def muted_named(what: str, episodes: Mapping[int, Episode]) -> str:
    """Name what is muted: everything, an alarm, an asset, an alarm of one asset, or an episode."""
    if what.startswith(EPISODE):
        episode = episodes.get(int(what.removeprefix(EPISODE)))
        return episode_named(episode) if episode else "an episode that is over"
    if what.startswith(PRIVATE):
        return title(what)
    alarm, asset = _parts(what)
    return _of_one(alarm, asset) if asset else title(alarm)


def _parts(what: str) -> tuple[str, str]:
    """Return the alarm and the asset of what is switched; one of a person's own says itself in several words."""
    alarm, _, asset = what.rpartition(" ") if what.startswith(OWN) and what[-1].isupper() else what.partition(" ")
    return (what, "") if what.startswith(OWN) and not what[-1].isupper() else (alarm, asset)


def muted(switched: Sequence[Switch], episodes: Mapping[int, Episode], now: datetime, zone: str) -> list[str]:
    """Say what is muted and until when, what ends together in one line."""
    by_end: dict[str, list[str]] = {}
    for switch in switched:
        by_end.setdefault(ends_at(switch, now, zone), []).append(muted_named(switch.what, episodes))
    return [f"{end}: {few(list(dict.fromkeys(names)), 4)}" for end, names in by_end.items()]


def ends_at(switch: Switch, now: datetime, zone: str) -> str:
    """Say until when something is muted."""
    if switch.episode is not None:
        return "until it is over" if switch.what.startswith(EPISODE) else "until that episode is over"
    return "until you take it back" if switch.until is None else f"until {time_said(switch.until, now, zone)}"


def time_said(at: datetime, now: datetime, zone: str) -> str:
    """Say a time to come: 21:10 CET, or with its day where that is another: Monday 30 November 00:00 CET."""
    here = ZoneInfo(zone)
    local = at.astimezone(here)
    if local.date() == now.astimezone(here).date():
        return wording.clock(at, here)
    return f"{_WEEKDAYS[local.weekday()]} {wording.clock(at, here, dated=True)}"


def is_alarm(what: str) -> bool:
    """Tell whether something that is switched is an alarm, or one of one asset, and not an asset."""
    alarm, _ = _parts(what)
    return alarm in rules() or alarm in (SOURCES, burst.BURST) or alarm.startswith(OWN)


def few(titles: Sequence[str], most: int = 10) -> str:
    """Return the first titles of a list, and how many more there are."""
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
    rule = rule_of(episode.rule)
    fields = dict.fromkeys(wording.template_fields(rule.headline))
    asset = "the market" if episode.asset == MARKET else episode.asset
    said = wording.template(rule.headline, {**fields, **rule.named(episode.last_values), "asset": asset}).rstrip(".")
    since = wording.day(episode.since, year=episode.since.year != now.year)
    return f"{sentence_case(said)} (since {since})."
