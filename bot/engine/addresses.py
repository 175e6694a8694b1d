"""Following addresses: each is asked about once a minute, and its owner is told what it opened, closed and risks."""

from __future__ import annotations

import asyncio
import math
import random
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import structlog

from bot.clock import NotBefore
from bot.engine.positions import AFTER_JUMP, TOLD_SILENT, Writer, alarm
from bot.market.breaker import Breaker
from bot.market.source import Blocked, SourceDown, SourceError
from signals.liquidation.events import (
    DexBack,
    DexSilent,
    FirstLook,
    Holder,
    HolderBack,
    HolderSilent,
    HoldingsChanged,
)
from signals.liquidation.moves import distance_to
from signals.liquidation.watching import Holding, judge, lines_for
from signals.units import MINUTE, SECOND
from storage.people import positions
from storage.queries.positions import FRESH_ADDRESS, PositionReader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from bot.clock import Clock
    from bot.market.providers.hyperliquid_account import Account, HyperliquidAccount, VenuePosition
    from storage.engine.database import Store
    from storage.people.positions import FollowedAddress, WatchedPosition

log = structlog.get_logger(__name__)

EVERY: Final = MINUTE
SLACK: Final = SECOND
AT_ONCE: Final = 4
MOST_A_TURN: Final = 400  # questions of weight 2; the venue allows a weight of 1,200 a minute


