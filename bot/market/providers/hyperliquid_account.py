"""The open positions of a Hyperliquid address: public for everybody who knows the address, asked without a key.

Call and fields: hyperliquid.gitbook.io, info endpoint, "retrieve user's perpetuals account summary". The answer holds
the liquidation price as the venue itself computes it, with margin mode, funding and other positions in it.

Beside its own contracts the venue carries dexes of others, which are margined apart and told only where they are asked
for by name (`perpDexs`, then `dex`). All of them are asked; which of them gave no answer is part of the answer.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import aiohttp

from bot.market.exchange.recipe import Unreadable, number, rows_of, stamp
from bot.market.exchange.strict import HttpAnswer, HttpRefusal, is_refusal, lowered, note_asked, translated
from bot.market.source import Blocked, SourceDown, SourceError
from signals.assets import coin
from signals.units import HOUR, from_ms
from signals.venues import venue_title

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

VENUE: Final = "hyperliquid"
_WHO: Final = venue_title(VENUE)
_URL: Final = "https://api.hyperliquid.xyz"
_LONGEST: Final = 2_000_000  # characters; an account holds some hundred positions of 500 each at most
_MOST: Final = 500
_NOTHING: Final = 1.0  # USDC
_DEXES_EVERY: Final = HOUR
_MOST_DEXES: Final = 60
UNLISTED: Final = "*"  # stands for all dexes of others while their names are not known


@dataclass(frozen=True, slots=True)
class VenuePosition:
    """One open position as the venue states it: coins, prices in USDC. liquidation None: there is none.

    multiplier: how many coins are priced and counted as one, 1000 for kPEPE.
    """

    asset: str
    side: str
    size: float
    entry: float
    mark: float
    leverage: float
    liquidation: float | None
    multiplier: int = 1
    venue: str = VENUE


@dataclass(frozen=True, slots=True)
class Account:
    """What an address holds at a time of the venue's, the earliest of its answers.

    unasked: dexes that gave no answer; what is held there is not known, and is neither open nor closed.
    """

    at: datetime
    positions: tuple[VenuePosition, ...]
    unasked: tuple[str, ...] = ()

    def knows(self, asset: str) -> bool:
        """Tell whether the dex that a contract belongs to (flx of flx:XMR) has answered."""
        dex, colon, _ = asset.partition(":")
        return not colon or not {dex, UNLISTED} & {*self.unasked}


class HyperliquidAccount:
    """Ask for one address at a time. SourceDown or Blocked, and nothing else, when it cannot answer."""

    def __init__(
        self,
        *,
        clock: Callable[[], datetime],
        timeout_s: float = 10.0,
        proxy: str | None = None,
        base_url: str = _URL,
    ) -> None:
        self.name = _WHO
        self._clock, self._timeout_s, self._proxy = clock, timeout_s, proxy
        self._base_url = base_url.rstrip("/")
        self._session: aiohttp.ClientSession | None = None
        self._dexes: tuple[str, ...] | None = None
        self._listed: datetime | None = None
        self._naming = asyncio.Lock()

    @property
    def questions(self) -> int:
        """Return how many questions one address takes."""
        return 1 + len(self._dexes or ())

    async def fetch(self, address: str) -> Account:
        """Return what an address holds on every dex; an address that nobody ever used holds nothing.

        A dex of others that does not answer takes nothing away from the rest; where the venue as a whole wants a pause
        that is the answer.
        """
        question = {"type": "clearinghouseState", "user": address}
        with translated(_WHO, self._clock):
            at, positions = _account(await self._post(question))
        dexes = await self._names()
        unasked = [UNLISTED] if dexes is None else []
        found = list(positions)
        for dex in dexes or ():
            try:
                with translated(_WHO, self._clock):
                    asked, held = _account(await self._post(question | {"dex": dex}), dex)
            except SourceError as error:
                _end_at_a_pause(error)
                unasked.append(dex)
            else:
                at = min(at, asked)
                found += held
        return Account(at, tuple(found), tuple(unasked))

    async def _names(self) -> tuple[str, ...] | None:
        """Return the names of the dexes of others, asked for once an hour; None where they were never told."""
        async with self._naming:
            return await self._named()

    async def _named(self) -> tuple[str, ...] | None:
        now = self._clock()
        if self._listed is None or now - self._listed >= _DEXES_EVERY:
            try:
                with translated(_WHO, self._clock):
                    self._dexes, self._listed = _dexes(await self._post({"type": "perpDexs"})), now
            except SourceError as error:
                _end_at_a_pause(error)
        return self._dexes

    async def close(self) -> None:
        """Close the connections; safe to call twice."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _post(self, question: dict[str, str]) -> Any:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=self._timeout_s))
        url = f"{self._base_url}/info"
        note_asked(_WHO, str(url))
        async with self._session.post(url, json=question, proxy=self._proxy, allow_redirects=False) as response:
            text = await response.text(errors="replace")
        if is_refusal(response.status) or response.status >= 300:
            raise HttpRefusal(HttpAnswer(response.status, lowered(response.headers), text[:1000]))
        if len(text) > _LONGEST:
            raise Unreadable("it is longer than any account")
        try:
            return json.loads(text)
        except ValueError:
            raise Unreadable("it is not JSON, perhaps a maintenance page") from None


