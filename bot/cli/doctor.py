"""`perpulse doctor`: what perpulse needs, one sentence each, and what mends it."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import TYPE_CHECKING, Final

import typer

from bot import log
from bot.cli.common import DEFAULT_CONFIG, out, plain_errors, settings_of
from bot.cli.examining import machine, reach, stored
from bot.clock import SystemClock
from storage.engine.database import Store

if TYPE_CHECKING:
    from pathlib import Path

    from bot.cli.examining.examined import Examined, State
    from bot.config import Config

_MARKS: Final[dict[State, str]] = {"good": "✓", "mend": "✗", "open": "–"}
_PLAIN: Final[dict[State, str]] = {"good": "ok  ", "mend": "MEND", "open": "-   "}  # where a screen knows no other


def doctor(config: Path | None, db: Path | None, *, as_json: bool) -> None:
    """Check what perpulse needs, one line each; exit 1 if something must be mended."""
    log.set_up(quiet=True)
    with plain_errors():
        settings = settings_of(config, db)
        path = config or (DEFAULT_CONFIG if DEFAULT_CONFIG.exists() else None)
        findings = [machine.configuration(path, settings), *asyncio.run(_everything(settings))]
    for finding in findings:
        out(json.dumps(finding.plain()) if as_json else line(finding))
    if not all(finding.good for finding in findings):
        raise typer.Exit(1)


def line(finding: Examined) -> str:
    """Return a finding as it is printed: its mark, what is found, and below that what mends it."""
    try:
        "".join(_MARKS.values()).encode(sys.stdout.encoding or "utf-8")
        mark = _MARKS[finding.state]
    except UnicodeEncodeError:
        mark = _PLAIN[finding.state]
    return f"{mark} {finding}" + (f"\n{' ' * len(mark)} {finding.todo}" if finding.todo else "")


async def _everything(settings: Config) -> list[Examined]:
    return [*await examine(settings), await machine.pictures(SystemClock().now())]


async def examine(settings: Config) -> list[Examined]:
    """Look at Python, libraries, database, sources and channels."""
    clock = SystemClock()
    store = Store(settings.database)
    found = [
        *machine.programs(settings),
        *machine.proxy(settings),
        machine.room(settings),
        machine.listener(settings),
        *stored.database(store, settings),
    ]
    found += await reach.sources(settings, clock)
    found += await reach.channels(settings)
    store.close()
    return found
