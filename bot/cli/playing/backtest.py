"""`perpulse backtest RULE`: what followed a rule of one's own in stored history, of one asset or of all at once."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from bot.cli.common import day, out, plain_errors, settings_of
from handlers.command import Refused
from handlers.words import wording
from handlers.words.evidence.odds import odds_line
from signals.assets import assets_of
from signals.inputs import MARKET
from signals.rules.errors import RuleError
from signals.rules.reading import read
from storage.engine.database import Store
from storage.market import points
from storage.queries.evidence import past

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from signals.evidence import Odds
    from signals.rules.reading import OwnLine
    from storage.queries.evidence.past import Evidence


def backtest(
    text: str,
    start: str | None,
    assets: list[str] | None,
    config: Path | None,
    db: Path | None,
    *,
    as_json: bool,
) -> None:
    """Print what followed a rule, a line an asset; with --json one object an asset, all cases in it.

    assets: None for all that is stored, unless the rule names some itself.
    """
    with plain_errors():
        first = day(start) if start else None
        store = Store(settings_of(config, db).database)
        stored = [asset for asset in points.assets(store) if asset != MARKET] if store.exists else []
        if not stored:
            raise Refused("Nothing is stored yet. Start with: perpulse import FILE, or perpulse demo.")
        asked = assets_of(assets) if assets else None
        line = _read(text, asked, stored)
        wanted = _wanted(line, asked, stored)
        now = (
            max(span[1] for asset in wanted if (span := points.span(store, asset, "close")))
            if _priced(store, wanted)
            else None
        )
        if now is None:
            raise Refused(
                "No price is stored of that, so nothing that followed is known. perpulse backfill brings it in."
            )
        found = 0
        if not as_json:
            out(line.said)
        for asset in dict.fromkeys(line.rule.asset_of(asset) for asset in wanted):
            evidence = past.read(store, line.rule.id, asset, now, after=first)
            if evidence is None:
                out(
                    json.dumps({"rule": line.rule.id, "asset": asset, "cases": None})
                    if as_json
                    else f"{asset}: {_lacking(line)}"
                )
                continue
            found += 1
            out(json.dumps(_as_json(line, evidence)) if as_json else _as_text(evidence))
        store.close()
    if not as_json and found > 1:
        out(f"\n{found} assets were looked at: of twenty, one looks good by chance.")


def _priced(store: Store, assets: list[str]) -> bool:
    return any(points.span(store, asset, "close") for asset in assets)


def _read(text: str, asked: list[str] | None, stored: list[str]) -> OwnLine:
    try:
        line = read(text, assets=stored, usual="")
        if line.scope.assets == ("",):  # it names none, so all are meant
            whose = " ".join(asset for asset in asked or () if asset in stored).lower() or "any"
            line = read(f"{whose} {text}", assets=stored, usual="")
    except RuleError as error:
        raise Refused(str(error)) from None
    if line.scope.position:
        raise Refused("A rule about a position has no past: the position had none.")
    return line


def _wanted(line: OwnLine, asked: list[str] | None, stored: list[str]) -> list[str]:
    """Return the assets that are looked at: those that are asked for, else those of the rule, else all."""
    wanted = asked or list(line.scope.assets) or stored
    if missing := [asset for asset in wanted if asset not in stored]:
        raise Refused(f"Nothing is stored of {', '.join(missing)}. Stored: {', '.join(stored)}.")
    return wanted


def _lacking(line: OwnLine) -> str:
    needs = ", ".join(line.rule.needed)
    return f"it could never be judged: too little is stored of {needs}"


def _as_text(found: Evidence) -> str:
    odds = found.odds(found.horizon)
    return f"{found.asset}: {wording.count(len(found.rate.cases), 'case')}. {odds_line(odds)}"


def _as_json(line: OwnLine, found: Evidence) -> dict[str, Any]:
    """Return the evidence as the outside interface has it: all that is needed to judge it again."""
    return {
        "rule": line.rule.id,
        "line": line.line,
        "asset": found.asset,
        "since": _time(found.since),
        "fires": [_time(fire.at) for fire in found.fires.fires if fire.at >= found.since],
        "cases": [
            {
                "at": _time(case.at),
                "entry_at": _time(case.entry_at) if case.entry_at else None,
                "changes": {f"{days}d": change for days, change in case.changes.items()},
            }
            for case in found.rate.cases
        ],
        "odds": {f"{days}d": _odds(odds) for days, odds in found.rate.odds.items()},
    }


def _odds(odds: Odds) -> dict[str, Any]:
    names = ("n", "up", "median", "lower", "upper", "low", "high", "any_day", "verdict")
    return {name: getattr(odds, name) for name in names}


def _time(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
