"""Stretches of a file that somebody says are true: what is unlikely is kept there, what cannot be is not."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bot.archive.importing.model import ImportRefused
from signals.units import DAY, from_ms, to_ms
from storage.sources.coverage import Taken

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bot.archive.importing.model import Draft


class Believed:
    """Days of a file that are believed, and what was believed in them. spans: [start, end) in ms."""

    def __init__(self, spans: Iterable[tuple[int, int]] = ()) -> None:
        self._spans = tuple(spans)
        self._taken: dict[tuple[tuple[str, str, str], tuple[int, int]], int] = {}

    @classmethod
    def of(cls, typed: Iterable[str]) -> Believed:
        """Read stretches as they are typed: 2025-03-01..2025-03-04, both days whole, or one day.

        Raises ImportRefused, one line that says how it is typed.
        """
        return cls(_span(text) for text in typed)

    def takes(self, at: int) -> bool:
        """Tell whether a time (ms) lies in a stretch that is believed."""
        return any(start <= at < end for start, end in self._spans)

    def note(self, series: tuple[str, str, str], at: int) -> None:
        """Note that a figure (venue, asset, input), or what it is the first of, was kept on somebody's word."""
        span = next(span for span in self._spans if span[0] <= at < span[1])
        self._taken[series, span] = self._taken.get((series, span), 0) + 1

    def without(self, draft: Draft, bad: Mapping[int, str]) -> dict[int, str]:
        """Return what is refused of a draft, by place, but for what lies in a stretch that is believed."""
        taken = {place for place in bad if self.takes(draft.kept[place].at)}
        for place in taken:
            row = draft.kept[place]
            self.note((row.venue, row.asset, row.input), row.at)
        return {place: reason for place, reason in bad.items() if place not in taken}

    def taken(self) -> tuple[Taken, ...]:
        """Return what was kept on somebody's word, for coverage to remember."""
        return tuple(
            Taken(*series, from_ms(start), from_ms(end), count) for (series, (start, end)), count in self._taken.items()
        )

    def notes(self) -> list[str]:
        """Say what was kept on somebody's word."""
        return [
            f"{one.venue} {one.asset} {one.name}: kept on your word, {one.start:%Y-%m-%d} to {one.end - DAY:%Y-%m-%d}"
            for one in self.taken()
        ]


def _span(text: str) -> tuple[int, int]:
    first, _, last = text.partition("..")
    try:
        days = [datetime.strptime(day.strip(), "%Y-%m-%d").replace(tzinfo=UTC) for day in (first, last or first)]
    except ValueError:
        days = []
    if not days or days[1] < days[0]:
        raise ImportRefused(f"--accept {text} is no stretch of days; type it like --accept 2025-03-01..2025-03-04")
    return to_ms(days[0]), to_ms(days[1] + DAY)
