"""Of which assets a rule is, as they are followed today."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from signals.units import DAY
from storage.market import points
from storage.people import rules

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from signals.rules.reading import Scope
    from storage.engine.database import Store

FRESH: Final = 2 * DAY  # open interest that is older says nothing of how large an asset is


def assets_of(store: Store, scope: Scope, followed: Sequence[str], now: datetime) -> tuple[str, ...]:
    """Return the assets of a scope in the order they are followed, the largest first where it asks for those.

    What is not followed is left out, as nothing is known of it. Of the largest it is those that the engine judges,
    where it judges so many already.
    """
    if scope.top:
        kept = rules.members(store).get(scope.top) if store.exists else None
        return tuple(asset for asset in kept or largest(store, followed, now)[: scope.top] if asset in followed)
    if scope.assets:
        return tuple(asset for asset in scope.assets if asset in followed)
    return tuple(followed)


def largest(store: Store, followed: Sequence[str], now: datetime) -> tuple[str, ...]:
    """Return assets by their open interest in USD over all venues, the largest first; unknown ones last, as they came.

    NaN handling: where a venue tells coins alone they are valued at its mark price; without that they count nothing.
    """
    newest = points.newest_of_all(store) if store.exists else {}
    open_usd: defaultdict[str, float] = defaultdict(float)
    for (venue, asset, name), point in newest.items():
        if now - point.at > FRESH:
            continue
        if name == "open_interest_usd":
            open_usd[asset] += point.value
        elif name == "open_interest_coin" and (venue, asset, "open_interest_usd") not in newest:
            price = newest.get((venue, asset, "mark_price"))
            open_usd[asset] += point.value * price.value if price else 0.0
    return tuple(sorted(followed, key=lambda asset: -open_usd.get(asset, -1.0)))
