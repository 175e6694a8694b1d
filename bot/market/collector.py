"""Which source is asked when: each on a task of its own, and one asset of all of them when somebody waits for it.

A source that hangs delays nobody: what the others bring is stored as it comes, and nobody waits for a whole round.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, TypeVar, cast

import structlog

from bot.market.border.judging import Border
from bot.market.border.refusals import said, times_said
from bot.market.breath import Breath
from bot.market.cross_checks import LASTING, Contradiction, CrossChecks
from bot.market.glances import Glances
from bot.market.history_planner import HISTORY, PORTION
from bot.market.keeper import Collected, Keeper, Recalled
from bot.market.source_rounds import ROUND, SourceRounds
from signals.inputs import MARKET
from signals.options import Chain
from storage.engine.database import StoreError
from storage.sources.source_events import AssetEvent
from storage.sources.source_state import Note

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence

    from bot.market.answers import Round
    from bot.market.breaker import State
    from bot.market.glances import Looked
    from bot.market.source import Source, SourceError, Topic
    from bot.market.streams.liquidations import LiquidationStreams
    from bot.tape import Edge
    from storage.market.points import Newest, Points
    from storage.queries.glance import Glance
    from storage.sources.coverage import Debt
    from storage.sources.source_state import SourceHealth

EVERY: Final = timedelta(seconds=15)  # what is due is decided by each topic's pause; a round without costs nothing
ASK_WITHIN: Final = timedelta(seconds=2)  # so long somebody waits who asks for one asset
FIRST_WITHIN: Final = timedelta(seconds=15)  # so long the first rounds are waited for
_Made = TypeVar("_Made")
STREAMS: Final = "liquidations"  # the name under which a tape has the rounds of the streams


@dataclass(frozen=True, slots=True)
class _UnderWay:
    """One asset that is asked for now: by which venues, and whether something new was stored."""

    venues: tuple[str, ...]
    done: asyncio.Task[bool]


class Collector:
    """Ask every source what is due, and have what can be true stored.

    clock, steady: the time, and the seconds of the monotonic clock. keeper: the writer, without whom nothing is stored
    (and nothing known of before). streams: hours of liquidations, taken beside the sources. edge: is told of each
    round, so that it can be done again.
    """

    def __init__(
        self,
        sources: Iterable[Source],
        *,
        clock: Callable[[], datetime],
        steady: Callable[[], float],
        keeper: Keeper | None = None,
        recall: Callable[[], Recalled] | None = None,
        streams: LiquidationStreams | None = None,
        edge: Edge | None = None,
        chance: Callable[[], float] = random.random,
        history: timedelta = HISTORY,
        portion: int = PORTION,
        patience_s: float = 60.0,
        longest: timedelta = ROUND,
    ) -> None:
        sources = list(sources)
        self._clock, self._keeper, self._streams, self._edge = clock, keeper, streams, edge
        self._recall = recall or (keeper.recall if keeper else Recalled)
        self._recalled: asyncio.Task[None] | None = None
        self._newest: dict[tuple[str, str, str], Newest] = {}
        self._checks = CrossChecks([source.name for source in sources], timedelta(minutes=LASTING))
        self._border, self._breath = Border(self._remembered), Breath()
        self._rounds = {
            source.name: SourceRounds(
                source,
                self._border,
                self._breath,
                clock=clock,
                steady=steady,
                remembered=self._remembered,
                barred=self._checks.standing.keys,
                chance=chance,
                history=history,
                portion=portion,
                patience_s=patience_s,
                longest=longest,
            )
            for source in sources
        }
        self._sources = sources
        self._left_out: list[Mapping[str, str]] | None = None
        self._glances = Glances(self._rounds.values(), clock=clock, steady=steady, told=self._told_glance)
        self._asked: dict[str, _UnderWay] = {}
        self._others: set[asyncio.Task[bool]] = set()
        self._running = False
        self._shared: frozenset[str] = frozenset()  # what was collected by this process in the last round
        self._first = {name: asyncio.Event() for name in self._rounds}
        self._again = {name: asyncio.Event() for name in (*self._rounds, STREAMS)}
        self._log = structlog.get_logger("market")

    # --- rounds

    async def collect(
        self, assets: Sequence[str], now: datetime, sources: Collection[str] = (), *, market: bool = True
    ) -> Collected:
        """Ask what is due of all sources, or of some, and return what may be stored; never raises for a source.

        market: also what is of the market as a whole.
        """
        await self._begin()
        asked = [rounds for name, rounds in self._rounds.items() if not sources or name in sources]
        found = Collected()
        wanted = (*assets, MARKET) if market else assets
        made = await asyncio.gather(*(rounds.round(wanted, now) for rounds in asked))
        for rounds, one in zip(asked, made, strict=True):
            await self._breath.take()
            found.add(self._sifted(rounds, one, wanted))
        if self._streams and self._streams.heard and (not sources or STREAMS in sources):
            found.points.extend(self._admitted(await self._streams.collect(now)))
            found.events.extend(self._streams.events())
            found.health.extend(self._streams.health())
        return found

    async def round(self, assets: Sequence[str], sources: Collection[str] = ()) -> bool:
        """Ask what is due of all sources, or of some, and store it; tell whether there was anything.

        StoreError where it cannot be stored.
        """
        return await self._told(self._kept(assets, sources), sources)

    async def repeat(
        self, asset: str, sources: Sequence[str], followed: Sequence[str], *, glance: bool = False
    ) -> None:
        """Do a round of a tape again: of what is followed, or of one asset that somebody asked for or looked at."""
        if glance:
            await self._glances.repeat(asset, sources)
        elif asset:
            await asyncio.gather(*(self._brought(self._rounds[name], asset) for name in sources))
        else:
            await self.round(followed, sources)

    async def run(self, share: Callable[[], Sequence[str]]) -> None:
        """Collect until cancelled, each source at its own pace; what is under way then is lost.

        share: which assets to collect now, MARKET among them where what is of the market as a whole is too.
        """
        await self._begin()
        self._shared = frozenset(share())
        self._running = True
        names = [*self._rounds, *([STREAMS] if self._streams else [])]
        try:
            async with asyncio.TaskGroup() as group:
                for place, name in enumerate(names):
                    later = EVERY * place / len(names)  # their rounds fall beside each other, not upon each other
                    group.create_task(self._keep_asking(name, share, later))
        finally:
            self._running = False

    def wake(self) -> None:
        """Have the next round of every source done now, since there is more to collect than before."""
        for again in self._again.values():
            again.set()

    async def first_rounds(self) -> None:
        """Wait until every source was asked once, but not for long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FIRST_WITHIN.total_seconds()):
                await asyncio.gather(*(event.wait() for event in self._first.values()))

    async def _keep_asking(self, name: str, share: Callable[[], Sequence[str]], later: timedelta) -> None:
        """Ask one source again and again; nothing that it or the disk does ends it."""
        loop, again = asyncio.get_running_loop(), self._again[name]
        due = loop.time()
        while True:
            try:
                await self._round_of_share(share(), name)
            except Exception:  # noqa: BLE001 - a defect of one round must not end the collecting
                self._log.exception("a round failed; the next one is in a moment", source=name)
            if name in self._first:
                self._first[name].set()
            due = max(due + (EVERY + later).total_seconds(), loop.time())
            later = timedelta(0)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(due):
                    await again.wait()
            again.clear()

    async def _round_of_share(self, share: Sequence[str], name: str) -> None:
        """Do a round of one source over what is ours now; of what is new, first learn what another has stored."""
        if gained := frozenset(share) - self._shared:
            await self._take_from_others(gained)
        if self._keeper and (lost := self._shared - frozenset(share)):
            self._keeper.leave(lost)
        self._shared = frozenset(share)
        # The streams are one process's, which need not be one that collects any asset.
        if self._streams.heard if self._streams and name == STREAMS else share:
            # MARKET is among them where it is ours.
            await self._told(self._kept(share, [name], market=False), [name])

    async def _take_from_others(self, assets: Collection[str]) -> None:
        """Forget what was known of assets that another process has collected, and begin with what it stored."""
        for rounds in self._rounds.values():
            rounds.forget(assets)
        self._border.forget(assets)
        if self._keeper:
            self._keeper.anew()
        await self._take_over()

    async def _kept(self, assets: Sequence[str], sources: Collection[str], *, market: bool = True) -> bool:
        found = await self.collect(assets, self._clock(), sources, market=market)
        return await self._store(found)

    async def _store(self, found: Collected) -> bool:
        """Have a round written. While it cannot be, a source that runs waits with it: what it brought is not lost."""
        while self._keeper:
            try:
                return bool(await self._keeper.keep(found))
            except StoreError as error:
                if not self._running:
                    raise
                self._log.error(str(error))
                await asyncio.sleep(EVERY.total_seconds())
        return bool(found.points or found.snapshots)

    async def _told(
        self, round_: Awaitable[_Made], sources: Collection[str], asset: str = "", *, glance: bool = False
    ) -> _Made:
        """Do a round and note its beginning and its end at the edge."""
        if self._edge is None:
            return await round_
        number = self._edge.began(self._clock(), tuple(sources), asset, glance=glance)
        try:
            return await round_
        finally:
            self._edge.ended(self._clock(), number)

    # --- one asset, now

    def ask(self, asset: str, within: timedelta = ASK_WITHIN) -> tuple[tuple[str, ...], Awaitable[bool]] | None:
        """Begin to ask for one asset beside everything else, of each source that may have something new.

        Return which sources those are, and what tells within so long whether something new was stored; what comes later
        is stored all the same. None where all is fresh, rests, or is being asked. Whoever asks for the same asset
        meanwhile waits for the same answers.
        """
        under_way = self._asked.get(asset)
        if under_way is None:
            asked = [rounds for rounds in self._rounds.values() if rounds.wants(asset)]
            if not asked:
                return None
            tasks = [asyncio.create_task(self._brought(rounds, asset)) for rounds in asked]
            for task in tasks:
                self._others.add(task)
                task.add_done_callback(self._others.discard)
            done = asyncio.create_task(self._within(asset, tasks, within))
            under_way = self._asked[asset] = _UnderWay(tuple(rounds.name for rounds in asked), done)
        return under_way.venues, asyncio.shield(under_way.done)

    def glance(self, asset: str, within: timedelta = ASK_WITHIN) -> Looked:
        """Begin to look at an asset that is not followed: nothing of it is stored (see Glances.ask)."""
        return self._glances.ask(asset, within)

    async def _told_glance(
        self, look: Awaitable[Glance | SourceError], sources: Sequence[str], asset: str
    ) -> Glance | SourceError:
        return await self._told(look, sources, asset, glance=True)

    async def _within(self, asset: str, tasks: Sequence[asyncio.Task[bool]], within: timedelta) -> bool:
        try:
            done, _ = await asyncio.wait(tasks, timeout=within.total_seconds())
            if failed := [error for task in done if (error := task.exception())]:  # all are looked at, or asyncio logs
                raise failed[0]
            return sum(task.result() for task in done) > 0
        finally:
            del self._asked[asset]

    async def _brought(self, rounds: SourceRounds, asset: str) -> bool:
        """Ask one source for one asset: for the present, which somebody waits for, and then for its past."""
        await self._begin()
        return await self._told(self._present_and_past(rounds, asset), [rounds.name], asset)

    async def _present_and_past(self, rounds: SourceRounds, asset: str) -> bool:
        stored = False
        for present in (True, False):
            made = await rounds.round([asset], self._clock(), asked_for=self._running, present=present)
            try:
                stored |= await self._store(self._sifted(rounds, made, [asset]))
            except StoreError as error:
                self._log.error(str(error))
        return stored

    # --- what is known of the sources

    def owe(self, debt: Debt, since: datetime) -> None:
        """Have a past asked for in the next rounds, although something newer is stored; of a source we have."""
        rounds = self._rounds.get(debt[0])
        if rounds and any(topic.topic == debt[1] for topic in rounds.state.topics):
            rounds.planner.owe(debt, since)

    def owing(self, assets: Sequence[str]) -> int:
        """Count the pasts that were put off and are asked for in the next rounds."""
        return sum(rounds.planner.count(assets) for rounds in self._rounds.values())

    def health(self) -> list[SourceHealth]:
        """Say how every source stands with every topic that is asked here, trouble of its host included."""
        now, every = self._clock(), list(self._rounds.values())
        if not self._running:
            return [row for rounds in every for row in rounds.state.health(now)]
        return [row for rounds in every for row in rounds.health(now, self._shared)]

    def notes(self) -> list[Note]:
        """Say of each source what its provider asks us to say, and what must be said with its figures."""
        return [
            Note(
                source.name,
                source.attribution,
                tuple(f"{topic.replace('_', ' ')}: {caveat}" for topic, caveat in source.caveats.items()),
                tuple(source.left_out.items()),
            )
            for source in self._sources
        ]

    async def close(self) -> None:
        """End what somebody has asked for, and close every source, whatever one of them says to it."""
        tasks = [*self._others, *(under_way.done for under_way in self._asked.values())]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._glances.close()
        if self._keeper:
            await self._keeper.close()
        await asyncio.gather(*(source.close() for source in self._sources), return_exceptions=True)

    # --- within

    async def _begin(self) -> None:
        """Read once what an earlier process has left, in a thread, whoever asks first."""
        if self._recalled is None:
            self._recalled = asyncio.create_task(self._take_over())
        await asyncio.shield(self._recalled)

    async def _take_over(self) -> None:
        """Begin with what an earlier process has told, so that none of it is told again."""
        recalled = await asyncio.to_thread(self._recall)
        self._newest = dict(recalled.newest)
        for venue, rounds in self._rounds.items():
            rounds.planner.load(
                {debt: since for debt, since in recalled.owed.items() if debt[0] == venue},
                {about: reach for about, reach in recalled.reaches.items() if about[0] == venue},
            )
            rounds.state.told = cast("State", recalled.told.get(venue, "ok"))
            for about, kind in recalled.told.items():
                source, _, asset = about.partition(" ")
                if source == venue and kind == "apart":
                    _, topic, asset = asset.split(" ", 2)
                    rounds.answers.apart[cast("Topic", topic)] = asset, {asset}
                elif source == venue and kind == "absent":
                    rounds.answers.gone.add(asset)
                elif source == venue and kind == "contradicts":
                    self._checks.standing[venue, asset] = Contradiction(venue, asset, "mark_price")

    def _sifted(self, rounds: SourceRounds, made: Round, asked: Collection[str]) -> Collected:
        """Keep a venue out of an asset whose price or open interest contradicts the others, and say so by name.

        asked: the assets of the round. A topic that is asked about none of them is another process's to speak of.
        """
        found = Collected(owed=made.ledger.changed, reaches=made.ledger.reaches)
        points = [given for given in made.found if not isinstance(given, Chain)]
        found.chains.extend(given for given in made.found if isinstance(given, Chain))
        standing = self._checks.standing
        before = set(standing)
        sifted = self._checks.sift(points, made.snapshots, made.now)
        found.points.extend(sifted.points)
        found.snapshots.extend(sifted.snapshots)
        found.assets.extend(made.events)
        for venue, asset in standing.keys() - before:
            odd = standing[venue, asset]
            event = AssetEvent(venue, asset, "contradicts", made.now, name=odd.name, times=odd.times)
            found.assets.append(event)
        for venue, asset in before - standing.keys():
            found.assets.append(AssetEvent(venue, asset, "agrees", made.now))
        for out in sifted.left_out:
            rounds.planner.unkept(out.venue, out.asset, made.ledger)
            rounds.state.topics[0].reject(out.count(), _reason(standing[out.venue, out.asset]))
        if event_ := rounds.state.change(made.now):
            found.events.append(event_)
        found.health.extend(rounds.health(made.now, asked))
        self._note()
        return found

    def _note(self) -> None:
        """Have what is to be said of the sources written again where a round has brought another list of contracts."""
        left_out = [source.left_out for source in self._sources]
        if self._keeper and left_out != self._left_out:
            self._keeper.note(self.notes())
        self._left_out = left_out

    def _remembered(self, venue: str, asset: str, name: str) -> Newest | None:
        return self._newest.get((venue, asset, name))

    def _admitted(self, hours: Iterable[Points]) -> list[Points]:
        """Take hours of the streams over the border; one that is kept out is logged, as it stands in no round."""
        passed: list[Points] = []
        for given in hours:
            good, rejected = self._border.admit(given, self._clock())
            for out in rejected:
                self._log.warning("liquidations rejected", venue=out.venue, asset=out.asset, at=out.at, why=said(out))
            if len(good):
                passed.append(good)
        return passed


def _reason(odd: Contradiction) -> str:
    """Say what is odd, in the words in which other rejected figures are said."""
    if odd.times is None:
        return f"{odd.asset} contradicts the other venues"
    against = "the other venues'" if odd.name == "mark_price" else "coins times price"
    return f"{odd.asset} {odd.name} is {times_said(odd.times)} {against}"
