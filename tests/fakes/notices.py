"""Notices for tests of delivery: payloads with ready words, and claiming and settling in a transaction of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from handlers.reply import Line, to_json
from storage.alerts import outbox

if TYPE_CHECKING:
    from datetime import datetime

    from storage.alerts.outbox import Claim
    from storage.engine.database import Store


def ready(text: str, role: str = "headline", **more: Any) -> dict[str, Any]:
    """Return the payload of a notice whose words are made, as earlier versions stored them."""
    return {"blocks": to_json((Line(text, role),)), **more}  # type: ignore[arg-type]


def claim_from(store: Store, **how: Any) -> list[Claim]:
    """Claim in a transaction of its own."""
    with store.write() as work:
        return outbox.claim(work, **how)


def sent_from(store: Store, claim: Claim, message: str | None, *, now: datetime) -> None:
    """Settle a claim as sent in a transaction of its own."""
    with store.write() as work:
        outbox.sent(work, [(claim, message, now)])
