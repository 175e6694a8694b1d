"""What is said on one venue's liquidation stream, and what is made of it: sums, coverage, and what is kept out."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import structlog

from bot.clock import NotBefore
from bot.market.border.bounds import OFF
from bot.market.border.rows import AHEAD
from bot.market.exchange.contracts import Contract
from bot.market.source import SourceDown
from bot.market.streams.connection import LEAST_SILENCE
from bot.market.streams.dialects import Accepted, Beat, Declined, Liquidation, Odd, StreamDialect, heard
from bot.market.streams.hours import GRACE_MS, Bars
from signals.units import DAY, DAY_MS, HOUR, SECOND_MS, from_ms, to_ms

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.clock import Clock

Contracts = Callable[[StreamDialect], Awaitable[Mapping[str, Contract]]]  # what a venue lists, by asset

QUIET: Final = HOUR  # of hundreds of contracts one is always liquidated: this long is a fault
RENEWED: Final = DAY  # lists of contracts
_MS: Final = timedelta(milliseconds=1)
WAITS: Final = timedelta(minutes=5)  # for a first price, so that what is told while a bot starts is not lost
_WAITING: Final = 5_000  # liquidations that may wait
_REMEMBERED: Final = 20_000  # liquidations by which a repeated one is known


@dataclass(frozen=True, slots=True)
class Usual:
    """What a liquidation of an asset is measured against: the last price of one coin, and the highest open interest."""

    price: float | None
    open_interest_usd: float | None


class LiquidationTalk:
    """What is said on one venue's stream, and what is made of it. See bot.market.streams.connection.Talk."""

    def __init__(
        self,
        dialect: StreamDialect,
        assets: Sequence[str],
        *,
        clock: Clock,
        contracts: Contracts,
        usual: Callable[[str, str], Usual],
        url: str | None = None,
    ) -> None:
        self.venue, self.title, self.url = dialect.venue, dialect.title, url or dialect.url
        self.ping, self.gap = dialect.ping, dialect.gap
        self.dialect = dialect
        self.bars = Bars(dialect.venue, speaks_hourly=dialect.market_wide)
        self.absent: dict[str, str] = {}
        self.quarantined = 0
        self.last_rejected = ""
        self._assets, self._clock, self._load, self._usual = tuple(assets), clock, contracts, usual
        self._contracts: dict[str, Contract] = {}
        self._renew = NotBefore(clock.monotonic)
        self._accepted: set[str] = set()
        self._newest: int | None = None
        self._spoke: float = clock.monotonic()
        self._suspect = False
        self._seen: dict[tuple[object, ...], int] = {}
        self._waiting: list[tuple[Liquidation, int]] = []  # each with the time of its receipt
        self._log = structlog.get_logger("liquidations")

    async def prepare(self) -> Sequence[str]:
        """Look up the contracts of the followed assets, and ask for their liquidations and for a sign of life."""
        if self._renew.passed:
            listed = await self._load(self.dialect)
            chosen = {asset: listed[asset] for asset in self._assets if asset in listed}
            self.absent = {
                asset: f"{asset} is not a {self.title} perpetual." for asset in self._assets if asset not in chosen
            }
            for asset in list(chosen)[self.dialect.most :]:
                self.absent[asset] = f"{self.title} tells of {self.dialect.most} contracts on one connection."
                del chosen[asset]
            self._contracts = {contract.market_id: contract for contract in chosen.values()}
            self._renew.wait(RENEWED)
        self._spoke = self._clock.monotonic()
        return self.dialect.hello(tuple(self._contracts))

    def hear(self, text: str) -> datetime | None:
        """Take a frame: sum its liquidations, and return the time of its beat."""
        beat: int | None = None
        seen: Counter[tuple[object, ...]] = Counter()
        for message in heard(self.dialect, text):
            match message:
                case Beat(at):
                    beat = at
                case Accepted(market_id):
                    self._accepted |= {market_id} if market_id else set(self._contracts)
                case Declined(market_id, reason):
                    self._declined(market_id, reason)
                case Odd(market_id, reason):
                    self._reject(self._contracts.get(market_id), reason)
                case Liquidation():
                    key = (message.market_id, message.side, message.price, message.size, message.at)
                    seen[key] += 1  # two of one size in one message are two; in another message it is the same again
                    self._take(message, (*key, seen[key]))
        return None if beat is None else from_ms(beat)

    def alive(self, at: datetime) -> bool:
        """Count the time up to `at` as heard, for the contracts that the venue has agreed to tell of."""
        self._measured()
        self._newest = to_ms(at)
        self.bars.cover(self._newest)
        if self._suspect or not self._ready():
            return False
        for market_id in self._accepted & self._contracts.keys():
            self.bars.watch(self._contracts[market_id].asset, self._newest)
        return True

    def complaint(self, since: timedelta) -> str | None:
        """Say that the venue has not agreed to tell, or has told of no contract at all for an hour."""
        if since > LEAST_SILENCE and not self._ready():
            return f"{self.title} has not confirmed the subscription to liquidations."
        if self.dialect.market_wide and self._clock.monotonic() - self._spoke > QUIET.total_seconds():
            self._suspect = True
            return f"{self.title} has told of no liquidation of any contract for an hour."
        return None

    def lost(self) -> None:
        """Stop counting time as heard: what comes after the last beat is a gap."""
        self.bars.lost()
        self._accepted.clear()

    def give_up(self) -> None:
        """Count what still waits for a price as kept out: its hour is not whole."""
        self._measured(WAITS)

    def _ready(self) -> bool:
        """Tell whether the venue has answered for every contract; one that it declines is absent, not awaited."""
        return self._accepted >= self._contracts.keys()

    def _declined(self, market_id: str | None, reason: str) -> None:
        contract = self._contracts.pop(market_id, None) if market_id else None
        if contract is None:
            raise SourceDown(f"{self.title} refuses the subscription to liquidations: {reason[:100]}.")
        self.absent[contract.asset] = f"{self.title} refuses {contract.market_id}: {reason[:100]}."
        self._log.warning("contract refused", venue=self.dialect.venue, contract=contract.market_id)

    def _take(self, liquidation: Liquidation, key: tuple[object, ...]) -> None:
        """Add a liquidation to its hour, unless it is known already or cannot be true."""
        now = to_ms(self._clock.now())
        self._spoke, self._suspect = self._clock.monotonic(), False
        self.bars.heard(now)
        contract = self._contracts.get(liquidation.market_id)
        if contract is None:
            return
        if key in self._seen:
            self.quarantined += 1
            self.last_rejected = f"a liquidation of {contract.asset} came twice"
            return
        self._remember(key, now)
        if self._usual(self.dialect.venue, contract.asset).price is None and len(self._waiting) < _WAITING:
            self._waiting.append((liquidation, now))
        else:
            self._add(liquidation, contract, now)

    def _add(self, liquidation: Liquidation, contract: Contract, received: int) -> None:
        usd = contract.usd(liquidation.size, liquidation.price)
        if reason := self._impossible(liquidation, contract, usd, received):
            self._reject(contract, reason)
        elif not self.bars.add(contract.asset, liquidation.at, liquidation.side, usd):
            self._reject(contract, "came after its hour was closed")

    def _measured(self, older: timedelta = timedelta(0)) -> None:
        """Add what waited for a price and has one now, or has waited too long. older: as if so much time had passed."""
        if not self._waiting:
            return
        late = to_ms(self._clock.now() + older - WAITS)
        waiting, self._waiting = self._waiting, []
        for liquidation, received in waiting:
            contract = self._contracts.get(liquidation.market_id)
            if contract is None:
                continue
            if received > late and self._usual(self.dialect.venue, contract.asset).price is None:
                self._waiting.append((liquidation, received))
            else:
                self._add(liquidation, contract, received)

    def _remember(self, key: tuple[object, ...], now: int) -> None:
        self._seen[key] = now
        if len(self._seen) > _REMEMBERED:  # what is older than the grace is refused for its age
            self._seen = {known: at for known, at in self._seen.items() if at > now - 2 * GRACE_MS}

    def _impossible(self, liquidation: Liquidation, contract: Contract, usd: float, now: int) -> str | None:
        """Say why a liquidation cannot be true, in words that follow "a liquidation of BTC"; None if it can."""
        usual = self._usual(self.dialect.venue, contract.asset)
        off = liquidation.price / contract.multiplier / usual.price if usual.price else 1.0
        day = usd + self.bars.total(contract.asset, now - DAY_MS)
        reasons = (
            (
                not (0 < liquidation.price < 1e300 and 0 < liquidation.size < 1e300),
                f"cannot be {liquidation.size:g} at {liquidation.price:g}",
            ),
            (liquidation.at > now + AHEAD // _MS, "lies in the future (or this machine's clock is behind)"),
            (liquidation.at < now - GRACE_MS, f"is {(now - liquidation.at) / SECOND_MS:,.0f} s old"),
            (usual.price is None, "cannot be compared with a price yet"),
            (not 1 / OFF < off < OFF, f"has a price {off:,.4g} times the last one"),
            (day > (usual.open_interest_usd or math.inf), "makes a day's liquidations more than the open interest"),
        )
        return next((reason for wrong, reason in reasons if wrong), None)

    def _reject(self, contract: Contract | None, reason: str) -> None:
        """Count a figure that is kept out; the running hour of its asset is no longer whole."""
        if contract is None:
            return
        self.quarantined += 1
        self.bars.spoil(contract.asset, to_ms(self._clock.now()))
        said = f"a liquidation of {contract.asset} {reason}"
        if said == self.last_rejected:  # the log would drown in what a broken feed repeats
            return
        self.last_rejected = said
        self._log.warning("liquidation rejected", venue=self.dialect.venue, asset=contract.asset, reason=reason)
