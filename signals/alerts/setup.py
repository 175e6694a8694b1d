"""What a setup is, as frozen data: legs, how many and which must hold, what ends it, and its story in words.

A setup is an alert rule: its legs are counted close by close, for whole history and for the newest row alike, and the
counts are named values that its levels compare, so that the one machine of all alarms steps it
(signals/alerts/stepping.py). One file under signals/setups/ declares one.
"""

from __future__ import annotations

import importlib
import pkgutil
import string
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from signals.alerts.condition import AT_ONCE, Level, at_least, held, judged
from signals.alerts.rule import AlertRule

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from signals.alerts.condition import Condition, Groups, Rank


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """One fact that a setup is made of.

    id: within the setup. title: what the fact is about, in a few words of a sentence ("depth within 1 %"). holds:
    groups of conditions over whole names; the leg holds when all of any one group do. says: its line of evidence.
    must: without it there is no setup. passes: a fact of some days that goes by, which is not told. counted: False for
    what is named beside the story and never counted; such a leg is said when it holds, or always where it has no
    conditions. alarms: the ids of single alarms that tell this fact.
    """

    id: str
    title: str
    says: str
    holds: Groups = ()
    must: bool = False
    passes: bool = False
    counted: bool = True
    alarms: tuple[str, ...] = ()

    def names(self) -> Iterator[str]:
        """Yield the names of the values that it is judged by, then of those that it is said with."""
        for group in self.holds:
            for condition in group:
                yield from condition.names()
        yield from _named(self.says)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A rank of a setup: how many legs it takes, which conditions beside them, and by what it is left.

    leave: of the first stage what ends the setup; of a higher one what ends that rank alone. hold, hold_leave, at_once:
    as of a level.
    """

    rank: Rank
    legs: int
    leave: Groups
    also: tuple[Condition, ...] = ()
    hold: timedelta = AT_ONCE
    hold_leave: timedelta = AT_ONCE
    at_once: Groups = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """Another way to tell the story, where some conditions hold. counter: None for that of the setup."""

    holds: Groups
    headline: str
    counter: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """A named confluence with a story.

    id: as in the file's name. title: what it is called in /sub and /setup. metric: whose chart shows it, and first of
    all that it needs. legs: at least so many as its stages ask for must hold. stages: in rising rank. headline, counter
    and resolved: templates as of an AlertRule, over whole names.
    variants: the first one whose conditions hold is told instead. word: how the state is called where legs are counted
    ("STRAINED"). question: what a trader asks, for /why. lasts: the longest that one episode runs; what still holds
    then is told as over, and begins again only after it did not hold. continues, only_asked, scored: as of an
    AlertRule.
    """

    id: str
    title: str
    question: str
    metric: str
    legs: tuple[Leg, ...]
    stages: tuple[Stage, ...]
    headline: str
    counter: str
    resolved: str
    variants: tuple[Variant, ...] = ()
    word: str = ""
    lasts: timedelta | None = None
    continues: timedelta = timedelta(days=3)
    only_asked: bool = False
    scored: bool = True

    @property
    def counted(self) -> tuple[Leg, ...]:
        """Return the legs that count."""
        return tuple(leg for leg in self.legs if leg.counted)

    @property
    def beside(self) -> tuple[Leg, ...]:
        """Return the legs that are only named."""
        return tuple(leg for leg in self.legs if not leg.counted)

    @property
    def alarms(self) -> frozenset[str]:
        """Return the ids of the single alarms that its legs tell."""
        return frozenset(alarm for leg in self.legs for alarm in leg.alarms)

    def told(self, values: Mapping[str, float]) -> tuple[str, str]:
        """Return the headline and the counter-reading that fit some values."""
        for variant in self.variants:
            if held(variant.holds, values):
                return variant.headline, variant.counter or self.counter
        return self.headline, self.counter

    def truth(self, leg: Leg) -> str:
        """Return the name of the value that says whether a leg holds: 1, 0, or NaN where it is not known."""
        return f"{self.id}.{leg.id}"

    def counts(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Judge the legs by the values of the metrics, floats or arrays of them, one a close.

        Returned are the truth of each leg; `legs`, how many are known to hold; `possible`, how many may, which is those
        that are not known besides; and `must`, 1 where every leg holds that has to, 0 where one does not. NaN handling:
        what is not known holds nothing and ends nothing, so it raises `possible` and leaves `must` unknown.
        """
        found: dict[str, Any] = {}
        legs: Any = 0.0
        possible: Any = 0.0
        every: Any = True
        one_not: Any = False
        for leg in (leg for leg in self.legs if leg.holds):
            yes, no = judged(leg.holds, values)
            found[self.truth(leg)] = np.where(yes, 1.0, np.where(no, 0.0, np.nan))
            if leg.counted:
                legs, possible = legs + np.where(yes, 1.0, 0.0), possible + np.where(no, 0.0, 1.0)
            if leg.must:
                every, one_not = every & np.asarray(yes), one_not | np.asarray(no)
        found[f"{self.id}.legs"], found[f"{self.id}.possible"] = legs, possible
        found[f"{self.id}.must"] = np.where(every, 1.0, np.where(one_not, 0.0, np.nan))
        return found

    def rule(self) -> AlertRule:
        """Return the alert rule that the setup is stepped, subscribed to, muted and told as."""
        must = f"{self.id}.must"
        levels = tuple(
            Level(
                stage.rank,
                ((at_least(float(stage.legs), f"{self.id}.legs"), at_least(1.0, must), *stage.also),),
                stage.leave,
                stage.hold,
                stage.hold_leave,
                stage.at_once,
            )
            for stage in self.stages
        )
        return AlertRule(
            self.id,
            self.title,
            levels,
            self.headline,
            tuple(leg.says for leg in self.legs),
            self.counter,
            self.resolved,
            only_asked=self.only_asked,
            continues=self.continues,
            lasts=self.lasts,
            metrics=(self.metric, *(name for name in self._metrics() if name != self.metric)),
            required=self._required(),
            setup=self,
            scored=self.scored,
        )

    def _metrics(self) -> tuple[str, ...]:
        named = [name for leg in self.legs for name in leg.names()]
        conditions = [
            one for stage in self.stages for group in (*stage.leave, *stage.at_once, stage.also) for one in group
        ]
        conditions += [one for variant in self.variants for group in variant.holds for one in group]
        named += [name for condition in conditions for name in condition.names()]
        texts = [self.headline, self.counter, self.resolved]
        texts += [text for one in self.variants for text in (one.headline, one.counter or "")]
        named += [name for text in texts for name in _named(text)]
        metrics = (name.partition(".")[0] for name in named)
        return tuple(dict.fromkeys(metric for metric in metrics if metric != self.id))

    def _required(self) -> tuple[str, ...]:
        """Return the metrics without which the setup cannot be judged: those that every leg is judged by that must."""
        every = [
            {name.partition(".")[0] for group in leg.holds for condition in group for name in condition.names()}
            for leg in self.legs
            if leg.must
        ]
        return tuple(dict.fromkeys(sorted(set().union(*every))))


def _named(text: str) -> Iterator[str]:
    """Yield the whole names that a template stands on."""
    for _, name, _, _ in string.Formatter().parse(text):
        if name and "." in name:
            yield name


@cache
def setups() -> dict[str, Setup]:
    """Return every setup by id: the SETUP of each file of signals/setups/."""
    from signals import setups as folder  # noqa: PLC0415 - its files import this module

    found: dict[str, Setup] = {}
    for file in pkgutil.iter_modules(folder.__path__):
        module = importlib.import_module(f"{folder.__name__}.{file.name}")
        setup: Setup = module.SETUP
        found[setup.id] = setup
    return found
