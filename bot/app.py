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
from bot.beside import account_of, chance_of, streams_and_history, tiers_of
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
from bot.market.exchange.venue import CcxtVenue, at_venue
from bot.market.exchange.venue_recipe import recipes
from bot.market.keeper import Keeper
from bot.market.providers.alternative_me import AlternativeMe
from bot.market.providers.defillama import DefiLlama
from bot.market.tiers import weekly
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
from signals.venues import VENUES
from storage.engine.database import Store, StoreError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from datetime import datetime

    from bot.archive.backfill import Backfill
    from bot.config import Config
    from bot.market.source import Source
    from bot.market.streams.liquidations import LiquidationStreams
    from bot.market.tiers.weekly import WeeklyTiers
    from bot.tape import Edge
    from handlers.access import Access
    from handlers.channels.channel import Channel
    from handlers.command import Asker
    from storage.queries.glance import Glance, NoGlance

log = structlog.get_logger(__name__)

# How long what is in flight may take when the program is told to stop. An answer that comes later leaves its message in
# doubt, and the next start repeats it; the rest of the five seconds is for closing.
LAST_MESSAGES = timedelta(seconds=3.5)
SENDING_AGAIN = timedelta(seconds=5)
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
    streams: LiquidationStreams | None = None
    history: Backfill | None = None
    gap_filler: GapFiller | None = None
    tiers: WeeklyTiers | None = None
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    failed: bool = False  # it stopped by itself, and the log says why
    _reading: asyncio.Lock = field(default_factory=asyncio.Lock)
    _figures: bool = False  # the first ones are in, or could not be had

    async def answer(self, text: str, asker: Asker) -> Answer:
        """Answer a command line from a channel; never raises."""
        assets, now = self.config.assets, self.clock.now
        admitted = await self.gate.admit(self.store, asker, lambda: is_for_all(text, assets))
        if isinstance(admitted, TurnedAway) and not (admitted.may_claim and brings_code(text)):
            return Answer((Line(admitted.text),) if admitted.text else ())
        admitted = asker if isinstance(admitted, TurnedAway) else admitted
        deps = Deps(now(), admitted, self.store, assets, self.asking, clock=now, look=self.look)
        deps = replace(deps, access=self.access, may_draw=self.gate.may_draw, limits=self.config.rules.limits)
        deps = replace(deps, usual_zone=self.config.time_zone)
        return await self.conversations.answer(text, deps, on_error=logged)

    def asking(self, asset: str) -> Asking | None:
        """Ask the venues for one asset beside everything else; whoever waits for it does so for two seconds."""
        asked = self.collector.ask(asset)
        return Asking(*asked) if asked else None

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
        await asyncio.to_thread(self.dispatcher.start)
        await asyncio.to_thread(self._settle_here)
        jobs = schedule(
            {
                "turn": (TICK_EVERY, self.turn),
                "addresses": (TICK_EVERY, self._follow),
                "digests": (TICK_EVERY, self._make_digests),
                "cleaning": (housekeeping.LOOKED, self._clean),
                "evidence": (record.LOOKED_BACK, self._look_back),
                "history": (HISTORY_EVERY, self._backfill),
                "tiers": (weekly.LOOKED, self._renew_tiers),
                "own alarms": (alarms.LOOKED, self._look_at_itself),
                "backups": (backups.LOOKED, self._back_up),
            }
        )
        machine = Machine(
            self.store, self.clock, replan=lambda: begin_anew(jobs), jumped=self._clock_jumped, replaced=self._fail
        )
        others: list[asyncio.Task[None]] = []
        sending: asyncio.Task[None] | None = None
        try:
            others.append(asyncio.create_task(await begin(self.channels, self.answer, self.dispatcher.refused)))
            tell_code(self.access, self.store, self.channels)
            if self.streams:
                await self.streams.start()
            jobs.start()
            sending = asyncio.create_task(self._send())
            others.append(asyncio.create_task(self.collector.run(self.config.assets)))
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
        if self.store.exists:  # last, since whoever takes over reads too, and two who read throw each other out
            await self._taken(partial(asyncio.to_thread, self.dispatcher.release), "the lease was not handed over")
        self.store.close()

    async def turn(self) -> None:
        """Take a turn; whatever goes wrong in it, the next one is taken."""
        began = self.clock.monotonic()
        good = await self._taken(self.turns.turn, "a turn failed; the next one is in a moment")
        good &= await self._taken(self.positions.turn, "positions were not judged; the next try is in a moment")
        self.watch.took(self.clock.monotonic() - began, good=good)

    async def repeat(self, sources: Sequence[str], asset: str, *, glance: bool = False) -> None:
        """Do a round of a tape again: of what is followed, or of an asset that somebody asked for or looked at."""

        async def again() -> None:
            await self.collector.repeat(asset, sources, self.config.assets, glance=glance)

        await self._taken(again, "a round of the tape failed")

    async def _follow(self) -> None:
        """Ask about followed addresses, apart from the market: a slow venue holds up nothing else."""
        await self._taken(self.following.turn, "addresses were not asked about; the next try is in a moment")

    async def _make_digests(self) -> None:
        """Make digests, apart from the turn: at nine in the morning there are many, and no alarm waits for them.

        None before the first figures are in: one that was missed would be told without them.
        """
        if self._figures:
            await self._taken(self.digests.turn, "digests were not made; the next try is in a moment")

    async def _clean(self) -> None:
        """Thin what has grown old, once a day."""
        rule = housekeeping.rule_of(self.config.retention)
        await self._taken(
            lambda: housekeeping.turn(self.store, rule, self.clock),
            "old rows were not removed; the next try is in an hour",
        )

    async def _look_back(self) -> None:
        """Judge the record, and look at the past of what is followed before an alarm asks for it."""
        looking = partial(record.look_back, self.store, self.config.assets, self.clock)
        await self._taken(looking, "the past was not looked at; the next try is in some minutes")

    async def _renew_tiers(self) -> None:
        if self.tiers:
            await self._taken(self.tiers.turn, "tier tables were not renewed; the next try is in an hour")

    async def _back_up(self) -> None:
        """Make a backup if one is due: who stands by leaves it to who sends."""
        if self.dispatcher.holds_lease:
            await self._taken(self.watch.backups.turn, "no backup was made; the next try is in a moment")

    async def _look_at_itself(self) -> None:
        """Tell the owners what is wrong with the bot itself."""
        await self._taken(self.watch.alarms.turn, "perpulse could not look at itself; the next try is in a moment")

    async def _backfill(self) -> None:
        """Read what the archive has published and the store does not hold; one pass at a time."""
        if self.history is None or self._reading.locked():
            return
        async with self._reading:
            await self._taken(self._read_archive, "the archive was not read; the next try is in some hours")

    async def _read_archive(self) -> None:
        """Read the archive, and have the exchange asked for what it lacks."""
        read = await self.history.run_background() if self.history else None
        if read and read.files:
            await asyncio.to_thread(judge_past, self.store, self.config.assets, self.clock.now())
        if read and self.gap_filler:
            self.gap_filler.fill((gap for gaps in read.gaps.values() for gap in gaps), self.clock.now())

    async def _taken(self, turn: Callable[[], Awaitable[object]], failed: str) -> bool:
        """Do something and tell whether it went well; whatever went wrong is in the log."""
        try:
            await turn()
        except StoreError as error:
            log.error(str(error))  # noqa: TRY400 - the sentence says what to do, a traceback would hide it
        except Exception:
            log.exception(failed)
        else:
            return True
        return False

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
        else:
            here.let_go(self.store, self.clock.now())


