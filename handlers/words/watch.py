"""What is said of a position when its watch begins or changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handlers.words import positions as words
from handlers.words import wording

if TYPE_CHECKING:
    from collections.abc import Sequence

    from handlers.position_now import Now
    from signals.liquidation import LiquidationAnswer


def liquidation_of(now: Now, answer: LiquidationAnswer | None = None) -> str:
    """Say where liquidation is, and how far from the mark price, or why that is not known."""
    at = f"Liquidation at {wording.price(answer.shown) if answer else words.liquidation(now)}"
    if not now.known:
        if now.mark_at is None:
            return f"{at}. No mark price of {now.watched.stake.asset} is stored yet; it is watched once there is one."
        when = wording.clock(now.mark_at, now.watched.zone, dated=True)
        return f"{at}. The last mark price is from {when}; it is watched once there is a fresh one."
    days = words.typical(now)
    return (
        f"{at}, {words.far(now.distance)} from the mark price {wording.price(now.mark)}{f' ({days})' if days else ''}."
    )


def told_at(now: Now, lines: Sequence[float], begins: float, *, own: bool) -> str:
    """Say at which lines something is told, and which are crossed already."""
    crossed = [each for each in lines if now.known and now.distance <= each]
    ahead = [each for each in lines if each not in crossed]
    if not ahead:
        return f"It is within {words.lines_said(crossed)} already; you are told when it no longer is."
    said = f"You are told here at {words.lines_said(ahead)} from liquidation, and when that is over."
    if crossed:
        said += f" It is within {words.lines_said(crossed)} already."
    if not own and begins <= 0.05:
        said += f" Own lines: /watch {now.watched.number} lines 3 2 1."
    return said
