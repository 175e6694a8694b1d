"""What an alert rule is, as frozen data: conditions over named values of one or more metrics, and the words for it.

A metric's file declares its rules beside its METRIC; metrics know nothing of them. A setup is a rule as well
(signals/alerts/setup.py).
"""

from __future__ import annotations

import importlib
import pkgutil
import string
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, Final, TypeVar

from signals.alerts.condition import AT_ONCE, held
from signals.inputs import MARKET
from signals.metric import metrics

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from signals.alerts.condition import Groups, Level
    from signals.alerts.derived import Derived
    from signals.alerts.setup import Setup
    from signals.series import Array

    Named = TypeVar("Named")

OWN: Final = "own "  # what the id of a person's rule begins with; after it comes all that is judged, in canonical words


@dataclass(frozen=True, slots=True)
class AlertRule:
    """One alarm, with the words for it.

    id: unique over all rules; what people subscribe to and what the record is kept under. levels: in rising rank; their
    conditions name values of metrics (`oi_drawdown.coins`), in a metric's own file also shortly (`coins`).
    title: what the alarm is called in /sub. The sentences are templates over the same names (see
    handlers/words/wording.py for the words after the colon): headline, one plain sentence without jargon or
    instruction; legs, each one line of evidence; counter, what would make it wrong; resolved, one line for the
    all-clear. only_asked: another alarm tells the same fact, so who subscribes to everything is spared this one.
    continues: a restart within so long after the end is the same episode, told in the same message.
    metrics: the ids of the metrics whose values it names, filled in by `rules`; short names are those of the first.
    lasts: the longest that one episode runs (see signals/alerts/episodes.py). required: the metrics without which
    nothing can be judged, None for all of them; the others are waited for no longer than a moment. setup: the setup
    that it is, with its legs. derived: values that its conditions name and that are computed from the rows of others.
    momentary: it tells of a moment, such as a crossing, and its end is no news. compares: the values that must be known
    before anything is, where those are not the main ones of its metrics. of_a_fall: groups of conditions under which it
    is one sign of a falling price among several, so that it goes on in the message of an earlier sign. scored: False
    where the same figure is read both ways, so that what followed is reported and not held against any other day.
    """

    id: str
    title: str
    levels: tuple[Level, ...]
    headline: str
    legs: tuple[str, ...]
    counter: str
    resolved: str
    only_asked: bool = False
    continues: timedelta = timedelta(days=3)
    metrics: tuple[str, ...] = ()
    lasts: timedelta | None = None
    required: tuple[str, ...] | None = None
    setup: Setup | None = None
    derived: tuple[Derived, ...] = ()
    momentary: bool = False
    compares: tuple[str, ...] = ()
    of_a_fall: Groups = ()
    scored: bool = True

    def within(self, metric: str) -> AlertRule:
        """Return the rule as the file of a metric declares it: short names made whole, and what it needs found."""
        levels = tuple(level.within(metric) for level in self.levels)
        of_a_fall = tuple(tuple(condition.within(metric) for condition in group) for group in self.of_a_fall)
        named = [name for level in levels for name in level.names()]
        for text in (self.headline, *self.legs, self.counter, self.resolved):
            named += [name for _, name, _, _ in string.Formatter().parse(text) if name and "." in name]
        found = dict.fromkeys([metric, *(name.partition(".")[0] for name in named)])
        return replace(self, levels=levels, metrics=tuple(found), of_a_fall=of_a_fall)

    def named(self, values: Mapping[str, Named]) -> dict[str, Named]:
        """Return values as the sentences name them: by their whole names, those of the first metric also shortly."""
        own = f"{self.metrics[0]}."
        short = {name.removeprefix(own): value for name, value in values.items() if name.startswith(own)}
        return {**values, **short}

    @property
    def known_by(self) -> tuple[str, ...]:
        """Return the names of the values that must be known before anything is, mostly the main one of a metric."""
        return self.compares or tuple(f"{metric}.value" for metric in self.needed)

    @property
    def needed(self) -> tuple[str, ...]:
        """Return the metrics without which nothing can be judged."""
        return self.metrics if self.required is None else self.required

    def signs_a_fall(self, values: Mapping[str, float]) -> bool:
        """Tell whether some values make it a sign of a falling price; what is not known makes it none."""
        return held(self.of_a_fall, values) is True

    @property
    def market_wide(self) -> bool:
        """Tell whether every value is a figure of the market as a whole, so that no asset narrows it."""
        return all(metrics()[name].market_wide for name in self.metrics)

    def asset_of(self, asset: str) -> str:
        """Return the asset that it is judged under."""
        return MARKET if self.market_wide else asset

    def lead(self, step: timedelta) -> int:
        """Return how many rows of a clock its derived values read before the first one that is judged."""
        return max((one.lead(step) for one in self.derived), default=0)

    def fits(self, step: timedelta) -> bool:
        """Tell whether it can be judged at closes so far apart, which a change over less can not."""
        return all(one.over % step == AT_ONCE for one in self.derived)

    def judged_by(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the values that its conditions compare: those of its metrics, and of a setup how many legs hold."""
        return {**values, **self.setup.counts(values)} if self.setup else values

    def made(self, name: str) -> Derived | None:
        """Return how a value that it compares is derived; None where a metric declares it."""
        return next((one for one in self.derived if one.name == name), None)

    def judged_rows(self, rows: Mapping[str, Array], step: timedelta, lead: int) -> Mapping[str, Array]:
        """Return the same of rows of a clock, its derived values among them, behind the first `lead` rows.

        `lead` is at least what `lead()` asks for; those rows are read for the derived values and judged by nothing.
        """
        found = self.judged_by(rows)
        if self.derived:
            from signals.alerts.derived import with_derived  # noqa: PLC0415 - brings numpy along

            found = with_derived(self.derived, found, step)
        return {name: column[lead:] for name, column in found.items()} if lead else found


def named(metric: str, values: Mapping[str, Named]) -> dict[str, Named]:
    """Return a metric's values by their whole names, as conditions ask for them."""
    return {f"{metric}.{name}": value for name, value in values.items()}


@cache
def rules() -> dict[str, AlertRule]:
    """Return every alert rule by id: the RULES of each file of signals/metrics/, then each setup.

    ValueError for an id that is twice.
    """
    from signals import metrics as folder  # noqa: PLC0415 - its files import this module
    from signals.alerts.setup import setups  # noqa: PLC0415 - it imports this module

    found: dict[str, AlertRule] = {}
    for file in pkgutil.iter_modules(folder.__path__):
        module = importlib.import_module(f"{folder.__name__}.{file.name}")
        declared: Iterable[AlertRule] = getattr(module, "RULES", ())
        for rule in declared:
            if rule.id in found:
                raise ValueError(f"two alert rules are called {rule.id}")
            found[rule.id] = rule.within(module.METRIC.id)
    for setup in setups().values():
        if setup.id in found:
            raise ValueError(f"two alert rules are called {setup.id}")
        found[setup.id] = setup.rule()
    return found


def rule_of(name: str) -> AlertRule:
    """Return the rule of an id: built in, or a person's own, made from the id alone. KeyError for others."""
    if not name.startswith(OWN):
        return rules()[name]
    from signals.rules.compiled import compiled  # noqa: PLC0415 - it imports this module, and few ids are of that kind

    return compiled(name)


def rules_of(metric: str) -> tuple[AlertRule, ...]:
    """Return the rules that the file of a metric declares."""
    return tuple(rule for rule in rules().values() if rule.metrics[0] == metric and not rule.setup)
