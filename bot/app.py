"""Everything is made here, nothing at import: build() puts the parts together, App runs them in one loop."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import structlog

from bot.admission import Gate, TurnedAway, access_of, tell_code
from bot.archive.gaps import GapFiller
from bot.beside import account_of, chance_of, sources_of, streams_and_history, tiers_of
from bot.clock import Clock, SystemClock
from bot.delivery import here
from bot.delivery.dispatcher import Dispatcher
from bot.delivery.owners import Owners
from bot.delivery.rate_limiter import Paces
from bot.doubting import DoubtingClock
from bot.engine import housekeeping
from bot.engine.addresses import Following
from bot.engine.digests import Digests
from bot.engine.evidence import record
from bot.engine.hindsight import judge_past
from bot.engine.positions import Positions
from bot.engine.turn import TurnTaker, announce
from bot.machine import Machine
from bot.market.collector import Collector
from bot.market.keeper import Keeper
from bot.market.tiers import weekly
from bot.processes.hearing import Hearing
from bot.processes.holdings import Holdings
from bot.processes.once import OnceJob
from bot.processes.roles import assets_in
from bot.processes.wishes import Wishes
from bot.schedule import TICK_EVERY, begin_anew, cancelled, keep_the_loop_free, schedule
from bot.speaking import begin, channels_of
from bot.watch import alarms, backups
from bot.watch.watch import Watch
from handlers.answer import Answer, brings_code, is_for_all, logged
from handlers.channels.local import LocalChannel, local
from handlers.charts.process import ChartRenderer
from handlers.command import Asking, Deps, Looking
from handlers.conversation import Conversations
from handlers.reply import Line
from handlers.words.sources import beginning
from signals.inputs import MARKET
from storage.engine import settings
from storage.engine.database import LeaseLost, Store, StoreError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from apscheduler.schedulers.asyncio import AsyncIOScheduler

    from bot.archive.backfill import Backfill
    from bot.config import Config
    from bot.market.source import Source
    from bot.market.streams.liquidations import LiquidationStreams
    from bot.market.tiers.weekly import WeeklyTiers
    from bot.tape import Edge
    from handlers.access import Access
    from handlers.channels.channel import Channel
    from handlers.command import Asker
    from storage.engine.sharing.leases import Role
    from storage.queries.glance import Glance, NoGlance

log = structlog.get_logger(__name__)

# How long what is in flight may take when the program is told to stop. An answer that comes later leaves its message in
# doubt, and the next start repeats it; the rest of the five seconds is for closing.
LAST_MESSAGES = timedelta(seconds=3.5)
SENDING_AGAIN = timedelta(seconds=5)
READ = "archive read"  # the setting: when something came from the archive last
HISTORY_EVERY = timedelta(hours=6)  # the archive publishes yesterday at about 07:46; what is known costs no request


@dataclass(slots=True)
class App:
    """The parts of a running perpulse, each replaceable in a test."""

    config: Config
    clock: DoubtingClock
    store: Store
    collector: Collector
    turns: TurnTaker
    dispatcher: Dispatcher
    renderer: ChartRenderer
    channels: Sequence[Channel]
    positions: Positions
    following: Following
    digests: Digests
    access: Access
    gate: Gate
    watch: Watch
    conversations: Conversations
    holdings: Holdings
    wishes: Wishes
    streams: LiquidationStreams | None = None
    history: Backfill | None = None
    gap_filler: GapFiller | None = None
    tiers: WeeklyTiers | None = None
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    failed: bool = False  # it stopped by itself, and the log says why
    _reading: asyncio.Lock = field(default_factory=asyncio.Lock)
    _figures: bool = False  # the first ones are in, or could not be had
    _learnt: tuple[str, list[str]] | None = None  # when the archive was read of what was judged since, and what that is

    async def answer(self, text: str, asker: Asker) -> Answer:
        """Answer a command line from a channel; never raises.

        Nothing is said where another process answers there by now: it has heard the same line.
        """
        if await self.holdings.was_relieved("answer", asker.platform):
            return Answer(())
        assets, now = self.config.assets, self.clock.now
        admitted = await self.gate.admit(self.store, asker, lambda: is_for_all(text, assets))
        if isinstance(admitted, TurnedAway) and not (admitted.may_claim and brings_code(text)):
            return Answer((Line(admitted.text),) if admitted.text else (), apart=asker.edits is not None)
        admitted = asker if isinstance(admitted, TurnedAway) else admitted
        deps = Deps(now(), admitted, self.store, assets, self.asking, clock=now, look=self.look)
        deps = replace(deps, access=self.access, may_draw=self.gate.may_draw, limits=self.config.rules.limits)
        deps = replace(deps, usual_zone=self.config.time_zone, off=self.config.market.off)
        return await self.conversations.answer(text, deps, on_error=logged)

    def asking(self, asset: str) -> Asking | None:
        """Have the venues asked for one asset beside everything else; whoever waits for it does so for two seconds."""
        return self.wishes.ask(asset)

    def look(self, asset: str) -> Looking | Glance | NoGlance | None:
        """Look at an asset that is not followed, beside everything else, as long as `asking` waits."""
        found = self.collector.glance(asset)
        return Looking(*found) if isinstance(found, tuple) else found

    async def run(self) -> None:
        """Run until told to stop, then leave in order: nothing new, finish what is in flight, close."""
        keep_the_loop_free()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            with contextlib.suppress(NotImplementedError):  # Windows has none
                loop.add_signal_handler(number, self.stopping.set)
        await asyncio.to_thread(self.holdings.start)
        await asyncio.to_thread(self.dispatcher.start)
        await asyncio.to_thread(self._settle_here)
        hearing, changed = Hearing(self.channels, self.holdings), asyncio.Event()
        self.holdings.told.append(partial(_set_from_thread, loop, changed))
        jobs = schedule(
            {
                "turn": (TICK_EVERY, self.turn),
                "past": (record.LOOKED_BACK, self._learn_past),
                "history": (HISTORY_EVERY, self._backfill),
                **{job.what: (job.every, partial(self._alone, *job[1:])) for job in self._jobs()},
            }
        )
        machine = Machine(
            self.store, self.clock, replan=lambda: begin_anew(jobs), jumped=self._clock_jumped, replaced=self._fail
        )
        others: list[asyncio.Task[None]] = []
        sending: asyncio.Task[None] | None = None
        try:
            await hearing.heed()
            others.append(asyncio.create_task(await begin(self.channels, self.answer, self.dispatcher.refused)))
            if "answer" in self.holdings.roles:
                tell_code(self.access, self.store, self.channels)
            await self._heed_streams()
            jobs.start()
            sending = asyncio.create_task(self._send())
            others.append(asyncio.create_task(self.holdings.run()))
            others.append(asyncio.create_task(self._heed(hearing, changed, jobs)))
            others.append(asyncio.create_task(self.wishes.serve()))
            others.append(asyncio.create_task(self.collector.run(partial(self.holdings.share, "collect"))))
            others.append(asyncio.create_task(self._first_turn()))
            others.append(asyncio.create_task(self._backfill()))
            others.append(asyncio.create_task(machine.run()))
            others += [asyncio.create_task(part) for part in self.watch.running()]
            await self.stopping.wait()
        finally:
            self.watch.supervisor.stopping()
            if jobs.running:
                jobs.shutdown(wait=False)
            await cancelled(others)
            self.dispatcher.stop()
            if sending:
                await asyncio.wait([sending], timeout=LAST_MESSAGES.total_seconds())
                await cancelled([sending])
            await self._taken(machine.last_look, "a last look at the database failed")
            await self.close()

    async def _heed(self, hearing: Hearing, changed: asyncio.Event, jobs: AsyncIOScheduler) -> None:
        """Follow what is held: who takes commands and hears streams; what another one did until it died is done now."""
        before = frozenset(self.holdings.held)
        while True:
            await changed.wait()
            changed.clear()
            if (held := frozenset(self.holdings.held)) - before:
                self.collector.wake()
                begin_anew(jobs)
            before = held
            await self._taken(hearing.heed, "a channel could not be told whether it takes commands")
            await self._taken(self._heed_streams, "the streams were not begun or ended")

    async def _heed_streams(self) -> None:
        if self.streams:
            await (self.streams.start() if self.holdings.holds("collect", "streams") else self.streams.stop())

    def _clock_jumped(self) -> None:
        self.positions.clock_jumped()
        self.following.clock_jumped()
        self.digests.clock_jumped()

    def _fail(self) -> None:
        """Stop by itself, in order, to end with an error."""
        self.failed = True
        self.stopping.set()

    async def close(self) -> None:
        """Close what build() made; safe to call twice."""
        for channel in self.channels:
            await channel.stop()
        if self.streams:
            await self.streams.stop()
        await self.collector.close()
        await self.following.close()
        await self.watch.close()
        self.renderer.close()
        # Last, since whoever takes over reads too, and two who read throw each other out.
        if self.dispatcher.idle and self.holdings.number:
            await self._taken(partial(asyncio.to_thread, self.holdings.end), "what was held was not handed over")
        self.store.close()

    async def turn(self) -> None:
        """Take a turn; whatever goes wrong in it, the next one is taken."""
        began = self.clock.monotonic()
        good = await self._taken(self.turns.turn, "a turn failed; the next one is in a moment")
        failed = "positions were not judged; the next try is in a moment"
        good &= await self._alone("judge", "positions", self.positions.turn, failed)
        self.watch.took(self.clock.monotonic() - began, good=good)

    async def repeat(self, sources: Sequence[str], asset: str, *, glance: bool = False) -> None:
        """Do a round of a tape again: of what is followed, or of an asset that somebody asked for or looked at."""

        async def again() -> None:
            await self.collector.repeat(asset, sources, self.config.assets, glance=glance)

        await self._taken(again, "a round of the tape failed")

    def _jobs(self) -> list[OnceJob]:
        """Return what is done once in all, whichever process does it."""
        rule = housekeeping.rule_of(self.config.retention)
        clean = partial(housekeeping.turn, self.store, rule, self.clock)
        look_back = partial(record.look_back, self.store, self.config.assets, self.clock)
        soon = "the next try is in a moment"
        jobs = [
            # Apart from the market: a slow venue holds up nothing else.
            OnceJob(TICK_EVERY, "collect", "addresses", self.following.turn, f"addresses were not asked about; {soon}"),
            # Apart from the turn: at nine in the morning there are many, and no alarm waits for them.
            OnceJob(TICK_EVERY, "judge", "digests", self._make_digests, f"digests were not made; {soon}"),
            OnceJob(housekeeping.LOOKED, "judge", "cleaning", clean, "old rows stayed; the next try is in an hour"),
            # The record is judged, and the past is looked at before an alarm asks for it.
            OnceJob(record.LOOKED_BACK, "judge", "record", look_back, "the past was not looked at; later again"),
            OnceJob(backups.LOOKED, "judge", "backups", self.watch.backups.turn, f"no backup was made; {soon}"),
            OnceJob(alarms.LOOKED, "send", "own alarms", self.watch.alarms.turn, f"no look at itself; {soon}"),
        ]
        if self.tiers:
            failed = "tier tables were not renewed; the next try is in an hour"
            jobs.append(OnceJob(weekly.LOOKED, "collect", "tiers", self.tiers.turn, failed))
        return jobs

    async def _make_digests(self) -> None:
        """Make digests; none before the first figures are in: one that was missed would be told without them."""
        if self._figures:
            await self.digests.turn()

    async def _learn_past(self) -> None:
        """Judge what the archive has brought of the past, in silence; each process what it judges."""
        share = self.holdings.share("judge")
        own = self.holdings.under("judge", *share)
        if own is None:
            return

        async def learn() -> None:
            read = await asyncio.to_thread(settings.setting, self.store, READ)
            if read is not None and (read, share) != self._learnt:
                assets, market = assets_in(share), MARKET in share
                await asyncio.to_thread(judge_past, self.store, assets, self.clock.now(), market=market)
                self._learnt = read, share

        with own:
            await self._taken(learn, "what the archive brought was not judged; the next try is in some minutes")

    async def _backfill(self) -> None:
        """Read what the archive has published and the store does not hold; one pass at a time."""
        if self.history is None or self._reading.locked():
            return
        async with self._reading:
            failed = "the archive was not read; the next try is in some hours"
            await self._alone("collect", "archive", self._read_archive, failed)
        await self._learn_past()

    async def _read_archive(self) -> None:
        """Read the archive, and have the exchange asked for what it lacks."""
        read = await self.history.run_background() if self.history else None
        if read and read.files:
            with self.store.write() as work:
                settings.keep_setting(work, READ, self.clock.now().isoformat())
        if read and self.gap_filler:
            self.gap_filler.fill((gap for gaps in read.gaps.values() for gap in gaps), self.clock.now())

    async def _taken(self, turn: Callable[[], Awaitable[object]], failed: str) -> bool:
        """Do something and tell whether it went well; whatever went wrong is in the log."""
        try:
            await turn()
        except LeaseLost as lost:
            log.info(str(lost))
            return True
        except StoreError as error:
            log.error(str(error))  # noqa: TRY400 - the sentence says what to do, a traceback would hide it
        except Exception:
            log.exception(failed)
        else:
            return True
        return False

    async def _alone(self, role: Role, what: str, turn: Callable[[], Awaitable[object]], failed: str) -> bool:
        """Do what is done once in all where this process is the one; nothing of it is kept once another one is."""
        if (own := self.holdings.under(role, what)) is None:
            return True
        with own:
            return await self._taken(turn, failed)

    async def _send(self) -> None:
        """Keep the dispatcher at work: a full disk must not end it for good."""
        while not self.stopping.is_set():
            try:
                await self.dispatcher.run(ended=self._fail)
            except StoreError as error:
                log.error(str(error))  # noqa: TRY400 - as above
            except Exception:
                log.exception("sending failed, trying on")
            else:
                return
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.stopping.wait(), SENDING_AGAIN.total_seconds())

    async def _first_turn(self) -> None:
        await self.collector.first_rounds()
        await self.turn()
        self._figures = True
        for channel in self.channels:
            if isinstance(channel, LocalChannel):
                _tell_beginning(channel, self.collector)

    def _settle_here(self) -> None:
        """Subscribe whoever sits here where that is a channel, else let them go."""
        if any(channel.platform == local().asker.platform for channel in self.channels):
            here.subscribe(self.store, self.clock.now(), zone=self.config.time_zone)
        elif not self.holdings.others:  # else somebody may sit at one of those
            here.let_go(self.store, self.clock.now())


def _set_from_thread(loop: asyncio.AbstractEventLoop, event: asyncio.Event) -> None:
    with contextlib.suppress(RuntimeError):  # the loop has ended
        loop.call_soon_threadsafe(event.set)


def _tell_beginning(place: LocalChannel, collector: Collector) -> None:
    """Say to whoever sits there whether market data comes in: an empty screen could mean anything."""
    health = collector.health()
    if silent := beginning(health):
        place.say(silent, "dim")
    if any(topic.last_good for topic in health):
        place.say("Market data is coming in. Alerts appear here; try /health or /help.", "dim")


def build(
    config: Config,
    *,
    clock: Clock | None = None,
    sources: Sequence[Source] | None = None,
    channels: Sequence[Channel] | None = None,
    edge: Edge | None = None,
) -> App:
    """Make an App. Without `sources` and `channels`, those of the configuration.

    edge: a recording or a tape in the place of each connection; without jitter, so that the same is asked when played.
    """
    store, stopping = Store(config.database), asyncio.Event()
    clock = DoubtingClock(clock or SystemClock())
    # beside the sources
    streams, history = streams_and_history(config, store, clock, edge) if sources is None else (None, None)
    # channels and delivery
    renderer, paces = ChartRenderer(), Paces(clock)
    speaking: list[Channel] = list(channels or ())
    access = access_of(config.access, speaking)
    gate = Gate(access, clock.monotonic)
    speaks = not {"send", "answer"}.isdisjoint(config.roles)
    if channels is None and speaks:  # they ask the gate, which asks them who is in a group
        speaking += channels_of(config, store, clock, renderer, stopping, gate, paces)
    owners = Owners(store, clock, config.access.owners, speaking)
    platforms = tuple(channel.platform for channel in speaking)
    holdings = Holdings(store, clock, config.roles, config.assets, platforms)
    dispatcher = Dispatcher(store, speaking, clock, paces=paces, owners=owners.places, holdings=holdings)
    # the engine
    collector = Collector(
        sources_of(config, clock, edge, clock.heard) if sources is None else sources,
        clock=clock.now,
        steady=clock.monotonic,
        keeper=Keeper(store, clock.now, announce=announce, told=dispatcher.poke),
        streams=streams,
        edge=edge,
        chance=chance_of(edge),
    )
    turns = TurnTaker(
        store, clock, config.assets, told=dispatcher.poke, noted=edge.turn if edge else None, holdings=holdings
    )
    wishes = Wishes(
        store, clock, holdings, collector, venues=tuple(config.market.venues), followed=tuple(config.assets)
    )
    positions = Positions(store, clock, told=dispatcher.poke, assets=config.assets, refresh=wishes.refresh)
    following = Following(store, clock, account_of(config, clock), told=dispatcher.poke)
    return App(
        config=config,
        clock=clock,
        store=store,
        collector=collector,
        turns=turns,
        dispatcher=dispatcher,
        renderer=renderer,
        channels=speaking,
        positions=positions,
        following=following,
        digests=Digests(store, clock, config.assets, told=dispatcher.poke),
        access=access,
        gate=gate,
        watch=Watch.of(config, store, clock, collector, dispatcher, owners),
        conversations=Conversations(clock.monotonic),
        holdings=holdings,
        wishes=wishes,
        streams=streams,
        history=history,
        gap_filler=GapFiller(collector.owe) if history else None,
        tiers=tiers_of(config, store, clock, dispatcher) if sources is None and edge is None else None,
        stopping=stopping,
    )
