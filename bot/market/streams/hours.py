"""Liquidations of one venue, summed by asset and hour, with the time that was heard: missing is not zero.

Times are exchange times in milliseconds. Nothing here knows a socket, a clock or a database.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, Literal

from signals.units import HOUR_MS, MINUTE_MS, from_ms, to_ms
from storage.market.liquidations import Hour

if TYPE_CHECKING:
    from collections.abc import Iterable

Side = Literal["long", "short"]  # of the position that was liquidated, whatever the venue writes

GRACE_MS: Final = MINUTE_MS  # what a venue tells later than this about an hour that is over is not waited for
_MS: Final = timedelta(milliseconds=1)


@dataclass(slots=True)
class _Sum:
    longs: float = 0.0
    shorts: float = 0.0
    covered: int = 0
    rejected: int = 0
    closed: bool = False
    whole: bool = False


class Bars:
    """Sum what is heard.

    speaks_hourly: the feed tells of so many contracts that an hour without a word of any of them is a fault of the
    feed and not a calm hour; such an hour is never whole.
    """

    def __init__(self, venue: str, *, speaks_hourly: bool = False) -> None:
        self.venue = venue
        self._speaks_hourly = speaks_hourly
        self._sums: defaultdict[str, defaultdict[int, _Sum]] = defaultdict(lambda: defaultdict(_Sum))
        self._from: dict[str, int] = {}
        self._heard: set[int] = set()

    def watch(self, asset: str, at: int) -> None:
        """Begin to count the time of an asset as heard; while it is counted already, nothing changes."""
        self._from.setdefault(asset, at)

    def cover(self, until: int) -> None:
        """Count the time up to `until` as heard, for every asset that is watched."""
        for asset, start in self._from.items():
            at = start
            while at < until:
                end = min(at // HOUR_MS * HOUR_MS + HOUR_MS, until)
                self._sums[asset][at // HOUR_MS].covered += end - at
                at = end
            self._from[asset] = at

    def lost(self) -> None:
        """Stop counting time as heard; `cover` was called up to where it was."""
        self._from.clear()

    def heard(self, at: int) -> None:
        """Note that the feed spoke of a contract, followed or not."""
        self._heard.add(at // HOUR_MS)

    def add(self, asset: str, at: int, side: Side, usd: float) -> bool:
        """Add one liquidation. False, and nothing is added, where its hour has been closed."""
        sums = self._sums[asset][at // HOUR_MS]
        if sums.closed:
            return False
        if side == "long":
            sums.longs += usd
        else:
            sums.shorts += usd
        return True

    def spoil(self, asset: str, at: int) -> None:
        """Note that a figure of this hour was kept out: what is left of the hour is not the whole of it."""
        self._sums[asset][at // HOUR_MS].rejected += 1

    def total(self, asset: str, since: int) -> float:
        """Return both sides together, over the hours that end after `since`."""
        first = since // HOUR_MS
        return sum(sums.longs + sums.shorts for hour, sums in self._sums[asset].items() if hour >= first)

    def close(self, now: int) -> bool:
        """Close the hours that are over, whole or not. Tell whether there was one."""
        found = False
        for hours in self._sums.values():
            for hour, sums in hours.items():
                if sums.closed or (hour + 1) * HOUR_MS + GRACE_MS > now:
                    continue
                spoke = not self._speaks_hourly or hour in self._heard
                sums.whole = sums.covered == HOUR_MS and not sums.rejected and spoke
                sums.closed = found = True
        return found

    def hours(self, asset: str | None = None) -> list[Hour]:
        """Return every hour that is remembered, of one asset or of all, oldest first."""
        names = self._sums if asset is None else [asset] * (asset in self._sums)
        return sorted(
            (
                Hour(
                    self.venue,
                    name,
                    _time(hour),
                    sums.longs,
                    sums.shorts,
                    sums.covered * _MS,
                    sums.rejected,
                    sums.whole,
                )
                for name in names
                for hour, sums in self._sums[name].items()
            ),
            key=lambda bar: (bar.at, bar.asset),
        )

    def restore(self, hours: Iterable[Hour]) -> None:
        """Take up what another run has kept; a closed hour stays closed."""
        for bar in hours:
            hour = to_ms(bar.at) // HOUR_MS
            self._sums[bar.asset][hour] = _Sum(
                bar.longs_usd, bar.shorts_usd, bar.covered // _MS, bar.rejected, bar.whole, bar.whole
            )
            if bar.longs_usd or bar.shorts_usd:
                self._heard.add(hour)

    def forget(self, before: int) -> None:
        """Drop the hours that lie before a time."""
        first = before // HOUR_MS
        for hours in self._sums.values():
            for hour in [begun for begun in hours if begun < first]:
                del hours[hour]
        self._heard = {begun for begun in self._heard if begun >= first}


def _time(hour: int) -> datetime:
    return from_ms(hour * HOUR_MS)
