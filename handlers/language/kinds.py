"""What a command's arguments can be: the kinds of values, their spellings, and the fields that take them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from datetime import date, time
from functools import cache
from typing import Any, Final, Literal

from handlers.command import Refused
from handlers.language.spelling import shown
from signals.language.spelling import HOURS, MAGNITUDES
from signals.venues import KNOWN, SPELLINGS

Side = Literal["long", "short"]
Contract = Literal["linear", "inverse"]
MarginMode = Literal["isolated", "cross"]
Words = Mapping[str, Any]
Offered = Literal["alarms", "own alarms", "own positions", "own rules", "commands"]


@dataclass(frozen=True, slots=True)
class Size:
    """How large a position is: `amount` in coins of `asset`, or in US dollars."""

    amount: float
    unit: Literal["coin", "usd"]
    asset: str | None = None


@dataclass(frozen=True, slots=True)
class Cash:
    """Money in an account: in US dollars, in coins of the asset, or as a bare number ("") whose unit was not said."""

    amount: float
    unit: Literal["", "coin", "usd"]


@dataclass(frozen=True, slots=True, eq=False)  # a kind is itself, however alike its words
class Kind:
    """What a field takes. name: as said in an error. words: spellings of fixed values. read: one word to a value.

    both: the value that two of them are together; without it two contradict each other. joins: makes one word of each
    value in a text that is several.
    """

    name: str
    words: Words | Callable[[], Words] = field(default_factory=dict)
    read: Callable[[str], Any] | None = None
    both: Callable[[Any, Any], Any] | None = None
    joins: Callable[[str], str] | None = None


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _spellings(**values: str) -> Words:
    return {word: value for value, words in values.items() for word in words.split()}


def _time(word: str) -> time | None:
    match = re.fullmatch(r"(\d{1,2})(?:[:.h](\d{2}))?\s?(am|pm)?", word.lower(), re.ASCII)
    if match is None or (match[2] is None and match[3] is None):
        return None
    hour, minute = int(match[1]), int(match[2] or 0)
    if match[3]:
        if not 1 <= hour <= 12:
            raise Refused(f"{shown(word)} is not a time. Type it like 08:30 or 8am.")
        hour = hour % 12 + (12 if match[3] == "pm" else 0)
    if hour > 23 or minute > 59:
        raise Refused(f"{shown(word)} is not a time. Type it like 08:30 or 20:15.")
    return time(hour, minute)


def zone_named(word: str) -> str | None:
    """Return the IANA name of Europe/Berlin, berlin, new_york, mumbai, UTC, UTC+2 or +2; None where there is no such.

    Refused for an offset that has no zone of its own.
    """
    lower = word.lower()
    offset = re.fullmatch(r"(?:utc|gmt|(?=[+-]))(?:([+-])(\d{1,2})(?::?(\d{2}))?)?", lower, re.ASCII)
    if offset is None:
        return _zones().get(lower) or CITIES.get(lower)
    sign, hours, minutes = offset.groups()
    if hours is None or (int(hours) == 0 and not int(minutes or 0)):
        return "UTC"
    if int(minutes or 0) or int(hours) > (14 if sign == "+" else 12):
        raise Refused(f"{shown(word)} has no zone of its own. Type a city instead, like Asia/Kolkata.")
    return f"Etc/GMT{'-' if sign == '+' else '+'}{int(hours)}"  # the names in the zone files count westwards


# Where many live, and no zone has the name.
CITIES: Final = _spellings(
    **{
        "Asia/Kolkata": "mumbai delhi new_delhi bangalore bengaluru hyderabad chennai pune",
        "Asia/Shanghai": "beijing shenzhen guangzhou hangzhou",
        "Asia/Tokyo": "osaka",
        "Asia/Ho_Chi_Minh": "hanoi",
        "Asia/Dubai": "abu_dhabi",
        "Europe/Berlin": "frankfurt munich hamburg cologne",
        "Europe/Zurich": "geneva zug basel",
        "Europe/Rome": "milan",
        "Europe/Madrid": "barcelona",
        "America/New_York": "ny nyc boston miami washington atlanta philadelphia",
        "America/Chicago": "houston dallas austin",
        "America/Los_Angeles": "la san_francisco sf seattle las_vegas san_diego",
        "America/Sao_Paulo": "rio rio_de_janeiro brasilia",
    }
)


def zone_among(words: Sequence[str]) -> str | None:
    """Return the words of the first zone that is named among others, as one word: new_york, berlin; None for none."""
    for at in range(len(words)):
        for many in (3, 2, 1):
            word = "_".join(words[at : at + many]).lower()
            if _zone_or_none(word):
                return word
    return None


def _zone_or_none(word: str) -> str | None:
    try:
        return zone_named(word)
    except Refused:
        return None


@cache
def _zones() -> Mapping[str, str]:
    """Return the names of the zone files, and of their cities alone, in lower case."""
    from zoneinfo import available_timezones  # noqa: PLC0415 - reads the zone files, for /tz only

    names = sorted(available_timezones())
    return {name.rsplit("/", 1)[-1].lower(): name for name in reversed(names)} | {name.lower(): name for name in names}


def _role(word: str) -> str | None:
    """Return the number of a role; platforms that have roles number them so."""
    return word if re.fullmatch(r"[1-9]\d{14,20}", word, re.ASCII) else None


@dataclass(frozen=True, slots=True)
class NamedDay:
    """A day as it was typed: with its year, or the next one of that name."""

    day: int
    month: int
    year: int | None = None

    def __str__(self) -> str:
        """Return it as it is typed, like 26dec25."""
        year = "" if self.year is None else f"{self.year % 100:02}"
        return f"{self.day}{_MONTHS[self.month - 1]}{year}"

    def is_of(self, at: date) -> bool:
        """Tell whether a day bears this name."""
        return (at.day, at.month) == (self.day, self.month) and self.year in {None, at.year}


_LONG_MONTHS: Final = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip
_MONTHS: Final = tuple(name[:3] for name in _LONG_MONTHS)
_MONTH_NAMES: Final = {name: n for n, long in enumerate(_LONG_MONTHS, 1) for name in (long, long[:3])} | {"sept": 9}
# A name of its own: a margin of 95 is no day in March.
_MONTH = rf"(?P<month>{'|'.join(sorted(_MONTH_NAMES, key=len, reverse=True))})(?![a-z])"
_YEAR = r"(?:[ .,-]*(?P<year>20\d\d|\d\d)\b)?"
_DAY_FIRST = re.compile(rf"\b(?P<day>\d{{1,2}})(?:st|nd|rd|th)?[ .-]*{_MONTH}{_YEAR}", re.ASCII | re.IGNORECASE)
_MONTH_FIRST = re.compile(
    rf"\b{_MONTH}[ .-]+(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\b(?:,? +(?P<year>20\d\d))?", re.ASCII | re.IGNORECASE
)
_ISO_DAY = re.compile(r"\b(?P<year>20\d\d)-(?P<month>\d{1,2})-(?P<day>\d{1,2})\b", re.ASCII)


def month_named(word: str) -> int | None:
    """Return the number of a month by its name or the first three letters of it; None for any other word."""
    return _MONTH_NAMES.get(word.lower())


def days_joined(text: str) -> str:
    """Return a text in which each day of it is one word: 26 December 2025 and Dec 26 are 26dec25 and 26dec."""
    for written in (_DAY_FIRST, _MONTH_FIRST):
        text = written.sub(lambda found: f" {_named_day(found)} ", text)
    return text


def is_day(word: str) -> bool:
    """Tell whether a word is written as a day is, be there such a day or not."""
    return _written_day(word) is not None


def _written_day(word: str) -> re.Match[str] | None:
    return _DAY_FIRST.fullmatch(word) or _ISO_DAY.fullmatch(word)


def _day(word: str) -> NamedDay | None:
    found = _written_day(word)
    return _named_day(found) if found else None


def _named_day(found: re.Match[str]) -> NamedDay:
    month = found["month"].lower()
    number_ = int(month) if month.isdigit() else _MONTH_NAMES[month]
    year = int(found["year"]) % 100 + 2000 if found["year"] else None
    named = NamedDay(int(found["day"]), number_, year)
    try:
        date(year or 2000, number_, named.day)
    except ValueError:
        raise Refused(f"{shown(found[0].strip())} is no day. Type it like 26dec or 2025-12-26.") from None
    return named


SIDE: Final = Kind("side", _spellings(long="long l longs buy b bull", short="short s shorts sell bear"))
VENUE: Final = Kind("venue", SPELLINGS)
CONTRACT: Final = Kind(
    "contract",
    _spellings(
        linear="linear usdt usdc usdt-m usdtm usd-m usdm usdⓈ-m stable",
        inverse="inverse coin-m coinm coin-margined inv",
    ),
)
MARGIN_MODE: Final = Kind("margin mode", _spellings(isolated="isolated iso", cross="cross crossed"))
QUOTE: Final = Kind("quote", _spellings(USDT="usdt", USDC="usdc"))  # beside CONTRACT: both words say linear as well
ASSET: Final = Kind("asset")  # stands for its main perpetual
INSTRUMENT: Final = Kind("asset")  # one contract, as far as its symbol says which: BTCUSDC, 1000PEPE, BTCUSDT_261225
PRICE: Final = Kind("price")
LEVERAGE: Final = Kind("leverage")
SIZE: Final = Kind("size")
MONEY: Final = Kind("amount")  # US dollars, only after one of the field's own words: `balance 5000`
CASH: Final = Kind("amount")  # as MONEY, but in dollars or coins, and zero or a loss as well: `profit -120`
NOW: Final = 0.0  # a price that was typed as now: the one of this moment. Nobody's own price is zero
NOW_WORDS: Final = _words("now market mkt mark current")
PERCENT: Final = Kind("percentage")  # read in percent: 2 for `2%`
DURATION: Final = Kind("time span")
ZONE: Final = Kind("time zone", read=zone_named)
TIME: Final = Kind("time", read=_time)
ROLE: Final = Kind("role", read=_role)
EXPIRY: Final = Kind("expiry", read=_day)
REST: Final = Kind("text")  # every word that no other field took, as typed


def not_covered(exchange: str) -> Refused:
    """Say that an exchange is known and not covered, and which ones are. exchange: a word of KNOWN."""
    said = KNOWN[exchange.lower()]
    why = f"{said}, so it is not covered."
    if " " not in said:
        why = f"{said} is known, but not covered: neither its figures nor its rules are read here."
    return Refused(f"{why} Type one of these exchanges: {', '.join(dict.fromkeys(SPELLINGS.values()))}.")


def choice(
    name: str,
    words: Words | Callable[[], Words],
    both: Callable[[Any, Any], Any] | None = None,
    joins: Callable[[str], str] | None = None,
) -> Kind:
    """Return a kind that takes one of `words`; a callable is asked once, at the first use of the command.

    both: what two of its values are together. joins: as in Kind.
    """
    return Kind(name, words, both=both, joins=joins)


def argument(
    kind: Kind,
    *,
    default: Any = MISSING,
    label: str | None = None,
    words: str = "",
    expected: bool = False,
    offers: Offered | None = None,
) -> Any:
    """Declare a field of a command's arguments.

    default: left out means required. label: as shown in the usage line. words: what may stand before the value and
    then decides the field, e.g. "stop sl" for `stop 93k`. expected: it may be left out, but a bare number is this
    before it is anything that can be left out as well. offers: what is proposed for text where a channel completes
    what is being typed (handlers/completion.py).
    """
    metadata = {
        "kind": kind,
        "words": tuple(words.split()),
        "expected": expected or default is MISSING,
        "offers": offers,
        **({"label": label} if label else {}),
    }
    if default is MISSING:
        return field(metadata=metadata)
    return field(default=default, metadata=metadata)


# --- what can be said to one command ----------------------------------------------------------------------------------

FILLERS = _words(
    "a an the my me i im is it if and or to of for in on at with using what whats when where would will be get please "
    "pls position pos trade perp perps perpetual perpetuals futures future swap contract contracts margin margined "
    "margin-mode liq liquidation liquidated entry price leverage lev side mode opened open both sides @ - / & + vs from"
)
COIN_FILLERS = _words("me")  # fillers that are a coin too, and that no sentence has beside a number
LEVERAGE_WORDS = _words("x lev leverage times fach")
DOLLARS = _words("$ usd usdt usdc dollar dollars bucks us$ usd$")
_OWN_WORDS = {PRICE.name: ("@", "entry", "price"), SIZE.name: ("size", "notional", "qty", "quantity")}

Unit = Literal["", "usd", "x", "%", "time", "coin"]


@dataclass(frozen=True, slots=True)
class Field:
    """One argument of a command, as its dataclass declares it. expected: bare numbers go here first."""

    name: str
    label: str
    kind: Kind
    required: bool
    expected: bool
    words: tuple[str, ...]
    offers: Offered | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that can be said to one command, made once from its dataclass."""

    fields: tuple[Field, ...]
    words: Mapping[str, tuple[Kind, Any]]
    markers: Mapping[str, Field]
    suffixes: Mapping[str, tuple[float, Unit]]
    readers: tuple[Kind, ...]
    near: tuple[str, ...]
    sides: tuple[str, ...]
    numbers: bool
    rest: Field | None
    kinds: Mapping[Kind, tuple[Field, ...]]

    @property
    def named(self) -> bool:
        """Tell whether the command takes a coin or a contract."""
        return ASSET in self.kinds or INSTRUMENT in self.kinds

    def of(self, kind: Kind) -> tuple[Field, ...]:
        """Return the fields that take this kind, in the order they are declared."""
        return self.kinds.get(kind, ())


