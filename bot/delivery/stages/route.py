"""Route: which destinations an event is for. The query `announce` is its set form, for all destinations at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from signals.inputs import MARKET
from storage.people.destinations import ANY

if TYPE_CHECKING:
    from bot.delivery.stages.outcome import Recipient


def route(rule: str, asset: str, recipient: Recipient, *, only_asked: bool = False) -> bool:
    """Tell whether a destination asked for a rule about an asset; what is of the market is of every asset.

    only_asked: it is not for those who subscribed to everything and not to this rule by name.
    """
    return not recipient.gone and any(
        (wanted == rule or (wanted == ANY and not only_asked)) and (of in {ANY, asset} or asset == MARKET)
        for wanted, of in recipient.subscriptions
    )
