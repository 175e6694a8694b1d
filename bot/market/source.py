"""What answers questions about the market: each source says what it offers and answers in our units.

Foreign errors are translated once, at a source's own border, into the three below; nobody else sees them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime, timedelta

    from signals.options import Chain
    from storage.market.points import Points, Snapshot

    Found = Points | Chain

Topic = Literal[
    "bars",
    "open_interest",
    "funding",
    "ratios",
    "depth",
    "volatility",
    "options",
    "dated_futures",
    "liquidations",
    "fear_greed",
    "stablecoins",
]


About = Literal["host", "question", "range"]


class SourceError(Exception):
    """Something outside did not answer as it should. The text is a sentence that an owner can read."""


class SourceDown(SourceError):  # noqa: N818 - it names a state, as do the two below
    """Down, too slow, too busy or talking nonsense: try again, at `retry_at` if the venue named a time.

    about: what the trouble is with. `question`: with this one, so that another may be answered; `range`: with how far
    back it reaches, so that a shorter one may be.
    """

    def __init__(self, reason: str, retry_at: datetime | None = None, about: About = "host") -> None:
        super().__init__(reason)
        self.retry_at, self.about = retry_at, about


class Blocked(SourceError):  # noqa: N818 - as above
    """The venue refuses this host (451, 403): one probe an hour, and the owner is told what to do."""


class NotOffered(SourceError):  # noqa: N818 - as above
    """The venue does not know this asset or does not offer this: isolate it, the others go on.

    near: assets of the venue whose names look alike, where it is the name that is not known.
    """

    def __init__(self, reason: str, near: Sequence[str] = ()) -> None:
        super().__init__(reason)
        self.near = tuple(near)


@dataclass(frozen=True, slots=True)
class Ask:
    """One question: a topic for one asset (MARKET for a market-wide figure), from `since` (inclusive) until now.

    since None asks for what the source gives in one answer. `now` is the time of asking: a bar that is not closed by
    then is not part of the answer.
    """

    topic: Topic
    asset: str
    now: datetime
    since: datetime | None = None


class Source(Protocol):
    """A venue or provider.

    name: the venue word stored with each value. offers: topics with the pause between two questions.
    """

    name: str
    offers: dict[Topic, timedelta]
    attribution: str  # what its terms ask us to say, shown by /about
    caveats: Mapping[Topic, str]  # what must be said with its figures: a floor, a derived unit, a time of ours
    left_out: Mapping[str, str]  # what it lists and is no perpetual of a coin, and what that is: a share, dated

    async def fetch(self, ask: Ask) -> Sequence[Found]:
        """Answer in our units, times in UTC. SourceDown, Blocked or NotOffered, and nothing else, when it cannot."""
        ...

    async def close(self) -> None:
        """Close connections; safe to call twice."""
        ...


@runtime_checkable
class TellsAll(Source, Protocol):
    """A source that tells how all assets stand in one answer: a ticker, a list of contracts.

    at_once: the topics of which it does.
    """

    at_once: Collection[Topic]

    async def fetch_all(self, topic: Topic, assets: Sequence[str], now: datetime) -> Snapshot | None:
        """Answer how assets stand now; whoever is left out is to be asked for by itself. Errors as of `fetch`."""
        ...
