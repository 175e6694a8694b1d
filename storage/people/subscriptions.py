"""Adding to what a chat is told and taking away from it: a wider subscription takes narrower ones in, and is cut."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from signals.alerts.burst import BURST
from signals.alerts.rule import rules
from storage.people import destinations
from storage.people.destinations import ANY

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from storage.engine.database import Store

RuleOfAsset: TypeAlias = tuple[str, str]  # alarm, asset; `*` for any

SOURCES: Final = "sources"  # not an alarm of a metric: a source of data that went, or came back


@dataclass(frozen=True, slots=True)
class Wanted:
    """Alarms and assets that were named; None where none was, which means all."""

    alarms: tuple[str, ...] | None
    assets: tuple[str, ...] | None

    def rows(self) -> list[RuleOfAsset]:
        """Return the subscriptions that this asks for."""
        return [(alarm, asset) for alarm in self.alarms or (ANY,) for asset in self.assets or (ANY,)]


def add(store: Store, destination: int, more: Wanted) -> None:
    """Subscribe; what a wider subscription covers is not kept beside it."""
    _replace(store, destination, added(destinations.subscriptions(store, destination), more))


def added(rows: Sequence[RuleOfAsset], more: Wanted) -> list[RuleOfAsset]:
    """Return subscriptions with more of them; see `add`."""
    every = list(dict.fromkeys((*rows, *more.rows())))
    return [row for row in every if not any(_covers(wider, row) for wider in every)]


def _covers(wider: RuleOfAsset, row: RuleOfAsset) -> bool:
    if wider[0] == ANY != row[0] and _only_asked(row[0]):
        return False
    return wider != row and all(mine in (ANY, other) for mine, other in zip(wider, row, strict=True))


def remove(store: Store, destination: int, less: Wanted, followed: Sequence[str]) -> bool:
    """Unsubscribe; a wider subscription is cut into what is left of it. Tell whether anything was on."""
    before = destinations.subscriptions(store, destination)
    after = taken(before, less, followed)
    if after == before:
        return False
    _replace(store, destination, after)
    return True


def taken(rows: Sequence[RuleOfAsset], less: Wanted, followed: Sequence[str]) -> list[RuleOfAsset]:
    """Return what is left of subscriptions; see `remove`."""
    return [left for row in rows for left in _left(row, less, followed)]


def _left(row: RuleOfAsset, less: Wanted, followed: Sequence[str]) -> list[RuleOfAsset]:
    """Return what is left of one subscription."""
    alarm, asset = row
    every = [BURST, *(name for name in rules() if not _only_asked(name))]
    names = [alarm] if alarm != ANY or less.alarms is None else every
    left: list[RuleOfAsset] = []
    for name in names:
        if less.alarms is not None and name not in less.alarms:
            left.append((name, asset))
        elif less.assets is None or (less.alarms is not None and of_the_market(name)):
            continue  # asked for by name, or everything goes; a figure of the whole market has no asset to keep
        elif asset != ANY:
            left += [] if asset in less.assets else [(name, asset)]
        elif of_the_market(name):
            left.append((name, ANY))
        else:
            left += [(name, other) for other in followed if other not in less.assets]
    return [row] if left == [(name, asset) for name in names] else left  # untouched, it keeps alarms yet to be made


def is_on(rows: Iterable[RuleOfAsset], part: str) -> bool:
    """Tell whether any of an alarm of the house or of an asset is on."""
    if not of_the_house(part):
        return any(asset in (ANY, part) and not of_the_market(alarm) for alarm, asset in rows)
    return any(alarm == part or (alarm == ANY and not _only_asked(part)) for alarm, _ in rows)


def _only_asked(name: str) -> bool:
    """Tell whether "everything" leaves this out: who wants it asks for it by name."""
    return name == SOURCES or (name in rules() and rules()[name].only_asked)


def of_the_house(name: str) -> bool:
    """Tell whether a name is that of an alarm of the house, and not of an asset or of somebody's own rule."""
    return name in rules() or name in (SOURCES, BURST)


def of_the_market(name: str) -> bool:
    """Tell whether an alarm is one for the whole market, so that no asset narrows it."""
    if name not in rules():
        return name == SOURCES
    return rules()[name].market_wide


def _replace(store: Store, destination: int, rows: Iterable[RuleOfAsset]) -> None:
    with store.write():
        destinations.unsubscribe(store, destination)
        for alarm, asset in dict.fromkeys(rows):
            destinations.subscribe(store, destination, alarm, asset)
