"""Which source answers which topic, how often, and what happens when one does not.

One source, topic or asset in trouble harms no other. A host that bans or refuses us is left alone as a whole; a topic
that fails is tried again after a growing pause, by one question; a contract that is not offered, again tomorrow.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, cast

import structlog

from bot.market.breaker import Breaker
from bot.market.cross_checks import LASTING, Agreement, Contradiction
from bot.market.history_planner import HISTORY, KEY_INPUT, PORTION, Pasts
from bot.market.source import Ask, Blocked, NotOffered, Source, SourceDown, SourceError, Topic
from bot.market.source_state import Asset, AssetEvent, Collected, Desk, Line, SourceHealth, change, health
from bot.market.validation import Border
from signals.inputs import INPUTS, MARKET
from signals.venues import source_title
from storage.market.options import Chain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from bot.market.breaker import State
    from bot.market.history_planner import Question, Remembered
    from bot.market.source import Found
    from storage.market.coverage import Debt
    from storage.market.points import Points

AT_ONCE: Final = 4  # questions to one host at a time
_OPINIONS: Final = 3  # a healthy topic is called down after this many assets failed and none was answered

_FRESH: Final[dict[Topic, timedelta]] = {  # an answer whose newest figure is older than this is a frozen one
    topic: INPUTS["mark_price" if topic == "funding" else name].fresh_for for topic, name in KEY_INPUT.items()
}
_SAME_HOURS: Final = 0.01
_TELLS_LISTING: Final = frozenset({"bars"})  # one topic speaks for the contract, so that it is told once
_DAY: Final = timedelta(days=1)
OF_MARKET: Final = frozenset({"fear_greed", "stablecoins"})  # topics that have one figure for the whole market
WIDEST: Final[dict[Topic, int]] = {  # topics that cost a venue's whole allowance if asked for everything
    "depth": 20,
    "ratios": 50,
}


class Market:
    """Ask every source what is due and pass on what can be true.

    clock: read at receipt, since an exchange's time may lie after the beginning of the round. remembered: the newest
    stored value of (venue, asset, input), by which a restart goes on where it stopped. in_trouble: what was last told
    of each source, and of "source asset", by an earlier process; owed: the pasts that it had put off; both read once.
    portion: how many assets of a topic and venue are asked for a long past in one round. chance: the jitter, in [0, 1).
    """

    def __init__(
        self,
        sources: Iterable[Source],
        *,
        clock: Callable[[], datetime],
        remembered: Remembered | None = None,
        in_trouble: Callable[[], Mapping[str, str]] = dict,
        owed: Callable[[], Mapping[Debt, datetime]] = dict,
        chance: Callable[[], float] = random.random,
        history: timedelta = HISTORY,
        portion: int = PORTION,
        patience_s: float = 60.0,
    ) -> None:
        self._clock, self._chance, self._patience_s = clock, chance, patience_s
        self._remembered = remembered or (lambda _venue, _asset, _name: None)
        self._pasts = Pasts(self._remembered, history, portion)
        self._before: Callable[[], tuple[Mapping[str, str], Mapping[Debt, datetime]]] | None = lambda: (
            in_trouble(),
            owed(),
        )
        self._border = Border(self._last_value)
        self._log = structlog.get_logger("market")
        self._told: list[AssetEvent] = []
        self._gone: set[tuple[str, str]] = set()
        sources = list(sources)
        self._agreement = Agreement([each.name for each in sources], timedelta(minutes=LASTING))
        self._desks = [
            Desk(
                source,
                Breaker(chance),
                [Line(topic, pause, Breaker(chance)) for topic, pause in source.offers.items()],
                asyncio.Semaphore(AT_ONCE),
            )
            for source in sources
        ]

    async def collect(self, assets: Sequence[str], now: datetime) -> Collected:
        """Ask what is due at `now`; never sleeps and never raises for a source. Call it again at the next tick."""
        if self._before:
            (known, owed), self._before = self._before(), None
            self._pasts.load(owed)
            self._take_over(known)
        found = await asyncio.gather(*(self._desk(desk, assets, now) for desk in self._desks))
        events = [event for desk in self._desks if (event := change(desk, now))]
        points = self._agreeing([each for batch in found for each in batch if not isinstance(each, Chain)], now)
        chains = [each for batch in found for each in batch if isinstance(each, Chain)]
        told, self._told = self._told, []
        return Collected(points, events, told, chains, self._pasts.changes())

    def _take_over(self, known: Mapping[str, str]) -> None:
        """Begin with what an earlier process has told, so that none of it is told again."""
        for desk in self._desks:
            venue = desk.source.name
            desk.told = cast("State", known.get(venue, "ok"))
            for about, kind in known.items():
                source, _, asset = about.partition(" ")
                if source == venue and kind == "absent":
                    self._gone.add((venue, asset))
                elif source == venue and kind == "contradicts":
                    said = f"its figures of {asset} did not agree with the other venues'"
                    self._agreement.standing[venue, asset] = Contradiction(venue, asset, said)

    def owe(self, debt: Debt, since: datetime) -> None:
        """Have a past asked for in the next rounds, although something newer is stored; of a source we have."""
        if any(debt[0] == desk.source.name and debt[1] in desk.source.offers for desk in self._desks):
            self._pasts.owe(debt, since)

    def owing(self, assets: Sequence[str]) -> int:
        """Count the pasts that were put off and are asked for in the next rounds."""
        return self._pasts.count({desk.source.name for desk in self._desks}, assets)

    def _agreeing(self, found: list[Points], now: datetime) -> list[Points]:
        """Keep a venue out of an asset whose price or open interest contradicts the others, and say so by name."""
        before = set(self._agreement.standing)
        kept, left_out = self._agreement.sift(found, now)
        standing = self._agreement.standing
        for key in standing.keys() - before:
            odd = standing[key]
            what = f"{source_title(odd.venue)} is left out of {odd.asset}: {odd.reason}."
            said = f"{what} A unit or a contract has changed there."
            self._told.append(AssetEvent(odd.venue, odd.asset, "contradicts", said, now))
        for venue, asset in before - standing.keys():
            self._told.append(
                AssetEvent(venue, asset, "agrees", f"{source_title(venue)} agrees on {asset} again.", now)
            )
        lines = {desk.source.name: desk.lines[0] for desk in self._desks}
        for each in left_out:
            self._pasts.unkept(each.venue, each.asset)
            line = lines[each.venue]
            line.quarantined += int(each.frame.notna().to_numpy().sum())
            line.last_rejected = standing[each.venue, each.asset].reason
        return kept

    def health(self) -> list[SourceHealth]:
        """Say how every source stands with every topic, trouble of its host included."""
        return [health(desk, line) for desk in self._desks for line in desk.lines]

    def notes(self) -> dict[str, tuple[str, tuple[str, ...]]]:
        """Say of each source what its provider asks us to say, and what must be said with its figures."""
        return {
            desk.source.name: (
                desk.source.attribution,
                tuple(f"{topic.replace('_', ' ')}: {caveat}" for topic, caveat in desk.source.caveats.items()),
            )
            for desk in self._desks
        }

    async def close(self) -> None:
        """Close every source, whatever one of them says to it."""
        await asyncio.gather(*(desk.source.close() for desk in self._desks), return_exceptions=True)

    async def _desk(self, desk: Desk, assets: Sequence[str], now: datetime) -> list[Found]:
        waiting = deque((line, due) for line in desk.lines if (due := self._due(desk, line, assets, now)))
        found: list[Found] = []
        # A host of which nothing good is known is asked one thing at a time until it answers: one probe, not twelve.
        while waiting and not desk.host.rests(now) and (not desk.asked or desk.host.state != "ok"):
            found += await self._topic(desk, *waiting.popleft(), now)
        if not desk.host.rests(now):
            rest = await asyncio.gather(*(self._topic(desk, line, due, now) for line, due in waiting))
            found += [each for batch in rest for each in batch]
        return found

    def _due(self, desk: Desk, line: Line, assets: Sequence[str], now: datetime) -> list[Question]:
        """List what is asked now; of a topic in trouble all assets, beginning with another one each time."""
        if line.breaker.rests(now):
            return []
        wanted = [MARKET] if line.topic in OF_MARKET else list(dict.fromkeys(assets))[: WIDEST.get(line.topic)]
        free = [name for name in wanted if not self._asset(line, name).breaker.rests(now)]
        if line.breaker.failures and free:
            turn = line.turn % len(free)
            line.turn += 1
            due = free[turn:] + free[:turn]
        else:
            due = [name for name in free if line.assets[name].wants(now)]
        return self._pasts.plan(desk.source.name, line, due, free, now, self._agreement.standing.keys())

    def _asset(self, line: Line, name: str) -> Asset:
        return line.assets.setdefault(name, Asset(Breaker(self._chance)))

    async def _topic(self, desk: Desk, line: Line, due: list[Question], now: datetime) -> list[Found]:
        """Ask one topic: first singly until somebody is answered, then the rest together."""
        found: list[Found] = []
        queue, heard, misses = deque(due), False, 0
        while queue and not heard and misses < (1 if line.breaker.failures else _OPINIONS) and not desk.host.rests(now):
            answer = await self._ask(desk, line, queue.popleft(), now)
            found += answer or []
            heard, misses = answer is not None, misses + 1
        if heard:
            for answer in await asyncio.gather(*(self._ask(desk, line, each, now) for each in queue)):
                found += answer or []
        self._judge(desk, line, now, heard=heard)
        return found

    def _judge(self, desk: Desk, line: Line, now: datetime, *, heard: bool) -> None:
        """Set the state of a topic after a round: nobody answered, an old answer, or all in order."""
        if desk.host.rests(now):
            return
        if not heard:
            failing = [each.breaker for each in line.assets.values() if each.breaker.state == "down"]
            line.breaker.failed(SourceDown(failing[-1].reason if failing else "no answer"), now)
            for breaker in failing:  # the trouble was the topic's: no asset keeps a pause of its own
                breaker.worked(now)
            return
        newest = max((each.newest for each in line.assets.values() if each.newest), default=None)
        if newest is not None and now - newest > _FRESH.get(line.topic, _DAY):
            said = f"{desk.title} answers, but its newest {line.topic} is from {newest:%Y-%m-%d %H:%M} UTC."
            line.breaker.failed(SourceDown(said), now)
        else:
            line.breaker.worked(now)

    async def _ask(self, desk: Desk, line: Line, question: Question, now: datetime) -> list[Found] | None:
        """Ask for one asset. None when the source failed; an empty list when it does not offer the asset."""
        name = question.name
        asset = line.assets[name]
        async with desk.gate:
            if desk.host.rests(now):
                return None
            desk.asked = True
            failure: SourceError
            try:
                async with asyncio.timeout(self._patience_s):
                    answer = await desk.source.fetch(Ask(line.topic, name, now, question.since))
                found = self._admit(desk, line, answer)
            except SourceError as error:
                failure = error
            except TimeoutError:
                failure = SourceDown(f"{desk.title} did not answer within {self._patience_s:g} s.")
            except Exception:  # noqa: BLE001 -- a defect in one source must not stop the others; the log has it whole
                self._log.exception("source broke its promise", source=desk.source.name, topic=line.topic, asset=name)
                failure = SourceDown(f"Reading {desk.title} failed inside perpulse; the log has the details.")
            else:
                self._noted(desk, line, asset, found, now)
                if question.past:
                    asset.full_at = now
                    self._pasts.answered((desk.source.name, line.topic, name), question.since, now)
                return found
        return self._failed(desk, line, name, failure, now)

    def _failed(self, desk: Desk, line: Line, name: str, error: SourceError, now: datetime) -> list[Found] | None:
        """Blame the asset, and the whole host where the venue speaks of it: a block, or a rest that it named."""
        asset = line.assets[name]
        asset.breaker.failed(error, now)
        if isinstance(error, NotOffered):
            self._pasts.answered((desk.source.name, line.topic, name), None, now)
            if line.topic in _TELLS_LISTING and self._was_there(desk.source.name, line.topic, name, asset):
                said = f"{desk.title} has {name} no longer: {error}"
                self._told.append(AssetEvent(desk.source.name, name, "absent", said, now))
                asset.newest = asset.full_at = None
                self._gone.add((desk.source.name, name))
            return []
        if isinstance(error, Blocked) or (isinstance(error, SourceDown) and error.retry_at):
            asset.breaker.worked(now)
            desk.host.failed(error, now)
        return None

    def _was_there(self, venue: str, topic: Topic, name: str, asset: Asset) -> bool:
        """Tell whether an asset that is not offered was, so that somebody may be waiting for it; said once."""
        if (venue, name) in self._gone:
            return False
        return asset.newest is not None or self._remembered(venue, name, KEY_INPUT[topic]) is not None

    def _admit(self, desk: Desk, line: Line, answer: Sequence[Found]) -> list[Found]:
        """Let the border look at an answer; one of which nothing is left is a failure, not a silence."""
        passed: list[Found] = []
        before, receipt = line.quarantined, self._clock()
        for each in answer:
            if isinstance(each, Chain):
                passed.append(each)
                continue
            good, rejected = self._border.admit(each, receipt)
            line.quarantined += len(rejected)
            if rejected:
                example = rejected[-1]
                line.last_rejected = f"{example.asset} {example.name} {example.reason}"
                self._log.warning("figures rejected", venue=each.venue, count=len(rejected), one=line.last_rejected)
            if len(good.frame):
                passed.append(good)
        if line.quarantined > before and not passed:
            raise SourceDown(f"{desk.title} sends impossible figures: {line.last_rejected}.")
        return passed

    def _noted(self, desk: Desk, line: Line, asset: Asset, found: list[Found], now: datetime) -> None:
        desk.host.worked(now)
        asset.breaker.worked(now)
        asset.asked, asset.due = now, now + line.pause
        for each in found:
            if isinstance(each, Chain):
                asset.newest = max(asset.newest or each.at, each.at)
                continue
            self._intervals(desk, asset, each, now)
            newest = each.frame.index[-1].to_pydatetime()
            asset.newest = max(asset.newest or newest, newest)
            asset.step = each.step or timedelta(0)
            if each.step is not None:  # nothing new before the next bar has closed
                asset.due = max(asset.due, newest + 2 * each.step)

    def _intervals(self, desk: Desk, asset: Asset, each: Points, now: datetime) -> None:
        """Tell when a venue settles funding in another rhythm: the same rate is then another yearly one."""
        if "mark_price" not in each.frame.columns or "funding_interval_hours" not in each.frame.columns:
            return
        if (desk.source.name, each.asset) in self._gone:
            self._gone.discard((desk.source.name, each.asset))
            said = f"{desk.title} has {each.asset} again."
            self._told.append(AssetEvent(desk.source.name, each.asset, "listed", said, now))
        hours = float(each.frame["funding_interval_hours"].iloc[-1])
        before, asset.hours = asset.hours, hours
        if before is None:
            before = self._last_value(desk.source.name, each.asset, "funding_interval_hours")
        if before is None or abs(hours - before) < _SAME_HOURS:
            return
        said = f"{desk.title} now settles funding of {each.asset} every {hours:g} h instead of {before:g} h."
        self._told.append(AssetEvent(desk.source.name, each.asset, "interval", said, now))

    def _last_value(self, venue: str, asset: str, name: str) -> float | None:
        stored = self._remembered(venue, asset, name)
        return stored.value if stored else None
