"""Following addresses: each is asked about once a minute, and its owner is told what it opened, closed and risks."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import structlog

from bot.engine.positions import TOLD_SILENT, Writer, alarm
from bot.market.breaker import Breaker
from bot.market.source import Blocked, SourceDown, SourceError
from handlers.position_now import FRESH_ADDRESS, Looker
from handlers.words import positions as words
from signals.liquidation.moves import distance_to
from signals.liquidation.watching import Stake, judge, lines_for
from storage.people import positions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from bot.clock import Clock
    from bot.market.providers.hyperliquid_account import Account, HyperliquidAccount, Position
    from storage.engine.database import Store
    from storage.people.positions import Followed, Watched

log = structlog.get_logger(__name__)

EVERY: Final = timedelta(minutes=1)
SLACK: Final = timedelta(seconds=1)
AT_ONCE: Final = 4
MOST_A_TURN: Final = 200  # questions of weight 2; the venue allows a weight of 1,200 a minute
VENUE: Final = "hyperliquid"


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
        self._looker = Looker(store)
        self._host = Breaker(chance)
        self._addresses: dict[str, Breaker] = {}
        self._asked: dict[str, datetime] = {}
        self._began = clock.now()
        self._one = asyncio.Lock()

    async def turn(self) -> int:
        """Ask about every address that is due; return how many messages were written. Never raises for the venue."""
        async with self._one:
            now = self._clock.now()
            every = await asyncio.to_thread(positions.followed, self._store)
            due = self._due(every, now)
            gate = asyncio.Semaphore(AT_ONCE)
            answers = dict(await asyncio.gather(*(self._ask(address, gate, now) for address in due)))
            count = await asyncio.to_thread(self._keep, every, answers)
        if count:
            self._told()
        return count

    async def close(self) -> None:
        """Close the connections; safe to call twice."""
        await self._account.close()

    def _due(self, every: Iterable[Followed], now: datetime) -> list[str]:
        addresses = dict.fromkeys(each.address for each in every)
        self._asked = {address: at for address, at in self._asked.items() if address in addresses}
        self._addresses = {address: each for address, each in self._addresses.items() if address in addresses}
        if self._host.rests(now):
            return []
        due = [address for address in addresses if self._is_due(address, now)]
        due.sort(key=lambda address: self._asked.get(address, self._began - EVERY))  # who waits longest goes first
        return due[: 1 if self._host.failures else MOST_A_TURN]

    def _is_due(self, address: str, now: datetime) -> bool:
        asked, breaker = self._asked.get(address), self._addresses.get(address)
        if breaker and breaker.rests(now):
            return False
        return asked is None or not timedelta(0) <= now - asked < EVERY - SLACK

    async def _ask(self, address: str, gate: asyncio.Semaphore, now: datetime) -> tuple[str, Account | SourceError]:
        """Ask about one address; a refusal of the host ends the round, other trouble is that of the address."""
        breaker = self._addresses.setdefault(address, Breaker(self._chance))
        async with gate:
            if self._host.rests(now):
                return address, SourceDown(self._host.reason)
            self._asked[address] = now
            try:
                answer = await self._account.fetch(address)
                if self._clock.now() - answer.at > FRESH_ADDRESS:
                    raise SourceDown(f"Hyperliquid answers with an old state, of {answer.at:%Y-%m-%d %H:%M} UTC.")
            except SourceError as error:
                breaker.failed(error, now)
                if isinstance(error, Blocked) or (isinstance(error, SourceDown) and error.retry_at):
                    self._host.failed(error, now)
                return address, error
        breaker.worked(now)
        self._host.worked(now)
        return address, answer

    # --- what the answers say -----------------------------------------------------------------------------------------

    def _keep(self, every: Iterable[Followed], answers: dict[str, Account | SourceError]) -> int:
        now = self._clock.now()
        silent: dict[int, list[Followed]] = {}
        reasons: dict[int, str] = {}
        with self._store.write() as work:
            writer = Writer(self._store, work, now)
            for each in every:
                answer = answers.get(each.address)
                if not positions.is_followed(work, each.id):
                    continue
                if answer is None or isinstance(answer, SourceError):
                    reason = self._reason(each.address)
                    if reason and not each.silent and now - max(each.seen or self._began, self._began) > TOLD_SILENT:
                        silent.setdefault(each.destination, []).append(each)
                        reasons[each.destination] = reason
                elif each.seen is None or answer.at > each.seen:
                    self._compare(writer, each, answer)
            for destination, group in silent.items():
                since = min(each.seen or self._began for each in group)
                writer.say(destination, words.no_answer(group, since, reasons[destination]))
                for each in group:
                    positions.looked(work, each.id, seen=None, silent=True)
            return writer.count

    def _reason(self, address: str) -> str:
        """Say why nothing is known of an address; nothing where it merely is not due."""
        breaker = self._addresses.get(address)
        return (breaker.reason if breaker else "") or self._host.reason

    def _compare(self, writer: Writer, of: Followed, account: Account) -> None:
        """Tell what an address has opened and closed since the last answer, and judge what it holds."""
        before = {(each.stake.asset, each.stake.side): each for each in positions.held(self._store, of.id)}
        now = {(each.asset, each.side): each for each in account.positions}
        opened = [self._open(writer, of, each, account.at) for key, each in now.items() if key not in before]
        closed = [each for key, each in before.items() if key not in now]
        if of.silent:
            writer.say(of.destination, words.answers_again(of))
        looks = [self._looker.seen(each, writer.now) for each in opened]
        if of.seen is None:
            writer.say(of.destination, words.first_look(of, looks))
        elif opened or closed:
            writer.say(of.destination, words.changed(of, looks, closed))
        for each in closed:
            positions.finish(writer.work, each, writer.now)
        for key, each in before.items():
            if key in now:
                current = _updated(each, now[key], account.at)
                positions.save(writer.work, alarm(writer, self._looker.seen(current, writer.now), current, of))
        positions.looked(writer.work, of.id, seen=account.at, silent=False)

    def _open(self, writer: Writer, of: Followed, held: Position, at: datetime) -> Watched:
        """Begin to watch what an address has opened; where it stands within its lines, the message itself says."""
        distance = distance_to(held.liquidation or 0.0, side=held.side, mark=held.mark)
        lines = of.lines or lines_for(distance)
        made = positions.hold(writer.work, of, _stake(held, at), lines=lines, at=at)
        state, _ = judge(lines, made.state, {"distance": distance}, at=at)
        made = replace(_updated(made, held, at), state=state)
        positions.save(writer.work, made)
        return made


def _stake(held: Position, begun: datetime) -> Stake:
    return Stake(
        asset=held.asset,
        venue=VENUE,
        contract="linear",
        side=held.side,
        entry=held.entry,
        leverage=held.leverage,
        begun=begun,
        size_coins=held.size,
    )


def _updated(each: Watched, held: Position, at: datetime) -> Watched:
    """Return a position as the venue states it now: it may have been enlarged, or given more margin."""
    stake = _stake(held, each.stake.begun)
    return replace(each, stake=stake, given=held.liquidation, mark=held.mark, seen=at)
