"""The Fear & Greed index of alternative.me: one figure a day, said with the word its maker gives it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import aiohttp

from bot.market.exchange.contracts import Contract
from bot.market.exchange.recipe import Unreadable, number, points, rows_of, stamp
from bot.market.exchange.strict import HttpAnswer, HttpRefusal, is_refusal, lowered, note_asked, translated
from bot.market.source import Ask, NotOffered, Topic
from signals.inputs import MARKET
from signals.language.spelling import sentence_case
from signals.units import HOUR, SECOND_MS, from_ms
from signals.venues import venue_credit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime, timedelta

    from bot.tape import Wrap
    from storage.market.points import Points

_WHO: Final = "alternative.me"
_URL: Final = "https://api.alternative.me"
_WORDS: Final = frozenset({"extreme fear", "fear", "neutral", "greed", "extreme greed"})
_USUAL_DAYS: Final = 10
_CONTRACT: Final = Contract(_WHO, MARKET, MARKET, MARKET)


class AlternativeMe:
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
        self.name = _WHO
        self.attribution = sentence_case(venue_credit(_WHO))
        self.offers: dict[Topic, timedelta] = {"fear_greed": HOUR}
        self.words: dict[datetime, str] = {}
        self._clock, self._timeout_s, self._proxy = clock, timeout_s, proxy
        self._base_url, self._wrap = base_url.rstrip("/"), wrap
        self.caveats: Mapping[Topic, str] = {}
        self.left_out: Mapping[str, str] = {}
        self._session: Any = None

    async def fetch(self, ask: Ask) -> list[Points]:
        """Answer with the days from `since` on, stamped with the start of their day, when the figure is published."""
        if ask.topic != "fear_greed" or ask.asset != MARKET:
            raise NotOffered(f"{_WHO} offers the Fear & Greed index of the whole market and nothing else.")
        days = _USUAL_DAYS if ask.since is None else max((ask.now - ask.since).days + 2, 2)
        with translated(_WHO, self._clock):
            rows = _rows(await self._get(days))
            times = [stamp(_updated(row)) for row in rows]
            words = {from_ms(at): _word(row) for at, row in zip(times, rows, strict=True)}
            found = points(_CONTRACT, times, {"fear_greed": [number(row["value"]) for row in rows]})
        self.words |= words
        return [found]

    async def close(self) -> None:
        """Close the connections; safe to call twice."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _connect(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=self._timeout_s))

    async def _get(self, days: int) -> Any:
        if self._session is None:
            self._session = self._wrap(self._connect) if self._wrap else self._connect()
        url, query = f"{self._base_url}/fng/", {"limit": str(days)}
        note_asked(_WHO, str(url))
        async with self._session.get(url, params=query, proxy=self._proxy) as response:
            text = await response.text(errors="replace")
        if is_refusal(response.status) or response.status >= 400:
            raise HttpRefusal(HttpAnswer(response.status, lowered(response.headers), text))
        try:
            return json.loads(text)
        except ValueError:
            raise Unreadable("it is not JSON, perhaps a maintenance page") from None


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
