"""`perpulse record`: what was told in advance and what came of it, as /record says it or for anybody to check."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from bot.cli import say
from bot.cli.common import out, plain_errors, settings_of
from handlers.command import Refused
from handlers.words.evidence.record import as_told
from signals.alerts.burst import BURST
from signals.alerts.rule import rules
from signals.assets import assets_of
from storage.alerts import record as stored
from storage.engine.database import Store

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from storage.alerts.record import Entry, Outcome


def record(rule: str | None, asset: str | None, config: Path | None, db: Path | None, *, as_json: bool) -> None:
    """Print the record, the oldest first; without --json as /record answers."""
    with plain_errors():
        known = (*rules(), BURST)
        if rule is not None and rule not in known:
            raise Refused(f"--rule: there is no alarm {rule}. There are: {', '.join(known)}.")
        whose = assets_of([asset])[0] if asset else None
        if not as_json:
            words = " ".join(part for part in ("/record", rule, whose) if part)
            if code := say.say(words, config, db, as_json=False):
                raise SystemExit(code)
            return
        store = Store(settings_of(config, db).database)
        if store.exists:  # looking makes no file
            definitions = stored.definitions(store)
            for entry in stored.entries(store, rule, whose):
                out(json.dumps(_plain(entry, definitions[entry.definition])))
        store.close()


def _plain(entry: Entry, definition: str) -> dict[str, Any]:
    """Return an entry as the outside interface has it: all that is needed to judge it again."""
    return {
        "id": entry.id,
        "rule": entry.rule,
        "asset": entry.asset,
        "at": _time(entry.at),
        "told": _time(entry.written),
        "level": entry.rank,
        "price": entry.price,
        "venue": entry.venue,
        "hash": entry.definition,
        "definition": json.loads(definition),
        "event": entry.event,
        "text": as_told(entry),
        "outcomes": [_outcome(outcome) for outcome in entry.outcomes],
    }


def _outcome(outcome: Outcome) -> dict[str, Any]:
    return {
        "id": outcome.id,
        "days": outcome.days,
        "entry_at": _time(outcome.entry_at),
        "entry_price": outcome.entry_price,
        "at": _time(outcome.at),
        "price": outcome.price,
        "change": outcome.change,
        "worst": outcome.worst,
        "best": outcome.best,
        "venue": outcome.venue,
        "written": _time(outcome.written),
        "corrects": outcome.corrects,
        "reason": outcome.reason,
    }


def _time(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
