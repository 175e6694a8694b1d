"""The words that people have for a metric, with the value that is meant where it is not the main one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

NAMED: Final = ("oi", "drawdown", "ma180", "closing", "funding", "taker", "net", "price", "fng")
_SHORT: Final = {
    "oi": "oi_vs_ma180 usd",
    "interest": "oi_vs_ma180 usd",
    "drawdown": "oi_drawdown",
    "ma180": "oi_vs_ma180",
    "average": "oi_vs_ma180",
    "closing": "oi_zscore",
    "quadrant": "oi_quadrant",
    "funding": "funding_stretch",
    "apr": "funding_apr",
    "taker": "taker_ratio",
    "takers": "taker_ratio",
    "net": "net_taker_30d",
    "flow": "net_taker_30d",
    "price": "price_drawdown",
    "fng": "fear_greed",
    "fear": "fear_greed",
    "greed": "fear_greed",
    "mood": "fear_greed",
}


def metric_words() -> Mapping[str, str]:
    """Return the metric, and after a space the value, that each word stands for; ids stand for themselves."""
    from signals.metric import metrics  # noqa: PLC0415 - brings numpy along

    short = {word: drawn for word, drawn in _SHORT.items() if drawn.split()[0] in metrics()}
    return short | {metric: metric for metric in metrics()}
