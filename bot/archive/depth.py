"""Book depth of the archive: two bands out of twelve, one row in five minutes, and only what can be true.

`bookDepth` has a snapshot every 30 seconds with depth (coins) and notional (USDT) within so many percent of the mid,
cumulated. Two defects pass its checksums: bands that stand still for days (binance-public-data #496) and snapshots of
another time under today's (#431). Both show in notional / depth, the average price within the band.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Final

from bot.archive.parsing import FIVE_MINUTES, Read, Rows, Slots, finish, lines, text_time
from bot.market.exchange.recipe import Unreadable, number, points
from signals.units import HOUR, in_ms, to_ms

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from bot.archive.binance_vision import File

_COLUMNS: Final = ("timestamp", "percentage", "depth", "notional")
_BANDS: Final = {-1.0: "depth_bids_usd", 1.0: "depth_asks_usd"}
_STILL: Final = 10  # snapshots (five minutes) without any change; a living book of 1 % changes with each
_OUTSIDE_BAR: Final = 0.02  # a band of 1 % lies within 1 % of prices traded in its hour, and the hour may be young
_OUTSIDE_DAY: Final = 0.10  # where no bar is known, from the day's own middle
_WIDEST: Final = 0.02  # between the average bid and the average ask, each within 1 % of one mid

FROZEN: Final = "the band stands still"
MISALIGNED: Final = "snapshots of another time"


@dataclass(frozen=True, slots=True)
class BookSide:
    """One side of one snapshot."""

    depth: float
    notional: float

    @property
    def price(self) -> float:
        """Return the average price within the band."""
        return self.notional / self.depth


def depth(file: File, content: bytes, now: datetime, bars: Mapping[int, tuple[float, float]]) -> Read:
    """Read depth within 1 % of mid, in USD, the last sound snapshot of every five minutes.

    bars: low and high of the hours of that day, by opening time in ms, in our price per coin.
    """
    rows = Rows()
    sides: dict[str, dict[int, BookSide]] = {name: {} for name in _BANDS.values()}
    bands: dict[str, str | None] = {}  # written as -1 or -1.00
    for line, row in enumerate(lines(file, content, _COLUMNS), 1):
        rows.total += 1
        try:
            _take(file, row, sides, bands)
        except Unreadable as bad:
            rows.refuse(line, str(bad))
    why: dict[str, dict[int, str]] = {name: _frozen(snapshots) for name, snapshots in sides.items()}
    for name, times in _misaligned(file, sides, why, bars).items():
        why[name] |= dict.fromkeys(times, MISALIGNED)
    kept: dict[str, dict[int, float]] = {}
    for name, snapshots in sides.items():
        kept[name] = _every_five_minutes({at: band for at, band in snapshots.items() if at not in why[name]})
    times = sorted({at for values in kept.values() for at in values})
    table = points(file.contract, times, {name: [v.get(at, float("nan")) for at in times] for name, v in kept.items()})
    slots = {name.removesuffix("_usd"): Slots(file.start, FIVE_MINUTES, (name,)) for name in kept}
    reasons = {name.removesuffix("_usd"): times for name, times in why.items()}
    rows.refused += len({at for times in why.values() for at in times})
    return finish(file, table, rows, now, slots, reasons)


def _take(file: File, row: list[str], sides: dict[str, dict[int, BookSide]], bands: dict[str, str | None]) -> None:
    if len(row) != len(_COLUMNS):
        raise Unreadable(f"has {len(row)} columns")
    if row[1] not in bands:
        bands[row[1]] = _BANDS.get(number(row[1]))
    side = bands[row[1]]
    if side is None:
        return
    at = text_time(row[0])
    if at is None or not file.start <= at < file.end:
        raise Unreadable("does not lie within its day")
    band = BookSide(number(row[2]), number(row[3]))
    if not (band.depth > 0 and band.notional > 0):
        raise Unreadable("has no depth")
    if sides[side].setdefault(to_ms(at), band) != band:
        del sides[side][to_ms(at)]
        raise Unreadable("gives another figure for a time that was there")


def _frozen(snapshots: Mapping[int, BookSide]) -> dict[int, str]:
    """Find stretches without a change; the first of each is left out too, as nobody knows when it was true."""
    found: dict[int, str] = {}
    run: list[int] = []
    for at in sorted(snapshots):
        if run and snapshots[run[-1]] != snapshots[at]:
            run = []
        run.append(at)
        if len(run) >= _STILL:
            found |= dict.fromkeys(run if len(run) == _STILL else run[-1:], FROZEN)
    return found


def _misaligned(
    file: File,
    sides: Mapping[str, Mapping[int, BookSide]],
    frozen: Mapping[str, Mapping[int, str]],
    bars: Mapping[int, tuple[float, float]],
) -> dict[str, list[int]]:
    """Find snapshots whose average price is none of their time, or whose two sides do not belong together."""
    found: dict[str, list[int]] = {}
    bids, asks = (sides[name] for name in _BANDS.values())
    for name, snapshots in sides.items():
        living = [band.price for at, band in snapshots.items() if at not in frozen[name]]
        middle = median(living) if living else 0.0
        found[name] = []
        for at, band in snapshots.items():
            if at in frozen[name]:
                continue
            price = band.price / file.contract.multiplier
            low, high = bars.get(at // in_ms(HOUR) * in_ms(HOUR), (0.0, 0.0))
            if low:
                off = not low * (1 - _OUTSIDE_BAR) <= price <= high * (1 + _OUTSIDE_BAR)
            else:
                off = abs(band.price / middle - 1) > _OUTSIDE_DAY
            if off or (_both_live(at, sides, frozen) and not 0 < asks[at].price / bids[at].price - 1 < _WIDEST):
                found[name].append(at)
    return found


def _both_live(at: int, sides: Mapping[str, Mapping[int, BookSide]], frozen: Mapping[str, Mapping[int, str]]) -> bool:
    return all(at in sides[name] and at not in frozen[name] for name in sides)


def _every_five_minutes(snapshots: Mapping[int, BookSide]) -> dict[int, float]:
    """Keep the last snapshot of each five minutes, at its own second."""
    last = {at // in_ms(FIVE_MINUTES): at for at in sorted(snapshots)}
    return {at: snapshots[at].notional for at in last.values()}
