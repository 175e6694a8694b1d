"""The open positions of a Hyperliquid address: public for everybody who knows the address, asked without a key.

Call and fields: hyperliquid.gitbook.io, info endpoint, "retrieve user's perpetuals account summary". The answer holds
the liquidation price as the venue itself computes it, with margin mode, funding and other positions in it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import aiohttp

from bot.market.exchange.recipe import Unreadable, number, rows_of, stamp
from bot.market.exchange.strict import HttpAnswer, HttpRefusal, is_refusal, lowered, note_asked, translated
from signals.assets import coin
from signals.units import from_ms

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

_WHO: Final = "Hyperliquid"
_URL: Final = "https://api.hyperliquid.xyz"
_LONGEST: Final = 2_000_000  # characters; an account holds some hundred positions of 500 each at most
_MOST: Final = 500
_NOTHING: Final = 1.0  # USDC


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


@dataclass(frozen=True, slots=True)
class Account:
    """What an address holds at a time of the venue's."""

    at: datetime
    positions: tuple[VenuePosition, ...]


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

    async def fetch(self, address: str) -> Account:
        """Return what an address holds; an address that nobody ever used holds nothing."""
        with translated(_WHO, self._clock):
            return _account(await self._post({"type": "clearinghouseState", "user": address}))

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


def _account(answer: Any) -> Account:
    """Read the whole answer or none of it: half an account would tell closed positions that are open."""
    if not isinstance(answer, dict):
        raise Unreadable("an object was due, something else came")
    rows = rows_of(answer["assetPositions"], least=0)
    if len(rows) > _MOST:
        raise Unreadable(f"{len(rows)} positions are more than there are contracts")
    found = tuple(position for row in rows if (position := _position(row["position"])))
    if not found and abs(_known(answer["marginSummary"]["totalNtlPos"])) > _NOTHING:
        raise Unreadable("it names no positions and still their value")
    if len({position.asset for position in found}) < len(found):
        raise Unreadable("two positions in one contract")
    return Account(from_ms(stamp(answer["time"])), found)


def _position(row: Any) -> VenuePosition | None:
    """Read one position; None where its size is zero: closed this moment."""
    name, size = row["coin"], _known(row["szi"])
    if not (isinstance(name, str) and name.isascii() and name.replace(":", "").isalnum() and len(name) <= 30):
        raise Unreadable("a contract without a name")
    if size == 0.0:
        return None
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
