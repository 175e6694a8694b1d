"""Which setups are open around an alarm, and which alarms within a setup that begins: one event is one message.

An alarm that begins while its setup is open is told as a leg in that setup's message. A setup that begins while one of
its alarms is open goes on in that alarm's message: what was told of it is a leg now.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING

from signals.alerts.condition import RANKS
from signals.alerts.event import tellers
from signals.alerts.rule import rules
from signals.alerts.setup import setups

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Self

    from bot.engine.evaluate import Evaluation
    from signals.alerts.condition import Rank
    from signals.alerts.episodes import State
    from storage.alerts.episodes import Key, RuleState


def first_setups(key: Key) -> bool:
    """Sort what happened at one close by it: setups first, since alarms are told as part of them."""
    return key[0] not in setups()


@dataclass
class OpenSetups:
    """The episodes of setups that are open, each with the rank that it was told at, and those of their alarms."""

    episodes: dict[Key, tuple[int, Rank]] = field(default_factory=dict)
    alarms: dict[Key, int] = field(default_factory=dict)

    @classmethod
    def of(cls, states: Mapping[Key, RuleState]) -> Self:
        """Return those that are open where each rule stands."""
        found = cls()
        for key, one in states.items():
            found.stands(key, one.state, one.episode)
        return found

    def stands(self, key: Key, state: State, episode: int | None) -> None:
        """Note where a rule stands now; what is neither a setup nor told by one is passed by."""
        is_open = bool(state.rank and state.told and episode is not None)
        if key[0] in setups():
            self.episodes.pop(key, None)
            if is_open and episode is not None:
                self.episodes[key] = episode, RANKS[state.told - 1]
        elif key[0] in _told_by_setups():
            self.alarms.pop(key, None)
            if is_open and episode is not None:
                self.alarms[key] = episode

    def around(self, key: Key) -> tuple[tuple[int, Rank], ...]:
        """Return the open episodes of setups that contain an alarm of an asset."""
        rule, asset = key
        return tuple(
            one for (setup, of), one in self.episodes.items() if of == asset and rule in setups()[setup].alarms
        )

    def inside(self, key: Key) -> tuple[int, ...]:
        """Return the open episodes of the alarms that a setup tells of an asset, the newest last; none of an alarm."""
        rule, asset = key
        contained = setups()[rule].alarms if rule in setups() else frozenset()
        return tuple(sorted(one for (alarm, of), one in self.alarms.items() if of == asset and alarm in contained))

    def teller(self, key: Key, rank: Rank) -> tuple[int, Rank] | None:
        """Return the open episode that tells an alarm of this rank as its leg; None where none does."""
        return next(tellers(self.around(key), rank), None)


@cache
def _told_by_setups() -> frozenset[str]:
    return frozenset(alarm for setup in setups().values() for alarm in setup.alarms)


def placed(evaluations: Iterable[Evaluation]) -> Iterator[Evaluation]:
    """Mark each event that a setup tells as its leg with that setup's episode, for who is told everything.

    So is the end of one that was never told alone. A setup that begins bears the alarms whose message it goes on in.
    What is told only to who asks for it by name tells such a reader nothing, so its alarms are told alone.
    evaluations: of the whole past, in the order of time; an episode is
    numbered by the place of the event that it stands at.
    """
    open_setups, legs = OpenSetups(), dict[tuple[str, str], tuple[int, "Rank"]]()
    for number, one in enumerate(evaluations):
        rule = rules().get(one.key[0])  # one of somebody's own is none of these
        if rule and rule.only_asked:
            yield one
            continue
        open_setups.stands(one.key, one.state, number)
        if one.event is None:
            yield one
            continue
        teller = open_setups.teller(one.key, one.event.rank) if one.event.kind != "resolved" else legs.get(one.key)
        if teller and one.event.kind == "fired":
            legs[one.key] = teller
        elif teller is None:
            legs.pop(one.key, None)
        begins = one.event.kind == "fired"
        told_alone = OpenSetups(alarms={key: at for key, at in open_setups.alarms.items() if key not in legs})
        yield replace(
            one,
            event=replace(
                one.event,
                within=(teller,) if teller else (),
                takes_in=told_alone.inside(one.key) if begins else (),
            ),
        )
