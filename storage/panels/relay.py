"""Who speaks when: one venue speaks for a window, and while it is silent the next one takes over, without a jump.

A venue that takes over is brought to the scale of the one it stands in for: by their ratio in the last row that both
know, and, once the other one is back, along the line between the ratios before and after. So what it tells is how far
things moved meanwhile, and the change of speakers itself is no move. What has no scale (a funding rate) is taken as it
is. Flows differ from hour to hour, so theirs is the median ratio of all rows that both know.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

from signals.inputs import INPUTS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from signals.series import Array, Speakers

    KnownRows: TypeAlias = np.ndarray[tuple[int], np.dtype[np.bool_]]

# What belongs together is told by one venue in each row, and those of a value are scaled like it.
GROUPS: Final = (
    ("close", "open", "high", "low"),
    ("volume_usd", "taker_buy_usd"),
    ("open_interest_coin", "open_interest_usd"),
    ("funding_rate", "funding_interval_hours"),
    ("liquidated_longs_usd", "liquidated_shorts_usd"),
    ("depth_bids_usd", "depth_asks_usd"),
    ("mark_price", "index_price"),
    ("dated_premium", "dated_days"),
)
# What means nothing beside another venue's: the premium of a perpetual is a hundredth of what two venues differ by.
INSEPARABLE: Final = GROUPS[-3:]
_SCALED_LIKE: Final = {
    "open": "close",
    "high": "close",
    "low": "close",
    "taker_buy_usd": "volume_usd",
    "index_price": "mark_price",
}
_SCALED: Final = frozenset(
    name for name, one in INPUTS.items() if one.counts or one.across == "sum" or one.unit.startswith("USD")
)
NOT_KNOWN: Final = -1  # who speaks in a row in which nobody does


@dataclass(frozen=True, slots=True)
class Relay:
    """Inputs as they were told. values: by name, one a row. speakers: who spoke in each row, the usual one first."""

    values: Mapping[str, Array]
    speakers: Speakers

    @property
    def last(self) -> str:
        """Return the venue that spoke last; the usual one where nobody did."""
        venues, spoke = self.speakers
        known = np.flatnonzero(spoke != NOT_KNOWN)
        return venues[int(spoke[known[-1]])] if len(known) else venues[0]

    @property
    def changes(self) -> bool:
        """Tell whether another than the usual venue spoke in any row."""
        return bool((self.speakers[1] > 0).any())


def groups(names: Sequence[str]) -> list[tuple[str, ...]]:
    """Return inputs as they are told together."""
    found = [tuple(name for name in group if name in names) for group in GROUPS]
    grouped = {name for group in found for name in group}
    return [group for group in found if group] + [(name,) for name in names if name not in grouped]


def relayed(
    names: Sequence[str], order: Sequence[str], read: Callable[[str], Mapping[str, Array]], *, whole: bool = False
) -> Relay:
    """Return inputs as the first venue of `order` tells them, and where it is silent as the next ones do.

    names: inputs that belong together. read: the values of a venue by name, NaN where not known. whole: a venue speaks
    only where it knows all of them. A row that the first one knows is never touched.

    NaN handling: a row that nobody knows stays not known, and so does one whose scale is not: of dollars and coins
    without a row that both know, or one beside it.
    """
    own = read(order[0])
    asked = list(names) if whole else [name for name in names if not np.isnan(own[name]).all()] or list(names)
    spoke = np.where(_all_known(own, asked), 0, NOT_KNOWN).astype(np.int8)
    values = {name: own[name].copy() for name in names}
    for number, venue in enumerate(order[1:], 1):
        missing = spoke == NOT_KNOWN
        if not missing.any():
            break
        theirs = read(venue)
        use = missing & _all_known(theirs, asked)
        if not use.any():
            continue
        scales = {name: _scale(name, own, theirs, use) for name in names}
        use &= _all_known(scales, asked)
        for name in names:
            values[name][use] = (theirs[name] * scales[name])[use]
        spoke[use] = number
    return Relay(values, (tuple(order), spoke))


def _all_known(of: Mapping[str, Array], names: Sequence[str]) -> KnownRows:
    return np.asarray(~np.isnan(np.array([of[name] for name in names])).any(axis=0), dtype=bool)


def _scale(name: str, own: Mapping[str, Array], theirs: Mapping[str, Array], use: KnownRows) -> Array:
    """Return by what a venue's values are multiplied in each row; NaN where that is not known."""
    rows = np.arange(len(use))
    like = _SCALED_LIKE.get(name, name)
    if name not in _SCALED:
        return np.ones(len(use))
    ours, others = own.get(like, own[name]), theirs.get(like, theirs[name])
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.log(ours / others)
    common = np.flatnonzero(np.isfinite(ratio))
    if len(common):
        if INPUTS[name].fold == "sum":
            return np.full(len(use), np.exp(np.median(ratio[common])))
        return np.asarray(np.exp(np.interp(rows, common, ratio[common])))
    if INPUTS[name].counts == "price":  # one price is another's to a few basis points
        return np.ones(len(use))
    return _beside(ours, others, use)


def _beside(ours: Array, others: Array, use: KnownRows) -> Array:
    """Return the scale of one that begins in the row after the other one's last, or ends in that before its first."""
    known, theirs = np.flatnonzero(~np.isnan(ours)), np.flatnonzero(use)
    scale = np.full(len(use), np.nan)
    if not len(known):
        return scale
    for here, there in ((known[-1], theirs[0]), (known[0], theirs[-1])):
        if abs(int(there) - int(here)) == 1 and others[there] > 0:
            return np.full(len(use), ours[here] / others[there])
    return scale