def _end_at_a_pause(error: SourceError) -> None:
    """Raise what the whole venue said: to go on asking would make it worse."""
    if isinstance(error, Blocked) or (isinstance(error, SourceDown) and error.retry_at):
        raise error


def _dexes(answer: Any) -> tuple[str, ...]:
    """Read the names of the dexes of others; the venue's own stands first, without one."""
    if not isinstance(answer, list):
        raise Unreadable("a list was due, something else came")
    names = tuple(row["name"] for row in answer if row is not None)
    if len(names) > _MOST_DEXES or not all(isinstance(name, str) and name.isalnum() for name in names):
        raise Unreadable("these are no names of dexes")
    return names


def _account(answer: Any, dex: str = "") -> tuple[datetime, tuple[VenuePosition, ...]]:
    """Read the whole answer or none of it: half an account would tell closed positions that are open.

    dex: whose contracts these are; their names begin with it.
    """
    if not isinstance(answer, dict):
        raise Unreadable("an object was due, something else came")
    rows = rows_of(answer["assetPositions"], least=0)
    if len(rows) > _MOST:
        raise Unreadable(f"{len(rows)} positions are more than there are contracts")
    found = tuple(position for row in rows if (position := _position(row["position"], dex)))
    if not found and abs(_known(answer["marginSummary"]["totalNtlPos"])) > _NOTHING:
        raise Unreadable("it names no positions and still their value")
    if len({position.asset for position in found}) < len(found):
        raise Unreadable("two positions in one contract")
    return from_ms(stamp(answer["time"])), found


def _position(row: Any, dex: str = "") -> VenuePosition | None:
    """Read one position; None where its size is zero: closed this moment."""
    name, size = row["coin"], _known(row["szi"])
    if not (isinstance(name, str) and name.isascii() and name.replace(":", "").isalnum() and len(name) <= 30):
        raise Unreadable("a contract without a name")
    if size == 0.0:
        return None
    if dex and not name.startswith(f"{dex}:"):
        name = f"{dex}:{name}"
    asset, multiplier = (name, 1) if ":" in name else coin(name)  # a dex of its own has names of its own
    value, at = _above_zero(row["positionValue"]), row["liquidationPx"]
    liquidation = None if at is None else _known(at)
    return VenuePosition(
        asset=asset,
        side="long" if size > 0 else "short",
        size=abs(size),
        entry=_above_zero(row["entryPx"]),
        mark=value / abs(size),
        leverage=_above_zero(row["leverage"]["value"]),
        liquidation=liquidation if liquidation is not None and liquidation > 0.0 else None,
        multiplier=multiplier,
    )


def _known(value: object) -> float:
    found = number(value)
    if not -1e15 < found < 1e15:  # NaN fails too
        raise Unreadable(f"a figure is {found}")
    return found


def _above_zero(value: object) -> float:
    found = _known(value)
    if found <= 0.0:
        raise Unreadable(f"a figure is {found}, above zero is due")
    return found
