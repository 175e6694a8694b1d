"""The Fear & Greed index of alternative.me: one figure a day, said with the word its maker gives it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from bot.market.exchange.contracts import Contract
from bot.market.exchange.recipe import Unreadable, number, points, rows_of, stamp
from bot.market.exchange.strict import translated
from bot.market.providers.daily import DailyFigure
from bot.market.source import NotOffered
from signals.inputs import MARKET
from signals.units import SECOND_MS, from_ms

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from bot.market.source import Ask
    from bot.tape import Wrap
    from storage.market.points import Points

_WHO: Final = "alternative.me"
_URL: Final = "https://api.alternative.me"
_WORDS: Final = frozenset({"extreme fear", "fear", "neutral", "greed", "extreme greed"})
_USUAL_DAYS: Final = 10
_CONTRACT: Final = Contract(_WHO, MARKET, MARKET, MARKET)


class AlternativeMe(DailyFigure):
    """alternative.me as a Source. words: the class given with each day's figure, as far as it was asked."""

    def __init__(
        self,
        *,
        clock: Callable[[], datetime],
        timeout_s: float = 10.0,
        proxy: str | None = None,
        base_url: str = _URL,
        wrap: Wrap | None = None,
    ) -> None:
        super().__init__(_WHO, "fear_greed", base_url, clock=clock, timeout_s=timeout_s, proxy=proxy, wrap=wrap)
        self.words: dict[datetime, str] = {}

    async def fetch(self, ask: Ask) -> list[Points]:
        """Answer with the days from `since` on, stamped with the start of their day, when the figure is published."""
        if ask.topic != "fear_greed" or ask.asset != MARKET:
            raise NotOffered(f"{_WHO} offers the Fear & Greed index of the whole market and nothing else.")
        days = _USUAL_DAYS if ask.since is None else max((ask.now - ask.since).days + 2, 2)
        with translated(_WHO, self._clock):
            rows = _rows(await self._get("/fng/", {"limit": str(days)}))
            times = [stamp(_updated(row)) for row in rows]
            words = {from_ms(at): _word(row) for at, row in zip(times, rows, strict=True)}
            found = points(_CONTRACT, times, {"fear_greed": [number(row["value"]) for row in rows]})
        self.words |= words
        return [found]


def _rows(answer: Any) -> list[dict[str, Any]]:
    """Take the days out of the envelope, which says when something is wrong."""
    if not isinstance(answer, dict):
        raise Unreadable("an object was due, something else came")
    if (answer.get("metadata") or {}).get("error"):
        raise Unreadable("it reports an error of its own")
    return list(rows_of(answer.get("data")))


def _updated(row: dict[str, Any]) -> int:
    return int(row["timestamp"]) * SECOND_MS


def _word(row: dict[str, Any]) -> str:
    word = str(row["value_classification"])
    if word.lower() not in _WORDS:
        raise Unreadable(f"{word[:20]!r} is no class of the index")
    return word
