"""Which rules are judged by the minute: those over price alone, since an hour later is of no use to a trader."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from signals.alerts.derived import CROSSINGS
from signals.units import HOUR, MINUTE

if TYPE_CHECKING:
    from signals.alerts.rule import AlertRule

METRIC: Final = "price_move"
PRICE: Final = f"{METRIC}.price"
HOURLY: Final = f"{METRIC}.change_1h"


def is_live(rule: AlertRule) -> bool:
    """Tell whether all that a rule compares can be known by the minute: price, its change in an hour, its crossings."""
    made = {one.name: one for one in rule.derived}
    return rule.metrics == (METRIC,) and all(
        name in {PRICE, HOURLY}
        or (
            name in made
            and made[name].of == PRICE
            and (made[name].kind in CROSSINGS or (made[name].over <= HOUR and not made[name].over % MINUTE))
        )
        for name in _compared(rule)
    )


def price_alone(rule: AlertRule) -> bool:
    """Tell whether a rule that is judged by the minute compares nothing but price itself, crossings included."""
    made = {one.name: one for one in rule.derived}
    return is_live(rule) and all(
        name == PRICE or (name in made and made[name].kind in CROSSINGS) for name in _compared(rule)
    )


def _compared(rule: AlertRule) -> set[str]:
    return {name for level in rule.levels for name in level.names()}