def _tell_beginning(place: LocalChannel, collector: Collector) -> None:
    """Say to whoever sits there whether market data comes in: an empty screen could mean anything."""
    health = collector.health()
    if silent := beginning(health):
        place.say(silent, "dim")
    if any(topic.last_good for topic in health):
        place.say("Market data is coming in. Alerts appear here; try /health or /help.", "dim")


def sources_of(
    config: Config, clock: Clock, edge: Edge | None = None, heard: Callable[[datetime], None] | None = None
) -> list[Source]:
    """Return the sources that the configuration names. edge: a recording or a tape in the place of each connection.

    heard: is told what time the exchanges say it is.
    """
    market = config.market
    wrap = edge.wrap if edge else None
    unpaced = market.exchange_url is not None or (edge is not None and edge.asks_nobody)  # nobody counts our requests
    rows = [recipes()[venue] for venue in market.venues]
    others = [venue.id for venue in VENUES.values() if venue.options and venue.id not in market.venues]
    rows += [recipes()[venue].only("volatility", "options") for venue in others if market.options]
    found: list[Source] = [
        CcxtVenue(
            row,
            clock=clock.now,
            steady=clock.monotonic,
            heard=heard,
            timeout_s=market.timeout_seconds,
            proxy=market.proxy,
            base_url=at_venue(market.exchange_url, row.venue),
            paced=not unpaced,
            wrap=wrap,
        )
        for row in rows
    ]
    for wanted, kind, url in (
        (market.fear_greed, AlternativeMe, market.fear_greed_url),
        (market.stablecoins, DefiLlama, market.stablecoins_url),
    ):
        if wanted:
            other = {"base_url": url} if url else {}
            found.append(
                kind(clock=clock.now, timeout_s=market.timeout_seconds, proxy=market.proxy, wrap=wrap, **other)
            )
    return found


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
    if channels is None:  # they ask the gate, which asks them who is in a group
        speaking += channels_of(config, store, clock, renderer, stopping, gate, paces)
    owners = Owners(store, clock, config.access.owners, speaking)
    dispatcher = Dispatcher(store, speaking, clock, paces=paces, owners=owners.places)
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
    turns = TurnTaker(store, clock, config.assets, told=dispatcher.poke, noted=edge.turn if edge else None)
    positions = Positions(store, clock, told=dispatcher.poke, assets=config.assets, refresh=collector.begin_to_ask)
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
        streams=streams,
        history=history,
        gap_filler=GapFiller(collector.owe) if history else None,
        tiers=tiers_of(config, store, clock, dispatcher) if sources is None and edge is None else None,
        stopping=stopping,
    )
