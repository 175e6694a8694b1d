"""What providers of one figure a day share: a Source without a key, that answers in JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import aiohttp

from bot.market.exchange.recipe import Unreadable
from bot.market.exchange.strict import HttpAnswer, HttpRefusal, is_refusal, lowered, note_asked
from signals.language.spelling import sentence_case
from signals.units import HOUR
from signals.venues import venue_credit, venue_title

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime, timedelta

    from bot.market.source import Topic
    from bot.tape import Wrap


class DailyFigure:
    """A provider of one topic of the whole market, asked each hour: a Source but for `fetch`.

    name: the venue word, which signals/venues.py declares. base_url: without the path. proxy: by which it is reached.
    wrap: what the session is put into, where its answers are recorded or played.
    """

    def __init__(
        self,
        name: str,
        topic: Topic,
        base_url: str,
        *,
        clock: Callable[[], datetime],
        timeout_s: float,
        proxy: str | None,
        wrap: Wrap | None,
    ) -> None:
        self.name = name
        self.attribution = sentence_case(venue_credit(name))
        self.offers: dict[Topic, timedelta] = {topic: HOUR}
        self.caveats: Mapping[Topic, str] = {}
        self.left_out: Mapping[str, str] = {}
        self._clock, self._timeout_s, self._proxy = clock, timeout_s, proxy
        self._base_url, self._wrap = base_url.rstrip("/"), wrap
        self._session: Any = None

    async def close(self) -> None:
        """Close the connections; safe to call twice."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _get(self, path: str, query: Mapping[str, str] | None = None) -> Any:
        """Return the answer. HttpRefusal for any status but 200s and 300s, Unreadable for what is no JSON."""
        if self._session is None:
            self._session = self._wrap(self._connect) if self._wrap else self._connect()
        url = f"{self._base_url}{path}"
        note_asked(venue_title(self.name), url)
        async with self._session.get(url, params=query, proxy=self._proxy) as response:
            text = await response.text(errors="replace")
        if is_refusal(response.status) or response.status >= 400:
            raise HttpRefusal(HttpAnswer(response.status, lowered(response.headers), text))
        try:
            return json.loads(text)
        except ValueError:
            raise Unreadable("it is not JSON, perhaps a maintenance page") from None

    def _connect(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=self._timeout_s))
