"""What the answers of one source are worth: judged at the border, noted of its host, its topics and its assets.

A host that bans or refuses us is in trouble as a whole; what fails for one asset is that asset's trouble alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import structlog

from bot.market.border.refusals import said
from bot.market.history_planner import KEY_INPUT, Ledger
from bot.market.source import Blocked, NotOffered, SourceDown, SourceError
from bot.market.source_state import due_after
from signals.options import Chain
from signals.units import MINUTE, from_ms
from signals.venues import source_title
from storage.sources.source_events import AssetEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from bot.market.border.judging import Border
    from bot.market.border.rows import Rejected
    from bot.market.history_planner import HistoryPlanner, Question, Remembered
    from bot.market.source import Found, Topic
    from bot.market.source_state import AssetState, SourceState, TopicState
    from storage.market.points import Points, Snapshot

_INSTANT: Final = timedelta(0)  # the step of what is no bar
HELD: Final = MINUTE  # until the second answer that a held figure waits for
_SAME_HOURS: Final = 0.01
_TELLS_LISTING: Final = frozenset({"bars"})  # one topic speaks for the contract, so that it is told once


@dataclass(slots=True)
class Round:
    """One round of questions to one source.

    now: its beginning, the same for all its questions; began: the same by the monotonic clock. asked_for: somebody
    waits for the answer. end: the time of the event loop after which nothing new is asked. found, snapshots and events:
    what came of it. alike: by topic, answers that wait to be judged together.
    """

    now: datetime
    began: float
    ledger: Ledger
    asked_for: bool
    end: float
    found: list[Found] = field(default_factory=list)
    snapshots: list[Snapshot] = field(default_factory=list)
    events: list[AssetEvent] = field(default_factory=list)
    alike: dict[Topic, list[Points]] = field(default_factory=dict)


class Answers:
    """Take the answers and failures of one source.

    clock: read at receipt, since an exchange's time may lie after the beginning of the round.
    """

    def __init__(
        self,
        state: SourceState,
        planner: HistoryPlanner,
        border: Border,
        clock: Callable[[], datetime],
        remembered: Remembered,
    ) -> None:
        self.apart: dict[Topic, tuple[str, set[str]]] = {}  # assets whose past is not their present; who was told of
        self.gone: set[str] = set()  # assets of which it was told that they are not offered any more
        self._state, self._planner, self._border = state, planner, border
        self._clock, self._remembered = clock, remembered
        self._log = structlog.get_logger("market")

    @property
    def name(self) -> str:
        """Return the word that is stored with each value of the source."""
        return self._state.name

    # --- what came

    def take(
        self, topic: TopicState, question: Question, answer: Sequence[Found], since: datetime | None, made: Round
    ) -> None:
        """Take the answer to a question, which was asked from `since` on; SourceDown where it is worth nothing."""
        found, odd = self._admit(topic, answer)
        self._noted(topic, topic.assets[question.name], found, made)
        made.found += found
        if question.past:
            self._compared(topic.topic, question.name, odd, made)
        self._noted_past(topic, question, since, made, odd)

    def take_all(self, topic: TopicState, snapshot: Snapshot, made: Round) -> list[Points]:
        """Take how many assets stand, and return those of them that have to be judged by themselves."""
        good, others = self._border.admit_all(snapshot, self._clock())
        if not len(good):
            return others
        made.snapshots.append(good)
        self._state.host.worked(made.now)
        topic.heard(from_ms(max(good.times)), _INSTANT)
        topic.again_at(due := due_after(made.began, topic.pause))
        began, at, newest = made.began, 0, made.now
        states = [topic.assets[name] for name in good.assets]
        for asset, told_at in zip(states, good.times, strict=True):
            if told_at != at:  # often one time for all of them
                at = told_at
                newest = from_ms(at)
            if (breaker := asset.breaker).state != "ok" or breaker.since is None:
                breaker.worked(made.now)  # else it changes nothing, for hundreds a round
            asset.asked, asset.due, asset.step = began, due, _INSTANT
            if asset.newest is None or asset.newest < newest:
                asset.newest = newest
        every = good.columns.get("funding_interval_hours", ())
        for asset, name, hours in zip(states, good.assets, every, strict=False):
            if asset.hours != hours or name in self.gone:
                self._interval(asset, name, hours, made)
        return others

    def _admit(self, topic: TopicState, answer: Sequence[Found]) -> tuple[list[Found], Rejected | None]:
        """Judge an answer, the present first, and say where its past is not its present.

        One of which nothing is left is a failure, unless it is held until another confirms it.
        """
        passed: list[Found] = []
        odd: Rejected | None = None
        impossible, receipt = False, self._clock()
        for given in answer if len(answer) == 1 else sorted(answer, key=_is_past):
            if isinstance(given, Chain):
                passed.append(given)
                continue
            good, rejected = self._border.admit(given, receipt)
            if rejected:
                last = rejected[-1]
                topic.reject(len(rejected), f"{last.asset} {last.name} {said(last)}")
                odd = next((out for out in rejected if out.why == "past"), odd)
                odd = odd or next((out for out in rejected if out.why == "doubt"), None)
                impossible |= any(out.why not in {"leap", "past", "doubt"} for out in rejected)
                self._log.warning("figures rejected", venue=self.name, count=len(rejected), one=topic.last_rejected)
            if len(good):
                passed.append(good)
        if impossible and not passed:
            raise SourceDown(f"{source_title(self.name)} sends impossible figures: {topic.last_rejected}.")
        return passed, odd

    def _noted(self, topic: TopicState, asset: AssetState, found: list[Found], made: Round) -> None:
        now = made.now
        self._state.host.worked(now)
        asset.breaker.worked(now)
        asset.asked, pause = made.began, topic.pause if found else min(topic.pause, HELD)
        for given in found:
            if isinstance(given, Chain):
                asset.newest = max(asset.newest or given.at, given.at)
                topic.heard(given.at, asset.step)
                continue
            hours_of: Any = given.columns.get("funding_interval_hours")
            if hours_of is not None and "mark_price" in given.columns:
                self._interval(asset, given.asset, float(hours_of[-1]), made)
            newest = from_ms(given.times[-1])
            asset.newest = max(asset.newest or newest, newest)
            asset.step = given.step or _INSTANT
            topic.heard(newest, asset.step)
            if given.step is not None:  # nothing new before the next bar has closed
                pause = max(pause, newest + 2 * given.step - now)
        topic.again_at(due := due_after(made.began, pause))
        asset.due = due

    def _interval(self, asset: AssetState, name: str, hours: float, made: Round) -> None:
        """Tell when a venue settles funding in another rhythm: the same rate is then another yearly one."""
        if name in self.gone:
            self.gone.discard(name)
            made.events.append(AssetEvent(self.name, name, "listed", made.now))
        before, asset.hours = asset.hours, hours
        if before is None:
            stored = self._remembered(self.name, name, "funding_interval_hours")
            before = stored.value if stored else None
        if before is not None and abs(hours - before) >= _SAME_HOURS:
            event = AssetEvent(self.name, name, "interval", made.now, hours=hours, hours_before=before)
            made.events.append(event)

    def _noted_past(
        self, topic: TopicState, question: Question, since: datetime | None, made: Round, odd: Rejected | None
    ) -> None:
        """Note what past was answered: all that was asked for, the newer part of it, none, or one in doubt."""
        if not question.past or question.since is None:
            return
        debt = (self.name, topic.topic, question.name)
        if odd is not None and odd.why == "doubt":
            self._planner.doubted(debt, question.since, made.ledger)
            return
        if since is None or odd is not None:
            self._planner.refused(debt, question.since, made.now, made.ledger)
            return
        topic.assets[question.name].full_at = made.now
        self._planner.answered(debt, question.since, made.now, made.ledger)
        if since > question.since:
            self._planner.granted(self.name, topic.topic, made.now - since, made.now, made.ledger)

    def _compared(self, topic: Topic, name: str, odd: Rejected | None, made: Round) -> None:
        """Tell once of a topic that its past is not its present, and once that it is, where all of it is again."""
        told, apart = self.apart.get(topic, (name, set()))
        if odd is not None and odd.why == "past":
            if not apart:
                event = AssetEvent(self.name, name, "apart", made.now, topic, name=odd.name, times=odd.times)
                made.events.append(event)
                told = name
            self.apart[topic] = told, {*apart, name}
        elif odd is None and name in apart:
            apart.discard(name)
            if not apart:
                made.events.append(AssetEvent(self.name, told, "joined", made.now, topic))

    # --- what did not come

    def failed(self, topic: TopicState, question: Question, error: SourceError, made: Round) -> bool:
        """Blame the asset, and the whole host where the venue speaks of it: a block, or a rest that it named."""
        name, asset = question.name, topic.assets[question.name]
        asset.breaker.failed(error, made.now)
        if question.past:
            self._planner.failed((self.name, topic.topic, name))
        if isinstance(error, NotOffered):
            self._planner.answered((self.name, topic.topic, name), None, made.now, made.ledger)
            if topic.topic in _TELLS_LISTING and self._was_there(topic.topic, name, asset):
                made.events.append(AssetEvent(self.name, name, "absent", made.now, reason=str(error)))
                asset.newest = asset.full_at = None
                topic.recount()
                self.gone.add(name)
            return True
        if isinstance(error, Blocked) or (isinstance(error, SourceDown) and error.retry_at):
            asset.breaker.worked(made.now)
            self._state.host.failed(error, made.now)
        return False

    def _was_there(self, topic: Topic, name: str, asset: AssetState) -> bool:
        """Tell whether an asset that is not offered was, so that somebody may be waiting for it; said once."""
        if name in self.gone:
            return False
        return asset.newest is not None or self._remembered(self.name, name, KEY_INPUT[topic]) is not None


def _is_past(given: Found) -> bool:
    """Tell a history from the figures of now, by which it is judged."""
    return not isinstance(given, Chain) and (len(given) > 1 or given.settled)
