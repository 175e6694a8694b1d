"""What a picture shows, as plain data, and what it says in words; nothing here draws.

A chart waits in the outbox with its notice, so it is JSON: times in epoch seconds, unknown values left out. It is drawn
when it is sent, by handlers/charts/process.py.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import TYPE_CHECKING, Any, Literal, SupportsFloat, TypeAlias

from handlers.charts.figures import clean, say, span_words, tick
from handlers.words import wording
from signals.alerts.rule import rules_of
from signals.inputs import MARKET
from signals.language.spelling import sentence_case
from signals.metric import Metric
from signals.units import DAY_S

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from signals.alerts.condition import Groups, Level
    from signals.alerts.rule import AlertRule
    from signals.metric import Chart, Unit

Time: TypeAlias = "datetime | str | float"
Side: TypeAlias = Literal["below", "above"]
Stretch: TypeAlias = "list[tuple[float, float]]"

POINTS = 400  # two for each two pixels of the line's 430; a notice stays near 15 kB
PRICE_POINTS = 200
SLOTS = 200  # a hole narrower than one of so many equal times is under two pixels wide, and closed
EPISODES = 20  # the newest; more bands than that are a carpet, not a mark


@dataclass(frozen=True, slots=True)
class Band:
    """Where an alarm begins and ends on the drawn value.

    beyond: the side of `enter` that is not calm. word: the alarm's rank where there are several, else "alert". whole:
    False where the alarm asks for more than this line, so that being beyond it is not yet an alert.
    """

    beyond: Side
    enter: float
    leave: float | None = None
    word: str = "alert"
    whole: bool = True


def bands(metric: Metric, rules: Iterable[AlertRule], chart: Chart | None = None) -> tuple[Band, ...]:
    """Return the lines of alert rules that lie on the drawn value of a metric, each line once, in rising rank.

    chart: which of the metric's charts, if not the main one.
    """
    drawn = chart or metric.chart
    found: dict[tuple[str, float], tuple[str, Band]] = {}
    for rule in rules:
        for level in rule.levels:
            for band in _bands_of(level, f"{metric.id}.{drawn.value}"):
                found.setdefault((band.beyond, band.enter), (level.rank, band))
    out: list[Band] = []
    sides = [beyond for beyond, _ in found]
    for rank, band in found.values():
        # Leaving a higher rank is not the all-clear: the lower one goes on.
        leave = None if any(band.beyond == lower.beyond for lower in out) else band.leave
        word = rank if sides.count(band.beyond) > 1 else "alert"
        out.append(Band(band.beyond, band.enter, leave, word, band.whole))
    return tuple(out)


def _own_bands(drawn: Metric | Chart, chart: Chart) -> tuple[Band, ...]:
    return bands(drawn, rules_of(drawn.id), chart) if isinstance(drawn, Metric) else ()


def _bands_of(level: Level, name: str) -> Iterable[Band]:
    """Find the lines of a level on one value; where one is enough by itself, those that need others are left out."""
    enter = _lines_on(level.enter, name)
    leave = _lines_on(level.leave, name)
    enough = any(whole for _, _, whole in enter)
    for side, bound, whole in enter:
        if whole or not enough:
            back = sorted((not alone, mark) for other, mark, alone in leave if other != side and mark != bound)
            yield Band(side, bound, back[0][1] if back else None, whole=whole)


def _lines_on(groups: Groups, name: str) -> list[tuple[Side, float, bool]]:
    """Return the fixed lines on a value: the side that counts, the line, and whether it is the whole condition."""
    return [
        ("below" if condition.op in {"<", "<="} else "above", float(condition.bound), len(group) == 1)
        for group in groups
        for condition in group
        if condition.name == name and not isinstance(condition.bound, str)
    ]


def spec(
    drawn: Metric | Chart,
    *,
    asset: str,
    at: Iterable[Time],
    values: Iterable[SupportsFloat | None],
    price: Iterable[tuple[Time, SupportsFloat | None]] = (),
    price_of: str | None = None,
    episodes: Iterable[tuple[Time, Time | None]] = (),
    alarms: Sequence[Band] | None = None,
    stamp: str = "",
    unit: Unit | None = None,
    which: Chart | None = None,
    beside: Iterable[SupportsFloat | None] | None = None,
    named: timedelta = timedelta(0),
    window: timedelta | None = None,
    live: bool = False,
    light: bool = False,
) -> dict[str, Any]:
    """Return a chart as JSON-able data, to be put into a Picture.

    drawn: the metric, or its Chart alone, which knows no alarm lines. asset: as in the title; "" or MARKET for one
    figure for all. at: times of the rows (datetime, ISO-8601 or epoch seconds; without an offset it is UTC), in any
    order, each with its value. price: rows of their own, each a time and a price. price_of: whose price, if not the
    asset's. episodes: start and end of each alert, end None while it lasts. alarms: in place of the metric's own lines.
    stamp: the last line. unit: in place of the chart's. which: one of the metric's other charts. beside: the value to
    compare with, one for each row, where the chart declares one. named: how long before its time the day lies that a
    value bears: a daily close is stamped with the midnight after its day. window: in the title, in place of the time
    from the first row to the last. live: the last row is of now and bears its own time. light: on white paper.

    NaN handling: None, NaN and infinities are not known. The line is broken there and wherever a row is missing, if
    the hole is wide enough to be seen (1/200 of the span). Of more than 400 rows, the lowest and the highest of each of
    199 equal times are kept, and the first and the last: no extreme is lost.
    ValueError when times and values differ in number.
    """
    chart = which or (drawn.chart if isinstance(drawn, Metric) else drawn)
    own = tuple(alarms) if alarms is not None else _own_bands(drawn, chart)
    marked = {mark for band in own for mark in (band.enter, band.leave)}
    times = [_epoch(time) for time in at]
    rows = known(times, values)
    prices = known(*_apart(price)) if chart.with_price else []
    others = [] if beside is None or chart.beside is None else known(times, beside)
    start, last = (min(times), max(times)) if times else (0.0, 0.0)
    end = max([last, *(at for at, _ in prices)])
    step = _step(times)
    own_asset = "" if asset.upper() == MARKET else asset
    name = "" if isinstance(drawn, Metric) and drawn.market_wide else own_asset
    return {
        "title": chart.title,
        "window": span_words(end - start if window is None else window.total_seconds()),
        "light": light,
        "live": live,
        "asset": name,
        "axis": chart.axis,
        "unit": unit or chart.unit,
        "from": start,
        "to": end,
        "fresh": bool(rows) and rows[-1][0] == last,
        "line": stretches(rows, step, end - start, POINTS),
        "price": stretches(prices, _step([at for at, _ in prices]), end - start, PRICE_POINTS),
        "price_of": price_of or own_asset,
        "beside": stretches(others, step, end - start, POINTS),
        "beside_name": chart.beside[0] if chart.beside else "",
        "named_before": named.total_seconds(),
        "bands": [asdict(band) for band in own],
        "lines": [[label, value] for label, value in chart.lines if value not in marked],
        "episodes": _within(episodes, start, end),
        "stamp": stamp,
    }


def drawable(chart: Mapping[str, Any]) -> bool:
    """Tell whether a chart has any known value; without one its words are all there is to say."""
    return bool(chart.get("panels")) or any(chart.get("line", ()))


def alt(chart: Mapping[str, Any]) -> str:
    """Say a chart in words: its extremes with their days, the newest value, the alarm lines and the alerts."""
    name = f"{chart['title']} ({chart['asset']})" if chart["asset"] else str(chart["title"])
    if not drawable(chart):
        return f"{name}: no value is known for this span."
    points = [(t, v) for stretch in chart["line"] for t, v in stretch]
    unit, end = chart["unit"], chart["to"]
    last_at, last = points[-1]
    now = f"now {say(last, unit)}" if chart["fresh"] else f"last known {say(last, unit)} on {_named(last_at, chart)}"
    if len(points) == 1:
        return f"{name}: one value, {say(last, unit)} on {_named(last_at, chart)}."
    high_at, high = max(points, key=lambda point: point[1])
    low_at, low = min(points, key=lambda point: point[1])
    since = _moment(points[0][0]).strftime("%B %Y") if end - points[0][0] > 60 * DAY_S else _named(points[0][0], chart)
    said = [f"{name} since {since}: "]
    if high == low:
        said.append(f"unchanged, {now}.")
    else:
        said.append(f"highest {say(high, unit)} on {_named(high_at, chart)}, ")
        said.append(f"lowest {say(low, unit)} on {_named(low_at, chart)}, {now}.")
    if chart["beside"]:
        other = f"{chart['beside_name']} {say(chart['beside'][-1][-1][1], unit)}"
        said.append(f" {sentence_case(other)}.")
    lines = [words for band in chart["bands"] for words in band_words(band, unit) if words]
    if lines:
        said.append(f" {sentence_case(', '.join(lines))}.")
    if alerts := episode_words(chart, long=True):
        said.append(f" {sentence_case(alerts)}.")
    return clean("".join(said))


def band_words(band: Mapping[str, Any], unit: Unit) -> tuple[str, str]:
    """Return the words at a band's two lines: where the alarm begins, and where it ends ("" if not on this value)."""
    other = "above" if band["beyond"] == "below" else "below"
    name = band["word"] if band["whole"] else f"one {band['word']} condition:"
    enter = f"{name} {band['beyond']} {_exact(band['enter'], unit)}"
    return enter, "" if band["leave"] is None else f"all clear {other} {_exact(band['leave'], unit)}"


