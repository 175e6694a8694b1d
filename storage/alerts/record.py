"""The record: what was told, frozen in the transaction that tells it, and what became of it, appended later.

Nothing of it is ever edited; triggers of the database refuse it (storage/engine/sqlite/migrations.py). What turns out
to be wrong is corrected by another outcome that names the one it corrects, and both are shown.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from signals.alerts.record import AFTER, past_words
from signals.units import from_ms, to_ms
from storage.engine.sql import queries

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from signals.alerts.record import Definition, PastWords
    from storage.engine.database import Store
    from storage.engine.work import Row, Work
    from storage.market.points import Newest

SQL: Final = queries("storage.alerts")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an entry after so many days.

    entry_at, entry_price: the daily close that it is measured from; at, price: that so many days later. change: between
    the two, worst and best: of the closes in between, as fractions; None where not known. corrects: the outcome that
    this one corrects, with the reason.
    """

    days: int
    entry_at: datetime
    entry_price: float
    at: datetime
    price: float
    change: float
    worst: float | None
    best: float | None
    venue: str
    written: datetime
    id: int = 0
    corrects: int | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One fire as it was told.

    at: the close it was judged at; written: when it was told. price, venue: of the asset then, None where not known.
    event: what was told, as plain data with the values and their stamps. sentences: the templates that it was told
    with. definition: the hash. outcomes: in the order in which they were appended, corrections among them.
    """

    id: int
    rule: str
    asset: str
    definition: str
    at: datetime
    written: datetime
    rank: str
    price: float | None
    venue: str | None
    event: Mapping[str, Any]
    sentences: Mapping[str, Any]
    outcomes: tuple[Outcome, ...] = field(default=())

    def outcome(self, days: int) -> Outcome | None:
        """Return what became of it after so many days, as it was corrected last; None where it is not judged yet."""
        return next((one for one in reversed(self.outcomes) if one.days == days), None)


def freeze(
    work: Work,
    event: Mapping[str, Any],
    definition: Definition,
    *,
    rank: str,
    asset: str,
    at: datetime,
    episode: int | None,
    price: Newest | None,
    sentences: Mapping[str, Any],
    now: datetime,
    private: bool = False,
) -> None:
    """Freeze what is being told, inside the transaction that tells it; an episode is recorded once.

    private: of a rule that is a person's own, which is no part of what everybody is shown.
    """
    work.run(
        SQL.define,
        hash=definition.hash,
        rule=definition.rule,
        definition=definition.text,
        since=to_ms(now),
        private=int(private),
    )
    work.run(
        SQL.freeze,
        rule=definition.rule,
        asset=asset,
        definition=definition.hash,
        episode=episode,
        at=to_ms(at),
        written=to_ms(now),
        rank=rank,
        price=price.value if price else None,
        venue=price.venue if price else None,
        event=json.dumps(event, sort_keys=True),
        sentences=json.dumps(sentences, sort_keys=True),
        private=int(private),
    )


def append(work: Work, entry: int, outcome: Outcome) -> None:
    """Append an outcome; one of the same days is appended once, but for corrections."""
    work.run(
        SQL.append_outcome,
        entry=entry,
        days=outcome.days,
        entry_at=to_ms(outcome.entry_at),
        entry_price=outcome.entry_price,
        at=to_ms(outcome.at),
        price=outcome.price,
        change=outcome.change,
        worst=outcome.worst,
        best=outcome.best,
        venue=outcome.venue,
        written=to_ms(outcome.written),
        corrects=outcome.corrects,
        reason=outcome.reason,
    )


def entries(store: Store, rule: str | None = None, asset: str | None = None) -> list[Entry]:
    """Return the record of a rule, an asset, both, or all (None), the oldest first."""
    return _entries(store, store.read(SQL.record_of, rule=rule, asset=asset))


def of_own(store: Store, rule: str, since: datetime) -> list[Entry]:
    """Return the record of a rule that people wrote, from a time on, the oldest first."""
    return _entries(store, store.read(SQL.record_of_own, rule=rule, since=to_ms(since)))


def unjudged(store: Store, now: datetime) -> list[Entry]:
    """Return the entries that lack an outcome of which the time has come, the oldest first."""
    rows = store.read(SQL.record_unjudged, now=to_ms(now), after=json.dumps(AFTER))
    return _entries(store, rows)


def told_between(store: Store, since: datetime, until: datetime) -> list[Entry]:
    """Return what was judged at closes after `since` and up to `until`, the oldest first."""
    return _entries(store, store.read(SQL.record_between, since=to_ms(since), until=to_ms(until)))


def before(work: Work, definition: Definition, asset: str, days: int, episode: int) -> PastWords:
    """Return what a rule has said of an asset under one definition before an episode, judged after so many days."""
    of = {"rule": definition.rule, "definition": definition.hash, "asset": asset, "episode": episode}
    rows = work.rows(SQL.record_before, days=days, **of)
    changes = [float(row["change"]) for row in rows if row["change"] is not None]
    return past_words(len(rows), days, changes)


def definitions(store: Store) -> dict[str, str]:
    """Return what each hash stands for, as JSON."""
    return {row["hash"]: row["definition"] for row in store.read(SQL.definitions)}


def _entries(store: Store, rows: Sequence[Row]) -> list[Entry]:
    found: dict[int, list[Outcome]] = {row["id"]: [] for row in rows}
    for row in store.read(SQL.outcomes_of, entries=json.dumps(list(found))) if found else ():
        found[row["entry"]].append(_outcome(row))
    return [_entry(row, found[row["id"]]) for row in rows]


def _entry(row: Row, outcomes: Iterable[Outcome]) -> Entry:
    return Entry(
        row["id"],
        row["rule"],
        row["asset"],
        row["definition"],
        from_ms(row["at"]),
        from_ms(row["written"]),
        row["rank"],
        row["price"],
        row["venue"],
        json.loads(row["event"]),
        json.loads(row["sentences"]),
        tuple(outcomes),
    )


def _outcome(row: Row) -> Outcome:
    return Outcome(
        row["days"],
        from_ms(row["entry_at"]),
        row["entry_price"],
        from_ms(row["at"]),
        row["price"],
        row["change"],
        row["worst"],
        row["best"],
        row["venue"],
        from_ms(row["written"]),
        row["id"],
        row["corrects"],
        row["reason"],
    )
