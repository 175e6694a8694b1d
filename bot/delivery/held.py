"""What waited for quiet hours or for a new day, told: one message a destination, or the next digest."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from bot.delivery.settling import passes
from bot.delivery.stages.mute import mute
from bot.delivery.stages.only import only
from bot.delivery.stages.outcome import Recipient
from signals.alerts.condition import RANKS
from signals.alerts.event import HELD
from signals.units import HOUR, MINUTE
from storage.alerts import outbox
from storage.alerts.sending import held
from storage.people import switches

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from storage.alerts.sending.held import HeldRow, HeldThere
    from storage.engine.work import Work
    from storage.people.switches import Switch

MOST: Final = 200  # destinations at once: of a hundred thousand that wake at seven none waits for the database
LISTED: Final = 10  # notices that are told by a line each
DIGEST_SOON: Final = HOUR  # a digest that is due so soon tells of it
DIGEST_LATE: Final = 10 * MINUTE  # and one that has not told by then does not
IS_TOLD_FOR: Final = timedelta(days=7)
_REASON: Final = "one message told of all that had waited"


def tell_held(work: Work, now: datetime) -> None:
    """Tell of all that is held no longer, in the transaction that settles it."""
    places = held.due(work, now=now, most=MOST)
    chosen = switches.of(work, [place.destination for place in places])
    for place in places:
        _tell(work, place, chosen.get(place.destination, ()), now)


def _tell(work: Work, place: HeldThere, chosen: tuple[Switch, ...], now: datetime) -> None:
    """Tell a destination of what waited, unless it is quiet there now, or a digest comes soon."""
    recipient = Recipient(place.zone, chosen)
    soon = held.digest_soon(work, place.destination, now=now, latest=now + DIGEST_SOON)
    if later := recipient.quiet_until(now) or (soon and soon + DIGEST_LATE):
        held.hold_on(work, place.rows, later)
        return
    rows = [one for one in place.rows if _is_wanted(work, place.destination, one, recipient, now)]
    if len(rows) == 1 and rows[0].held_for == "quiet":
        held.let_go(work, rows[0].row, now=now)  # alone it is told in full
        return
    if not rows:
        return
    parts = {of: [one for one in rows if one.held_for == of] for of in ("quiet", "budget")}
    event: dict[str, Any] = {
        "event": HELD,
        "at": now.isoformat(),
        "hours": next((switch.hours for switch in chosen if switch.kind == "quiet"), None),
        "most": switches.budget_of(chosen),
        **{of: _listed(part) for of, part in parts.items() if part},
    }
    rank = max((one.row.notice.rank for one in rows), key=RANKS.index)
    notice = outbox.Notice("held", rank, now, event)
    outbox.announce_to(work, place.destination, notice, now=now, expires=now + IS_TOLD_FOR)
    held.told(work, [one.row for one in rows], _REASON, now=now)


def _is_wanted(work: Work, destination: int, one: HeldRow, recipient: Recipient, now: datetime) -> bool:
    """Settle what the destination has muted since it is held, and tell whether this is none of it."""
    outcomes = (mute(one.row, recipient, now), only(one.row, recipient))
    return all(passes(work, destination, one.row, outcome, now) for outcome in outcomes)


def _listed(rows: Sequence[HeldRow]) -> dict[str, Any]:
    """Return how many there are, and the most important of them: by rank, what is still on first, then by age."""
    ranked = sorted(
        (one.row for one in rows),
        key=lambda row: (-RANKS.index(row.notice.rank), row.notice.kind == "resolved", row.notice.number),
    )
    listed = [
        {
            "at": row.notice.at.isoformat(),
            "kind": row.notice.kind,
            "told": row.message is not None,
            "payload": row.notice.payload,
        }
        for row in ranked[:LISTED]
    ]
    return {"count": len(ranked), "notices": listed}
