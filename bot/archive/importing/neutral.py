"""The neutral import format: one value a line under the header at,venue,asset,input,value."""

from __future__ import annotations

import csv
import re
from datetime import UTC, datetime
from difflib import get_close_matches
from functools import lru_cache
from typing import TYPE_CHECKING, Final, TypeVar

from bot.archive.importing import symbols
from bot.archive.importing.bars import check_bars
from bot.archive.importing.model import BadRow, Content, Draft, ImportedValue, ImportRefused, Reader, check_time, shown
from bot.archive.importing.values import number
from signals.assets import UnreadableSymbol, coin
from signals.inputs import INPUTS
from signals.units import SECOND_MS, to_ms
from signals.venues import VENUES, venue_named

if TYPE_CHECKING:
    from collections.abc import Callable

    from signals.assets import Instrument
    from signals.inputs import Input

T = TypeVar("T")

HEADER: Final = ("at", "venue", "asset", "input", "value")
_WANTED: Final = ",".join(HEADER)
_EXAMPLE: Final = "2026-01-15T00:00:00Z"
_TIME: Final = re.compile(
    r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d(?::?\d\d)?)?)?", re.ASCII
)
# perpulse export writes it where the times alone would not tell how long bars are.
_BARS: Final = re.compile(r"# bars of (\S{1,32}) (\S{1,32}) last (\d{1,6}) s", re.ASCII)
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,31}", re.ASCII)


def parse_time(text: str) -> int:
    """Read ISO-8601 as milliseconds UTC: another offset is converted, none is UTC, a bare date is midnight."""
    words = text.replace(" UTC", "Z").replace(" +", "+").replace(" -", "-").upper()
    if not _TIME.fullmatch(words):
        raise BadRow(f"time is unreadable: {shown(text)}, write it like {_EXAMPLE}")
    try:
        at = datetime.fromisoformat(words)
        return to_ms(at if at.tzinfo else at.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        raise BadRow(f"time does not exist: {shown(text)}") from None


def split(line: str) -> list[str]:
    """Return the fields of one line. Line by line, so that one open quote cannot swallow the rest of the file."""
    if '"' not in line:
        return line.split(",")
    try:
        return next(csv.reader([line], strict=True))
    except csv.Error:
        raise BadRow('a quote (") is not closed or stands in the middle of a field') from None


def _venue(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise BadRow("venue is empty" if not text else f"venue is not a name: {shown(text)}")
    return venue_named(text)


def _asset(text: str) -> Instrument:
    if not text:
        raise BadRow("asset is empty")
    try:
        return symbols.read(text)
    except BadRow as bad:
        raise BadRow(f"asset {bad}") from None


def _check_margin(contract: Instrument, venue: str) -> None:
    """Refuse figures of a coin-margined contract under a venue whose other contracts are meant."""
    if contract.margin == "inverse" and venue in VENUES and VENUES[venue].margins[:1] != ("inverse",):
        raise BadRow(f"asset {contract} is coin-margined; what is kept under {venue} is its contract in dollars")


@lru_cache(maxsize=256)
def _unknown(text: str) -> str:
    near = get_close_matches(text, INPUTS, n=1)
    return f"unknown input {shown(text)}; " + (f"did you mean {near[0]}?" if near else f"known are {', '.join(INPUTS)}")


def _input(text: str) -> Input:
    if text not in INPUTS:
        raise BadRow(_unknown(text))
    return INPUTS[text]


class _Remembered(dict[str, T]):
    """Remember what a field was read as: times and names repeat by the thousand."""

    def __init__(self, read: Callable[[str], T]) -> None:
        super().__init__()
        self._read = read

    def __missing__(self, text: str) -> T:
        self[text] = answer = self._read(text.strip())
        return answer


def _is_data(line: str) -> bool:
    return bool(line) and line[0] != "#" and not line.isspace()


def _header(content: Content, lines: list[str]) -> int:
    """Return the index of the header line; without one the order of the columns would be a guess."""
    for index, line in enumerate(lines):
        if not _is_data(line):
            continue
        try:
            if tuple(name.strip().lower() for name in split(line)) == HEADER:
                return index
        except BadRow:
            pass  # it is not the header, which is said below
        hint = next((f"; separate the columns by commas, not {shown(c)}" for c in ";\t|" if c in line), "")
        raise ImportRefused(
            f"{content.name} line {index + 1}: the header {_WANTED} is missing, found {shown(line)}{hint}"
        )
    raise ImportRefused(f"{content.name} holds no data; the first line must be {_WANTED}")


def read(content: Content, asset: str | None, now: datetime) -> Draft:
    """Read every good line; a bad one becomes a Problem and harms no other."""
    lines = content.text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    header = _header(content, lines)
    draft = Draft(content.name)
    times = _Remembered(lambda text: check_time(parse_time(text), now, text))
    venues = _Remembered(_venue)
    assets = _Remembered(_asset)
    inputs = _Remembered(_input)
    seen: dict[tuple[int, str, str, str], float] = {}
    said: dict[tuple[str, str], int] = {}
    for place, line in enumerate(lines[header + 1 :], header + 2):
        # A header further down is where two files were put together.
        if not _is_data(line) or line.removeprefix("\ufeff") == lines[header]:
            if (told := _BARS.fullmatch(line.rstrip())) and int(told[3]):
                said[venue_named(told[1]), _plain(told[2])] = int(told[3]) * SECOND_MS
            continue
        draft.rows += 1
        try:
            at, venue, asset_, name, value = _fields(line)
            kept_as, contract, input_ = venues[venue], assets[asset_], inputs[name]
            if contract.settle:
                _check_margin(contract, kept_as)
            key = (times[at], kept_as, contract.asset, input_.name)
            read = number(value.strip())
            row = ImportedValue(*key, input_.of_one_coin(read, contract.multiplier))
            _check_repeat(seen.setdefault(key, row.value), row.value)
        except BadRow as bad:
            draft.refuse(place, str(bad))
        else:
            draft.kept.append(row)
            draft.places.append(place)
    notes = ("the file names its assets itself; the asset given was not used",) if asset else ()
    return draft.done(READER.format, check_bars(draft, now, said), notes)


def _plain(name: str) -> str:
    """Return the asset that a comment names; a name that cannot be read belongs to no line either."""
    try:
        return coin(name)[0]
    except UnreadableSymbol:
        return name


def _fields(line: str) -> list[str]:
    if not line.isascii():
        try:
            line.encode()
        except UnicodeEncodeError:
            raise BadRow("the line is not UTF-8 text; save the file as UTF-8") from None
    fields = split(line)
    if len(fields) != len(HEADER):
        raise BadRow(f"{len(fields)} fields where {len(HEADER)} are expected ({_WANTED})")
    return fields


def _check_repeat(first: float, value: float) -> None:
    if first != value:
        raise BadRow(f"an earlier line gives {first:.12g} for the same time and input, this one {value:.12g}")


READER: Final = Reader(
    format="neutral CSV",
    recognises=lambda content: content.document is None,  # all other formats are JSON
    read=read,
)
