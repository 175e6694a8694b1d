"""The words that people have for figures: one table for what is drawn and for what a rule of one's own compares.

A word means the value that a trader means by it. Where a picture of it shows another one, because a picture has more
room, both are named.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class WordMeaning:
    """What a word means. value: the whole name of the value that a rule compares. drawn: what a picture shows of it.

    drawn: a metric, and after a space the value where that is not the main one; "" for `value` itself.
    """

    value: str
    drawn: str = ""

    @property
    def chart(self) -> str:
        """Return the metric that is drawn, and after a space the value where that is not the main one."""
        return self.drawn or self.value.removesuffix(".value").replace(".", " ")


def _all(meant: WordMeaning, *words: str) -> dict[str, WordMeaning]:
    return dict.fromkeys(words, meant)


# One word, as /chart and /health take it too.
WORDS: Final[Mapping[str, WordMeaning]] = {
    **_all(WordMeaning("oi_coins.usd", "oi_vs_ma180 usd"), "oi", "interest"),
    **_all(WordMeaning("oi_vs_ma180.average", "oi_vs_ma180 usd"), "average"),
    **_all(WordMeaning("oi_drawdown.value"), "drawdown"),
    **_all(WordMeaning("oi_vs_ma180.value"), "ma180"),
    **_all(WordMeaning("oi_zscore.value"), "closing"),
    **_all(WordMeaning("oi_quadrant.value"), "quadrant"),
    **_all(WordMeaning("funding_market.value", "funding_stretch"), "funding"),
    **_all(WordMeaning("funding_market.value", "funding_apr"), "apr"),
    **_all(WordMeaning("taker_ratio.value"), "taker", "takers"),
    **_all(WordMeaning("taker_ratio.net", "net_taker_30d"), "net", "flow"),
    **_all(WordMeaning("price_move.price", "price_drawdown"), "price"),
    **_all(WordMeaning("fear_greed.value"), "fng", "fear", "greed", "mood"),
    **_all(WordMeaning("depth_index.depth_usd"), "depth", "book"),
    **_all(WordMeaning("long_short.value"), "ls", "longs"),
    **_all(WordMeaning("basis.value"), "basis", "premium"),
    **_all(WordMeaning("basis.dated"), "dated"),
    **_all(WordMeaning("implied_vol.iv"), "vol", "volatility", "iv"),
    **_all(WordMeaning("stable_supply.supply_usd"), "stables", "stablecoins"),
}
# Several words that together name one value; in a rule alone.
PHRASES: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        ("open interest", "oi usd", "oi dollars", "open interest usd", "open interest dollars"), "oi_coins.usd"
    ),
    **dict.fromkeys(("oi coins", "open interest coins", "coins", "positions"), "oi_coins.value"),
    **dict.fromkeys(("oi z", "open interest z", "z oi", "closing z"), "oi_zscore.value"),
    **dict.fromkeys(("oi drawdown", "oi peak", "open interest drawdown", "open interest peak"), "oi_drawdown.value"),
    **dict.fromkeys(("oi average", "oi ma180", "open interest average"), "oi_vs_ma180.value"),
    **dict.fromkeys(("oi depth", "oi over depth", "fragility", "oi book"), "oi_fragility.value"),
    **dict.fromkeys(("oi volume", "turnover", "oi over volume"), "oi_turnover.value"),
    **dict.fromkeys(("funding rate", "funding market", "market funding", "weighted funding"), "funding_market.value"),
    **dict.fromkeys(("funding percentile", "funding rank", "funding pct", "percentile funding"), "funding_stretch.pct"),
    **dict.fromkeys(("venue funding", "funding venue", "funding apr"), "funding_apr.value"),
    **dict.fromkeys(("taker z", "takers z", "z taker", "taker flow z", "taker zscore", "flow z"), "taker_zscore.value"),
    **dict.fromkeys(("taker ratio", "buy sell ratio", "buys sells"), "taker_ratio.value"),
    **dict.fromkeys(("buy share", "taker buy share"), "taker_ratio.buy_share"),
    **dict.fromkeys(("net taker", "taker net", "net flow", "net taker volume", "cvd"), "taker_ratio.net"),
    **dict.fromkeys(("depth z", "book z", "z depth"), "depth_index.value"),
    **dict.fromkeys(("bids", "bid depth"), "depth_index.bids_usd"),
    **dict.fromkeys(("asks", "ask depth"), "depth_index.asks_usd"),
    **dict.fromkeys(("liq", "liqs", "liquidations", "liquidated"), "liq_24h.value"),
    **dict.fromkeys(("liq longs", "longs liquidated", "liquidated longs", "long liquidations"), "liq_24h.longs"),
    **dict.fromkeys(("liq shorts", "shorts liquidated", "liquidated shorts", "short liquidations"), "liq_24h.shorts"),
    **dict.fromkeys(("liq z", "liqs z", "liquidations z", "liquidation z"), "liq_zscore.value"),
    **dict.fromkeys(("long short", "long/short", "long short ratio", "longs shorts", "accounts"), "long_short.value"),
    **dict.fromkeys(("top accounts", "top traders"), "long_short.top_accounts"),
    **dict.fromkeys(("top positions",), "long_short.top_positions"),
    **dict.fromkeys(("price z", "move z", "z price"), "price_move.value"),
    **dict.fromkeys(("price drawdown", "fall of price"), "price_drawdown.value"),
    **dict.fromkeys(("volume", "day volume", "taker volume"), "taker_ratio.volume"),
    **dict.fromkeys(("month volume", "volume month"), "volume_month.value"),
    **dict.fromkeys(("fear greed", "fear & greed", "fear and greed", "fear greed index"), "fear_greed.value"),
    **dict.fromkeys(("implied volatility", "implied vol", "dvol"), "implied_vol.iv"),
    **dict.fromkeys(("vol z", "iv z", "implied volatility z"), "implied_vol.value"),
    **dict.fromkeys(
        ("realised volatility", "realized volatility", "realised vol", "realized vol"), "implied_vol.realised"
    ),
    **dict.fromkeys(("dated premium", "dated basis", "futures premium"), "basis.dated"),
    **dict.fromkeys(("perp premium", "perpetual premium"), "basis.value"),
    **dict.fromkeys(("stablecoin supply", "stable supply", "supply"), "stable_supply.supply_usd"),
    **dict.fromkeys(("max pain", "maxpain"), "options_walls.max_pain"),
    **dict.fromkeys(("put call", "puts calls", "put/call", "put call ratio"), "options_walls.put_call"),
    **dict.fromkeys(("quadrant 4h",), "oi_quadrant.value_4h"),
}


def drawn_by_word() -> dict[str, str]:
    """Return the metric that is drawn, and after a space its value, for each single word of a metric that there is."""
    from signals.metric import metrics  # noqa: PLC0415 - brings numpy along

    return {word: meant.chart for word, meant in WORDS.items() if meant.chart.split()[0] in metrics()}
