"""Which setups are open around an alarm, and which alarms within a setup that begins: one event is one message.

An alarm that begins while its setup is open is told as a leg in that setup's message. A setup that begins while one of
its alarms is open goes on in that alarm's message: what was told of it is a leg now. So does a further sign of the same
fall: in November 2022 closing, what shorts pay, the price and the average of half a year came within three days.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cache
from operator import itemgetter
from typing import TYPE_CHECKING, Final

from signals.alerts.condition import RANKS
from signals.alerts.event import tellers
from signals.alerts.rule import rules
from signals.alerts.setup import setups

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from datetime import datetime
    from typing import Self

    from bot.engine.evaluate import Evaluation
    from signals.alerts.condition import Rank
    from signals.alerts.episodes import State
    from signals.alerts.event import Event
    from storage.alerts.episodes import Key, RuleState

SAME_FALL: Final = timedelta(days=3)  # as long as what restarts is the same episode; an older message is far up by then
LONGEST_FALL: Final = timedelta(days=7)  # from its first sign on: with one each three days it would never end


def first_setups(key: Key) -> bool:
    """Sort what happened at one close by it: setups first, since alarms are told as part of them."""
    return key[0] not in setups()


@dataclass
class OpenSetups:
    """The episodes of setups that are open, each with the rank that it was told at, and those of their alarms.

    falls: the open episodes of alarms that can be signs of a fall, each with the rank told and since when it is. signs:
    the same ones and the last that is over of each such alarm, with when it began, by its number, and when it ended.
    """

    episodes: dict[Key, tuple[int, Rank]] = field(default_factory=dict)
    alarms: dict[Key, int] = field(default_factory=dict)
    falls: dict[Key, tuple[int, Rank, datetime]] = field(default_factory=dict)
    signs: dict[Key, tuple[datetime, int, datetime | None]] = field(default_factory=dict)

    @classmethod
    def of(cls, states: Mapping[Key, RuleState]) -> Self:
        """Return those that are open where each rule stands."""
        found = cls()
        for key, one in states.items():
            found.stands(key, one.state, one.episode)
        return found

    def stands(self, key: Key, state: State, episode: int | None) -> None:
        """Note where a rule stands now; what no message goes on in is passed by."""
        for known in (self.episodes, self.alarms, self.falls, self.signs):
            known.pop(key, None)
        if not state.told or episode is None:
            return
        of_a_fall = state.since and key[0] in rules() and rules()[key[0]].of_a_fall
        if state.since and of_a_fall:
            self.signs[key] = state.since, episode, None if state.rank else state.ended
        if not state.rank:
            return
        if key[0] in setups():
            self.episodes[key] = episode, RANKS[state.told - 1]
        if key[0] in _told_by_setups():
            self.alarms[key] = episode
        if state.since and of_a_fall:
            self.falls[key] = episode, RANKS[state.told - 1], state.since

    def around(self, key: Key) -> tuple[tuple[int, Rank], ...]:
        """Return the open episodes of setups that contain an alarm of an asset."""
        rule, asset = key
        return tuple(
            one for (setup, of), one in self.episodes.items() if of == asset and rule in setups()[setup].alarms
        )

    def inside(self, event: Event) -> tuple[int, ...]:
        """Return the open episodes in whose message goes on what begins, the newest last; none of what goes on.

        Of a setup those of the alarms that it tells, of a sign of a fall those of as urgent signs that are not old, nor
        in the message of a fall that began a week ago.
        """
        if event.kind != "fired":
            return ()
        if event.rule in setups():
            contained = setups()[event.rule].alarms
            found = (one for (alarm, of), one in self.alarms.items() if of == event.asset and alarm in contained)
        elif event.rule in rules() and rules()[event.rule].signs_a_fall(event.values):
            begun = self._falls_begun(event.asset)
            found = (
                one
                for (alarm, of), (one, rank, since) in self.falls.items()
                if of == event.asset and alarm != event.rule and event.at - since <= SAME_FALL
                if RANKS.index(rank) >= RANKS.index(event.rank) and event.at - begun[one] <= LONGEST_FALL
            )
        else:
            return ()
        return tuple(sorted(found))

    def _falls_begun(self, asset: str) -> dict[int, datetime]:
        """Return since when the fall is that each sign of an asset is one of, by its episode.

        A sign that was over before another one began is no part of the fall of that: it began a message of its own.
        """
        signs = sorted((sign for (_, of), sign in self.signs.items() if of == asset), key=itemgetter(0, 1))
        begun: dict[int, datetime] = {}
        for since, episode, _ in signs:
            earlier = (
                begun[other] for at, other, ended in signs
                if other in begun and since - at <= SAME_FALL and since - begun[other] <= LONGEST_FALL
                and (ended is None or since < ended)
            )  # fmt: skip
            begun[episode] = min(earlier, default=since)
        return begun

    def told_alone(self, legs: Collection[Key]) -> OpenSetups:
        """Return the alarms that have a message of their own. legs: those that a setup tells."""
        return OpenSetups(
            alarms={key: one for key, one in self.alarms.items() if key not in legs},
            falls={key: one for key, one in self.falls.items() if key not in legs},
            signs={key: one for key, one in self.signs.items() if key not in legs},
        )

    def teller(self, key: Key, rank: Rank) -> tuple[int, Rank] | None:
        """Return the open episode that tells an alarm of this rank as its leg; None where none does."""
        return next(tellers(self.around(key), rank), None)


@cache
def _told_by_setups() -> frozenset[str]:
    return frozenset(alarm for setup in setups().values() for alarm in setup.alarms)


def placed(evaluations: Iterable[Evaluation]) -> Iterator[Evaluation]:
    """Mark each event that a setup tells as its leg with that setup's episode, for who is told everything.

    So is the end of one that was never told alone. What begins bears the alarms whose message it goes on in.
    What is told only to who asks for it by name tells such a reader nothing, so its alarms are told alone.

    evaluations: of the whole past, in the order of time; an episode is numbered by the place of the event that it
    stands at.
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
        takes_in = open_setups.told_alone(legs).inside(one.event)
        yield replace(
            one,
            event=replace(
                one.event,
                within=(teller,) if teller else (),
                takes_in=takes_in,
            ),
        )
