"""`perpulse replay`: what would have been said between two days."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from bot.cli.common import day, out, plain_errors, settings_of
from bot.cli.playing import events
from bot.engine import replay as engine
from handlers.command import Refused
from handlers.words import wording
from signals.alerts.burst import Burst
from signals.assets import assets_of
from signals.inputs import MARKET
from signals.units import DAY
from storage.engine.database import Store
from storage.market import points

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from signals.alerts.event import Event


def replay(
    start: str | None, end: str | None, assets: list[str] | None, config: Path | None, db: Path | None, *, as_json: bool
) -> None:
    """Print what would have been said between two days."""
    with plain_errors():
        first, last = (day(start) if start else None), (day(end, last=True) if end else None)
        if first and last and first >= last:
            raise Refused("--from must lie before --to.")
        store = Store(settings_of(config, db).database)
        wanted = _stored(store, assets)
        span = engine.bounds(store, [*wanted, MARKET]) if store.exists else None  # looking makes no file
        if span is None:
            raise Refused("Nothing is stored yet. Start with: perpulse import FILE, or perpulse demo.")
        told = engine.evaluations(store, wanted, first or span[0] - DAY, last or span[1])
        moves = engine.fast_moves(store, wanted, first or span[0], last or span[1])
        store.close()
    both: list[Event | Burst] = [*engine.notices(told), *moves]
    for event in sorted(both, key=lambda one: one.at):
        out(json.dumps(_as_json(event)) if as_json else events.as_text(event))
    if not as_json:
        _tell_span(len(both), first or span[0], last or span[1])


def _as_json(event: Event | Burst) -> dict[str, Any]:
    return events.move_as_json(event) if isinstance(event, Burst) else events.as_json(event)


def _stored(store: Store, assets: list[str] | None) -> list[str]:
    """Return the assets that are asked for, or all. Refused where nothing is stored of one."""
    stored = [asset for asset in points.assets(store) if asset != MARKET] if store.exists else []
    wanted = assets_of(assets) if assets else stored
    if missing := [asset for asset in wanted if asset not in stored]:
        raise Refused(
            f"Nothing is stored of {', '.join(missing)}. Stored: {', '.join(stored) or 'nothing yet'}. "
            "Bring history in with: perpulse import FILE."
        )
    return wanted


def _tell_span(told: int, start: datetime, end: datetime) -> None:
    out(f"\n{wording.count(told, 'notice')} from {wording.moment(start)} to {wording.moment(end)}.")
