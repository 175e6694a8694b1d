"""The words that people have for a metric, with the value that is meant where it is not the main one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from signals.language.words import WORDS, drawn_by_word

if TYPE_CHECKING:
    from collections.abc import Mapping

# Pictures of the market itself, by the words for them; see handlers/charts/market.py.
PICTURES: Final = {
    "overview": "market",
    "candles": "market",
    "oi": "oi",
    "interest": "oi",
    "open_interest": "oi",
    "price": "price",
    "prices": "price",
    "liqs": "liqs",
    "liq": "liqs",
    "liquidations": "liqs",
    "liquidation": "liqs",
    "liquidated": "liqs",
}
# Two words that together name one thing.
_TOGETHER: Final = {
    frozenset({"picture price", "oi_drawdown"}): "price_drawdown",
    frozenset({"picture oi", "oi_drawdown"}): "oi_drawdown",
    frozenset({"picture oi", "oi_vs_ma180"}): "oi_vs_ma180",
    frozenset({"picture oi", "oi_zscore"}): "oi_zscore",
    frozenset({"picture price", "picture oi"}): "picture oi",
    frozenset({"picture price", "picture liqs"}): "picture liqs",
    frozenset({"picture oi", "picture liqs"}): "picture market",
    frozenset({"picture market", "picture price"}): "picture price",
    frozenset({"taker_ratio", "net_taker_30d"}): "net_taker_30d",
    frozenset({"funding_stretch", "funding_apr"}): "funding_apr",
}
DRAWN: Final = (
    "oi",
    "price",
    "liqs",
    "funding",
    "taker",
    "net",
    "drawdown",
    "ma180",
    "closing",
    "fng",
    "depth",
    "ls",
    "basis",
    "vol",
    "stables",
)


def said_of(word: str) -> str | None:
    """Return the metric that a short word stands for, without looking whether there is one; None for any other word."""
    meant = WORDS.get(word)
    return meant.chart if meant else None


def metric_words() -> Mapping[str, str]:
    """Return the metric, and after a space the value, that each word stands for; ids stand for themselves."""
    from signals.metric import metrics  # noqa: PLC0415 - brings numpy along

    return drawn_by_word() | {metric: metric for metric in metrics()}


def chart_words() -> Mapping[str, str]:
    """Return what each word of /chart stands for: "picture oi" for one of the market, else a metric as above."""
    return {**metric_words(), **{word: f"picture {picture}" for word, picture in PICTURES.items()}}


def together(first: str, second: str | None) -> str | None:
    """Return what two words of /chart name together; None where they name two things."""
    return first if second in {None, first} else _TOGETHER.get(frozenset({first, second or ""}))
