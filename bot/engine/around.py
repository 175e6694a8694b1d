"""Which setups are open around an alarm: it is told as a leg in their message, and not beside it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from signals.alerts.condition import RANKS
from signals.setup import setups

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Self

    from bot.engine.evaluate import Evaluation
    from signals.alerts.condition import Rank
    from signals.alerts.episodes import State
    from signals.alerts.event import Event
    from storage.alerts.episodes import Key, RuleState


def first_setups(key: Key) -> bool:
    """Sort what happened at one close by it: setups first, since alarms are told as part of them."""
    return key[0] not in setups()


@dataclass
class OpenSetups:
    """The episodes of setups that are open, each with the rank that it was told at."""

    episodes: dict[Key, tuple[int, Rank]] = field(default_factory=dict)

    @classmethod
    def of(cls, states: Mapping[Key, RuleState]) -> Self:
        """Return those that are open where each rule stands."""
        found = cls()
        for key, one in states.items():
            found.stands(key, one.state, one.episode)
        return found

    def stands(self, key: Key, state: State, episode: int | None) -> None:
        """Note where a rule stands now; what is no setup is passed by."""
        if key[0] not in setups():
            return
        self.episodes.pop(key, None)
        if state.rank and state.told and episode is not None:
            self.episodes[key] = episode, RANKS[state.told - 1]

    def around(self, key: Key) -> tuple[tuple[int, Rank], ...]:
        """Return the open episodes of setups that contain an alarm of an asset."""
        return tuple(one for _, one in self._around(key))

    def teller(self, key: Key, rank: Rank) -> str:
        """Return the open setup that tells an alarm of this rank as its leg, "" for none."""
        own = RANKS.index(rank)
        return next((setup for setup, (_, told) in self._around(key) if RANKS.index(told) >= own), "")

    def _around(self, key: Key) -> Iterator[tuple[str, tuple[int, Rank]]]:
        rule, asset = key
        for (setup, of), one in self.episodes.items():
            if of == asset and rule in setups()[setup].alarms:
                yield setup, one


def own_messages(evaluations: Iterable[Evaluation]) -> list[Event]:
    """Return the events that have a message of their own, for who is told everything.

    An alarm that a setup tells as its leg has none, nor has the end of one that never had; that a leg of a setup joined
    or left is an edit. evaluations: in the order of time.
    """
    open_setups, legs = OpenSetups(), set[tuple[str, str]]()
    found: list[Event] = []
    for number, one in enumerate(evaluations):
        open_setups.stands(one.key, one.state, number)
        if one.event is None or one.event.kind == "changed":
            continue
        if one.event.kind == "resolved":
            told = one.key not in legs
        else:
            told = not open_setups.teller(one.key, one.event.rank)
            if told:
                legs.discard(one.key)
            elif one.event.kind == "fired":
                legs.add(one.key)
        if told:
            found.append(one.event)
    return found
