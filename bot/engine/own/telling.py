"""What happened to rules of one's own is kept and told: each chat that wants it, in one transaction with the states."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bot.engine.evaluate import compressed, event_of, with_story
from bot.engine.evidence.proof import proofs, with_proof
from signals.alerts.episodes import Transition
from signals.alerts.event import news_for
from storage.alerts import episodes, outbox, own

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime, timedelta

    from bot.engine.own.values import ValuesAtCloses
    from bot.engine.own.wanted import WantedRules
    from signals.alerts.event import Event
    from signals.alerts.rule import AlertRule
    from signals.rules.many.book import Book, PairChange
    from storage.engine.database import Store
    from storage.engine.work import Work
    from storage.people.rules import OwnRule


@dataclass(frozen=True, slots=True)
class Close:
    """One close of a clock: what is known then, the distance of its closes, and what is said in every stamp."""

    values: ValuesAtCloses
    i: int
    closes: timedelta
    note: str | None


@dataclass(frozen=True, slots=True)
class Happened:
    """A change of a pair at a close. silent: the pair was never judged before, so it is no news."""

    change: PairChange
    rule: AlertRule
    close: Close
    silent: bool

    @property
    def is_news(self) -> bool:
        """Tell whether somebody may be told: not where a rule stood when it began, nor that a moment is over."""
        over = self.rule.momentary and self.change.kind == "resolved"
        return not self.silent and not self.change.installed and not over

    def transition(self) -> Transition:
        """Return what is kept of it in any case."""
        change = self.change
        row = self.close.values.row(self.rule, change.column, self.close.i)
        return Transition(change.kind, change.at, change.since, change.rank, row)

    def event(self) -> Event:
        """Return what is told of it."""
        change, close = self.change, self.close
        where = event_of(change.asset, close.closes, close.values.of_rule(self.rule, change.asset), close.note, close.i)
        return replace(
            where,
            rule=self.rule.id,
            kind=change.kind,
            rank=change.rank,
            at=change.at,
            since=change.since,
            values=close.values.row(self.rule, change.column, close.i),
            venues=where.venues or close.values.venues.get(change.asset, ()),
        )


def tell(
    store: Store,
    work: Work,
    book: Book,
    happened: Sequence[Happened],
    wanted: WantedRules,
    now: datetime,
    started: datetime,
) -> list[Event]:
    """Write the episodes of what happened at closes of a book, and what is told of them; return what is told.

    Most of what happens to thousands of rules nobody hears of; of that the episode is kept, and no event is made.
    """
    by_pair: dict[tuple[int, int], list[Happened]] = {}
    for one in happened:
        by_pair.setdefault((one.change.row, one.change.column), []).append(one)
    chats = Chats(work, wanted, now, [one.change.episode for one in happened if one.change.episode])
    heard = {pair for pair, every in by_pair.items() if chats.may_hear(every)}
    events = {id(one): one.event() for pair in heard for one in by_pair[pair]}
    proved = proofs(store, [events[id(one)] for pair in heard for one in by_pair[pair] if one.is_news])
    numbers: dict[tuple[int, int], int] = {}
    told: list[Event] = []
    for pair, every in by_pair.items():
        key, episode = (every[0].rule.id, every[0].change.asset), every[0].change.episode
        recorded: list[tuple[Event, int]] = []
        for one in every:
            if pair not in heard:
                episode = episodes.record(work, key, one.transition(), episode)
                continue
            event = with_story(work, events[id(one)], episode)
            episode = episodes.record(work, key, event, episode)
            if one.is_news:
                recorded.append((event, episode))
        numbers[pair] = episode or 0
        for event, number in compressed(recorded):
            if places := chats.told(event, number):
                proof = proved.get((key, event.at))
                marked = with_proof(work, replace(event, offline=event.at < started), number, proof, now)
                _announce(work, places, marked, number, now)
                told.append(marked)
    book.number(numbers)
    return told


def _announce(work: Work, places: Collection[int], event: Event, episode: int, now: datetime) -> None:
    notice = outbox.Notice(event.kind, event.rank, event.at, event.to_json(), episode, event.rule, event.asset)
    expires = now + news_for(event.rank, event.kind)
    outbox.announce_among(work, sorted(places), notice, now=now, expires=expires)


class Chats:
    """Who is told of what: of a fire who wants it now, of what follows who was told of the fire.

    running: the episodes that something may follow of.
    """

    def __init__(self, work: Work, wanted: WantedRules, now: datetime, running: Collection[int]) -> None:
        self._work, self._wanted, self._now = work, wanted, now
        self._told = own.told_of(work, running)
        self._fired: dict[int, datetime] = {}  # the close at which the rule of a chat fired just now, by its row

    def may_hear(self, every: Sequence[Happened]) -> bool:
        """Tell whether any chat may be told of what happened to a pair."""
        news = [one for one in every if one.is_news]
        rows = self._rows(every[0].rule.id, every[0].change.asset) if news else ()
        return any(
            any(row.paused is None for row in rows) if one.change.kind == "fired" else one.change.episode in self._told
            for one in news
        )

    def told(self, event: Event, episode: int) -> set[int]:
        """Return the destinations that are told of an event, and note that the rules of those have fired.

        What begins again is told as seldom as what begins.
        """
        rows = self._rows(event.rule, event.asset)
        if event.kind != "fired" and not event.came_and_went:
            there = self._told.get(episode, {})
            rows = [row for row in rows if row.destination in there]
            if event.kind != "resumed":  # who was told that it is on is told how it ends, and nobody twice
                return {row.destination for row in rows if there[row.destination] and row.paused_for in (None, "once")}
        found = [row for row in rows if self._wants(row, event.at)]
        for row in found:
            self._fired[row.id] = event.at
            own.fired(self._work, row.id, event.at, self._now)
        return {row.destination for row in found}

    def _rows(self, rule: str, asset: str) -> list[OwnRule]:
        return [row for row, of in self._wanted.by_rule.get(rule, ()) if asset in of]

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
