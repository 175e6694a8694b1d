"""The only place where numbers, units and times become words.

Every function takes None and NaN and says "unknown": a missing figure is never printed as zero. A minus is a true minus
sign, a percent sign stands after a space, a figure has no more digits than it can mean.
"""

from __future__ import annotations

import math
import string
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Any

from signals.units import DAY, HOUR

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

UNKNOWN = "unknown"
MINUS = "−"
_MONTHS = "January February March April May June July August September October November December".split()  # noqa: SIM905
_UNITS = ((1e12, "tn"), (1e9, "bn"), (1e6, "m"), (1e3, "k"))


def _missing(value: Any) -> bool:
    if value is None:
        return True
    if isinstance(value, date | timedelta):
        return bool(value != value)  # noqa: PLR0124 - pandas' missing time is a date that differs from itself
    return not math.isfinite(value)


def _fixed(value: float, decimals: int, *, plus: bool = False, before: str = "") -> str:
    """Return a number with thousands separators; `before` stands between the sign and the digits."""
    digits = f"{abs(value):,.{decimals}f}"
    zero = not digits.strip("0.,")
    sign = MINUS if value < 0 and not zero else "+" if plus and not zero else ""
    return f"{sign}{before}{digits}"


def _trimmed(digits: str) -> str:
    return digits.rstrip("0").rstrip(".") if "." in digits else digits


def _significant(value: float, digits: int) -> str:
    """Return a number with at most `digits` significant digits, never in powers of ten, without closing zeros."""
    if value == 0:
        return "0"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    return _trimmed(_fixed(value, min(decimals, 20)))


# --- amounts ----------------------------------------------------------------------------------------------------------


def price(value: float | None, tick: float | None = None) -> str:
    """Say a price: 91,566.27, 95,000, 0.00001234. Never more digits than `tick` (the smallest step of the market)."""
    if value is None or _missing(value):
        return UNKNOWN
    if tick:
        decimals = max(0, len(_trimmed(f"{tick:.12f}").partition(".")[2]))
        text = _fixed(round(value / tick) * tick, decimals)
    elif abs(value) >= 1000:
        text = _fixed(value, 2)
    else:
        return _significant(value, 5)
    whole, _, part = text.partition(".")
    return whole if not part.strip("0") else text


def whole_price(value: float) -> str:
    """Say a price without the cents that nobody waits for: 95,131, 0.5123."""
    return price(value, 1.0 if value >= 1000 else None)


def price_then_now(then: float, now: float) -> str:
    """Say what price did: Price then 90,000, now 91,800 (+2.0 %)."""
    change = percent(100 * (now / then - 1))
    return f"Price then {whole_price(then)}, now {whole_price(now)} ({change})."


def dollars(value: float | None) -> str:
    """Say dollars to the cent: $4,000, −$210, $3.50."""
    if value is None or _missing(value):
        return UNKNOWN
    text = _fixed(value, 2, before="$")
    return text.removesuffix(".00")


def usd(value: float | None, *, plus: bool = False) -> str:
    """Say dollars shortly: $10.0bn, $489m, −$51m, $1.2k, $93. plus: a gain carries its sign."""
    if value is None or _missing(value):
        return UNKNOWN
    size = abs(value)
    for unit, name in reversed(_UNITS):
        scaled = size / unit
        decimals = 1 if name in ("bn", "tn") or scaled < 9.95 else 0
        if 1 <= round(scaled, decimals) < 1000 or (name == "tn" and scaled >= 1):
            text = _fixed(math.copysign(scaled, value), decimals, plus=plus, before="$")
            return (text if name in ("bn", "tn") else text.removesuffix(".0")) + name
        if scaled < 1:
            break
    decimals = 2 if size < 100 and round(size, 2) != round(size) else 0
    return _fixed(value, decimals, plus=plus, before="$")


def coins(value: float | None, asset: str = "") -> str:
    """Say an amount of coins: 105,118 BTC, 0.0125 BTC."""
    if value is None or _missing(value):
        return UNKNOWN
    text = _fixed(value, 0) if abs(value) >= 1000 else _significant(value, 6)
    return f"{text} {asset}".rstrip()


def leverage(value: float | None) -> str:
    """Say a leverage: 25x, 2.5x."""
    return UNKNOWN if value is None or _missing(value) else f"{_significant(value, 4)}x"