def margin_words(band: Mapping[str, Any], unit: Unit) -> tuple[str, str]:
    """Return the same for the margin, where the shaded side says whether an alarm is below or above."""
    other = "above" if band["beyond"] == "below" else "below"
    name = band["word"] if band["whole"] else f"{band['word']}, part:"
    enter = f"{name} {_exact(band['enter'], unit)}"
    return enter, "" if band["leave"] is None else f"clear {other} {_exact(band['leave'], unit)}"


def _exact(value: float, unit: Unit) -> str:
    """Return a line's number with no more decimals than it was written with."""
    return tick(value, unit, abs(value) or 1.0)


def episode_words(chart: Mapping[str, Any], *, long: bool = False) -> str:
    """Say how many alerts a chart marks, and when the newest was; "" without any."""
    if not chart["episodes"]:
        return ""
    start, end = chart["episodes"][-1]
    count = len(chart["episodes"])
    first = _day(start, chart, long=long)
    when = f"since {first}" if end is None else f"{first} to {_day(end, chart, long=long)}"
    return f"alert {when}" if count == 1 else f"{count} alerts, newest {when}"


def _epoch(time: Time) -> float:
    if isinstance(time, str):
        time = datetime.fromisoformat(time)
    if isinstance(time, datetime):
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
    return float(time)


