"""When a rule of a chat would have fired: the figure that it compares, its line, and each time that it held."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from handlers.charts import content
from handlers.charts.figures import say
from handlers.words.rules import RULE, stamp
from handlers.words.stories import conditions
from signals.alerts.derived import CROSSINGS, with_derived
from signals.alerts.rule import rule_of
from signals.metric import Chart, metrics
from storage.queries.market.charts import price_beside
from storage.queries.rules import preview

if TYPE_CHECKING:
    from collections.abc import Mapping

    from signals.alerts.derived import Derived
    from signals.alerts.rule import AlertRule
    from storage.engine.database import Store

PICTURE: Final = RULE


def resolve(store: Store, reference: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the full picture of a reference to a rule and an asset; None where it could not be judged.

    KeyError for a rule that this version does not know, ValueError for an unreadable time.
    """
    rule, until = rule_of(str(reference["rule"])), datetime.fromisoformat(reference["until"])
    asset = str(reference["asset"])
    found = preview.read(store, rule, [asset], until, days=round(float(reference["days"])))
    if not found.found:
        return None
    looked, (name, derived) = found.found[0], _drawn(rule)
    values = with_derived(rule.derived, looked.values, looked.step).get(name)
    if values is None:
        return None
    chart, lead = _chart(rule, name, derived), rule.lead(looked.step)
    known = ~np.isnan(values[lead:])
    known[-1] = True  # a figure that is told once a day is a line and no row of dots, and an old one is seen to be old
    at = [time for time, told in zip(looked.times[lead:], known.tolist(), strict=True) if told]
    price, price_of = price_beside(store, looked.asset, looked.step, at[0], at[-1])
    metric = metrics()[name.partition(".")[0]]
    return content.spec(
        chart,
        asset=looked.asset,
        at=at,
        values=values[lead:][known].tolist(),
        price=price,
        price_of=price_of,
        episodes=[(span.fired, span.ended) for span in looked.spans] if len(looked.spans) <= content.EPISODES else [],
        alarms=content.bands(metric, [rule], chart),
        stamp=stamp(found, str(reference.get("note", "")) or None),
        light=bool(reference.get("light")),
    )


def _drawn(rule: AlertRule) -> tuple[str, Derived | None]:
    """Return the name of the value that is drawn, the first that a rule compares, and how it is derived.

    Of a crossing the figure that crosses is drawn, with its line.
    """
    name = rule.levels[0].enter[0][0].name
    derived = rule.made(name)
    if derived is not None and derived.kind in CROSSINGS:
        return derived.of, derived
    return name, derived


def _chart(rule: AlertRule, name: str, derived: Derived | None) -> Chart:
    metric, _, value = name.partition(".")
    declared = metrics()[metric].values.get(derived.of.partition(".")[2] if derived else value)
    crossing = derived is not None and derived.kind in CROSSINGS
    unit = conditions.unit_within(rule, derived.name if derived else name)
    return Chart(
        title=rule.title,
        axis=declared.title if declared else rule.title,
        value=value,
        unit=unit,
        lines=((say(derived.line, unit), derived.line),) if derived is not None and crossing else (),
        with_price=unit != "price",
    )
