"""What tests ask of whole files of leverage tiers: which contracts stand in one, and whether its amounts fit."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from signals.liquidation.rules import rule_for
from signals.liquidation.tables import _dated, listed

if TYPE_CHECKING:
    import datetime as dt

    from signals.assets import Instrument
    from signals.liquidation.tables import RenewedTables, TierTable


def instruments(
    venue: str, contract: str, on: dt.date | None = None, renewed: RenewedTables | None = None
) -> tuple[Instrument, ...]:
    """Return the contracts in a venue's newest table file, or the newest known `on` a day."""
    newest, *_ = _dated(rule_for(venue, contract), on, renewed)
    rows = [line.split(",", 2) for line in newest.text().splitlines() if line and not line.startswith("#")]
    return tuple(listed(row[0], row[1], contract) for row in rows)


def breaks_of_recurrence(table: TierTable) -> list[int]:
    """Return the numbers of the tiers whose amount is not amount_before + floor * (rate - rate_before).

    Empty means: the maintenance margin has no jump at any border. Tables without amounts have jumps.
    """
    wants = [(above, below.amount + above.floor * (above.rate - below.rate)) for below, above in pairwise(table.tiers)]
    return [tier.number for tier, want in wants if abs(tier.amount - want) > 1e-9 * max(1.0, abs(want))]
