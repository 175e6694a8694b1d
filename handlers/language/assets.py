"""Which asset a person means: the one that was named, else that of the alert which is answered, else the first one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from handlers.command import Refused
from handlers.language.kinds import ASSET, argument
from handlers.words import wording
from signals.inputs import MARKET
from storage.market import points

if TYPE_CHECKING:
    from handlers.command import Deps

_MOST_NAMED = 12


@dataclass(frozen=True, slots=True)
class OneAsset:
    """Which asset; where none is named that of the alert which is answered, else the first followed one."""

    asset: str | None = argument(ASSET, default=None)


def usual_asset(deps: Deps) -> str:
    """Return the asset where none is named: that of the alert which is answered, else the first followed one."""
    return next((episode.asset for episode in deps.about() if episode.asset != MARKET), deps.assets[0])


def meant_asset(deps: Deps, asset: str | None, example: str) -> str:
    """Return the asset that is meant, by default as `usual_asset`.

    Refused where nothing is known of it; a venue can say how it stands now.
    """
    if asset is None or asset == MARKET:  # a button under a figure of the whole market names no asset
        return usual_asset(deps)
    if asset in deps.assets:
        return asset
    stored = [name for name in points.assets(deps.store) if name != MARKET] if deps.store.exists else []
    if asset in stored:
        return asset
    names = list(dict.fromkeys((*deps.assets, *stored)))
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    listed = ", ".join(names[:_MOST_NAMED]) + more if more else wording.listing(names)
    raise Refused(f"Nothing is known of {asset}. There is {listed}. Type it like {example}.", unfollowed=asset)
