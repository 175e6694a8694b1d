"""One source: what is asked of it in a round, what its answers are worth, and when it is left alone.

One topic or asset in trouble harms no other. A host that bans or refuses us is left alone as a whole; a topic that
fails is tried again after a growing pause, by one question; a contract that is not offered, again tomorrow.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import structlog

from bot.market.answers import Answers, Round
from bot.market.border.judging import Border
from bot.market.breaker import Breaker
from bot.market.history_planner import KEY_INPUT, HistoryPlanner, Question, shorter
from bot.market.source import Ask, Blocked, SourceDown, SourceError, TellsAll
from bot.market.source_state import AssetState, SourceState, TopicState
from signals.inputs import INPUTS, MARKET
from signals.options import Chain
from signals.units import DAY
from signals.venues import source_title
from storage.market.points import Points, Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from bot.market.breath import Breath
    from bot.market.history_planner import Remembered
    from bot.market.source import Found, Source, Topic
    from storage.sources.source_state import SourceHealth

    Take = Callable[[TopicState, Question, Sequence[Found], datetime | None, Round], bool]

AT_ONCE: Final = 4  # questions to one host at a time; as many again for those that somebody waits for
ROUND: Final = timedelta(seconds=30)  # after so long nothing new is asked, so that what came is stored
# Questions for which a place at the gate is kept. Counted and not timed, so that a tape asks in the order it recorded.
_IN_A_ROW: Final = 8
_TOGETHER: Final = 100  # assets of one answer that are read in one go: a millisecond, so long the loop may wait
_ALIKE: Final = 32  # answers that are judged together: the first of them waits as long as eight questions take
_NOW: Final = timedelta(0)
_LESS: Final = 0.01  # of its time to be answered in is what a question may lose to those before it: timers cost too
_OPINIONS: Final = 3  # a healthy topic is called down after this many assets failed and none was answered

_FRESH: Final[dict[Topic, timedelta]] = {  # an answer whose newest figure is older than this is a frozen one
    topic: INPUTS["mark_price" if topic == "funding" else name].fresh_for for topic, name in KEY_INPUT.items()
}
SHORTER: Final = 5  # times a refused range is halved: 200 days to 6, after which the present is asked alone
OF_MARKET: Final = frozenset({"fear_greed", "stablecoins"})  # topics that have one figure for the whole market
WIDEST: Final[dict[Topic, int]] = {  # topics that cost a venue's whole allowance if asked for everything
    "depth": 20,
    "ratios": 50,
}


class SourceRounds:
    """Ask one source what is due, and pass on what can be true.

    clock, steady: the time, and the seconds of the monotonic clock, by which everything pauses. barred: pairs of venue
    and asset whose answers would not be kept. history and portion: how far back a first past reaches, and how many
    assets of a topic are asked for one in a round.
    chance: the jitter, in [0, 1).
    """

    def __init__(
        self,
        source: Source,
        border: Border,
        breath: Breath,
        *,
        clock: Callable[[], datetime],
        steady: Callable[[], float],
        remembered: Remembered,
        barred: Callable[[], Collection[tuple[str, str]]],
        chance: Callable[[], float],
        history: timedelta,
        portion: int,
        patience_s: float,
        longest: timedelta = ROUND,
    ) -> None:
        self.state = SourceState(
            source,
            Breaker(steady, chance),
            [TopicState(topic, pause, Breaker(steady, chance)) for topic, pause in source.offers.items()],
        )
        self.planner = HistoryPlanner(remembered, history, portion)
        self.answers = Answers(self.state, self.planner, border, clock, remembered)
        self._source, self._breath, self._clock, self._steady = source, breath, clock, steady
        self._tells_all = source if isinstance(source, TellsAll) else None
        self._barred, self._chance = barred, chance
        self._patience_s, self._longest = patience_s, longest
        self._gate, self._urgent = asyncio.Semaphore(AT_ONCE), asyncio.Semaphore(AT_ONCE)
        self._log = structlog.get_logger("market")

    @property
    def name(self) -> str:
        """Return the word that is stored with each value of the source."""
        return self._source.name

    async def round(
        self, assets: Sequence[str], now: datetime, *, asked_for: bool = False, present: bool = False
    ) -> Round:
        """Ask what is due of these assets (MARKET: of the whole market); never raises for the source.

        asked_for: somebody waits for these assets, so they pass by the others and speak for no topic. present: without
        long pasts.
        """
        end = asyncio.get_running_loop().time() + self._longest.total_seconds()
        made = Round(now, self._steady(), self.planner.open(), asked_for, end)
        names = list(dict.fromkeys(assets))
        market = [name for name in names if name == MARKET]
        names = [name for name in names if name != MARKET] if market else names
        waiting: deque[tuple[TopicState, list[Question]]] = deque()
        for topic in self.state.topics:
            await self._breath.take()
            if due := self._due(topic, market if topic.topic in OF_MARKET else names, made, present):
                waiting.append((topic, due))
        # A host of which nothing good is known is asked one thing at a time until it answers: one probe, not twelve.
        while waiting and self._open(made) and (not self.state.asked or self.state.host.state != "ok"):
            await self._topic(*waiting.popleft(), made)
        if self._open(made):
            await asyncio.gather(*(self._topic(topic, due, made) for topic, due in waiting))
        return made

    async def glance(self, asset: str, topics: Sequence[Topic], now: datetime) -> list[Points]:
        """Ask how an asset stands now that is not followed, and remember nothing of it.

        It passes the gate of those who wait. A host or a topic that rests is not asked, and what the venue says of this
        host holds for all. The error of the first topic where that cannot be answered; the others may be missing.
        """
        if self.state.host.rests:
            raise SourceDown(self.state.host.reason)
        open_ = {topic.topic for topic in self.state.topics if not topic.breaker.rests}
        asked = [topic for topic in topics if topic in open_]
        if topics[0] not in open_:
            raise SourceDown(f"{source_title(self.name)} does not answer at the moment.")
        answers = await asyncio.gather(*(self._glance(topic, asset, now) for topic in asked), return_exceptions=True)
        if isinstance(answers[0], BaseException):
            raise answers[0]
        return [given for answer in answers if not isinstance(answer, BaseException) for given in answer]

    async def _glance(self, topic: Topic, asset: str, now: datetime) -> list[Points]:
        """Ask one question of a glance; a border of its own judges the figures by themselves."""
        title = source_title(self.name)
        try:
            async with self._urgent, asyncio.timeout(self._patience_s):
                answer = await self._source.fetch(Ask(topic, asset, now))
        except TimeoutError:
            raise SourceDown(f"{title} did not answer within {self._patience_s:g} s.") from None
        except SourceError as error:
            if isinstance(error, Blocked) or (isinstance(error, SourceDown) and error.retry_at):
                self.state.host.failed(error, now)
            raise
        except Exception:  # noqa: BLE001 -- as in a round
            self._log.exception("source broke its promise", source=self.name, topic=topic, asset=asset)
            raise SourceDown(f"Reading {title} failed inside perpulse; the log has the details.") from None
        receipt, border = self._clock(), Border()
        passed = (border.admit(given, receipt)[0] for given in answer if not isinstance(given, Chain))
        return [good for good in passed if len(good)]

    def forget(self, assets: Iterable[str]) -> None:
        """Forget how far some assets were known, since others have asked for them; they are due again."""
        for topic in self.state.topics:
            for asset in assets:
                if (known := topic.assets.get(asset)) is not None and not known.asking:
                    # Anew and not away: a round that is under way has planned to ask for it.
                    topic.assets[asset] = AssetState(Breaker(self._steady, self._chance))
            topic.recount()

    def wants(self, asset: str) -> bool:
        """Tell whether anything of an asset may and should be asked now."""
        if self.state.host.rests:
            return False
        for topic in self.state.topics:
            if (topic.topic in OF_MARKET) != (asset == MARKET) or topic.breaker.rests:
                continue
            known = topic.assets.get(asset)
            if known is None or (self._steady() >= known.due and not known.asking and not known.breaker.rests):
                return True
        return False

    def health(self, now: datetime, assets: Collection[str]) -> list[SourceHealth]:
        """Say how each topic stands that is asked about any of these assets; of the others another process may know."""
        own, market = any(name != MARKET for name in assets), MARKET in assets
        return [row for row in self.state.health(now) if (market if row.topic in OF_MARKET else own)]

    def _open(self, made: Round) -> bool:
        """Tell whether anything more may be asked in a round."""
        return not self.state.host.rests and asyncio.get_running_loop().time() < made.end

    def _due(self, topic: TopicState, names: Sequence[str], made: Round, present: bool) -> list[Question]:  # noqa: FBT001
        """List what is asked now; of a topic in trouble all assets, beginning with another one each time."""
        if topic.breaker.rests:
            return []
        listed, began, known = names[: WIDEST.get(topic.topic)], made.began, topic.assets
        if (
            began < topic.quiet
            and topic.listed == listed
            and not topic.breaker.failures
            and not self.planner.owes(self.name, topic.topic)
        ):
            return []  # as most topics most of the time: nobody goes through hundreds of assets for them
        free: list[str] = []
        due: list[str] = []
        orders: set[float | None] = set()
        quiet = math.inf
        for name in listed:
            asset = known.get(name) or self._asset(topic, name)
            if asset.breaker.state != "ok" and asset.breaker.rests:  # nearly all of hundreds are well
                quiet = min(quiet, max(asset.due, began + (asset.breaker.left or _NOW).total_seconds()))
                continue
            free.append(name)
            if began >= asset.due:
                due.append(name)
                orders.add(asset.asked)
            elif asset.due < quiet:
                quiet = asset.due
        if not made.asked_for:
            topic.quiet, topic.listed = (-math.inf if due else quiet), listed
        if topic.breaker.failures and free:
            first = topic.turn % len(free)
            topic.turn += 1
            due = free[first:] + free[:first]
        elif len(orders) > 1:
            due.sort(key=lambda name: known[name].asked or -math.inf)  # whom the last round did not reach
        return self.planner.plan(
            self.name, topic, due, free, made.now, self._barred(), made.ledger, present_only=present
        )

    def _asset(self, topic: TopicState, name: str) -> AssetState:
        found = topic.assets[name] = AssetState(Breaker(self._steady, self._chance))
        return found

    async def _topic(self, topic: TopicState, due: list[Question], made: Round) -> None:
        """Ask one topic: first singly until somebody is answered, then the rest together; in one answer if there is."""
        queue, heard, misses = deque(due), False, 0
        while queue and not heard and misses < (1 if topic.breaker.failures else _OPINIONS) and self._open(made):
            heard = await self._ask(topic, deque([queue.popleft()]), made, self._take)
            misses += 1
        if heard and self._tells_all is not None and topic.topic in self._tells_all.at_once:
            await self._take_all(topic, queue, self._tells_all, made)
        if heard:
            await asyncio.gather(*(self._work(topic, queue, made) for _ in range(min(AT_ONCE, len(queue)))))
            self._take_alike(topic, made)
        if heard or (misses and not made.asked_for):
            self._judge(topic, made.now, heard=heard)

    async def _take_all(self, topic: TopicState, queue: deque[Question], source: TellsAll, made: Round) -> None:
        """Take from the queue whoever's present is told in one answer for all of them.

        Whoever that does not tell of stays in it: asked for alone, they are judged and blamed as everywhere.
        """
        await self._breath.take()  # the first answer has just been parsed and read
        assets, began = topic.assets, made.began
        waiting = {  # who is asked for the present alone, and by no other round, nor was since this one was planned
            question.name: question
            for question in queue
            if question.since is None
            and not (asset := assets[question.name]).asking
            and (asset.asked is None or asset.asked <= began)
        }
        names = list(waiting)
        try:
            async with self._urgent if made.asked_for else self._gate, asyncio.timeout(self._patience_s):
                for first in range(0, len(names), _TOGETHER):
                    if not self._open(made):
                        break
                    snapshot = await source.fetch_all(topic.topic, names[first : first + _TOGETHER], made.now)
                    await self._breath.take()
                    if snapshot is not None:
                        for odd in self.answers.take_all(topic, snapshot, made):
                            self._take(topic, waiting[odd.asset], [odd], None, made)
                        for name in snapshot.assets:
                            del waiting[name]
                    await self._breath.take()
        except (SourceError, TimeoutError):
            pass  # who asks alone is told why
        except Exception:  # noqa: BLE001 -- as in `_ask_one`
            self._log.exception("source broke its promise", source=self.name, topic=topic.topic)
        taken = set(names) - waiting.keys()
        left = [question for question in queue if question.name not in taken]
        queue.clear()
        queue.extend(left)

    def _take(
        self, topic: TopicState, question: Question, answer: Sequence[Found], since: datetime | None, made: Round
    ) -> bool:
        """Take an answer; False where it is worth nothing, so that the source has failed with it."""
        try:
            self.answers.take(topic, question, answer, since, made)
        except SourceError as error:
            return self.answers.failed(topic, question, error, made)
        return True

    def _take_later(
        self, topic: TopicState, question: Question, answer: Sequence[Found], since: datetime | None, made: Round
    ) -> bool:
        """Take an answer, one that tells how a single asset stands together with others of its kind.

        What a border, a breaker and a planner do for each of hundreds of them would cost more than the question.
        """
        alone = answer[0] if len(answer) == 1 and not question.past else None
        if not isinstance(alone, Points) or alone.step is not None or alone.settled or len(alone) != 1:
            return self._take(topic, question, answer, since, made)
        topic.assets[question.name].asked = made.began  # by nobody else meanwhile
        waiting = made.alike.setdefault(topic.topic, [])
        waiting.append(alone)
        if len(waiting) >= _ALIKE:
            self._take_alike(topic, made)
        return True

    def _take_alike(self, topic: TopicState, made: Round) -> None:
        """Take the answers that wait, those with the same inputs as if one answer had told of them all."""
        by_inputs: dict[tuple[str, ...], list[Points]] = {}
        for alone in made.alike.pop(topic.topic, ()):
            by_inputs.setdefault(tuple(alone.columns), []).append(alone)
        for names, same in by_inputs.items():
            columns = {name: [alone.columns[name][0] for alone in same] for name in names}
            snapshot = Snapshot(self.name, [alone.asset for alone in same], [alone.times[0] for alone in same], columns)
            for odd in self.answers.take_all(topic, snapshot, made):
                self._take(topic, Question(odd.asset, None, past=False), [odd], None, made)

    async def _work(self, topic: TopicState, queue: deque[Question], made: Round) -> None:
        while queue:
            await self._ask(topic, queue, made, self._take_later)
            await self._breath.take()

    def _judge(self, topic: TopicState, now: datetime, *, heard: bool) -> None:
        """Set the state of a topic after a round: nobody answered, an old answer, or all in order."""
        if self.state.host.rests:
            return
        if not heard:
            failing = [asset.breaker for asset in topic.assets.values() if asset.breaker.state == "down"]
            topic.breaker.failed(SourceDown(failing[-1].reason if failing else "no answer"), now)
            for breaker in failing:  # the trouble was the topic's: no asset keeps a pause of its own
                breaker.worked(now)
            topic.quiet = -math.inf  # it may have been put off by such a pause
            return
        newest = topic.newest
        if newest is not None and now - newest > _FRESH.get(topic.topic, DAY):
            title = source_title(self.name)
            said = f"{title} answers, but its newest {topic.topic} is from {newest:%Y-%m-%d %H:%M} UTC."
            topic.breaker.failed(SourceDown(said), now)
        else:
            topic.breaker.worked(now)

    async def _ask(self, topic: TopicState, queue: deque[Question], made: Round, take: Take) -> bool:
        """Ask the next few, one after the other; each has its own time to be answered in. take: has their answers.

        False when the source failed with the last of them; where it does not offer the asset, it answered. A place at
        the gate for each of hundreds of questions, whose answers are there at once, would cost more than they do.
        """
        loop, question, heard = asyncio.get_running_loop(), queue[0], True
        async with self._urgent if made.asked_for else self._gate:
            asked, begun = 0, loop.time()
            try:
                async with asyncio.timeout(self._patience_s) as limit:
                    while queue and self._open(made):
                        question, asked = queue.popleft(), asked + 1
                        if loop.time() - begun > self._patience_s * _LESS:
                            begun = loop.time()
                            limit.reschedule(begun + self._patience_s)
                        heard = await self._ask_one(topic, question, made, take)
                        if asked == _IN_A_ROW:
                            return heard
                        if queue:
                            await self._breath.take()
            except TimeoutError:
                late = SourceDown(f"{source_title(self.name)} did not answer within {self._patience_s:g} s.")
                return self.answers.failed(topic, question, late, made)
            queue.clear()  # what is left is asked in another round
            return heard and not self.state.host.rests

    async def _ask_one(self, topic: TopicState, question: Question, made: Round, take: Take) -> bool:
        asset, name = topic.assets[question.name], question.name
        if asset.asking or (asset.asked is not None and asset.asked > made.began and not question.past):
            return True  # another round asks it, or has, since this one was planned
        failure: SourceError
        self.state.asked = asset.asking = True
        try:
            answer, since = await self._answer(topic.topic, question, made.now)
        except TimeoutError:
            raise  # ours: sources translate theirs
        except SourceError as error:
            failure = error
        except Exception:  # noqa: BLE001 -- a defect in one source must not stop the others; the log has it whole
            self._log.exception("source broke its promise", source=self.name, topic=topic.topic, asset=name)
            failure = SourceDown(f"Reading {source_title(self.name)} failed inside perpulse; the log has the details.")
        else:
            return take(topic, question, answer, since, made)
        finally:
            asset.asking = False
        return self.answers.failed(topic, question, failure, made)

    async def _answer(self, topic: Topic, question: Question, now: datetime) -> tuple[Sequence[Found], datetime | None]:
        """Ask, for less where the range is refused, and for the present alone where the past is; say since when.

        A past that is refused must not take the present with it.
        """
        since = question.since
        for _ in range(SHORTER):
            try:
                return await self._source.fetch(Ask(topic, question.name, now, since)), since
            except SourceDown as error:
                if since is None or error.retry_at or error.about == "host":
                    raise
                self._log.warning("a past was refused", source=self.name, topic=topic, asset=question.name, since=since)
                since = shorter(since, now) if error.about == "range" else None
        return await self._source.fetch(Ask(topic, question.name, now)), None
