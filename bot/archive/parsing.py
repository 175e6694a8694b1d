"""From the content of one archive file to points and gaps: pure reading, no network, no store.

A file is taken whole or, where its shape is not the one known, refused whole; single bad rows are left out and counted.
What a file should hold and does not becomes a gap with its reason. Nothing is filled.
"""

from __future__ import annotations

import csv
import io
import math
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from bot.archive.binance_vision import VENUE
from bot.market.border.judging import Border
from bot.market.border.refusals import said as said_of
from bot.market.exchange.recipe import Unreadable, number, points, stamp
from signals.units import HOUR, MINUTE, MINUTE_MS, from_ms, in_ms, to_ms
from storage.market import retention
from storage.sources.coverage import Gap

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bot.archive.binance_vision import File
    from storage.market.points import Points

KEPT_FINE: Final = timedelta(days=40)  # levels older than this are kept by the hour
FIVE_MINUTES: Final = timedelta(minutes=5)
UNPACKED: Final = 256 * 1024 * 1024  # bytes; a month of hours has 0.1 million
NAMED: Final = 3  # refused rows that are told in words; the rest is counted

MISSING_ROWS: Final = "rows are missing"
ZERO: Final = "zero, which cannot be"
BLANK: Final = "the columns are empty"
IMPOSSIBLE: Final = "impossible figures"
TWO_VALUES: Final = "two values for one time"
BAD_ROWS: Final = "rows that cannot be read"


OneRow = Callable[[list[str]], tuple[int, tuple[float, ...]]]


class AlienFile(Unreadable):
    """A fault of the whole file that shows in one row."""


@dataclass(frozen=True, slots=True)
class Read:
    """What one file gave. rows: in the file; kept: rows that are stored; refused: rows left out, some in words."""

    points: tuple[Points, ...]
    rows: int
    kept: int
    refused: int
    said: tuple[str, ...]
    gaps: tuple[Gap, ...]


@dataclass(slots=True)
class Rows:
    """The readable rows of a file by time (ms), and why the others are not there.

    conflicts: times that two rows claim with different figures; neither is believed.
    """

    by_time: dict[int, tuple[float, ...]] = field(default_factory=dict)
    why: dict[int, str] = field(default_factory=dict)
    total: int = 0
    refused: int = 0
    said: list[str] = field(default_factory=list)

    def add(self, at: int, values: tuple[float, ...]) -> None:
        """Take one row; the same row twice is one."""
        known = self.by_time.get(at)
        if self.why.get(at) == TWO_VALUES or (known is not None and repr(known) != repr(values)):
            self.by_time.pop(at, None)
            self.refuse(None, TWO_VALUES, at)
            return
        self.by_time[at] = values

    def refuse(self, line: int | None, reason: str, at: int | None = None) -> None:
        """Leave one row out."""
        self.refused += 1
        if at is not None:
            self.why[at] = TWO_VALUES if reason == TWO_VALUES else BAD_ROWS
        if len(self.said) < NAMED:
            self.said.append(f"line {line} {reason}" if line else reason)


def lines(file: File, content: bytes, columns: Sequence[str]) -> list[list[str]]:
    """Unpack the CSV file and check its columns, with or without a header. Unreadable says what is wrong."""
    found = [row for row in csv.reader(io.StringIO(_unpacked(file, content))) if row]
    if not found:
        raise Unreadable("the file has no rows")
    head = [cell.strip() for cell in found[0]]
    if not head[0][:1].isdigit():
        if head != list(columns):
            raise Unreadable(f"its columns are {', '.join(head)[:120]}; due are {', '.join(columns)}")
        found = found[1:]
    if not found:
        raise Unreadable("the file has a header and no rows")
    if len(found[0]) != len(columns):
        raise Unreadable(f"it has {len(found[0])} columns; due are {len(columns)}")
    return found


