"""The supply of dollar stablecoins as DefiLlama publishes it: one figure a day, revised later."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from bot.market.exchange.contracts import Contract
from bot.market.exchange.recipe import Unreadable, number, points, rows_of, stamp
from bot.market.exchange.strict import translated
from bot.market.providers.daily import DailyFigure
from bot.market.source import NotOffered
from signals.inputs import MARKET
from signals.units import SECOND_MS, to_ms
from signals.venues import venue_title

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bot.market.source import Ask
    from bot.tape import Wrap
    from storage.market.points import Points

_NAME: Final = "defillama"
_WHO: Final = venue_title(_NAME)
_URL: Final = "https://stablecoins.llama.fi"
_PEG: Final = "peggedUSD"
_CONTRACT: Final = Contract(_NAME, MARKET, MARKET, MARKET)


class DefiLlama(DailyFigure):
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
        super().__init__(_NAME, "stablecoins", base_url, clock=clock, timeout_s=timeout_s, proxy=proxy, wrap=wrap)
        self.caveats = {"stablecoins": "a revised series: yesterday's figure may change"}

    async def fetch(self, ask: Ask) -> list[Points]:
        """Answer with the days from `since` on, stamped with the start of their day; the newest is still building."""
        if ask.topic != "stablecoins" or ask.asset != MARKET:
            raise NotOffered(f"{_WHO} offers the supply of all dollar stablecoins and nothing else.")
        since = min(ask.since or ask.now - timedelta(days=10), ask.now - timedelta(days=2))  # the newest may be late
        with translated(_WHO, self._clock):
            rows = rows_of(await self._get("/stablecoincharts/all"))
            known = [(stamp(int(row["date"]) * SECOND_MS), _supply(row)) for row in rows]
            kept = [(at, value) for at, value in known if at >= to_ms(since)]
            if not kept:
                raise Unreadable(f"its newest day is before {since:%Y-%m-%d}")
            return [
                points(_CONTRACT, [at for at, _ in kept], {"stablecoin_supply_usd": [supply for _, supply in kept]})
            ]


def _supply(row: Mapping[str, Any]) -> float:
    """Read the dollars in circulation of all coins pegged to the dollar."""
    total = row["totalCirculatingUSD"]
    return number(total[_PEG]) if _PEG in total else float("nan")
