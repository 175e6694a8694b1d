"""What an import is made of: a file opened once, rows, problems, and the draft that a reader fills."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from signals.units import to_ms

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from storage.sources.coverage import Taken

_FIRST_MARKET: Final = datetime(2009, 1, 3, tzinfo=UTC)  # the first block; an older time is a wrong unit
_SKEW: Final = timedelta(seconds=5)  # clocks differ; further ahead than this is an error of the file
_SHOWN: Final = 40  # characters of a bad field that are repeated in its problem


class ImportRefused(Exception):  # noqa: N818 - it is the answer to the person, as handlers' Refused is
    """Say in one line why a whole file cannot be taken and what to do about it."""


class BadRow(Exception):  # noqa: N818 - never leaves the readers; it carries the reason of one Problem
    """Carry the reason why one line or entry cannot be taken."""


class ImportedValue(NamedTuple):
    """Hold one value: `at` in milliseconds UTC (for a bar its open), `value` in the unit of the input.

    A named tuple and not a dataclass: a file has a million of them, and these are made four times faster.
    """

    at: int
    venue: str
    asset: str
    input: str
    value: float


@dataclass(frozen=True, slots=True)
class Problem:
    """Name one line that was not taken. `line` is None for formats without lines; the reason then counts entries."""

    file: str
    line: int | None
    reason: str

    def __str__(self) -> str:
        """Return the line that a person reads."""
        return f"{self.file} line {self.line}: {self.reason}" if self.line else f"{self.file}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Imported:
    """Hold what one file gave.

    rows: data lines (or entries of a JSON list) seen; each was kept or refused. kept: the values; an entry of a raw
    file may hold several. step: length of the bars, by venue and asset. notes: what the content does not tell and
    was taken from elsewhere, one sentence each. taken: what was kept on somebody's word.
    """

    file: str
    format: str
    rows: int
    refused: int
    kept: Sequence[ImportedValue]
    problems: Sequence[Problem]
    step: Mapping[tuple[str, str], timedelta]
    notes: Sequence[str] = ()
    taken: tuple[Taken, ...] = ()

    @property
    def kept_rows(self) -> int:
        """Return how many of `rows` were taken whole."""
        return self.rows - self.refused


@dataclass(frozen=True, slots=True)
class Content:
    """Hold one file opened: its name, its text, and for JSON what it says (else None)."""

    name: str
    text: str
    document: object = None


@dataclass(frozen=True, slots=True)
class Reader:
    """Declare one format: how its content is recognised and how it is read (content, asset, now)."""

    format: str
    recognises: Callable[[Content], bool]
    read: Callable[[Content, str | None, datetime], Draft]


@dataclass(slots=True)
class Draft:
    """Collect rows and problems of one file. `place` is the line or, for JSON, the entry, counted from 1."""

    file: str
    entries: bool = False
    rows: int = 0
    kept: list[ImportedValue] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    problems: list[tuple[int, str]] = field(default_factory=list)
    format: str = ""
    step: Mapping[tuple[str, str], timedelta] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def refuse(self, place: int, reason: str) -> None:
        """Note why the line or entry at `place` is not taken."""
        self.problems.append((place, reason))

    def drop(self, bad: Mapping[int, str]) -> None:
        """Take rows back by their index in `kept`, each with its reason; of an entry the first one is told."""
        if not bad:
            return
        told = {place for place, _ in self.problems} if self.entries else set()
        for index, reason in bad.items():
            place = self.places[index]
            if place not in told:
                self.problems.append((place, reason))
            if self.entries:
                told.add(place)
        self.places = [place for index, place in enumerate(self.places) if index not in bad]
        self.kept = [row for index, row in enumerate(self.kept) if index not in bad]

    def done(self, form: str, step: Mapping[tuple[str, str], timedelta], notes: Sequence[str] = ()) -> Draft:
        """Note what the file is; its figures are still to pass the border."""
        self.format, self.step, self.notes = form, step, [*self.notes, *notes]
        return self

    def imported(self) -> Imported:
        """Return the finished import, problems in the order of the file."""
        self.problems.sort(key=lambda problem: problem[0])
        problems = [
            Problem(self.file, None, f"entry {place}: {reason}") if self.entries else Problem(self.file, place, reason)
            for place, reason in self.problems
        ]
        refused = len({place for place, _ in self.problems})
        return Imported(self.file, self.format, self.rows, refused, self.kept, problems, self.step, tuple(self.notes))


def require(holds: object, reason: str) -> None:
    """Raise BadRow with `reason` unless `holds` is true."""
    if not holds:
        raise BadRow(reason)


def shown(text: object) -> str:
    """Return a bad field as it can be shown: quoted, on one line, cut."""
    words = text if isinstance(text, str) else str(text)
    return repr(words if len(words) <= _SHOWN else words[: _SHOWN - 1] + "…")


def check_time(at: int, now: datetime, text: object) -> int:
    """Return `at`, or raise BadRow when nothing can have been measured then."""
    if at > to_ms(now + _SKEW):
        raise BadRow(f"time is in the future: {shown(text)}")
    if at < to_ms(_FIRST_MARKET):
        raise BadRow(f"time is before there was any market, check its unit: {shown(text)}")
    return at