@cache
def plan_of(arguments: Any) -> Plan:
    """Return what can be said to the command that takes this dataclass."""
    every = tuple(
        Field(
            field.name,
            field.metadata.get("label", field.name.replace("_", " ")),
            field.metadata["kind"],
            field.default is MISSING and field.default_factory is MISSING,
            field.metadata["expected"],
            field.metadata["words"],
            field.metadata["offers"],
        )
        for field in fields(arguments)
    )
    kinds = dict.fromkeys(field.kind for field in every)
    words = {
        word.lower(): (kind, value)
        for kind in kinds
        for word, value in (kind.words() if callable(kind.words) else kind.words).items()
    }
    near = [word for word in words if len(word) >= 5 or word == "long"]
    rest = next((field for field in every if field.kind is REST), None)
    amounts = any(field.kind in (PRICE, SIZE, MONEY, CASH) for field in every)
    return Plan(
        every,
        words,
        _markers(every),
        _suffixes(amounts=amounts, spans=any(field.kind is DURATION for field in every)),
        tuple(kind for kind in kinds if kind.read),
        tuple(near),
        ("short",) if SIDE in kinds else (),
        any(kind in kinds for kind in (PRICE, LEVERAGE, SIZE, MONEY, CASH, PERCENT, DURATION)),
        rest,
        {kind: tuple(field for field in every if field.kind is kind) for kind in kinds},
    )


def _markers(every: tuple[Field, ...]) -> Mapping[str, Field]:
    markers: dict[str, Field] = {}
    for argument in reversed(every):  # of two prices the first is the one called price
        markers |= dict.fromkeys(_OWN_WORDS.get(argument.kind.name, ()), argument)
    return markers | {word: field for field in every for word in field.words}


def _suffixes(*, amounts: bool, spans: bool) -> Mapping[str, tuple[float, Unit]]:
    known: dict[str, tuple[float, Unit]] = {"": (1.0, ""), "%": (1.0, "%"), "pct": (1.0, "%"), "percent": (1.0, "%")}
    known |= {word: (factor, "") for word, factor in MAGNITUDES.items()}
    known |= dict.fromkeys(DOLLARS, (1.0, "usd"))
    known |= {m + word: (factor, "usd") for m, factor in MAGNITUDES.items() for word in DOLLARS}
    known |= dict.fromkeys(LEVERAGE_WORDS, (1.0, "x"))
    if spans:
        known |= {word: (hours, "time") for word, hours in HOURS.items()}
        if not amounts:  # beside a price or a size `1m` is a million
            known["m"] = (1 / 60, "time")
    return known
