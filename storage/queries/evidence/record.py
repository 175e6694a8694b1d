"""What was told and what came of it, read for an answer: what nothing came of stands first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from signals.alerts.burst import BURST
from signals.alerts.record import AFTER, definition_of, definition_of_moves
from signals.alerts.rule import rules
from signals.evidence import horizon_of
from signals.inputs import MARKET
from signals.metric import metrics
from signals.units import DAY
from storage.alerts import record
from storage.queries.market.changes import usual_move
from storage.queries.market.charts import PRICE_OF_THE_MARKET

if TYPE_CHECKING:
    from datetime import datetime

    from storage.alerts.record import Entry, Outcome
    from storage.engine.database import Store


@dataclass(frozen=True, slots=True)
class JudgedEntry:
    """An entry and what came of it after as long as its rule is judged by, or after the longest known yet.

    outcome: None where it is not judged yet. usual: what price usually moves in so long a time, a fraction; None where
    too little is known.
    """

    entry: Entry
    outcome: Outcome | None
    usual: float | None

    @property
    def missed(self) -> bool:
        """Tell whether nothing came of it: price moved less than it usually does."""
        return self.outcome is not None and self.usual is not None and abs(self.outcome.change) < self.usual

    @property
    def against_usual(self) -> float:
        """Return how often the usual move goes into what came of it; 0 where that is not known."""
        return abs(self.outcome.change) / self.usual if self.outcome and self.usual else 0.0


@dataclass(frozen=True, slots=True)
class RecordRead:
    """The record of what was asked for under today's definitions. earlier: how many were told under others.

    judged: misses first, that after which least happened against what is usual at the top. waiting: the newest first.
    """

    judged: tuple[JudgedEntry, ...]
    waiting: tuple[JudgedEntry, ...]
    earlier: int
    since: datetime | None


def read(store: Store, rule: str | None, asset: str | None) -> RecordRead:
    """Read the record of a rule, of an asset, of both, or all of it (None)."""
    every = record.entries(store, rule, asset) if store.exists else []
    today = {name: definition_of(declared, metrics()).hash for name, declared in rules().items()}
    today[BURST] = definition_of_moves().hash
    mine = [entry for entry in every if entry.definition == today.get(entry.rule, entry.definition)]
    found = [_judged(store, entry) for entry in mine]
    return RecordRead(
        tuple(sorted((one for one in found if one.outcome), key=lambda one: (one.against_usual, one.entry.at))),
        tuple(one for one in reversed(found) if not one.outcome),
        len(every) - len(mine),
        every[0].at if every else None,
    )


def _judged(store: Store, entry: Entry) -> JudgedEntry:
    wanted = _horizon(entry.rule)
    order = (wanted, *sorted((days for days in AFTER if days < wanted), reverse=True))
    outcome = next((found for days in order if (found := entry.outcome(days))), None)
    if outcome is None:
        return JudgedEntry(entry, None, None)
    whose = PRICE_OF_THE_MARKET if entry.asset == MARKET else entry.asset
    return JudgedEntry(entry, outcome, usual_move(store, whose, outcome.days * DAY, outcome.at))


def _horizon(rule: str) -> int:
    return horizon_of(rules()[rule], metrics()[rules()[rule].metrics[0]]) if rule in rules() else AFTER[0]
