"""A file before the border: its figures are judged as those of any other way in, and its clock is looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bot.archive.importing.bars import note_odd_days
from bot.archive.importing.believed import Believed
from bot.archive.importing.beside import History, other_measure, other_scale, rows_of, wrong_clocks
from bot.archive.importing.model import shown
from bot.archive.importing.tables import tables
from bot.market.border.bounds import HIGHEST, INTERVALS, WITHIN
from bot.market.border.judging import Border
from bot.market.border.refusals import said
from signals.inputs import INPUTS
from signals.units import to_ms

if TYPE_CHECKING:
    from datetime import datetime

    from bot.archive.importing.model import Draft
    from bot.market.border.rows import Rejected
    from storage.market.points import Newest

__all__ = ["Believed", "History", "judge"]


_UNLIKELY: Final = frozenset({"leap", "scale", "switch", "percent"})  # what may be true, where somebody says so


def judge(draft: Draft, now: datetime, past: History, accepted: Believed) -> None:
    """Take out of a draft what the border rejects, and all of a series whose clock is not UTC.

    accepted: where what is only unlikely is believed; what cannot be is refused there as well.
    """
    draft.drop(wrong_clocks(draft, rows_of(draft), past))
    note_odd_days(draft)
    draft.drop(accepted.without(draft, other_scale(draft, rows_of(draft), past)))
    first = {series: min(times) for series, times in rows_of(draft).items()}

    def known(*series: str) -> Newest | None:
        venue, asset, name = series
        at = first.get((venue, asset, name))
        return past.newest((venue, asset, name)) if at is None else past.before((venue, asset, name), at)

    border = Border(known)
    reasons: dict[tuple[int, str, str, str], str] = {}
    kept: set[tuple[int, str, str, str]] = set()
    for table in tables(draft.kept, draft.step):
        good, rejected = border.admit(table, now, sparse=True)
        for out in rejected:
            at = to_ms(out.since or out.at)
            if out.why in _UNLIKELY and accepted.takes(at):
                kept.add((to_ms(out.at), out.venue, out.asset, out.name))
                accepted.note((out.venue, out.asset, out.name), at)
                continue
            reasons.setdefault((to_ms(out.at), out.venue, out.asset, out.name), _words(out))
            if out.since is not None and (note := f"{out.venue} {out.asset} {out.name} {said(out)}") not in draft.notes:
                draft.notes.append(note)
        kept |= {
            (at, good.venue, good.asset, name)
            for name, column in good.columns.items()
            for at, value in zip(good.times, column, strict=True)
            if value == value  # noqa: PLR0124 - the plain test for NaN
        }
    out_of = {place: row for place, row in enumerate(draft.kept) if row[:4] not in kept}
    own = {place: reasons[row[:4]] for place, row in out_of.items() if row[:4] in reasons}
    rest = {
        place: f"{row.input} is of a bar of which another figure cannot be true"
        for place, row in out_of.items()
        if place not in own
    }
    draft.drop(own | rest)
    draft.drop(other_measure(draft, rows_of(draft), past, accepted))
    draft.notes += accepted.notes()


def _words(out: Rejected) -> str:
    """Say of a line what is said of every figure, and of a bound which one it is: a file can be mended."""
    bound, value = INPUTS[out.name], shown(f"{out.value:.12g}")
    if out.why == "interval":
        return f"{out.name} must be {', '.join(f'{hours:g}' for hours in INTERVALS)}: {value}"
    if out.why != "bound":
        return f"{out.name} {said(out)}"
    least, most = WITHIN.get(out.name, (bound.least, HIGHEST))
    if out.value > most:
        return f"{out.name} must not be above {most:g}: {value}"
    rule = "must be above" if bound.least_open and bound.least is not None else "must not be below"
    return f"{out.name} {rule} {least:g}: {value}"
