"""What goes with rows that are claimed, asked for all of them at once: on a server each question takes its time."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from storage.engine.sql import queries

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from storage.alerts.outbox import Notice
    from storage.engine.work import NamedRow, Row, Work

SQL: Final = queries("storage.alerts")


def due_beside(work: Work, firsts: Collection[NamedRow], due: Mapping[str, int]) -> dict[int, list[Row]]:
    """Return, by destination, the rows there that may be said in the message of a row that leads, the oldest first.

    firsts: the rows that lead, one a destination. due: what tells whether a row is due, as for these.
    """
    of_episodes = [
        (row["destination"], row["id"], row["asset"], row["at"]) for row in firsts if row["episode"] is not None
    ]
    of_rules = [(row["destination"], row["id"], row["rule"]) for row in firsts if row["episode"] is None]
    found: list[Row] = []
    if of_episodes:
        found += work.rows(SQL.due_beside, **due, firsts=json.dumps(of_episodes))
    if of_rules:
        found += work.rows(SQL.waiting_beside, now=due["now"], firsts=json.dumps(of_rules))
    return _by_destination(found)


def told_beside(work: Work, messages: Collection[tuple[int, str]]) -> dict[int, list[Row]]:
    """Return, by destination, the notices that its message says already. messages: each with its destination."""
    return _by_destination(work.rows(SQL.told_beside, messages=json.dumps(messages))) if messages else {}


def taken_in(
    work: Work, rows: Iterable[Row | NamedRow], notice_of: Callable[[Row | NamedRow], Notice]
) -> dict[int, str]:
    """Return, by row, the message in which it goes on: the newest one that tells of an episode that it takes in there.

    Only what begins takes others in: a story its legs, a sign of a fall earlier ones. A row that has a message of its
    own, or takes in what was never told there, is not among them. notice_of: reads the notice of a row, which tells it.
    """
    asked = [
        (row["id"], row["destination"], episode)
        for row in rows
        if row["message"] is None and row["kind"] == "fired"
        for episode in notice_of(row).payload.get("takes_in") or ()
    ]
    return {row["id"]: row["message"] for row in work.rows(SQL.taken_in, asked=json.dumps(asked))} if asked else {}


def told_there(work: Work, destination: int, episodes: Collection[int]) -> set[int]:
    """Return those of some episodes that a message told a destination of."""
    rows = work.rows(SQL.told_there, destination=destination, episodes=json.dumps(sorted(episodes)))
    return {int(row["episode"]) for row in rows}


def _by_destination(rows: Iterable[Row]) -> dict[int, list[Row]]:
    found: dict[int, list[Row]] = {}
    for row in rows:
        found.setdefault(row["destination"], []).append(row)
    return found
