"""How far back a question reaches, and whose past has to wait: the present of everybody comes before anybody's past.

A first history is 200 days of hours. Asked for all at once, those of hundreds of assets are held together before the
first row is stored, and live values wait for them. So in a round a few are asked for their past and the others for the
present alone. What is put off is owed, and the store keeps it until it was read: after a restart the newest stored
value would say that nothing is missing.

A venue that refuses a range is asked for half of it, and what it then gives is remembered: the next questions reach no
further, until it is tried again after a week.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Final, NamedTuple

from signals.units import DAY, HOUR, floor
from storage.sources.coverage import Granted

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from bot.market.source import Topic
    from bot.market.source_state import TopicState
    from storage.market.points import Newest
    from storage.sources.coverage import Debt

    Remembered = Callable[[str, str, str], Newest | None]

HISTORY: Final = timedelta(days=200)  # what the longest window (180 days) needs, where the venue still has it
OVERLAP: Final = timedelta(hours=2)  # hourly history is published late and corrected; writing twice changes nothing
PORTION: Final = 20  # pasts asked for in one round, topic and venue: some 5 MB of bars, 20 calls of Binance's 500
LONG: Final = timedelta(days=7)  # a shorter past is asked for at once, so that a stop of days leaves no hole for long
REFUSED: Final = DAY  # so long a past rests that was refused however short it was asked
RENEWED: Final = 7 * DAY  # so long a refused range is not asked for again
_LATELY: Final = timedelta(hours=3)  # the present of what comes in rows, while its past has to wait

KEY_INPUT: Final[dict[Topic, str]] = {  # whose newest value says how far the store has come
    "bars": "close",
    "open_interest": "open_interest_coin",
    "funding": "funding_rate",
    "ratios": "long_short_accounts",
    "depth": "depth_bids_usd",
    "volatility": "implied_volatility",
    "dated_futures": "dated_premium",
    "fear_greed": "fear_greed",
    "stablecoins": "stablecoin_supply_usd",
}
_IN_ROWS: Final = frozenset({"bars", "fear_greed", "stablecoins", "volatility"})  # asked from the newest known row on
_PRESENT: Final = frozenset({"depth", "options", "dated_futures"})  # topics without a past: nobody gives it back
# Whose past is a call of its own beside the present, once an hour, to correct what the polls have brought: it can wait,
# and 700 contracts at once would be 70 % of what Binance allows in five minutes.
_BESIDE: Final = frozenset({"open_interest", "ratios"})


class Question(NamedTuple):
    """What is asked of one asset. past: its answer says everything from `since` on, as far as the venue has it."""

    name: str
    since: datetime | None
    past: bool


@cache
def _of_now(name: str) -> Question:
    """Ask for the present of an asset. Kept, since a minute has thousands of them and a few hundred names."""
    return Question(name, None, past=False)


@dataclass(slots=True)
class Ledger:
    """The pasts of one round: put off or answered in it, to be kept with what it brings.

    changed: what is owed from when on, and what is owed no more (None). paid: what was answered; until the round is
    over it is not certain that the answer is kept. reaches: how far back the venue gives, where it refused more.
    """

    changed: dict[Debt, datetime | None] = field(default_factory=dict)
    paid: dict[Debt, datetime] = field(default_factory=dict)
    reaches: dict[tuple[str, str], Granted] = field(default_factory=dict)


class HistoryPlanner:
    """Plan the questions of a round of one source, and know what past is owed.

    remembered: the newest stored value of (venue, asset, input). history: how far back a first past reaches. portion:
    pasts of a topic that are asked for in one round.
    """

    def __init__(self, remembered: Remembered, history: timedelta, portion: int) -> None:
        self._remembered, self._history, self._portion = remembered, history, portion
        # By venue and topic, then by asset: what one topic owes is no work for hundreds of assets of the others.
        self._owed: defaultdict[tuple[str, str], dict[str, datetime]] = defaultdict(dict)
        self._refused: dict[Debt, datetime] = {}  # pasts that were refused, however short, and when
        self._failed: set[Debt] = set()  # whose last question for a past was not answered: the present comes first
        self._reaches: dict[tuple[str, str], Granted] = {}
        self._outside = Ledger()  # what was owed from outside a round; the next one keeps it

    def load(self, owed: Mapping[Debt, datetime], reaches: Mapping[tuple[str, str], Granted]) -> None:
        """Take over what an earlier process had put off, and how far back it was given."""
        for (venue, topic, asset), since in owed.items():
            self._owed[venue, topic][asset] = since
        self._reaches |= reaches

    def open(self) -> Ledger:
        """Begin a round."""
        ledger, self._outside = self._outside, Ledger()
        return ledger

    def plan(
        self,
        venue: str,
        topic: TopicState,
        due: Sequence[str],
        free: Iterable[str],
        now: datetime,
        barred: Collection[tuple[str, str]],
        ledger: Ledger,
        *,
        present_only: bool = False,
    ) -> list[Question]:
        """Say what is asked of each asset that is due, and of as many of the free ones that are owed a past.

        barred: pairs of venue and asset whose answers would not be kept, so that their past is not asked for.
        present_only: somebody waits for the answer, so that every long past is put off.
        """
        asked = set(due)
        owed = self._owed[venue, topic.topic]
        waiting = [name for name in free if name in owed and name not in asked] if owed else []
        begins = self._begins(venue, topic, [*due, *waiting], now)
        some = self._refused or self._failed
        resting = {name for name in begins if self._rests((venue, topic.topic, name), now)} if some else set()
        if not any(begins.values()):  # the present of all of them, as in most rounds
            return list(map(_of_now, due))
        rationed = [
            name
            for name, begin in begins.items()
            if begin and (name in waiting or name in resting or _can_wait(topic.topic, begin, now))
        ]
        able = [name for name in rationed if (venue, name) not in barred and name not in resting]
        able.sort(key=lambda name: (topic.assets[name].full_at is not None, topic.assets[name].full_at or now))
        chosen = set() if present_only else set(able[: self._portion])
        put_off = set(rationed)
        found = [Question(name, begins[name], begins[name] is not None) for name in due if name not in put_off]
        for name in rationed:
            begin = begins[name]
            if name in chosen:
                found.append(Question(name, begin, past=True))
            elif begin is not None and name in asked:
                self._put_off((venue, topic.topic, name), begin, ledger)
                found.append(Question(name, now - _LATELY if topic.topic in _IN_ROWS else None, past=False))
        place = {name: number for number, name in enumerate((*due, *waiting))}
        return sorted(found, key=lambda question: place[question.name])

    def owe(self, debt: Debt, since: datetime) -> None:
        """Have a past asked for from `since` on, whatever is known already."""
        before = self._since(debt)
        if before is None or since < before:
            self._put_off(debt, since, self._outside)

    def answered(self, debt: Debt, since: datetime | None, now: datetime, ledger: Ledger) -> None:
        """Note that the past of an asset was answered from `since` on; None where the venue has not the asset."""
        if self._owed[debt[:2]].pop(debt[2], None):
            ledger.changed[debt] = None
        if since and _can_wait(debt[1], since, now):
            ledger.paid[debt] = since

    def failed(self, debt: Debt) -> None:
        """Note that a past was asked for and nothing came: next time the present alone is asked, once."""
        self._failed.add(debt)

    def refused(self, debt: Debt, since: datetime, now: datetime, ledger: Ledger) -> None:
        """Note that a past was refused, however short it was asked: it stays owed, and rests for a day."""
        self._refused[debt] = now
        self._put_off(debt, min(since, self._since(debt) or since), ledger)

    def doubted(self, debt: Debt, since: datetime, ledger: Ledger) -> None:
        """Note that a past was not believed yet: it stays owed, and is asked for again at the next turn."""
        self._put_off(debt, min(since, self._since(debt) or since), ledger)

    def granted(self, venue: str, topic: Topic, span: timedelta, now: datetime, ledger: Ledger) -> None:
        """Remember how far back a venue answers that had refused more; of several assets the longest counts."""
        known = self._reach(venue, topic, now)
        if known is None or span > known:
            self._reaches[venue, topic] = ledger.reaches[venue, topic] = Granted(span, now)

    def _reach(self, venue: str, topic: Topic, now: datetime) -> timedelta | None:
        reach = self._reaches.get((venue, topic))
        return reach.span if reach and timedelta(0) <= now - reach.at < RENEWED else None

    def _rests(self, debt: Debt, now: datetime) -> bool:
        """Tell whether only the present may be asked: for a day after a refusal, once after a failure."""
        refused = self._refused.get(debt)
        if refused is not None and timedelta(0) <= now - refused < REFUSED:
            return True
        if debt in self._failed:
            self._failed.discard(debt)
            return True
        return False

    def unkept(self, venue: str, asset: str, ledger: Ledger) -> None:
        """Note that an answer of a round was not kept: what was paid by it is owed as before."""
        for debt, since in ledger.paid.items():
            if (debt[0], debt[2]) == (venue, asset):
                self._put_off(debt, since, ledger)

    def owes(self, venue: str, topic: Topic) -> bool:
        """Tell whether any past of a topic is owed."""
        return bool(self._owed[venue, topic])

    def count(self, assets: Collection[str]) -> int:
        """Count the pasts that are owed."""
        return sum(asset in assets for owed in self._owed.values() for asset in owed)

    def _put_off(self, debt: Debt, since: datetime, ledger: Ledger) -> None:
        if self._since(debt) != since:
            self._owed[debt[:2]][debt[2]] = ledger.changed[debt] = since

    def _since(self, debt: Debt) -> datetime | None:
        return self._owed[debt[:2]].get(debt[2])

    def _begins(self, venue: str, state: TopicState, names: Sequence[str], now: datetime) -> dict[str, datetime | None]:
        """Choose where each question begins; within an hour it is the present alone for nearly all that are levels."""
        if state.topic in _PRESENT:
            return dict.fromkeys(names)
        if state.topic in _IN_ROWS or self._owed[venue, state.topic]:
            return {name: self._begin(venue, state, name, now) for name in names}
        hour = floor(now, HOUR)
        later, assets = hour + HOUR, state.assets
        return {
            name: None
            if (known := assets[name].full_at) is not None and hour <= known < later
            else self._begin(venue, state, name, now)
            for name in names
        }

    def _begin(self, venue: str, state: TopicState, name: str, now: datetime) -> datetime | None:
        """Choose where a question begins, no further back than the venue gives; None for the present alone."""
        begin = self._wanted(venue, state, name, now)
        if begin is None:
            return None
        reach = self._reach(venue, state.topic, now)
        return begin if reach is None else max(begin, now - reach)

    def _wanted(self, venue: str, state: TopicState, name: str, now: datetime) -> datetime | None:
        """Begin at what is known already; for levels, once an hour, else just the present."""
        topic, asset = state.topic, state.assets[name]
        owed = self._owed[venue, topic].get(name)
        if owed is not None:
            return max(owed, now - self._history)
        known = asset.newest if topic in _IN_ROWS else asset.full_at
        if known is None:
            stored = self._remembered(venue, name, KEY_INPUT[topic])
            return max(stored.at - OVERLAP, now - self._history) if stored else now - self._history
        if topic in _IN_ROWS:
            return known
        same_hour = known.hour == now.hour and known.date() == now.date()
        return None if same_hour else known - OVERLAP


def shorter(since: datetime, now: datetime) -> datetime | None:
    """Return where half a range begins; None where it is too short to be halved."""
    half = (now - since) / 2
    return now - half if half > HOUR else None


def _can_wait(topic: str, begin: datetime, now: datetime) -> bool:
    return topic in _BESIDE or now - begin > LONG