def _unpacked(file: File, content: bytes) -> str:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            inside = packed.infolist()
            if not inside:
                raise Unreadable("the zip file is empty")
            if len(inside) != 1 or inside[0].filename != f"{file.name}.csv":
                raise Unreadable(f"the zip file holds {inside[0].filename[:60]!r}, not {file.name}.csv")
            if inside[0].file_size > UNPACKED:
                raise Unreadable(f"it unpacks to more than {UNPACKED >> 20} MB")
            return packed.read(inside[0]).decode("utf-8-sig")
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise Unreadable("it is no whole zip file") from error
    except UnicodeDecodeError as error:
        raise Unreadable("it is no text in UTF-8") from error


_KLINES: Final = (
    "open_time", "open", "high", "low", "close", "volume", "close_time", "quote_volume", "count",
    "taker_buy_volume", "taker_buy_quote_volume", "ignore",
)  # fmt: skip
_FUNDING: Final = ("calc_time", "funding_interval_hours", "last_funding_rate")
_METRICS: Final = (
    "create_time", "symbol", "sum_open_interest", "sum_open_interest_value", "count_toptrader_long_short_ratio",
    "sum_toptrader_long_short_ratio", "count_long_short_ratio", "sum_taker_long_short_vol_ratio",
)  # fmt: skip


def gather(found: list[list[str]], read: OneRow, when: Callable[[list[str]], int | None]) -> Rows:
    """Read row by row; one that cannot be read is left out, and its time, as far as there is one, remembered."""
    rows = Rows()
    for line, row in enumerate(found, 1):
        rows.total += 1
        try:
            rows.add(*read(row))
        except AlienFile:
            raise
        except Unreadable as bad:
            rows.refuse(line, str(bad), when(row))
    return rows


def klines(file: File, content: bytes, now: datetime) -> Read:
    """Read hourly bars: columns 1 to 4 are prices, 7 quote volume, 10 taker-buy quote volume.

    Microseconds, which the spot archive uses since 2025, are refused: it would be another market under our name.
    """
    found = lines(file, content, _KLINES)
    inside = range(to_ms(file.start), to_ms(file.end), in_ms(HOUR))
    rows = gather(found, lambda row: _bar(row, inside), _bar_time)
    times, columns = in_columns(rows, ("open", "high", "low", "close", "volume_usd", "taker_buy_usd"))
    for name in ("open", "high", "low", "close"):
        columns[name] = [value / file.contract.multiplier for value in columns[name]]
    table = points(file.contract, times, columns, step=HOUR)
    return finish(file, table, rows, now, {"bars": Slots(file.start, HOUR, ("close",))})


def _bar(row: list[str], inside: range) -> tuple[int, tuple[float, ...]]:
    at = _bar_time(row)
    if len(row) != len(_KLINES):
        raise Unreadable(f"has {len(row)} columns")
    if at not in inside:
        raise Unreadable("does not begin on an hour of the file")
    if stamp(row[6]) - at != in_ms(HOUR) - 1:
        raise Unreadable("is not a bar of one hour")
    values = tuple(number(row[column]) for column in (1, 2, 3, 4, 7, 10))
    return at, values


def _bar_time(row: list[str]) -> int:
    """Read the opening time. A file whose clock is not ours is refused whole, not row by row."""
    if len(row[0]) == 16 and row[0].isdigit():
        raise AlienFile("its times are in microseconds, as in the archive of the spot market")
    try:
        return stamp(row[0])
    except Unreadable:
        raise AlienFile(f"{row[0][:20]!r} is no time in milliseconds") from None


def funding(file: File, content: bytes, now: datetime) -> Read:
    """Read settled rates with the interval each was settled for; stamped by the exchange's own milliseconds."""
    found = lines(file, content, _FUNDING)
    inside = range(to_ms(file.start), to_ms(file.end))
    rows = gather(found, lambda row: _settlement(row, inside), lambda _: None)
    table = replace(points(file.contract, *in_columns(rows, ("funding_rate", "funding_interval_hours"))), settled=True)
    read = finish(file, table, rows, now, {})
    return replace(read, gaps=tuple(_unsettled(file, read.points)))


