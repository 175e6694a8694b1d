"""The supply of dollar stablecoins as DefiLlama publishes it: one figure a day, revised later."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import aiohttp

from bot.market.exchange.contracts import Contract
from bot.market.exchange.recipe import Unreadable, number, points, rows_of, stamp
from bot.market.exchange.strict import HttpAnswer, HttpRefusal, is_refusal, lowered, note_asked, translated
from bot.market.source import Ask, NotOffered, Topic
from signals.inputs import MARKET
from signals.language.spelling import sentence_case
from signals.units import HOUR, SECOND_MS, to_ms
from signals.venues import venue_credit, venue_title

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bot.tape import Wrap
    from storage.market.points import Points

_NAME: Final = "defillama"
_WHO: Final = venue_title(_NAME)
_URL: Final = "https://stablecoins.llama.fi"
_PEG: Final = "peggedUSD"
_CONTRACT: Final = Contract(_NAME, MARKET, MARKET, MARKET)


class DefiLlama:
    """DefiLlama as a Source."""

    def __init__(
        self,
        *,
        clock: Callable[[], datetime],
        timeout_s: float = 10.0,
        proxy: str | None = None,
        base_url: str = _URL,
        wrap: Wrap | None = None,
    ) -> None:
        self.name = _NAME
        self.attribution = sentence_case(venue_credit(_NAME))
        self.offers: dict[Topic, timedelta] = {"stablecoins": HOUR}
        self.caveats: Mapping[Topic, str] = {"stablecoins": "a revised series: yesterday's figure may change"}
        self.left_out: Mapping[str, str] = {}
        self._clock, self._timeout_s, self._proxy = clock, timeout_s, proxy
        self._base_url, self._wrap = base_url.rstrip("/"), wrap
        self._session: Any = None

    async def fetch(self, ask: Ask) -> list[Points]:
        """Answer with the days from `since` on, stamped with the start of their day; the newest is still building."""
        if ask.topic != "stablecoins" or ask.asset != MARKET:
            raise NotOffered(f"{_WHO} offers the supply of all dollar stablecoins and nothing else.")
        since = min(ask.since or ask.now - timedelta(days=10), ask.now - timedelta(days=2))  # the newest may be late
        with translated(_WHO, self._clock):
            rows = rows_of(await self._get())
            known = [(stamp(int(row["date"]) * SECOND_MS), _supply(row)) for row in rows]
            kept = [(at, value) for at, value in known if at >= to_ms(since)]
            if not kept:
                raise Unreadable(f"its newest day is before {since:%Y-%m-%d}")
            return [
                points(_CONTRACT, [at for at, _ in kept], {"stablecoin_supply_usd": [supply for _, supply in kept]})
            ]

    async def close(self) -> None:
        """Close the connections; safe to call twice."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _connect(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=self._timeout_s))

    async def _get(self) -> Any:
        if self._session is None:
            self._session = self._wrap(self._connect) if self._wrap else self._connect()
        url = f"{self._base_url}/stablecoincharts/all"
        note_asked(_WHO, str(url))
        async with self._session.get(url, proxy=self._proxy) as response:
            text = await response.text(errors="replace")
        if is_refusal(response.status) or response.status >= 400:
            raise HttpRefusal(HttpAnswer(response.status, lowered(response.headers), text))
        try:
            return json.loads(text)
        except ValueError:
            raise Unreadable("it is not JSON, perhaps a maintenance page") from None


def _supply(row: Mapping[str, Any]) -> float:
    """Read the dollars in circulation of all coins pegged to the dollar."""
    total = row["totalCirculatingUSD"]
    return number(total[_PEG]) if _PEG in total else float("nan")
