"""Raw Fear & Greed index of alternative.me: newest first, all strings, as a list or inside {"data": [...]}."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from bot.archive.importing.bars import check_bars
from bot.archive.importing.model import BadRow, Content, Draft, ImportedValue, Reader, require, shown
from bot.archive.importing.values import epoch, number
from signals.inputs import MARKET

if TYPE_CHECKING:
    from datetime import datetime

VENUE: Final = "alternative.me"
_KEYS: Final = frozenset({"value", "value_classification", "timestamp"})


def _entries(document: object) -> list[Any]:
    rows = document.get("data") if isinstance(document, dict) else document
    return rows if isinstance(rows, list) else []


def recognises(content: Content) -> bool:
    """Tell by the first entry."""
    rows = _entries(content.document)
    return bool(rows) and isinstance(rows[0], dict) and rows[0].keys() >= _KEYS


def read(content: Content, asset: str | None, now: datetime) -> Draft:
    """Read the index, oldest first; days that the provider leaves out stay missing."""
    draft = Draft(content.name, entries=True)
    known: dict[int, tuple[float, int]] = {}
    for place, entry in enumerate(_entries(content.document), 1):
        draft.rows += 1
        try:
            whole = isinstance(entry, dict) and {"value", "timestamp"} <= entry.keys()
            require(whole, f"has no value and timestamp: {shown(entry)}")
            at = epoch(entry["timestamp"], now, seconds=True)
            value = number(entry["value"])
            same = known.setdefault(at, (value, place))[0] == value
            require(same, "an earlier entry gives another value for the same time")
        except BadRow as bad:
            draft.refuse(place, str(bad))
    for at in sorted(known):
        value, place = known[at]
        draft.kept.append(ImportedValue(at, VENUE, MARKET, "fear_greed", value))
        draft.places.append(place)
    notes = ("the index is of the whole market; the asset given was not used",) if asset else ()
    return draft.done(READER.format, check_bars(draft, now), notes)


READER: Final = Reader("alternative.me Fear & Greed", recognises, read)
