"""Which assets wait to be judged: those of which a past that was put off is still to come, for half an hour at most."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from signals.units import floor, from_ms, to_ms
from storage.engine import settings
from storage.sources import coverage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from storage.engine.database import Store

# So long an asset waits to be judged for a past that was put off: 300 assets of three venues have theirs in
# five minutes. What a venue refuses to give stays owed for days, and the rest is judged without it; as it is at once
# where a venue is silent.
AWAITED: Final = timedelta(minutes=30)
# The hours that are asked for with the present; each hour they are asked for again, so that an older past is no hole
# unless it is older than twice as long.
PRESENT: Final = timedelta(hours=3)
LOOKED: Final = timedelta(minutes=15)  # between looks while nobody may have to wait
_SEEN: Final = "awaited"


class Awaited:
    """The assets that wait for a past of theirs that was put off and is still to come.

    Of hundreds of assets the present is asked for first. Judged by that alone a rule would stand as if nothing had been
    before, and a past that comes later is read by no turn: what is open would not say since when. After a stop, each
    close of it would be judged as not known, once for all. It would also cost more than the judging of all whose past
    is there.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._at: datetime | None = None
        self._owed: Mapping[str, datetime | None] = {}  # since when it is owed, by asset; None: by who is silent alone
        self._seen: Mapping[str, datetime] = {}  # when that was seen first, whoever was silent meanwhile

    def look(self, now: datetime) -> None:
        """See what is owed, now and then: what stays owed for days makes nobody late whose next close is tomorrow's."""
        if self._at is None or floor(now, LOOKED) != floor(self._at, LOOKED):
            self._look(now)

    def _look(self, now: datetime) -> None:
        before = _seen(self._store, now) if self._at is None else self._seen
        kept_for = self._at and floor(self._at, LOOKED)
        self._at, self._owed = now, coverage.owed_since(self._store, now - PRESENT)
        self._seen = {asset: before.get(asset, now) for asset in self._owed}
        if self._seen != before or (self._seen and floor(now, LOOKED) != kept_for):
            _keep_seen(self._store, self._seen, now)

    def waits(self, asset: str, judged: Sequence[datetime], now: datetime) -> bool:
        """Tell whether an asset waits, half an hour at most. judged: when its rules were.

        Nobody waits whose closes are those of now: what is owed then corrects them.
        """
        long_ago = now - 2 * PRESENT
        last = min(judged, default=long_ago)
        if last >= now - PRESENT:
            return False
        if self._at != now:  # once in a turn, and in most turns not at all
            self._look(now)
        since = self._owed.get(asset)
        return since is not None and since < max(last, long_ago) and timedelta(0) <= now - self._seen[asset] < AWAITED


def _seen(store: Store, now: datetime) -> dict[str, datetime]:
    """Return what an earlier process saw, unless that was so long ago that there is a past of the stop to wait for.

    Where each process began to wait anew, one that is restarted every twenty minutes would never judge what stays owed.
    """
    text = settings.setting(store, _SEEN)
    looked, seen = json.loads(text) if text else (0, {})
    fresh = timedelta(0) <= now - from_ms(looked) < PRESENT
    return {asset: from_ms(at) for asset, at in seen.items()} if fresh else {}


def _keep_seen(store: Store, seen: Mapping[str, datetime], now: datetime) -> None:
    with store.write() as work:
        settings.keep_setting(work, _SEEN, json.dumps([to_ms(now), {asset: to_ms(at) for asset, at in seen.items()}]))
