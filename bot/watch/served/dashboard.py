"""The dashboard made of the measures: `python -m bot.watch.served.dashboard` writes it, `--check` compares it."""

from __future__ import annotations

import json
import sys
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bot.watch.served.measures import MEASURES

if TYPE_CHECKING:
    from bot.watch.served.measures import ExportedMeasure

FILE: Final = Path("deploy/grafana.json")
_SOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}
_WIDTH, _HEIGHT = 8, 7  # of 24 columns


def dashboard() -> dict[str, Any]:
    """Return the dashboard: a row a subject, a panel a measure."""
    panels: list[dict[str, Any]] = []
    top = 0
    for row, measures in groupby(MEASURES, key=lambda measure: measure.row):
        place = {"h": 1, "w": 24, "x": 0, "y": top}
        panels.append({"id": len(panels) + 1, "type": "row", "title": row, "gridPos": place, "panels": []})
        listed = list(measures)
        for number, measure in enumerate(listed):
            line, column = divmod(number, 24 // _WIDTH)
            place = {"h": _HEIGHT, "w": _WIDTH, "x": column * _WIDTH, "y": top + 1 + line * _HEIGHT}
            panels.append(_panel(measure, len(panels) + 1, place))
        top += 1 + -(-len(listed) // (24 // _WIDTH)) * _HEIGHT
    return {
        "title": "perpulse",
        "uid": "perpulse",
        "description": "Made by `make docs` from the measures of bot/watch/served/measures.py; a change belongs there.",
        "schemaVersion": 39,
        "editable": True,
        "timezone": "browser",
        "refresh": "30s",
        "time": {"from": "now-24h", "to": "now"},
        "templating": {
            "list": [{"name": "datasource", "type": "datasource", "query": "prometheus", "label": "Source"}]
        },
        "panels": panels,
    }


def _panel(measure: ExportedMeasure, number: int, place: dict[str, int]) -> dict[str, Any]:
    names = " ".join(f"{{{{{label}}}}}" for label in measure.labels) or measure.title
    legends = ("half of them", "99 of 100") if len(measure.shown) > 1 else (names,)
    targets = [
        {
            "refId": chr(ord("A") + place_in),
            "datasource": _SOURCE,
            "expr": expression,
            "legendFormat": legends[place_in],
        }
        for place_in, expression in enumerate(measure.shown)
    ]
    kind = "stat" if measure.kind == "info" else "timeseries"
    return {
        "id": number,
        "type": kind,
        "title": measure.title,
        "description": measure.help,
        "datasource": _SOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": {"unit": measure.unit, "min": 0}, "overrides": []},
        "options": {"textMode": "name"} if kind == "stat" else {"legend": {"displayMode": "list", "showLegend": True}},
        "targets": targets,
    }


def text() -> str:
    """Return the file as it is to be."""
    return json.dumps(dashboard(), indent=1, ensure_ascii=False) + "\n"


def main(arguments: list[str]) -> int:
    """Write the file, or with `--check` tell whether it is current; return the exit code."""
    if "--check" not in arguments:
        FILE.parent.mkdir(exist_ok=True)
        FILE.write_text(text(), encoding="utf-8")
        return 0
    if FILE.is_file() and FILE.read_text(encoding="utf-8") == text():
        return 0
    sys.stderr.write(f"{FILE} is not what bot/watch/served/measures.py says; `make docs` writes it again.\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
