"""What each metric computes, kept by its version: a change of it begins a new record (signals/alerts/record.py).

`python -m tests.signals.alerts.test_versions` keeps what is new in versions.json: a new metric, or one whose
`Metric.version` was raised. It keeps nothing in place of what another formula computed under the same version.
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.judging.bench_tick import panel_for
from signals.alerts.rule import rules
from signals.metric import Metric, metrics

KEPT = Path(__file__).parent / "versions.json"
EVERY = [pytest.param(metric, id=metric.id) for metric in metrics().values()]


def computed(metric: Metric) -> dict[str, Any]:
    """Return the version of a metric and its newest values of two drawn assets; null for what is not known."""
    found = metric.evaluate(panel_for(metric, [range(2)], newest=True), 1)
    values = {
        name: [float(f"{one:.6g}") if math.isfinite(one) else None for one in rows[-1]] for name, rows in found.items()
    }
    return {"version": metric.version, "values": values}


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Tell whether two computed the same, as far as machines agree."""
    if one["values"].keys() - other["values"].keys():
        return False  # a value that is new changes no other one
    return all(
        (a is None) == (b is None) and (a is None or math.isclose(a, b, rel_tol=1e-4, abs_tol=1e-9))
        for name, values in one["values"].items()
        for a, b in zip(values, other["values"][name], strict=True)
    )


@pytest.mark.parametrize("metric", EVERY)
def test_another_formula_is_another_version(metric: Metric) -> None:
    kept = json.loads(KEPT.read_text(encoding="utf-8")).get(metric.id)
    assert kept is not None, f"{metric.id} is new: keep it with python -m {__spec__.name}"
    now = computed(metric)
    over = [rule.id for rule in rules().values() if metric.id in rule.metrics]
    if kept["version"] == now["version"]:
        assert same(kept, now), (
            f"{metric.id} computes something else than it did: raise its version, or what was said of {over} before "
            f"is judged as if it had been said by the new formula; then keep it with python -m {__spec__.name}"
        )
    assert kept["version"] == now["version"], f"version {now['version']} is not kept: python -m {__spec__.name}"


def test_what_is_kept_is_of_metrics_that_are() -> None:
    assert json.loads(KEPT.read_text(encoding="utf-8")).keys() == metrics().keys()


def test_most_of_it_is_known() -> None:
    kept = json.loads(KEPT.read_text(encoding="utf-8"))
    values = [value for one in kept.values() for row in one["values"].values() for value in row]
    assert sum(value is not None for value in values) > 0.9 * len(values)


def keep() -> None:
    """Write what is new; end with the metrics that compute something else under the same version."""
    kept = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {}
    now = {metric.id: computed(metric) for metric in metrics().values()}
    changed = [
        name
        for name, one in now.items()
        if name in kept and kept[name]["version"] == one["version"] and not same(kept[name], one)
    ]
    if changed:
        sys.exit(f"these compute something else under the same version, which has to be raised: {', '.join(changed)}")
    lines = [f"{json.dumps(name)}: {json.dumps(now[name])}" for name in sorted(now)]
    KEPT.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    keep()
