"""How long bars are, and which of them may be used: closed, of one length, with buys inside the volume."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from itertools import pairwise
from typing import TYPE_CHECKING, Final, TypeAlias

from signals.inputs import BARS
from signals.units import DAY, DAY_MS, HOUR_MS, MILLISECOND, MINUTE_MS, from_ms, to_ms

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, timedelta

    from bot.archive.importing.model import Draft

STEPS: Final = (MINUTE_MS, 5 * MINUTE_MS, 15 * MINUTE_MS, HOUR_MS, 4 * HOUR_MS, DAY_MS)
_NAMES: Final = ("1m", "5m", "15m", "1h", "4h", "1d")
_BARS: Final = frozenset(BARS)

Key: TypeAlias = tuple[str, str, str]  # venue, asset, input


def step_name(step: int) -> str:
    """Return a bar length as it is written: 15m, 4h, 1d, 7d."""
    if step in STEPS:
        return _NAMES[STEPS.index(step)]
    return next(f"{step / unit:g}{name}" for unit, name in ((DAY_MS, "d"), (HOUR_MS, "h"), (1, "ms")) if step >= unit)


def _usual_gap(times: set[int]) -> int | None:
    """Return the most frequent gap (of equals the smallest): a hole or a stray bar must not set the length."""
    gaps = Counter(later - sooner for sooner, later in pairwise(sorted(times)))
    return min(gaps, key=lambda gap: (-gaps[gap], gap)) if gaps else None


def _daily(times: set[int]) -> bool:
    """Tell whether bars are of days, some of them missing or at another hour: nearly all at one hour of the day."""
    (hour, count), *_ = Counter(at % DAY_MS for at in times).most_common(1)
    if len(times) < 3 or len(times) - count > max(1, len(times) // 10):
        return False
    regular = sorted(at for at in times if at % DAY_MS == hour)
    gaps = [later - sooner for sooner, later in pairwise(regular)]
    if len(gaps) < 2 or math.gcd(*gaps) == DAY_MS:
        return True
    return len(set(gaps)) > 1 and math.gcd(*gaps) % (7 * DAY_MS) != 0  # holes differ; bars of two days or a week do not


def _snap(gap: int) -> int:
    return max((step for step in STEPS if step <= gap), default=MINUTE_MS)


def _steps(
    times: Mapping[Key, set[int]], said: Mapping[tuple[str, str], int]
) -> tuple[dict[tuple[str, str], int], dict[Key, str]]:
    """Return the bar length of each venue and asset, and the inputs that do not fit it, with the reason."""
    own: dict[Key, int] = {}
    unfit: dict[Key, str] = {}
    for key, known in times.items():
        if key[:2] in said:
            continue
        gap = DAY_MS if _daily(known) else _usual_gap(known)
        if gap is not None and gap > DAY_MS and len(known) > 2:  # two bars with a hole between them say nothing
            unfit[key] = f"{key[2]} comes every {step_name(gap)}; the longest bars that are kept are of 1d"
        elif gap is not None:
            own[key] = _snap(gap)
    steps = dict(said)
    for (venue, asset, _), step in own.items():
        steps[venue, asset] = min(step, steps.get((venue, asset), step))
    for key, known in times.items():
        pair = key[:2]
        if pair not in steps:  # single bars only
            steps[pair] = DAY_MS if all(at % DAY_MS == 0 for at in known) else HOUR_MS
        if own.get(key, steps[pair]) != steps[pair]:
            unfit[key] = (
                f"{key[2]} comes every {step_name(own[key])} where other bars of {key[0]} {key[1]} come every "
                f"{step_name(steps[pair])}; give it a file of its own"
            )
    return steps, unfit


def _offset(times: set[int], step: int) -> int:
    """Return where in their step most bars begin (ms); of equals the earliest."""
    counts = Counter(at % step for at in times)
    return min(counts, key=lambda offset: (-counts[offset], offset))


def check_bars(
    draft: Draft, now: datetime, said: Mapping[tuple[str, str], int] | None = None
) -> dict[tuple[str, str], timedelta]:
    """Take back bars that cannot be used and return the bar length of each venue and asset that has bars.

    said: bar lengths in milliseconds that the file itself tells; the others are found from the times.
    """
    times: dict[Key, set[int]] = defaultdict(set)
    for at, venue, asset, name, _ in draft.kept:
        if name in _BARS:
            times[venue, asset, name].add(at)
    steps, unfit = _steps(times, said or {})
    end = to_ms(now)
    hours = {key: _offset(known, steps[key[:2]]) for key, known in times.items()}
    bad: dict[int, str] = {}
    for index, (at, venue, asset, name, _) in enumerate(draft.kept):
        if name not in _BARS:
            continue
        step = steps[venue, asset]
        if (venue, asset, name) in unfit:
            bad[index] = unfit[venue, asset, name]
        elif at % step != hours[venue, asset, name]:
            bad[index] = (
                f"{name} lies at another hour than the other bars of {step_name(step)}: {from_ms(at):%H:%M} UTC"
            )
        elif at + step > end:
            bad[index] = f"the {step_name(step)} bar is not closed yet; import it when it is"
    draft.drop(bad)
    return {pair: step * MILLISECOND for pair, step in steps.items()}


def note_odd_days(draft: Draft) -> None:
    """Note which bars of a day begin elsewhere than at midnight, and are kept so."""
    times: dict[tuple[str, str], set[int]] = defaultdict(set)
    for row in draft.kept:
        if row.input in _BARS and draft.step.get((row.venue, row.asset)) == DAY:
            times[row.venue, row.asset].add(row.at)
    draft.notes += [
        f"bars of {venue} {asset} begin at {from_ms(offset):%H:%M} UTC and not at midnight; kept as they are"
        for (venue, asset), known in sorted(times.items())
        if (offset := _offset(known, DAY_MS))
    ]
