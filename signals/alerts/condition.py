"""Conditions over named values, and the levels they make. One evaluator serves one close and whole history alike."""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

Rank = Literal["notice", "warning", "critical"]
RANKS: Final[tuple[Rank, ...]] = ("notice", "warning", "critical")
Operator = Literal["<=", "<", ">=", ">"]
AT_ONCE: Final = timedelta(0)  # the hold of what is entered at the first close: an alarm that gets worse waits for none

# What holds, and what then does not. Neither is true of NaN, so what is not known is neither. They take floats as well
# as arrays of them.
_OPERATORS: Final[Mapping[Operator, tuple[Callable[[Any, Any], Any], Callable[[Any, Any], Any]]]] = {
    "<=": (operator.le, operator.gt),
    "<": (operator.lt, operator.ge),
    ">=": (operator.ge, operator.lt),
    ">": (operator.gt, operator.le),
}


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison of a named value: `at_most("value", -0.30)`. `bound` may name another value."""

    name: str
    op: Operator
    bound: float | str

    def judged(self, values: Mapping[str, Any]) -> tuple[Any, Any]:
        """Return where the condition holds and where it does not: bools for floats, arrays of them for arrays.

        NaN handling: where a value that it needs is not known, neither is true. A name that is missing is not known.
        """
        value = values.get(self.name, math.nan)
        bound = values.get(self.bound, math.nan) if isinstance(self.bound, str) else self.bound
        holds, fails = _OPERATORS[self.op]
        return holds(value, bound), fails(value, bound)

    def within(self, metric: str) -> Condition:
        """Return the condition with short names made whole: in a metric's own file `value` means that metric's."""
        bound = _whole(self.bound, metric) if isinstance(self.bound, str) else self.bound
        return replace(self, name=_whole(self.name, metric), bound=bound)

    def names(self) -> Iterator[str]:
        """Yield the names of the values that it reads."""
        yield self.name
        if isinstance(self.bound, str):
            yield self.bound


def _whole(name: str, metric: str) -> str:
    return name if "." in name else f"{metric}.{name}"


Groups = tuple[tuple[Condition, ...], ...]


def judged(groups: Groups, values: Mapping[str, Any]) -> tuple[Any, Any]:
    """Return where all conditions of any one group hold, and where no group does; elsewhere it is not known.

    A value that cannot change the answer is not missed: funding of 40 % a year is beyond the line of 30 % with or
    without a percentile, and −10 % is no −30 % whatever the coins did. Floats and arrays as in `Condition.judged`.
    """
    holds: Any = False
    fails: Any = True
    for group in groups:
        every: Any = True
        one_not: Any = False
        for condition in group:
            yes, no = condition.judged(values)
            every, one_not = every & yes, one_not | no
        holds, fails = holds | every, fails & one_not
    return holds, fails


def held(groups: Groups, values: Mapping[str, float]) -> bool | None:
    """Tell whether all conditions of any one group hold at one close; None where it is not known."""
    holds, fails = judged(groups, values)
    return True if holds else False if fails else None


def at_most(bound: float | str, name: str = "value") -> Condition:
    """Return the condition value ≤ bound."""
    return Condition(name, "<=", bound)


def below(bound: float | str, name: str = "value") -> Condition:
    """Return the condition value < bound."""
    return Condition(name, "<", bound)


def at_least(bound: float | str, name: str = "value") -> Condition:
    """Return the condition value ≥ bound."""
    return Condition(name, ">=", bound)


def above(bound: float | str, name: str = "value") -> Condition:
    """Return the condition value > bound."""
    return Condition(name, ">", bound)


@dataclass(frozen=True, slots=True)
class Level:
    """What a rank is entered by, and by what other conditions it is left.

    enter: groups of conditions; the level is entered when all conditions of any one group hold for `hold`.
    leave: groups likewise; the level is left when any one group holds for `hold_leave`, and with it those above it
    of which no line is crossed. While a value that could decide a side is not known, nothing happens on that side. A
    hold is in time: at hourly closes 2 h are 2 closes.
    at_once: groups likewise, which end the level at the first close that any one holds, without waiting.
    """

    rank: Rank
    enter: Groups
    leave: Groups
    hold: timedelta
    hold_leave: timedelta
    at_once: Groups = ()

    def __post_init__(self) -> None:
        if set(self.enter) & set(self.leave):
            raise ValueError("a level is left on another line than it is entered, or the alert flickers")

    def within(self, metric: str) -> Level:
        """Return the level with the short names of its conditions made whole."""
        enter, leave, at_once = (
            tuple(tuple(condition.within(metric) for condition in group) for group in groups)
            for groups in (self.enter, self.leave, self.at_once)
        )
        return replace(self, enter=enter, leave=leave, at_once=at_once)

    def names(self) -> Iterator[str]:
        """Yield the names of the values that its conditions read."""
        for groups in (self.enter, self.leave, self.at_once):
            for group in groups:
                for condition in group:
                    yield from condition.names()


def level(
    rank: Rank,
    *,
    enter: Condition | tuple[Condition, ...] | list[tuple[Condition, ...]],
    leave: Condition | tuple[Condition, ...] | list[tuple[Condition, ...]],
    hold: timedelta,
    hold_leave: timedelta | None = None,
    at_once: Condition | tuple[Condition, ...] | list[tuple[Condition, ...]] = (),
) -> Level:
    """Declare a level. A tuple of conditions must hold together; a list of tuples are alternatives."""
    stays = hold if hold_leave is None else hold_leave
    return Level(rank, _groups(enter), _groups(leave), hold, stays, _groups(at_once) if at_once else ())


def _groups(conditions: Condition | tuple[Condition, ...] | list[tuple[Condition, ...]]) -> Groups:
    if isinstance(conditions, Condition):
        return ((conditions,),)
    return (conditions,) if isinstance(conditions, tuple) else tuple(conditions)
