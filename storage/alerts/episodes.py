"""Where each rule stands and the episodes it made."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from signals.alerts.episodes import State, from_json, to_json
from signals.alerts.rule import OWN
from signals.units import from_ms, to_ms
from storage.engine.sql import queries

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from signals.alerts.episodes import Transition
    from signals.alerts.event import Event
    from storage.engine.database import Store
    from storage.engine.work import Row, Work

SQL = queries("storage.alerts")
Key = tuple[str, str]  # rule, asset
PRIVATE: Final = "position "  # begins the rule of an episode that is its owner's alone, see storage/people/positions.py


@dataclass(frozen=True, slots=True)
class RuleState:
    """Where a rule stands for one asset, and its last episode if there was one; one that is over may yet go on."""

    state: State
    episode: int | None


@dataclass(frozen=True, slots=True)
class Episode:
    """One stretch of time in which a rule was not calm. `ended` None: it still runs. Values by their whole names."""

    id: int
    rule: str
    asset: str
    since: datetime
    fired: datetime
    ended: datetime | None
    rank: str
    first_values: dict[str, float]
    last_values: dict[str, float]


def rule_states(store: Store) -> Mapping[Key, RuleState]:
    """Return where every rule stands: the same object as long as all of them stand where they did."""
    return store.beside(_Standings).every(store.read_plain(SQL.rule_states))


def rule_states_in(work: Work, store: Store) -> Mapping[Key, RuleState]:
    """Return where every rule stands by now, as a transaction sees it: as `rule_states` where none has moved."""
    return store.beside(_Standings).every([tuple(row) for row in work.rows(SQL.rule_states)])


def states_of(store: Store, rule: str) -> dict[str, RuleState]:
    """Return where one rule stands, by asset."""
    rows, known = store.read_plain(SQL.states_of_rule, rule=rule), store.beside(_Standings)
    return {asset: known.read((rule, asset), text, episode) for asset, text, episode in rows}


def alone(work: Work, assets: Iterable[str]) -> None:
    """Keep others from writing where the rules of these assets stand, until this transaction has ended.

    What was read before must be read again after it: others may have judged meanwhile.
    """
    for asset in sorted(assets):  # in one order, or two who wait for each other would do so for ever
        work.alone(f"judge {asset}")


def standing(work: Work, key: Key) -> RuleState | None:
    """Return where one rule stands for one asset, as it is by now."""
    row = work.one(SQL.rule_state, rule=key[0], asset=key[1])
    return None if row is None else RuleState(from_json(json.loads(row["state"])), row["episode"])


class _Standings:
    """Reads states: some thousand of them are read every turn, and hardly one is another than before.

    The last one of each rule and asset is kept, and no other: where a rule stood before is never asked again, and a
    cache of whatever was read would hold a week of it.
    """

    def __init__(self, _: Store) -> None:
        self._last: dict[Key, tuple[str, RuleState]] = {}
        self._seen: tuple[Sequence[Any], Mapping[Key, RuleState]] = (), {}  # all rows of the last time

    def every(self, rows: Sequence[tuple[str, str, str, str]]) -> Mapping[Key, RuleState]:
        """Return where all rules stand, of a row each: the rule, and lists of its assets, states and episodes."""
        seen, standing = self._seen
        if rows != seen:
            standing = {
                (rule, asset): self.read((rule, asset), text, episode)
                for rule, *lists in rows
                for asset, text, episode in zip(*map(json.loads, lists), strict=True)
            }
            self._seen = rows, standing
        return standing

    def wrote(self, saved: Iterable[tuple[Key, str, RuleState]]) -> None:
        """Take in what this process has written itself: reading thousands back costs more than judging them did.

        A text stands for one state, so that what was undone after all does no harm: it is not what is read.
        """
        self._last.update((key, (text, state)) for key, text, state in saved)

    def read(self, key: Key, text: str, episode: int | None) -> RuleState:
        last = self._last.get(key)
        if last is None or last[0] != text or last[1].episode != episode:
            last = self._last[key] = text, RuleState(from_json(json.loads(text)), episode)
        return last[1]


def save(work: Work, key: Key, state: State, episode: int | None) -> tuple[Key, str, RuleState]:
    """Keep a state, inside the transaction that also keeps what it causes; return what `wrote` takes after it."""
    rule, asset = key
    text = json.dumps(to_json(state))
    work.run(SQL.save_rule_state, rule=rule, asset=asset, state=text, episode=episode)
    return key, text, RuleState(state, episode)


def wrote(store: Store, saved: Iterable[tuple[Key, str, RuleState]]) -> None:
    """Note what has been saved, so that it is not read back."""
    store.beside(_Standings).wrote(saved)


def record(work: Work, key: Key, change: Event | Transition, episode: int | None) -> int:
    """Write what happened to the list of episodes and return the episode's id.

    episode: the last one of the rule and asset; what does not begin another goes on with it, also when it was over.
    """
    rule, asset = key
    found = json.dumps({name: value for name, value in change.values.items() if math.isfinite(value)})
    ended = to_ms(change.at) if change.kind == "resolved" else None
    if change.kind != "fired" and episode is not None:
        work.run(SQL.continue_episode, episode=episode, rank=change.rank, found=found, ended=ended)
        return episode
    return work.insert(
        SQL.begin_episode,
        rule=rule,
        asset=asset,
        since=to_ms(change.since),
        at=to_ms(change.at),
        ended=ended,
        rank=change.rank,
        found=found,
    )


def first_since(work: Work, key: Key) -> datetime | None:
    """Return when the first known episode of a rule and asset began; None where there is none."""
    row = work.one(SQL.first_since, rule=key[0], asset=key[1])
    return None if row is None or row["first"] is None else from_ms(row["first"])


def forget(work: Work, key: Key) -> None:
    """Forget the episodes of a rule and asset of which nothing was told, since they are written anew."""
    work.run(SQL.forget_episodes, rule=key[0], asset=key[1])


def began(work: Work, episode: int, since: datetime) -> None:
    """Correct since when an episode has been."""
    work.run(SQL.episode_began, episode=episode, since=to_ms(since))


def last_values(work: Work, episode: int) -> dict[str, float]:
    """Return the values with which an episode was last told; none where it is not known."""
    row = work.one(SQL.episode_values, episode=episode)
    return {} if row is None else json.loads(row["last_values"])


def running(store: Store) -> list[Episode]:
    """Return the episodes that have not ended, the newest first; no person's own are among them."""
    return [_episode(row) for row in store.read(SQL.running_episodes, private=PRIVATE, own=OWN)]