def count(value: float | None, one: str, many: str | None = None) -> str:
    """Say a number of things: 1 case, 4 cases."""
    if value is None or _missing(value):
        return f"{UNKNOWN} {many or one + 's'}"
    return f"{value:,.0f} {one if value == 1 else many or one + 's'}"


def number(value: float | None, decimals: int = 0, *, plus: bool = False) -> str:
    """Say a bare number: 12,400; with a plus for z-scores, +2.34."""
    return UNKNOWN if value is None or _missing(value) else _fixed(value, decimals, plus=plus)


def points(value: float | None) -> str:
    """Say a change of an index: +1 point, −18 points."""
    said = number(value, plus=True)
    return f"{said} point" if said in {"+1", f"{MINUS}1"} else f"{said} points"


def times(value: float | None) -> str:
    """Say a multiple: 9.6 times."""
    return UNKNOWN if value is None or _missing(value) else f"{_significant(value, 2)} times"


# --- shares and rates -------------------------------------------------------------------------------------------------


def percent(value: float | None, decimals: int = 1, *, plus: bool = True) -> str:
    """Say a change given in percent: −3.6 %, +31.9 %."""
    return UNKNOWN if value is None or _missing(value) else f"{_fixed(value, decimals, plus=plus)} %"


def share(value: float | None, decimals: int = 0) -> str:
    """Say a part of a whole given in percent, without a plus: 69 %, 0.40 %."""
    return percent(value, decimals, plus=False)


def explains(value: float | None) -> str:
    """Say what part of a fall in dollars price has done, as a fraction; outside of 0 to 1 price and coins parted."""
    if value is None or _missing(value):
        return UNKNOWN
    if value < 0:
        return "Price has risen since, so the fall is larger in coins"
    if value > 1:
        return "Price alone has fallen further, and coins rose"
    return f"Price alone explains {share(100 * value)} of the dollar fall"


def _hundredfold(value: float | None) -> float | None:
    return None if value is None else value * 100


def apr(value: float | None) -> str:
    """Say a yearly rate given in percent: +10.95 % a year."""
    if value is None or _missing(value):
        return UNKNOWN
    return f"{percent(value, 2 if abs(value) < 100 else 0)} a year"


def rate(value: float | None, hours: float | None = None) -> str:
    """Say a funding rate given as a fraction per payment: 0.0100 % per 8 h."""
    if value is None or _missing(value):
        return UNKNOWN
    unit = "payment" if hours is None or _missing(hours) else f"{_significant(hours, 3)} h"
    return f"{_fixed(value * 100, 4)} % per {unit}"


def zscore(value: float | None) -> str:
    """Say a z-score: z −2.28. Beyond 10 the window held nothing like it, and how far beyond only tells its calm."""
    if value is not None and not _missing(value) and abs(value) >= 10:
        return f"z {'above +10' if value > 0 else f'below {MINUS}10'}"
    return f"z {number(value, 2, plus=True)}"


def under(value: float | None) -> str:
    """Say where a value stands to its high, given as a fraction of it less one: 0.9 % below, or at."""
    if value is None or _missing(value):
        return UNKNOWN
    words = share(-100 * value, 1)
    return "at" if words == share(0, 1) else f"{words} below"


def percentile(value: float | None, of: str = "days") -> str:
    """Say where a value stands, given the share of days at or below it in percent: higher than on 97 % of days."""
    if value is None or _missing(value):
        return UNKNOWN
    if value >= 50:
        return f"higher than on {min(round(value), 99)} % of {of}"
    return f"lower than on {min(round(100 - value), 99)} % of {of}"


def ordinal(value: float | None) -> str:
    """Say a place in a row: 1st, 2nd, 13th."""
    if value is None or _missing(value):
        return UNKNOWN
    value = round(value)
    ending = "th" if value % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(value % 10, "th")
    return f"{value:,}{ending}"


# --- times ------------------------------------------------------------------------------------------------------------


def duration(value: timedelta | None) -> str:
    """Say a length of time in at most two units: 41 s, 2 h 14 min, 63 days."""
    if value is None or _missing(value):
        return UNKNOWN
    seconds = round(abs(value.total_seconds()))
    if seconds < 100:
        return f"{seconds} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        hours, rest = divmod(minutes, 60)
        return f"{hours} h {rest} min" if rest else f"{hours} h"
    return count(round(abs(value) / DAY), "day")


