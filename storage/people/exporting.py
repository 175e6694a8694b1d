"""All that is kept of a chat and of a person: rows as they stand, with times and lists as other programs read them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from signals.units import from_ms
from storage.alerts.episodes import PRIVATE
from storage.engine.sql import queries
from storage.people.bots import platform_of
from storage.people.destinations import places_of

if TYPE_CHECKING:
    from storage.engine.database import Store
    from storage.engine.work import Row

SQL: Final = queries("storage.people")
_TIMES: Final = frozenset(
    ("added", "at", "begun", "created", "doubt", "ended", "expires", "fired", "gone", "held_until", "last_at", "looked",
     "next", "not_before", "paused", "rests_until", "seen", "settled", "since", "told", "until")
)  # fmt: skip
_JSON: Final = frozenset(("assets", "days", "first_values", "last_values", "lines", "payload", "scope", "state"))


def everything(store: Store, bot: str, chat: str, person: str | None) -> dict[str, list[dict[str, Any]]]:
    """Return all rows about a chat of a bot by what they are, and about a person where one is named.

    Of a person that is what is kept for any bot of their platform. Without one what members of the chat watch is left
    out: that is theirs. Kinds of which there are no rows are empty.
    """
    place = {"platform": platform_of(bot), "chat": chat}
    here = {"places": json.dumps(places_of(store, bot, chat, person))}
    destinations = store.read(SQL.kept_chat, **here)
    who = {"platform": platform_of(bot), "owner": person}
    alone = {**here, "owner": person, "private": PRIVATE}
    found = {
        "chat": destinations,
        "subscriptions": store.read(SQL.kept_subscriptions, **here),
        "switches": store.read(SQL.kept_switches, **here),
        "roles": store.read(SQL.kept_roles, **here),
        "rules": store.read(SQL.kept_own_rules, **here),
        "tried rules": store.read(SQL.kept_tried, **here),
        "shared rules": store.read(SQL.kept_shared_rules, **here),
        "digests": store.read(SQL.kept_digests, **here),
        "positions": store.read(SQL.kept_positions, **who),
        "addresses": store.read(SQL.kept_addresses, **who),
        "episodes": store.read(SQL.kept_episodes, **who, private=PRIVATE),
        "messages": store.read(SQL.kept_messages, **alone),
        "shown": store.read(SQL.kept_shown, **alone),
        "permits": store.read(SQL.kept_permits, **place, owner=person),
        "owner": store.read(SQL.kept_owner, **who),
    }
    return {kind: [_plain(row) for row in rows] for kind, rows in found.items()}


def _plain(row: Row) -> dict[str, Any]:
    return {name: _value(name, row[name]) for name in row.keys()}  # noqa: SIM118 - going through a row gives its values


def _value(name: str, value: Any) -> Any:
    if name in _TIMES and isinstance(value, int):
        return from_ms(value).isoformat().replace("+00:00", "Z")
    if name in _JSON and isinstance(value, str) and value[:1] in "[{":
        return json.loads(value)
    return value
