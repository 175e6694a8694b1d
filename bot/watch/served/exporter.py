"""A look in the format that Prometheus reads: a loop over the measures, in a registry of its own."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, assert_never

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

from bot.watch.served.measures import MEASURES
from bot.watch.turns import BUCKETS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from prometheus_client import Metric as Family

    from bot.watch.served.measures import ExportedMeasure
    from bot.watch.turns import TurnCounts
    from bot.watch.vitals import Look

CONTENT_TYPE = CONTENT_TYPE_LATEST


class LookCollector:
    """Makes families of one look."""

    def __init__(self, look: Look) -> None:
        self._look = look

    def describe(self) -> Iterable[Family]:
        """Name nothing beforehand: what there is shows when it is collected."""
        return ()

    def collect(self) -> Iterator[Family]:
        """Yield every measure with its values."""
        for measure in MEASURES:
            if measure.kind != "process":
                yield _family(measure, self._look)


def render(look: Look) -> bytes:
    """Return a look, and what the library knows of this process, as text."""
    registry = CollectorRegistry()
    registry.register(LookCollector(look))
    ProcessCollector(registry=registry)
    return generate_latest(registry)


def _family(measure: ExportedMeasure, look: Look) -> Family:
    values = measure.read(look) if measure.read else ()
    family: CounterMetricFamily | GaugeMetricFamily
    match measure.kind:
        case "histogram":
            return _histogram(measure, look.turns)
        case "counter":
            family = CounterMetricFamily(measure.name, measure.help, labels=measure.labels)
        case "gauge" | "info" | "process":
            family = GaugeMetricFamily(measure.name, measure.help, labels=measure.labels)
        case _ as kind:
            assert_never(kind)
    for labels, value in values:
        family.add_metric(labels, float(value))
    return family


def _histogram(measure: ExportedMeasure, turns: TurnCounts) -> Family:
    bounds = [*(f"{bound:g}" for bound in BUCKETS), "+Inf"]
    family = HistogramMetricFamily(measure.name, measure.help)
    family.add_metric((), list(zip(bounds, accumulate(turns.buckets), strict=True)), turns.seconds)
    return family