def _settlement(row: list[str], inside: range) -> tuple[int, tuple[float, ...]]:
    at = stamp(row[0])
    if len(row) != len(_FUNDING) or at not in inside:
        raise Unreadable("is not a settlement of this month")
    return at, (number(row[2]), number(row[1]))


def _unsettled(file: File, found: tuple[Points, ...]) -> Iterable[Gap]:
    """Name stretches in which a settlement was due and none is recorded."""
    ends: list[tuple[datetime, float]] = []
    for table in found:
        rates, intervals = table.columns["funding_rate"], table.columns["funding_interval_hours"]
        rows = zip(table.times, rates, intervals, strict=True)
        ends += [(from_ms(at), interval) for at, rate, interval in rows if not math.isnan(rate + interval)]
    longest = max((hours for _, hours in ends), default=8.0)
    last, before = file.start - MINUTE, 0.0
    for at, hours in [*ends, (file.end, longest)]:
        if at - last > timedelta(hours=max(hours, before) * 1.5):  # where the interval changes, the longer one is due
            yield Gap(file.contract.asset, VENUE, "funding", max(last, file.start), at, MISSING_ROWS)
        last, before = at, hours


def metrics(file: File, content: bytes, now: datetime) -> Read:
    """Read open interest in coins and USD and the three ratios; never the taker column, which is hollow for years.

    The clock: until June 2026 most files label a row with the end of its five minutes (00:05 ... 00:00 of the next
    day), since then, and some long before, with their beginning (00:00 ... 23:55) (binance-public-data #491). Only a
    file that ends with the next midnight is taken at its word; any other is five minutes later than it says. If that
    is wrong a value comes five minutes late; the other mistake would look into the future.
    """
    found = lines(file, content, _METRICS)
    labels = [to_ms(label) for row in found if (label := text_time(row[0]))]
    late = 0 if _near(file.end, labels) and not _near(file.start, labels) else in_ms(FIVE_MINUTES)

    def when(row: list[str]) -> int | None:
        label = text_time(row[0])
        return to_ms(label) + late if label else None

    rows = gather(found, lambda row: _measured(file, row, when(row)), when)
    table = points(file.contract, *in_columns(rows, ("open_interest_coin", "open_interest_usd", *_RATIOS)))
    slots = {
        "open_interest": Slots(file.start, FIVE_MINUTES, ("open_interest_coin", "open_interest_usd"), ends=True),
        "long_short": Slots(file.start, FIVE_MINUTES, _RATIOS, ends=True, any_will_do=True),
    }
    return finish(file, table, rows, now, slots)


def _near(moment: datetime, labels: list[int]) -> bool:
    return any(abs(at - to_ms(moment)) <= _SLACK_MS for at in labels)


def _measured(file: File, row: list[str], at: int | None) -> tuple[int, tuple[float, ...]]:
    if at is None or not to_ms(file.start) < at <= to_ms(file.end) + _SLACK_MS:
        raise Unreadable("does not lie within its day")
    if len(row) != len(_METRICS) or row[1] != file.contract.market_id:
        raise Unreadable(f"is not of {file.contract.market_id}")
    coins, usd, top_accounts, top_positions, accounts = (number(row[column]) for column in range(2, 7))
    return at, (coins * file.contract.multiplier, usd, accounts, top_accounts, top_positions)


_RATIOS: Final = ("long_short_accounts", "long_short_top_accounts", "long_short_top_positions")
_SLACK_MS: Final = MINUTE_MS  # stamps may be some seconds off their five minutes


