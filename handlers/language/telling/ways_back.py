"""The lines that lead back to what a chat was told, and to what was muted, before somebody changed it."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from handlers.language.telling.subscriptions import words_of
from handlers.language.telling.switches import typed_end
from storage.people import subscriptions
from storage.people.destinations import ANY
from storage.people.subscriptions import Wanted, of_the_house
from storage.people.switches import EPISODE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from storage.people.subscriptions import RuleOfAsset
    from storage.people.switches import Switch

_ALL: Final = "everything"


# --- subscriptions ----------------------------------------------------------------------------------------------------


def of_subscriptions(
    before: Sequence[RuleOfAsset], now: Sequence[RuleOfAsset], followed: Sequence[str]
) -> tuple[str, ...]:
    """Return the lines that lead back from what is on now to what was on before; none where that is the same.

    One line where one does it, which is found out by trying: what is on may cover what was taken, or be cut by it.
    """
    if {*before} == {*now}:
        return ()
    if not before:
        return ("/unsub",)
    more = _as_wanted([row for row in now if row not in before])
    if more and {*subscriptions.taken(now, more, followed)} == {*before}:
        return (f"/unsub {_typed(more)}".rstrip(),)
    less = _as_wanted([row for row in before if row not in now])
    if less and {*subscriptions.added(now, less)} == {*before}:
        return (f"/sub {_typed(less)}".rstrip(),)
    lines = [f"/sub {_typed(one)}".rstrip() for one in _in_lines(before)]
    return ("/unsub", *lines) if now else tuple(lines)


def of_sounds(before: Mapping[str, str], now: Mapping[str, str]) -> tuple[str, ...]:
    """Return the lines that lead back to what was loud or silent before; by what it was: alarms, assets or `*`."""
    if before == now:
        return ()
    if before.get(ANY) != now.get(ANY):  # which takes back whatever was said of a part
        changed = [what for what in before if what != ANY]
        lines = [f"/sub {before.get(ANY, 'usual')}"]
    else:
        changed = [what for what in (*before, *now) if what != ANY and before.get(what) != now.get(what)]
        lines = []
    by_sound: dict[str, list[str]] = defaultdict(list)
    for what in dict.fromkeys(changed):
        by_sound[before.get(what, "usual")].append(what)
    return (*lines, *(f"/sub {said} {sound}" for sound, whats in by_sound.items() for said in _whats_typed(whats)))


def added_by(lines: Iterable[str], rows: Sequence[RuleOfAsset], parts: Iterable[str]) -> list[RuleOfAsset]:
    """Return what is on once lines about the sound of parts were typed: each of them is turned on as well."""
    after = list(rows)
    for part in parts if any(lines) else ():
        if part != ANY:
            after = subscriptions.added(after, Wanted((part,), None) if of_the_house(part) else Wanted(None, (part,)))
    return after


def _as_wanted(rows: Sequence[RuleOfAsset]) -> Wanted | None:
    """Return rows as one line asks for them; None where one line cannot."""
    if not rows:
        return None
    alarms, assets = (tuple(dict.fromkeys(parts)) for parts in zip(*rows, strict=True))
    mixed = (ANY in alarms and len(alarms) > 1) or (ANY in assets and len(assets) > 1)
    if mixed or len({*rows}) != len(alarms) * len(assets):
        return None
    return Wanted(None if alarms == (ANY,) else alarms, None if assets == (ANY,) else assets)


def _in_lines(rows: Sequence[RuleOfAsset]) -> list[Wanted]:
    """Return rows as lines ask for them, alarms of the same assets together; the widest first."""
    assets_of: dict[str, list[str]] = defaultdict(list)
    for alarm, asset in rows:
        assets_of[alarm].append(asset)
    together: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for alarm, of in assets_of.items():
        together[tuple(sorted(of))].append(alarm)
    lines = []
    for key, alarms in together.items():
        named, assets = tuple(alarm for alarm in alarms if alarm != ANY) or None, None if key == (ANY,) else key
        if ANY in alarms and named:
            lines.append(Wanted(None, assets))
        lines.append(Wanted(named, assets))
    return sorted(lines, key=lambda line: (line.alarms is not None, line.assets is not None))


def _typed(wanted: Wanted) -> str:
    return " ".join((*words_of(wanted.alarms or ()), *(asset.lower() for asset in wanted.assets or ())))


# --- mutes ------------------------------------------------------------------------------------------------------------


def to_mute_again(muted: Iterable[Switch], zone: str) -> tuple[str, ...]:
    """Return the lines that mute something as it is muted: one for all that ends together."""
    by_end: dict[str, list[str]] = defaultdict(list)
    until_over = []
    for one in muted:
        if one.episode is None:
            by_end[typed_end(one.until, zone)].append(one.what)
        else:
            scope = f"{_ALL} of " if one.what == ANY else "" if one.what.startswith(EPISODE) else "alarm of "
            until_over.append(f"/mute {scope}{EPISODE}{one.episode} until over")
    lines = [f"/mute {said} {end}" for end, whats in by_end.items() for said in _whats_typed(whats)]
    return (*lines, *dict.fromkeys(until_over))


def to_unmute(whats: Iterable[str], *, only: bool) -> tuple[str, ...]:
    """Return the lines that end mutes by what they mute; only: and leave those of a part of it."""
    return tuple(f"/unmute {'only ' if only else ''}{said}" for said in _whats_typed(whats))


def _whats_typed(whats: Iterable[str]) -> list[str]:
    """Return what is switched as it is typed, as few lines of it as can be: oi, btc eth, oi funding btc, episode 42."""
    alarms_of: dict[str, list[str]] = defaultdict(list)
    assets: list[str] = []
    others: list[str] = []
    for what in whats:
        alarm, _, asset = what.partition(" ")
        if what == ANY:
            others.append(_ALL)
        elif what.startswith(EPISODE):
            others.append(what)
        elif of_the_house(alarm):
            alarms_of[asset].append(alarm)
        elif what.isupper():
            assets.append(what)  # else it is somebody's own, which only the button of its message names
    together: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for asset, alarms in alarms_of.items():
        together[tuple(sorted(alarms))].append(asset.lower())
    lines = []
    for same, of in together.items():
        if "" in of:
            lines.append(" ".join(words_of(same)))
        if named := [asset for asset in of if asset]:
            lines.append(" ".join((*words_of(same), *named)))
    return [*others, *([" ".join(asset.lower() for asset in assets)] if assets else []), *lines]
