"""Where rules of one's own stand, and who of their chats is told of an episode."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from signals.alerts.rule import OWN
from signals.units import to_ms
from storage.engine.sql import queries

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from datetime import datetime

    from storage.engine.database import Store
    from storage.engine.work import Work

SQL: Final = queries("storage.alerts")


def states(store: Store) -> dict[str, bytes]:
    """Return where each rule stands, as signals/rules/many/keeping.py reads it."""
    return {rule: bytes(stands) for rule, stands in store.read_plain(SQL.own_states)}


def save(work: Work, stands: Iterable[tuple[str, bytes]]) -> None:
    """Keep where rules stand, inside the transaction that also keeps what it causes."""
    work.many(SQL.save_own_state, [{"rule": rule, "stands": data} for rule, data in stands])


def forget_unused(work: Work) -> list[str]:
    """Drop where those rules stood that no chat has any more, and return which."""
    unused = [row["rule"] for row in work.rows(SQL.own_states_unused)]
    for rule in unused:
        work.run(SQL.drop_own_state, rule=rule)
    return unused


def forget_traces(work: Work) -> None:
    """Drop all that is left of rules that no chat has any more: also what they told, and their record."""
    for row in work.rows(SQL.own_traces_unused, own=OWN):
        for query in (
            SQL.drop_own_state,
            SQL.drop_own_outcomes,
            SQL.drop_own_record,
            SQL.drop_own_definition,
            SQL.drop_own_outbox,
            SQL.drop_own_notices,
            SQL.drop_own_messages,
            SQL.drop_own_episodes,
        ):
            work.run(query, rule=row["rule"])


def assets(store: Store, followed: Sequence[str]) -> tuple[str, ...]:
    """Return the assets in the order in which states number them, those that are followed for the first time last."""
    known = [asset for (asset,) in store.read_plain(SQL.own_assets)]
    new = [asset for asset in dict.fromkeys(followed) if asset not in set(known)]
    if new:
        with store.write() as work:
            work.many(
                SQL.add_own_asset, [{"number": i, "asset": asset} for i, asset in enumerate(new, start=len(known))]
            )
    return (*known, *new)


def told_of(work: Work, running: Collection[int]) -> dict[int, dict[int, bool]]:
    """Return the destinations that were to be told of some episodes, by episode; what nobody was, is left out.

    Of each: whether it goes on there, which it does not where its end was the last that was told.
    """
    found: dict[int, dict[int, bool]] = {}
    for row in work.rows(SQL.own_told_of, episodes=json.dumps(list(running))) if running else ():
        found.setdefault(int(row["episode"]), {})[int(row["destination"])] = not row["over"]
    return found


def fired(work: Work, number: int, at: datetime, now: datetime) -> None:
    """Note that the rule of a chat has fired; one that speaks once is paused by it. number: the row's."""
    work.run(SQL.own_fired, id=number, at=to_ms(at), now=to_ms(now))
