"""What Binance answers alike for USD-M and COIN-M contracts: long/short ratios and the book."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from bot.market.exchange.recipe import Unreadable, apart, backwards, depth, number, page_start, pairs, rows_of, stamp
from signals.units import HOUR

if TYPE_CHECKING:
    from bot.market.exchange.contracts import Contract
    from bot.market.exchange.recipe import Raw
    from bot.market.source import Ask
    from storage.market.points import Points

KEPT: Final = timedelta(days=30) - HOUR  # an older startTime is refused (-1130), not cut
_PAGE: Final = 500
_LEVELS: Final = 1000
_RATIOS: Final = {
    "long_short_accounts": "GlobalLongShortAccountRatio",
    "long_short_top_accounts": "TopLongShortAccountRatio",
    "long_short_top_positions": "TopLongShortPositionRatio",
}


@dataclass(frozen=True, slots=True)
class BinanceSide:
    """One of the two sides of Binance: the first letters of its methods, and how its statistics name a contract."""

    prefix: str
    key: str

    def named(self, contract: Contract) -> dict[str, str]:
        """Name the contract as the statistics want it: BTCUSDT, or the pair BTCUSD for BTCUSD_PERP."""
        return {self.key: contract.market_id.removesuffix("_PERP")}

    async def ratios(self, ask_raw: Raw, contract: Contract, ask: Ask) -> list[Points]:
        """Read the three ratios of longs to shorts: all accounts, top accounts, top positions; thirty days are kept."""
        return apart(
            contract, {name: await self._ratio(ask_raw, contract, ask, kind) for name, kind in _RATIOS.items()}
        )

    async def _ratio(self, ask_raw: Raw, contract: Contract, ask: Ask, kind: str) -> list[tuple[int, float]]:
        method, named = f"{self.prefix}DataGet{kind}", self.named(contract)
        if ask.since is None:
            rows = rows_of(await ask_raw(method, named | {"period": "5m", "limit": 1}))
            return [(stamp(row["timestamp"]), number(row["longShortRatio"])) for row in rows]
        since = max(ask.since, ask.now - KEPT + HOUR)

        async def page(end: int) -> list[tuple[int, float]]:
            start = page_start(end, (_PAGE - 1) * HOUR, since)
            asked: dict[str, Any] = {"period": "1h", "limit": _PAGE, "startTime": start, "endTime": end}
            answer = rows_of(await ask_raw(method, named | asked), least=0)
            return [(stamp(row["timestamp"]), number(row["longShortRatio"])) for row in answer]

        rows = await backwards(page, since=since, until=ask.now, most=3)
        if not rows:
            raise Unreadable("no ratio came where one is certain")
        return rows

    async def book(self, ask_raw: Raw, contract: Contract, ask: Ask) -> list[Points]:  # noqa: ARG002 -- as all recipes
        """Read 1,000 levels a side within 1 % of mid; on BTC they reach some 0.1 %, which is not told."""
        found = await ask_raw(f"{self.prefix}PublicGetDepth", {"symbol": contract.market_id, "limit": _LEVELS})
        return [depth(contract, stamp(found["T"]), pairs(found["bids"]), pairs(found["asks"]))]


USD_M: Final = BinanceSide("fapi", "symbol")
COIN_M: Final = BinanceSide("dapi", "pair")
