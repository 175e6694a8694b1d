"""Where the watched positions of a person stand at the moment they ask."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from handlers.command import Deps
    from handlers.position_now import Now
    from storage.people.positions import Watched


def now_of(deps: Deps, every: Sequence[Watched]) -> list[Now]:
    """Look positions up by what is stored."""
    from handlers.position_now import Looker  # noqa: PLC0415 - opens the database
    from storage.market import tiers  # noqa: PLC0415 - looks into a folder

    looker, shelf = Looker(deps.store), tiers.shelf(deps.store)
    return [looker.of(each, deps.now, shelf) for each in every]


async def refresh(deps: Deps, every: Sequence[Watched]) -> None:
    """Bring the prices of typed positions up to date where they are not."""
    from handlers.position_now import FRESH  # noqa: PLC0415 - opens the database
    from signals.liquidation.watching import stored_as  # noqa: PLC0415 - as above
    from storage.market import ranges  # noqa: PLC0415 - as above

    for asset, venue in dict.fromkeys((each.stake.asset, each.stake.listed) for each in every if each.followed is None):
        newest = ranges.mark(deps.store, asset, venue)
        if newest is None or deps.now - newest.at > FRESH:
            await deps.refresh(stored_as(asset)[0])
