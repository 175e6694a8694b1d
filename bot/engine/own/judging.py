"""Rules of one's own, judged each turn: those on one clock are one book, stepped close by close as they are due."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import structlog

from bot.engine.closes import CELLS, PATIENCE
from bot.engine.own.closing import Closing
from bot.engine.own.gone import tell_gone
from bot.engine.own.live import WAITED, LivePrices
from bot.engine.own.telling import Close, Happened, tell
from bot.engine.own.values import ValuesAtCloses
from bot.engine.own.wanted import Largest, WantedRules
from signals.alerts.rule import rule_of
from signals.inputs import MARKET
from signals.metric import metrics
from signals.rules.live import is_live
from signals.rules.many.book import Book
from signals.rules.many.keeping import kept, restore
from signals.units import DAY, MILLISECOND, MINUTE, SECOND_MS, floor, from_ms, in_ms, to_ms
from storage.alerts import own
from storage.engine.database import StoreError
from storage.people import rules as people
from storage.sources.awaited import PRESENT, Awaited

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime, timedelta

    from bot.engine.own.closing import Instants
    from signals.alerts.event import Event
    from signals.alerts.rule import AlertRule
    from signals.rules.many.book import PairChange
    from signals.rules.many.truths import Bools
    from storage.engine.database import Store
    from storage.people.rules import OwnRule

log = structlog.get_logger(__name__)
CAUGHT_UP: Final = 30 * DAY  # what a rule did not see for longer is no news to anybody


@dataclass(slots=True)
class BookClock:
    """The rules whose closes lie equally far apart. pairs: (rules, assets), which are wanted. looked: when last."""

    step: timedelta
    book: Book
    pairs: Bools
    looked: datetime | None = None


class OwnJudge:
    """Judges what chats wrote for themselves. followed: the assets that everybody follows."""

    def __init__(self, store: Store, followed: Sequence[str]) -> None:
        self._store, self._followed = store, tuple(followed)
        self._largest = Largest(store, followed)
        self._rows: list[OwnRule] | None = None
        self._known: dict[str, AlertRule] = {}
        self._wanted = WantedRules({})
        self._clocks: list[BookClock] = []
        self._live: BookClock | None = None
        self._prices = LivePrices(store)

    def anew(self) -> None:
        """Learn that another process has judged them meanwhile, so that what is in memory is behind."""
        self._rows = None

    def judge_live(self, now: datetime, *, started: datetime) -> list[Event]:
        """Judge the rules over price alone, once a minute; what is told of them is returned.

        What happened while nobody looked is no minute of theirs: they go on with the price that there is now.
        """
        if not self._ready(now) or self._live is None:
            return []
        told: list[Event] = []
        with self._anew():
            told += self._judge_live(self._live, now, started)
        return told

    def _judge_live(self, clock: BookClock, now: datetime, started: datetime) -> list[Event]:
        book, minute, judged = clock.book, floor(now, MINUTE), clock.book.judged
        waiting: Bools = clock.pairs & (judged * SECOND_MS < to_ms(minute))
        if not waiting.any():
            return []
        values, came = self._prices.at(book.assets, book.rules, now)
        if to_ms(now) - to_ms(minute) < WAITED:
            waiting &= came
        changes = book.step(values.at(0), at=minute, closes=MINUTE, pairs=waiting)
        found = _happened(book, judged, changes, Close(values, 0, MINUTE, None))
        # Where nothing happened it is kept now and then: what is lost with it are some minutes of a hold.
        touched: Bools = np.logical_or.reduce(waiting & (judged == 0), axis=1)
        touched[[change.row for change in changes]] = True
        if clock.looked != floor(now, PATIENCE):
            clock.looked, touched = floor(now, PATIENCE), np.logical_or.reduce(waiting, axis=1)
        return self._kept(book, found, touched, now, started) if touched.any() else []

    def _kept(
        self, book: Book, found: Sequence[Happened], touched: Bools, now: datetime, started: datetime
    ) -> list[Event]:
        """Write what happened, what is told of it and where the rules stand by it, all or nothing."""
        with self._store.write() as work:
            told = tell(self._store, work, book, found, self._wanted, now, started)
            book.forget(now)
            own.save(work, kept(book, touched))
        return told

    def _ready(self, now: datetime) -> bool:
        """Take in what chats wrote since the last time; False where there is nothing to judge."""
        rows = people.every(self._store)
        if not rows and not self._rows:
            return False
        if self._largest.look(now) or self._rows is None:
            self._load(rows, now)
        elif rows == self._rows:  # in nearly all turns
            pass
        elif _asked(rows) != _asked(self._rows):
            self._load(rows, now)
        else:  # one has fired, or was paused: what is judged is the same
            self._wanted = WantedRules.of(rows, self._followed, self._largest, self._known)
            self._rows = rows
        return True

    def judge(self, now: datetime, *, started: datetime, note: str | None = None) -> list[Event]:
        """Judge every close that became known since the last one, and write what follows. Return what is told.

        started: when this process began; what happened before is marked so. A rule begins silently with where it
        stands, and so does an asset of it.
        """
        if not self._ready(now):
            return []
        told: list[Event] = []
        with self._anew():
            for clock in self._clocks:
                told += self._judge(clock, now, started, note)
        return told

    @contextmanager
    def _anew(self) -> Iterator[None]:
        """Read again what is kept after a fault, since what is in memory may be ahead of it.

        A fault of ours is logged and harms no other alarm of this turn.
        """
        try:
            yield
        except StoreError:
            self._rows = None
            raise
        except Exception:
            self._rows = None
            log.exception("rules of one's own could not be judged")

    def _load(self, rows: list[OwnRule], now: datetime) -> None:
        """Make the books anew, and put them where they stood."""
        self._largest.look(now)
        known: dict[str, AlertRule] = {}
        for name in dict.fromkeys(row.worded.rule for row in rows):
            try:
                known[name] = rule_of(name)
            except KeyError:
                log.warning("a rule of one's own says nothing any more", rule=name)
        tell_gone(self._store, rows, known, self._followed, now)
        with self._store.write() as work:
            own.forget_unused(work)
        self._known, self._wanted = known, WantedRules.of(rows, self._followed, self._largest, known)
        assets = own.assets(self._store, (*self._followed, MARKET))
        stood = own.states(self._store)
        by_step: dict[timedelta, list[AlertRule]] = {}
        for rule in (known[name] for name in self._wanted.by_rule):
            step = MINUTE if is_live(rule) else max(metrics()[of].step for of in rule.metrics)
            by_step.setdefault(step, []).append(rule)
        self._clocks, self._live = [], None
        for step, alike in sorted(by_step.items()):
            book = Book(alike, assets, step)
            restore(book, {rule.id: stood[rule.id] for rule in alike if rule.id in stood})
            clock = BookClock(step, book, self._wanted.pairs(book.rules, assets))
            if step == MINUTE:
                self._live = clock
            else:
                self._clocks.append(clock)
        self._rows = rows

    def _judge(self, clock: BookClock, now: datetime, started: datetime, note: str | None) -> list[Event]:
        book, judged = clock.book, clock.book.judged * SECOND_MS
        waiting: Bools = clock.pairs & (judged < to_ms(floor(now, clock.step)))
        if clock.looked == floor(now, PATIENCE):
            waiting &= judged > 0  # what never had data is looked at every five minutes
        clock.looked = floor(now, PATIENCE)
        if waiting.any():
            waiting &= ~self._awaits_its_past(book, waiting & (judged > 0), judged, now)
        if not waiting.any():
            return []
        asked: Bools = np.logical_or.reduce(waiting, axis=0)
        closing = Closing(self._store, book.assets, asked, now)
        due, step = closing.due(book.rules, waiting)
        ready = waiting & (due > judged)
        if not ready.any():
            return []
        happened, touched = self._stepped(clock, closing, judged, due, step, ready, now, note)
        return self._kept(book, happened, touched, now, started)

    def _awaits_its_past(self, book: Book, pairs: Bools, judged: Instants, now: datetime) -> Bools:
        """Return which of some pairs wait for what a stop has left out; judged: when each was, in ms."""
        old = pairs & (judged < to_ms(now - PRESENT))
        awaited = self._store.beside(Awaited)
        for place in np.flatnonzero(np.logical_or.reduce(old, axis=0)).tolist():
            last = from_ms(int(judged[old[:, place], place].min()))
            if not awaited.waits(book.assets[place], [last], now):
                old[:, place] = False
        return old

    def _stepped(
        self,
        clock: BookClock,
        closing: Closing,
        judged: Instants,
        due: Instants,
        step: Instants,
        ready: Bools,
        now: datetime,
        note: str | None,
    ) -> tuple[list[Happened], Bools]:
        """Step a book over the closes that are due; return what happened, and of which rules."""
        book, apart = clock.book, in_ms(clock.step)
        first = np.where(judged > 0, np.maximum(judged + step, to_ms(now - CAUGHT_UP)), due)[ready].min()
        last = int(due[ready].max())
        first = int(-(-first // apart) * apart)
        rows = np.flatnonzero(ready.any(axis=1))
        rules, asked = [book.rules[i] for i in rows], np.flatnonzero(ready.any(axis=0)).tolist()
        lead = max(rule.lead(clock.step) for rule in rules)
        found: list[Happened] = []
        touched = np.zeros(len(book.rules), dtype=bool)
        at_once = max(1, CELLS // len(asked)) * apart
        for begin in range(first, last + 1, at_once):
            end = min(last, begin + at_once - apart)
            times = [from_ms(at) for at in range(begin - lead * apart, end + 1, apart)]
            values = ValuesAtCloses.of(self._store, rules, closing, asked, book.assets, times, clock.step)
            sound = np.array([not values.failed.intersection(rule.metrics) for rule in book.rules])[:, None]
            for i in range(lead, len(times)):
                at = to_ms(times[i])
                now_due = ready & sound & (at <= due) & (at > judged) & (at % step == 0) & ((judged > 0) | (at == due))
                touched |= now_due.any(axis=1)
                for closes in np.unique(step[now_due]).tolist():
                    changes = book.step(
                        values.at(i), at=times[i], closes=closes * MILLISECOND, pairs=now_due & (step == closes)
                    )
                    found += _happened(book, judged, changes, Close(values, i, closes * MILLISECOND, note))
        return found, touched


def _happened(book: Book, judged: Instants, changes: Iterable[PairChange], close: Close) -> list[Happened]:
    """Return what happened at a close. judged: when each pair was before it, 0 for never."""
    return [
        Happened(change, book.rules[change.row], close, bool(judged[change.row, change.column] == 0))
        for change in changes
    ]


def _asked(rows: Sequence[OwnRule]) -> list[tuple[int, str, str]]:
    """Return what is asked of whom: as long as it is the same, the books are."""
    return [(row.destination, row.worded.rule, json.dumps(row.worded.scope)) for row in rows]