def between(store: Store, since: datetime, until: datetime) -> list[Episode]:
    """Return the episodes that began or ended after `since` and up to `until`; no person's own are among them."""
    rows = store.read(SQL.episodes_between, private=PRIVATE, own=OWN, since=to_ms(since), until=to_ms(until))
    return [_episode(row) for row in rows]


def of(store: Store, rule: str, asset: str) -> list[Episode]:
    """Return every episode of one rule and asset, the oldest first."""
    return [_episode(row) for row in store.read(SQL.episodes_of, rule=rule, asset=asset)]


def of_pair(work: Work, key: Key) -> list[Episode]:
    """Return every episode of one rule and asset, the oldest first, as a transaction sees them."""
    return [_episode(row) for row in work.rows(SQL.episodes_of, rule=key[0], asset=key[1])]


def of_rule(store: Store, rule: str, since: datetime) -> list[Episode]:
    """Return the episodes of a rule, of any asset, that still run or fired at a time or later, the oldest first."""
    return [_episode(row) for row in store.read(SQL.episodes_of_rule, rule=rule, since=to_ms(since))]


def told_with(store: Store, destination: int, episode: int) -> list[Episode]:
    """Return the episodes that one message tells a destination of with this one; none where it was not told of it."""
    return [_episode(row) for row in store.read(SQL.episodes_told_with, destination=destination, episode=episode)]


def told_in(store: Store, destination: int, message: str) -> list[Episode]:
    """Return the episodes that a message tells a destination of, those that are not over first; none of another one."""
    found = (_episode(row) for row in store.read(SQL.episodes_told_in, destination=destination, message=message))
    return sorted(found, key=lambda episode: episode.ended is not None)


def named(store: Store, ids: Collection[int]) -> dict[int, Episode]:
    """Return episodes by their numbers; those that are not known are left out."""
    return {row["id"]: _episode(row) for row in store.read(SQL.episodes_named, ids=json.dumps(list(ids)))}


def _episode(row: Row) -> Episode:
    return Episode(
        row["id"],
        row["rule"],
        row["asset"],
        from_ms(row["since"]),
        from_ms(row["fired"]),
        None if row["ended"] is None else from_ms(row["ended"]),
        row["rank"],
        json.loads(row["first_values"]),
        json.loads(row["last_values"]),
    )
