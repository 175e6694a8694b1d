"""Forgetting a chat: its rows, what was written for it alone, and the bytes that they stood in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from storage.alerts.episodes import PRIVATE

if TYPE_CHECKING:
    import sqlite3

    from storage.engine.database import Store
    from storage.engine.work import Work


@dataclass(frozen=True, slots=True)
class Forgotten:
    """How much went. clean: no byte of it is left in the file and its log; False while another program reads them."""

    destinations: int = 0
    subscriptions: int = 0
    positions: int = 0
    addresses: int = 0
    messages: int = 0
    clean: bool = True

    @property
    def anything(self) -> bool:
        """Tell whether there was anything to forget."""
        return bool(self.destinations or self.positions or self.addresses)


def forget(store: Store, platform: str, chat: str, user: str | None = None) -> Forgotten:
    """Forget a chat with all its topics, and the positions of a person where one is named.

    Connections delete securely (storage/engine/database.py), so rows are overwritten where they stood; emptying the
    log afterwards takes their earlier copies. Copies of the file made by anybody are not reached.
    """
    with store.write() as work:
        rows = work.execute("SELECT id FROM destinations WHERE platform = ? AND chat = ?", (platform, chat))
        places = [row["id"] for row in rows.fetchall()]
        mine = f"destination IN ({', '.join('?' * len(places))}) OR (platform = ? AND owner = ?)"
        of = (*places, platform, user)
        _forget_private(work, places, [row["id"] for row in _positions(work, mine, of)])
        found = {
            table: work.execute(f"DELETE FROM {table} WHERE {mine}", of).rowcount  # noqa: S608 - marks only
            for table in ("positions", "followed")
        }
        counts = {table: _delete(work, table, places) for table in ("subscriptions", "outbox", "messages")}
        for place in places:
            work.execute("DELETE FROM destinations WHERE id = ?", (place,))
    return Forgotten(
        len(places),
        counts["subscriptions"],
        found["positions"],
        found["followed"],
        counts["outbox"],
        store.empty_log(),
    )


def _delete(work: Work, table: str, places: list[int]) -> int:
    return sum(
        work.execute(f"DELETE FROM {table} WHERE destination = ?", (place,)).rowcount  # noqa: S608 - our names
        for place in places
    )


def _positions(work: Work, mine: str, of: tuple[object, ...]) -> list[sqlite3.Row]:
    return work.execute(f"SELECT id FROM positions WHERE {mine}", of).fetchall()  # noqa: S608 - marks only


def _forget_private(work: Work, places: list[int], positions: list[int]) -> None:
    """Delete what was written for these places alone: lists of late messages, notices of positions, their episodes."""
    alone: dict[int, str | None] = {}
    for place in places:
        rows = work.execute(
            "SELECT o.notice, n.rule FROM outbox o JOIN notices n ON n.id = o.notice WHERE o.destination = ? "
            "AND (n.rule IS NULL OR substr(n.rule, 1, ?) = ?) "
            "AND NOT EXISTS (SELECT 1 FROM outbox x WHERE x.notice = o.notice AND x.destination <> ?)",
            (place, len(PRIVATE), PRIVATE, place),
        )
        alone |= {row["notice"]: row["rule"] for row in rows.fetchall()}
    watches = [(each,) for each in {*filter(None, alone.values()), *(f"{PRIVATE}{each}" for each in positions)}]
    work.executemany("DELETE FROM outbox WHERE notice = ?", [(each,) for each in alone])
    work.executemany("DELETE FROM notices WHERE id = ?", [(each,) for each in alone])
    work.executemany("DELETE FROM notices WHERE rule = ?", watches)
    work.executemany("DELETE FROM messages WHERE episode IN (SELECT id FROM episodes WHERE rule = ?)", watches)
    work.executemany("UPDATE positions SET episode = NULL WHERE 'position ' || id = ?", watches)
    work.executemany("DELETE FROM episodes WHERE rule = ?", watches)
