"""What happened to rules of one's own is kept and told: each chat that wants it, in one transaction with the states."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bot.engine.evaluate import compressed, with_story
from bot.engine.evidence.proof import proofs, with_proof
from signals.alerts.event import news_for
from storage.alerts import episodes, outbox, own

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from bot.engine.own.wanted import Wanted
    from signals.alerts.event import Event
    from signals.alerts.rule import AlertRule
    from signals.rules.many.book import Book, Change
    from storage.alerts.episodes import Key
    from storage.engine.database import Store
    from storage.engine.work import Work
    from storage.people.rules import OwnRule


@dataclass(frozen=True, slots=True)
class Happened:
    """A change of a pair and the event that it is. silent: the pair was never judged before, so it is no news."""

    change: Change
    event: Event
    silent: bool


def tell(
    store: Store,
    work: Work,
    book: Book,
    happened: Sequence[Happened],
    wanted: Wanted,
    now: datetime,
    started: datetime,
) -> list[Event]:
    """Write the episodes of what happened at closes of a book, and what is told of them; return what is told."""
    by_pair: dict[Key, list[Happened]] = {}
    for one in happened:
        by_pair.setdefault((one.event.rule, one.event.asset), []).append(one)
    news = [one.event for one in happened if not one.silent and not one.change.installed]
    proved = proofs(store, news)
    chats = Chats(work, wanted, now)
    told: list[Event] = []
    for key, every in by_pair.items():
        rule = book.rules[every[0].change.row]
        episode = every[0].change.episode
        recorded: list[tuple[Event, int]] = []
        for one in every:
            event = with_story(work, one.event, episode)
            episode = episodes.record(work, key, event, episode)
            if not one.silent and not one.change.installed and not (rule.momentary and event.kind == "resolved"):
                recorded.append((event, episode))
        book.number(every[0].change.row, key[1], episode or 0)
        for event, number in compressed(recorded):
            places = chats.told(rule, event, number)
            if places:
                marked = replace(event, offline=event.at < started)
                marked = with_proof(work, marked, number, proved.get((key, event.at)), now)
                notice = outbox.Notice(
                    marked.kind, marked.rank, marked.at, marked.to_json(), number, marked.rule, marked.asset
                )
                expires = now + news_for(marked.rank, marked.kind)
                outbox.announce_among(work, sorted(places), notice, now=now, expires=expires)
                told.append(marked)
    return told


class Chats:
    """Who is told of what: of a fire who wants it now, of what follows who was told of the fire."""

    def __init__(self, work: Work, wanted: Wanted, now: datetime) -> None:
        self._work, self._wanted, self._now = work, wanted, now
        self._fired: dict[int, datetime] = {}  # the close at which the rule of a chat fired just now, by its row

    def told(self, rule: AlertRule, event: Event, episode: int) -> set[int]:
        """Return the destinations that are told of an event, and note that the rules of those have fired."""
        rows = [row for row, of in self._wanted.by_rule.get(rule.id, ()) if event.asset in of]
        if event.kind != "fired" and not event.came_and_went:
            there = own.told_of(self._work, episode)
            return {row.destination for row in rows if row.paused_for in (None, "once")} & there
        found = [row for row in rows if self._wants(row, event.at)]
        for row in found:
            self._fired[row.id] = event.at
            own.fired(self._work, row.id, event.at, self._now)
        return {row.destination for row in found}

    def _wants(self, row: OwnRule, at: datetime) -> bool:
        """Tell whether the rule of a chat may fire: several assets at one close are one time."""
        told = self._fired.get(row.id, row.told)
        if row.paused is not None:
            return False
        if told is None or told == at:
            return True
        if row.worded.once and row.id in self._fired:
            return False
        return row.worded.at_most is None or at - told >= row.worded.at_most