def age(value: timedelta | None) -> str:
    """Say how old something is: 41 s old, 3 min old, 236 days old."""
    return "of unknown age" if value is None or _missing(value) else f"{_coarse(value)} old"


def ago(value: timedelta | None) -> str:
    """Say how long ago something was: 41 s ago."""
    return "at an unknown time" if value is None or _missing(value) else f"{_coarse(value)} ago"


def _coarse(value: timedelta) -> str:
    """Say a length of time in one unit: nobody needs the minutes of an age in hours."""
    hours = max(0.0, value / HOUR)
    return f"{round(hours)} h" if 1.75 <= hours < 48 else duration(max(value, timedelta()))


def day(value: date | None, *, year: bool = True, short: bool = False) -> str:
    """Say a date: 6 October 2025; short: 6 Oct. A time is taken in UTC."""
    if value is None or _missing(value):
        return UNKNOWN
    if isinstance(value, datetime) and value.tzinfo is not None:
        value = value.astimezone(UTC)
    if short:
        return f"{value.day} {_MONTHS[value.month - 1][:3]}"
    text = f"{value.day} {_MONTHS[value.month - 1]}"
    return f"{text} {value.year}" if year else text


def clock(value: datetime | None, zone: str | tzinfo = UTC, *, dated: bool = False) -> str:
    """Say a time of day in a zone: 21:10 UTC; dated: 20 November 21:10 UTC. A time without a zone is UTC."""
    if value is None or _missing(value):
        return UNKNOWN
    if isinstance(zone, str):
        from zoneinfo import ZoneInfo  # noqa: PLC0415 - reads the zone files, for chats outside UTC only

        zone = UTC if zone == "UTC" else ZoneInfo(zone)
    local = (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(zone)
    name = local.tzname() or "UTC"
    if name[0] in "+-":  # zones without a name of their own call themselves +02 or +0530
        name = f"UTC{name[0].replace('-', MINUS)}{name[1:3].lstrip('0') or '0'}{':' + name[3:] if name[3:] else ''}"
    text = f"{local:%H:%M} {name}"
    return f"{local.day} {_MONTHS[local.month - 1]} {text}" if dated else text


def moment(value: datetime | None, zone: str | tzinfo = UTC) -> str:
    """Say a time with its whole date in a zone: 20 November 2025, 21:10 UTC."""
    if value is None or _missing(value):
        return UNKNOWN
    if isinstance(zone, str):
        from zoneinfo import ZoneInfo  # noqa: PLC0415 - as above

        zone = ZoneInfo(zone)
    return f"{day(value.astimezone(zone).date())}, {clock(value, zone)}"


def zone_name(zone: str) -> str:
    """Return a zone as it is typed; answers call it by its `place`. The zone files count Etc/GMT westwards."""
    if zone.startswith("Etc/GMT") and len(zone) > len("Etc/GMT"):
        return f"UTC{'+' if zone[7] == '-' else MINUS}{zone[8:]}"
    return zone


def place(zone: str) -> str:
    """Name a zone by its city: Berlin, New York, UTC+2."""
    return zone_name(zone).rsplit("/", 1)[-1].replace("_", " ")


def place_time(zone: str) -> str:
    """Name a zone as what times are shown in: Berlin time, UTC+2."""
    return f"{place(zone)} time" if "/" in zone and place(zone)[:3] != "UTC" else place(zone)


def again(value: datetime | None, now: datetime, zone: str | tzinfo = UTC) -> str:
    """Say when something is tried again: in 40 s, at 21:10 UTC, now."""
    if value is None or _missing(value):
        return "at an unknown time"
    left = value - now
    if left <= timedelta():
        return "now"
    return f"in {duration(left)}" if left < timedelta(seconds=100) else f"at {clock(value, zone)}"


def listing(words: Sequence[str], last: str = "and") -> str:
    """Join words as one says them: BTC, ETH and SOL."""
    return f" {last} ".join(filter(None, (", ".join(words[:-1]), words[-1]))) if words else "none"


def small(text: str) -> str:
    """Return a title as it stands within a sentence; the index of that name keeps its own."""
    return text if text.startswith("Fear & Greed") else f"{text[:1].lower()}{text[1:]}"


# --- templates --------------------------------------------------------------------------------------------------------


_SPECS: dict[str, Callable[[Any], str]] = {
    "price": price,
    "usd": usd,
    "usd+": lambda value: usd(value, plus=True),
    "dollars": dollars,
    "coins": coins,
    "leverage": leverage,
    "times": times,
    "percent": percent,
    "percent0": lambda value: percent(value, 0),
    "percent2": lambda value: percent(value, 2),
    "share": share,
    "share1": lambda value: share(value, 1),
    "share2": lambda value: share(value, 2),
    # Metrics count in fractions, people in percent: −0.333 is −33.3 %.
    "change": lambda value: percent(_hundredfold(value)),
    "change2": lambda value: percent(_hundredfold(value), 2),
    "change0": lambda value: percent(_hundredfold(value), 0),
    "explains": explains,
    "part": lambda value: share(_hundredfold(value)),
    "part1": lambda value: share(_hundredfold(value), 1),
    "part2": lambda value: share(_hundredfold(value), 2),
    "yearly": lambda value: apr(_hundredfold(value)),
    "points": points,
    "signed": lambda value: number(value, plus=True),
    "apr": apr,
    "rate": rate,
    "percentile": percentile,
    "zscore": zscore,
    "under": under,
    "rank": lambda value: share(_within_99(value)),
    "ratio": lambda value: number(value, 2),
    "number": number,
    "number1": lambda value: number(value, 1),
    "ordinal": ordinal,
    "duration": duration,
    "age": age,
    "ago": ago,
    "date": day,
    "day": lambda value: day(value, year=False),
    "clock": clock,
    "moment": lambda value: clock(value, dated=True),
}
# A spec with one word of its own: {open_interest:coins BTC}, {left:count day}, {at:clock Europe/Berlin}
_WORDED: dict[str, Callable[[Any, str], str]] = {
    "coins": coins,
    "count": count,
    "rate": lambda value, hours: rate(value, float(hours)),
    "percentile": percentile,
    "clock": clock,
    "moment": lambda value, zone: clock(value, zone, dated=True),
}
SPECS = frozenset(_SPECS) | frozenset(_WORDED)


class _Words(string.Formatter):
    def get_value(self, key: int | str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:  # noqa: ARG002
        if key not in kwargs:
            raise ValueError(f"the template names {key!r}, the values are {', '.join(sorted(kwargs)) or 'none'}")
        return kwargs[str(key)]

    def get_field(self, field_name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        return self.get_value(field_name, args, kwargs), field_name  # no attributes, no indexes: a name is a name

    def convert_field(self, value: Any, conversion: str | None) -> Any:
        if conversion:
            raise ValueError(f"the template converts with !{conversion}; use a word such as :usd instead")
        return value

    def format_field(self, value: Any, format_spec: str) -> str:
        if format_spec == "":
            if isinstance(value, str):
                return value
            raise ValueError(f"the template does not say how to put {value!r} into words; use for example :usd")
        spec, _, word = format_spec.partition(" ")
        if word and spec in _WORDED:
            return _WORDED[spec](value, word)
        if not word and spec in _SPECS:
            return _SPECS[spec](value)
        raise ValueError(f"the template says :{format_spec}, known are {', '.join(sorted(SPECS))}")


def _within_99(value: float | None) -> float | None:
    """Return a share in percent, at least 1 and at most 99: above "100 % of a year" is more than can be known."""
    return None if value is None or _missing(value) else min(99.0, max(1.0, 100 * value))


def template(text: str, values: Mapping[str, Any]) -> str:
    """Fill a sentence: "{asset}: open interest {usd:usd}, {drawdown:percent} since {peak_at:date}".

    The format words are those of this module. ValueError on a field that is not in `values`, on a word that is not
    known, and on a number without one; None and NaN become "unknown".
    """
    return _Words().vformat(text, (), values)


def template_fields(text: str) -> dict[str, str]:
    """Return the fields of a template and their format words, so that a test can check it without values.

    ValueError on a format word that is not known.
    """
    found: dict[str, str] = {}
    for _, name, spec, conversion in string.Formatter().parse(text):
        if name is None:
            continue
        known = spec == "" or (spec or "").partition(" ")[0] in SPECS
        if conversion or not known or not all(part.isidentifier() for part in name.split(".")):
            raise ValueError(f"the template says {{{name}:{spec}}}, known are {', '.join(sorted(SPECS))}")
        found[name] = spec or ""
        found |= dict.fromkeys(_nested(spec or ""), "")
    return found


def _nested(spec: str) -> Iterable[str]:
    return [name for _, name, _, _ in string.Formatter().parse(spec) if name]