@dataclass(frozen=True, slots=True)
class Slots:
    """The regular places a group of inputs should fill, counted from `start`.

    ends: values are stamped with the end of their slot. any_will_do: one known input fills the slot, else all must be.
    """

    start: datetime
    length: timedelta
    names: tuple[str, ...]
    ends: bool = False
    any_will_do: bool = False

    def of(self, at: int) -> int:
        """Return the slot of a time (ms); a stamp some seconds off its place still is its."""
        part = (at - to_ms(self.start)) / in_ms(self.length)
        return round(part) - 1 if self.ends else int(part // 1)


def holes(file: File, group: str, slots: Slots, filled: set[int], why: Mapping[int, str]) -> list[Gap]:
    """Name what is not filled: neighbouring slots with one reason are one gap."""
    found: list[Gap] = []
    for slot in range((file.end - file.start) // slots.length):
        if slot in filled:
            continue
        start, reason = slots.start + slot * slots.length, why.get(slot, MISSING_ROWS)
        if found and found[-1].end == start and found[-1].reason == reason:
            found[-1] = replace(found[-1], end=start + slots.length)
        else:
            found.append(Gap(file.contract.asset, VENUE, group, start, start + slots.length, reason))
    return found


def finish(
    file: File,
    table: Points,
    rows: Rows,
    now: datetime,
    slots: Mapping[str, Slots],
    reasons: Mapping[str, Mapping[int, str]] | None = None,
) -> Read:
    """Validate a table, name its gaps, and thin what is old.

    reasons: by group, why single times (ms) were left out before.
    """
    good, rejected = Border().admit(table, now)
    impossible: dict[str, dict[int, str]] = {}
    for out in rejected:
        if reasons is not None and out.value != out.value:
            continue
        reason = BLANK if out.value != out.value else ZERO if out.value == 0 else IMPOSSIBLE
        impossible.setdefault(out.name, {})[to_ms(out.at)] = reason
    gaps: list[Gap] = []
    for group, places in slots.items():
        filled = _filled(good, places)
        before = (reasons or {}).get(group, rows.why)
        why = {places.of(at): reason for at, reason in before.items()}
        for name in impossible if group == "bars" else places.names:  # a candle is out whole
            why |= {places.of(at): reason for at, reason in impossible.get(name, {}).items()}
        gaps += holes(file, group, places, {places.of(at) for at in filled}, why)
    said = [*rows.said, *_told(Counter((out.name, said_of(out)) for out in rejected if out.value == out.value))]
    kept = good
    if good.step is None and not good.settled and file.end <= now - KEPT_FINE:
        kept = type(good).of_frame(good.venue, good.asset, None, retention.hourly(good.frame()))
    whole_rows = {to_ms(out.at) for out in rejected} - set(good.times)
    return Read(
        points=(kept,) if len(kept) else (),
        rows=rows.total,
        kept=len(kept),
        refused=rows.refused + len(whole_rows),
        said=tuple(said[:NAMED]),
        gaps=tuple(gaps),
    )


def _told(counts: Counter[tuple[str, str]]) -> list[str]:
    return [f"{name} {reason} ({count} rows)" for (name, reason), count in counts.items()]


def _filled(good: Points, slots: Slots) -> list[int]:
    """Return the times (ms) at which a group of inputs is known as its slots want it."""
    columns = [good.columns[name] for name in slots.names if name in good.columns]
    if not columns or (len(columns) < len(slots.names) and not slots.any_will_do):
        return []
    fills = any if slots.any_will_do else all
    return [
        at for at, *values in zip(good.times, *columns, strict=True) if fills(not math.isnan(value) for value in values)
    ]


def in_columns(rows: Rows, names: Sequence[str]) -> tuple[list[int], dict[str, list[float]]]:
    """Return times, ascending, and the values under their names."""
    times = sorted(rows.by_time)
    return times, {name: [rows.by_time[at][place] for at in times] for place, name in enumerate(names)}


def text_time(text: str) -> datetime | None:
    """Read `2026-11-20 00:05:00`, which is UTC; None where it is something else."""
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else None
