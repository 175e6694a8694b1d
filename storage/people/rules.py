"""Rules that chats wrote for themselves: what each says, of which assets, and whether it is on.

What is judged stands in the rule's id alone (signals/alerts/rule.py), so that chats with the same rule share its state
and its episodes; here is what is a chat's own.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Literal

from signals.units import MILLISECOND, from_ms, in_ms, to_ms
from storage.engine import settings
from storage.engine.sql import queries

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime, timedelta

    from storage.engine.database import Store
    from storage.engine.work import Work

SQL: Final = queries("storage.people")
_LARGEST: Final = "the largest"  # the setting
PausedFor = Literal["person", "once", "gone"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Worded:
    """What a person wrote, as it is kept.

    line: the whole of it, which reads back as it is. rule: the id of what is judged. scope: of which assets, as plain
    data (signals/rules). once: it is paused when it has fired. at_most: told no more often than once in that time.
    """

    line: str
    rule: str
    scope: dict[str, Any]
    once: bool = False
    at_most: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnRule:
    """One rule of one destination.

    number: what its chat calls it by; never given twice. person: who wrote it. paused: since when; paused_for: who did
    it, a `person`, the rule itself after it had fired (`once`), or perpulse because what it stands on went away
    (`gone`). told: when the chat was told last that it fired.
    """

    id: int
    destination: int
    number: int
    worded: Worded
    person: str | None
    created: datetime
    paused: datetime | None
    paused_for: PausedFor | None
    told: datetime | None


@dataclass(frozen=True, slots=True)
class Counted:
    """How many rules there are: in a chat, of the person who asks in all chats, and of everybody."""

    here: int
    mine: int
    every: int


def of(store: Store, destination: int) -> list[OwnRule]:
    """Return the rules of a destination by their numbers."""
    return [_own(*row) for row in store.read_plain(SQL.own_rules_of, destination=destination)]


def every(store: Store) -> list[OwnRule]:
    """Return all rules whose chat can be told, paused ones too."""
    return [_own(*row) for row in store.read_plain(SQL.own_rules)]


def counted(store: Store, destination: int, person: str | None) -> Counted:
    """Return how many there are."""
    row = store.read_one(SQL.count_own_rules, destination=destination, person=person)
    return Counted(0, 0, 0) if row is None else Counted(row["here"], row["mine"], row["every"])


def add(store: Store, destination: int, worded: Worded, *, person: str | None, now: datetime) -> int:
    """Keep a rule and return its number."""
    with store.write() as work:
        work.run(SQL.next_rule_number, destination=destination)
        row = work.one(SQL.last_rule_number, destination=destination)
        number = 0 if row is None else int(row["rules_made"])
        work.run(
            SQL.add_own_rule,
            destination=destination,
            number=number,
            person=person,
            now=to_ms(now),
            **_columns(worded),
        )
        return number


def change(store: Store, destination: int, number: int, worded: Worded) -> bool:
    """Let a rule say something else, and switch it on; False if there is none of that number."""
    with store.write() as work:
        return work.run(SQL.change_own_rule, destination=destination, number=number, **_columns(worded)) > 0


def pause(work: Work, destination: int, number: int, reason: PausedFor, now: datetime) -> bool:
    """Switch a rule off until it is resumed; False if there is none of that number."""
    found = work.run(SQL.pause_own_rule, destination=destination, number=number, reason=reason, now=to_ms(now))
    return found > 0


def resume(store: Store, destination: int, number: int) -> bool:
    """Switch a rule on again; False if there is none of that number."""
    with store.write() as work:
        return work.run(SQL.resume_own_rule, destination=destination, number=number) > 0


def drop(store: Store, destination: int, number: int) -> bool:
    """Take a rule away; False if there is none of that number."""
    with store.write() as work:
        return work.run(SQL.drop_own_rule, destination=destination, number=number) > 0


def tried(store: Store, destination: int, rule: str, now: datetime) -> int:
    """Note that a chat has looked at what a rule would have said; return how many different ones it has looked at.

    Who looks at twenty finds one that seems good by chance, so the number is said beside what is found.
    """
    with store.write() as work:
        digest = hashlib.sha256(rule.encode()).hexdigest()[:16]
        work.run(SQL.try_rule, destination=destination, hash=digest, now=to_ms(now))
        row = work.one(SQL.count_tried, destination=destination)
        return 0 if row is None else int(row["count"])


def share(store: Store, destination: int, line: str, now: datetime) -> str:
    """Return the word of a link that stands for a line: the same one each time."""
    with store.write() as work:
        token = secrets.token_urlsafe(9)
        work.run(SQL.share_rule, token=token, destination=destination, line=line, now=to_ms(now))
        row = work.one(SQL.token_of_rule, destination=destination, line=line)
        return token if row is None else str(row["token"])


def shared(store: Store, token: str) -> str | None:
    """Return the line that a link stands for; None where it stands for none, or its chat was forgotten."""
    row = store.read_one(SQL.shared_rule, token=token) if store.exists else None
    return None if row is None else str(row["line"])


def members(store: Store) -> dict[int, tuple[str, ...]]:
    """Return which assets were taken as the so many largest, by that number; see `keep_members`."""
    kept = json.loads(settings.setting(store, _LARGEST) or "{}")
    return {int(number): tuple(assets) for number, assets in kept.items()}


def keep_members(work: Work, by_number: Mapping[int, Sequence[str]]) -> None:
    """Keep which assets are taken as the largest: the last ones of them change places every day, and rules do not."""
    settings.keep_setting(work, _LARGEST, json.dumps({number: list(assets) for number, assets in by_number.items()}))


def _columns(worded: Worded) -> dict[str, Any]:
    return {
        "line": worded.line,
        "rule": worded.rule,
        "scope": json.dumps(worded.scope),
        "once": int(worded.once),
        "at_most": None if worded.at_most is None else in_ms(worded.at_most),
    }


@lru_cache(maxsize=10_000)
def _own(
    id_: int, destination: int, number: int, line: str, rule: str, scope: str, person: str | None, created: int,
    paused: int | None, paused_for: PausedFor | None, once: int, at_most: int | None, told: int | None,
) -> OwnRule:  # fmt: skip
    """Read a row: thousands of them are read every turn, and hardly one is another than before."""
    return OwnRule(
        id=id_,
        destination=destination,
        number=number,
        worded=Worded(
            line=line,
            rule=rule,
            scope=json.loads(scope),
            once=bool(once),
            at_most=None if at_most is None else at_most * MILLISECOND,
        ),
        person=person,
        created=from_ms(created),
        paused=None if paused is None else from_ms(paused),
        paused_for=paused_for,
        told=None if told is None else from_ms(told),
    )