def from_to(start: datetime, end: datetime) -> str:
    """Say from when to when in UTC; a long picture needs the years and not the minutes."""
    start, end = start.astimezone(UTC), end.astimezone(UTC)
    if start.date() == end.date():
        return f"{start.day} {start:%b %H:%M} to {end:%H:%M} UTC"
    if end - start < timedelta(days=60):
        return f"{start.day} {start:%b %H:%M} to {end.day} {end:%b %H:%M} UTC"
    return f"{start.day} {start:%b %Y} to {end.day} {end:%b %Y}"


def known(times: Sequence[float], values: Iterable[SupportsFloat | None]) -> Stretch:
    """Return times with the values that are known, oldest first."""
    pairs = zip(times, values, strict=True)
    numbers = [(t, math.nan if value is None else float(value)) for t, value in pairs]
    # Six figures: more cannot be seen, and the JSON is half as long.
    return sorted((t, float(f"{value:.6g}")) for t, value in numbers if math.isfinite(value))


def _apart(rows: Iterable[tuple[Time, SupportsFloat | None]]) -> tuple[list[float], list[SupportsFloat | None]]:
    pairs = [(_epoch(at), value) for at, value in rows]
    return [at for at, _ in pairs], [value for _, value in pairs]


def _step(times: Sequence[float]) -> float:
    """Return the usual distance of two rows: nine in ten are no further apart, so holes do not count."""
    rows = sorted(times)
    apart = sorted(b - a for a, b in itertools.pairwise(rows))
    return apart[int(0.9 * (len(apart) - 1))] if apart else 0.0


def stretches(rows: Stretch, step: float, span: float, at_most: int, *, mixed: bool = False) -> list[list[list[float]]]:
    """Break the rows where a hole can be seen, then thin each stretch.

    mixed: where rows lie further apart than the step for a while they are no holes: days were kept before the hours.
    """
    apart = [later - earlier for (earlier, _), (later, _) in itertools.pairwise(rows)]
    broken: list[Stretch] = [[row] for row in rows[:1]]
    for number, row in enumerate(rows[1:]):
        usual = max(step, median(apart[max(number - 2, 0) : number + 3])) if mixed else step
        if apart[number] > 1.5 * usual and apart[number] - usual >= span / SLOTS:
            broken.append([])
        broken[-1].append(row)
    if len(rows) > at_most:
        broken = [_thin(stretch, rows[0][0], span / (at_most // 2 - 1)) for stretch in broken]
    return [[[t, value] for t, value in stretch] for stretch in broken]


def _thin(stretch: Stretch, start: float, width: float) -> Stretch:
    """Keep of each time slot the lowest and the highest row, and the ends of the stretch."""
    kept = {stretch[0], stretch[-1]}
    slots: dict[int, Stretch] = {}
    for row in stretch:
        slots.setdefault(int((row[0] - start) / width), []).append(row)
    for slot in slots.values():
        kept |= {min(slot, key=lambda row: row[1]), max(slot, key=lambda row: row[1])}
    return sorted(kept)


def _within(episodes: Iterable[tuple[Time, Time | None]], start: float, end: float) -> list[list[float | None]]:
    """Return the episodes that touch the span; a start before it stays as it is, for the words."""
    times = sorted((_epoch(first), math.inf if last is None else _epoch(last)) for first, last in episodes)
    return [
        [first, None if math.isinf(last) else last]
        for first, last in times
        if first <= end and last >= start and start < end
    ][-EPISODES:]


def _moment(time: float) -> datetime:
    return datetime.fromtimestamp(time, UTC)


def _named(time: float, chart: Mapping[str, Any]) -> str:
    """Return the day whose figure a value is, as the messages name it."""
    now = chart["live"] and time == chart["line"][-1][-1][0]
    return _day(time - (0.0 if now else chart["named_before"]), chart)


def _day(time: float, chart: Mapping[str, Any], *, long: bool = True) -> str:
    """Return a day in words; with the year where it is not the newest value's, with the hour in a short span."""
    at = _moment(time)
    text = wording.day(at, year=at.year != _moment(chart["to"]).year)
    if not long:
        text = text.replace(f"{at:%B}", f"{at:%b}")
    return f"{text} {at:%H:%M}" if chart["to"] - chart["from"] < 3 * DAY_S else text