class Following:
    """Asks about followed addresses. chance: the jitter of pauses, in [0, 1)."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        account: HyperliquidAccount,
        *,
        told: Callable[[], None],
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._store, self._clock, self._account, self._told = store, clock, account, told
        self._chance = chance
        self._reader = PositionReader(store)
        self._host = Breaker(clock.monotonic, chance)
        self._addresses: dict[str, Breaker] = {}
        self._asked: dict[str, float] = {}  # by the monotonic clock
        self._began = clock.now()
        self._one = asyncio.Lock()
        self._patience = NotBefore(clock.monotonic)

    def clock_jumped(self) -> None:
        """Learn that every answer looks older, or newer, than it is, until the next ones are there."""
        self._patience.wait(AFTER_JUMP)

    async def turn(self) -> int:
        """Ask about every address that is due; return how many messages were written. Never raises for the venue."""
        async with self._one:
            now = self._clock.now()
            every = await asyncio.to_thread(positions.followed, self._store)
            due = self._due(every)
            gate = asyncio.Semaphore(AT_ONCE)
            answers = dict(await asyncio.gather(*(self._ask(address, gate, now) for address in due)))
            count = await asyncio.to_thread(self._keep, every, answers)
        if count:
            self._told()
        return count

    async def close(self) -> None:
        """Close the connections; safe to call twice."""
        await self._account.close()

    def _due(self, every: Iterable[FollowedAddress]) -> list[str]:
        addresses = dict.fromkeys(followed.address for followed in every)
        self._asked = {address: at for address, at in self._asked.items() if address in addresses}
        self._addresses = {address: breaker for address, breaker in self._addresses.items() if address in addresses}
        if self._host.rests:
            return []
        due = [address for address in addresses if self._is_due(address)]
        due.sort(key=lambda address: self._asked.get(address, -math.inf))  # who waits longest goes first
        return due[: 1 if self._host.failures else max(1, MOST_A_TURN // self._account.questions)]

    def _is_due(self, address: str) -> bool:
        asked, breaker = self._asked.get(address), self._addresses.get(address)
        if breaker and breaker.rests:
            return False
        return asked is None or self._clock.monotonic() - asked >= (EVERY - SLACK).total_seconds()

    async def _ask(self, address: str, gate: asyncio.Semaphore, now: datetime) -> tuple[str, Account | SourceError]:
        """Ask about one address; a refusal of the host ends the round, other trouble is that of the address."""
        breaker = self._addresses.setdefault(address, Breaker(self._clock.monotonic, self._chance))
        async with gate:
            if self._host.rests:
                return address, SourceDown(self._host.reason)
            self._asked[address] = self._clock.monotonic()
            try:
                answer = await self._account.fetch(address)
                if self._clock.now() - answer.at > FRESH_ADDRESS:
                    raise SourceDown(
                        f"{self._account.name} answers with an old state, of {answer.at:%Y-%m-%d %H:%M} UTC."
                    )
            except SourceError as error:
                breaker.failed(error, now)
                if isinstance(error, Blocked) or (isinstance(error, SourceDown) and error.retry_at):
                    self._host.failed(error, now)
                return address, error
        breaker.worked(now)
        self._host.worked(now)
        return address, answer

    # --- what the answers say -----------------------------------------------------------------------------------------

    def _keep(self, every: Iterable[FollowedAddress], answers: dict[str, Account | SourceError]) -> int:
        now = self._clock.now()
        silent: dict[int, list[FollowedAddress]] = {}
        reasons: dict[int, str] = {}
        with self._store.write() as work:
            writer = Writer(self._store, work, now)
            for followed in every:
                answer = answers.get(followed.address)
                if not positions.is_followed(work, followed.id):
                    continue
                if answer is None or isinstance(answer, SourceError):
                    reason = self._reason(followed.address)
                    if (
                        reason
                        and self._patience.passed
                        and not followed.silent
                        and now - max(followed.seen or self._began, self._began) > TOLD_SILENT
                    ):
                        silent.setdefault(followed.destination, []).append(followed)
                        reasons[followed.destination] = reason
                elif followed.seen is None or answer.at > followed.seen:
                    self._compare(writer, followed, answer)
            for destination, group in silent.items():
                since = min(followed.seen or self._began for followed in group)
                holders = tuple(_holder(followed) for followed in group)
                writer.say(destination, HolderSilent(holders, since, reasons[destination]))
                for followed in group:
                    positions.looked(work, followed.id, seen=None, silent=True)
            return writer.count

    def _reason(self, address: str) -> str:
        """Say why nothing is known of an address; nothing where it merely is not due."""
        breaker = self._addresses.get(address)
        return (breaker.reason if breaker else "") or self._host.reason

    def _compare(self, writer: Writer, of: FollowedAddress, account: Account) -> None:
        """Tell what an address has opened and closed since the last answer, and judge what it holds."""
        holder = _holder(of)
        before = {(held.holding.asset, held.holding.side): held for held in positions.held(self._store, of.id)}
        now = {(held.asset, held.side): held for held in account.positions}
        opened = [self._open(writer, of, held, account.at) for key, held in now.items() if key not in before]
        closed = [held for key, held in before.items() if key not in now and account.knows(key[0])]
        if of.silent:
            writer.say(of.destination, HolderBack(holder))
        looks = tuple(self._reader.stated(watched, writer.now, holder) for watched in opened)
        if of.seen is None:
            writer.say(of.destination, FirstLook(holder, looks, account.unasked))
        elif opened or closed:
            gone = tuple(watched.holding for watched in closed)
            writer.say(of.destination, HoldingsChanged(holder, looks, gone))
        for watched in closed:
            positions.finish(writer.work, watched, writer.now)
        for key, watched in before.items():
            if key in now:
                current = replace(_updated(watched, now[key], account.at), silent=False)
                position = self._reader.stated(current, writer.now, holder)
                positions.save(writer.work, alarm(writer, position, current))
        self._tell_dexes(writer, of, holder, before.values(), account)
        positions.looked(writer.work, of.id, seen=account.at, silent=False)

    def _tell_dexes(
        self, writer: Writer, of: FollowedAddress, holder: Holder, before: Iterable[WatchedPosition], account: Account
    ) -> None:
        """Tell once of a dex with positions that has been silent for too long, and once that it is back."""
        silent: defaultdict[str, list[WatchedPosition]] = defaultdict(list)
        back: dict[str, None] = {}
        for watched in before:
            asset, last = watched.holding.asset, watched.seen or self._began
            dex = asset.partition(":")[0]
            if account.knows(asset):
                back |= {dex: None} if watched.silent else {}
            elif not watched.silent and self._patience.passed and writer.now - last > TOLD_SILENT:
                silent[dex].append(watched)
        for dex, group in silent.items():
            since = min(watched.seen or self._began for watched in group)
            writer.say(of.destination, DexSilent(holder, dex, since, tuple(watched.holding for watched in group)))
            for watched in group:
                positions.save(writer.work, replace(watched, silent=True))
        for dex in back:
            writer.say(of.destination, DexBack(holder, dex))

    def _open(self, writer: Writer, of: FollowedAddress, held: VenuePosition, at: datetime) -> WatchedPosition:
        """Begin to watch what an address has opened; where it stands within its lines, the message itself says."""
        distance = distance_to(held.liquidation or 0.0, side=held.side, mark=held.mark)
        lines = of.lines or lines_for(distance)
        made = positions.hold(writer.work, of, _holding(held, at), lines=lines, at=at)
        state, _ = judge(lines, made.state, {"distance": distance}, at=at)
        made = replace(_updated(made, held, at), state=state)
        positions.save(writer.work, made)
        return made


def _holder(of: FollowedAddress) -> Holder:
    return Holder(of.address, of.name)


def _holding(held: VenuePosition, begun: datetime) -> Holding:
    return Holding(
        asset=held.asset,
        venue=held.venue,
        contract="linear",
        side=held.side,
        entry=held.entry,
        leverage=held.leverage,
        begun=begun,
        size_coins=held.size,
        multiplier=held.multiplier,
    )


def _updated(watched: WatchedPosition, held: VenuePosition, at: datetime) -> WatchedPosition:
    """Return a position as the venue states it now: it may have been enlarged, or given more margin."""
    holding = _holding(held, watched.holding.begun)
    return replace(watched, holding=holding, given=held.liquidation, mark=held.mark, seen=at)
