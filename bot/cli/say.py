"""`perpulse say`: one command answered right here. Kept light: a calculator must not wait for pandas."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from handlers.answer import answer
from handlers.channels.local import local
from handlers.command import Asking, Deps, Looking, Refused
from handlers.language.spelling import visible
from handlers.reply import Buttons, Document, Picture, Reply, plain, plain_text
from signals.units import MINUTE
from storage.engine.database import Store, StoreError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bot.app import App
    from bot.clock import Clock
    from bot.config import Config
    from storage.queries.glance import Glance, NoGlance

DEFAULT_ASSETS = ("BTC", "ETH", "SOL")
PATIENCE_SECONDS = 8.0  # for live data, when what is stored is old; then the old is shown with its age


def say(text: str, config: Path | None, db: Path | None, *, as_json: bool) -> int:
    """Answer `text` on standard output and return the exit code: 0, or 2 with the error on standard error."""
    from bot.clock import SystemClock  # noqa: PLC0415

    text = visible(text)  # a byte that is no text has no place in JSON either
    try:
        settings = _settings(config)
        clock = SystemClock()
        store = Store(db or (settings.database if settings else Path("data/perpulse.db")))
        deps = Deps(
            clock.now(),
            local().asker,
            store,
            settings.assets if settings else DEFAULT_ASSETS,
            _asker(settings, store, clock),
            clock=clock.now,
            look=_looker(settings, store, clock),
            usual_zone=settings.time_zone if settings else "UTC",
            off=settings.market.off if settings else frozenset(),
        )
        reply = asyncio.run(answer(text, deps))
        picture = _save_picture(reply, store)
        store.close()
    except (Refused, StoreError) as error:
        return _refused(text, str(error), as_json=as_json)
    if as_json:
        sys.stdout.write(json.dumps(to_json(text, reply), default=str) + "\n")
    else:
        # Buttons are written out, to be copied: what to ask next. A program has the values instead.
        sys.stdout.write(local().text(reply.all_blocks()) + "\n")
        for file in (block for block in reply.blocks if isinstance(block, Document)):
            sys.stdout.write(f"The file is {local().keep_file(file)}\n")
        if picture:
            sys.stdout.write(f"The chart is in {picture}\n")
    return 0


def to_json(text: str, reply: Reply) -> dict[str, Any]:
    """Return an answer as the outside interface has it."""
    return {
        "command": text,
        "read_as": reply.read_as,
        "values": plain(reply.values),
        "text": _words(reply),
        "stamp": reply.stamp,
    }


def _words(reply: Reply) -> str:
    return plain_text(tuple(block for block in reply.all_blocks() if not isinstance(block, Buttons | Document)))


def _refused(text: str, reason: str, *, as_json: bool) -> int:
    sys.stderr.write(reason + "\n")
    if as_json:
        sys.stdout.write(json.dumps({"command": text[:500], "error": reason}) + "\n")
    return 2


def _settings(path: Path | None) -> Config | None:
    """Read the configuration if there is one; without it the defaults hold and pydantic need not be loaded."""
    path = path or (Path("config.toml") if Path("config.toml").exists() else None)
    if path is None and not any(name.upper().startswith("PERPULSE_") for name in os.environ):
        return None
    from bot.config import ConfigError, load  # noqa: PLC0415 - half a second

    try:
        return load(path)
    except ConfigError as error:
        raise Refused(str(error)) from None


def _asker(settings: Config | None, store: Store, clock: Clock) -> Callable[[str], Asking | None]:
    """Return what asks for an asset: one round of questions, unless the sources were just found silent."""

    def asking(asset: str) -> Asking | None:
        if _silent(store, clock):
            return None
        app = _built(settings, store, clock)
        return Asking(tuple(app.config.market.venues), asyncio.ensure_future(_asked(app, asset)))

    return asking


def _looker(settings: Config | None, store: Store, clock: Clock) -> Callable[[str], Looking | Glance | NoGlance | None]:
    """Return what looks at an asset that is not followed."""

    def look(asset: str) -> Looking | Glance | NoGlance | None:
        app = _built(settings, store, clock)
        found = app.collector.glance(asset, timedelta(seconds=PATIENCE_SECONDS))
        if not isinstance(found, tuple):
            return found
        venues, done = found
        return Looking(venues, asyncio.ensure_future(_left(app, done)))

    return look


def _built(settings: Config | None, store: Store, clock: Clock) -> App:
    """Build what can ask the exchanges."""
    from bot import log  # noqa: PLC0415 - without it structlog would write between the answer's lines
    from bot.app import build  # noqa: PLC0415 - exchanges are loaded only when one must be asked
    from bot.config import load  # noqa: PLC0415

    log.set_up(quiet=True)
    config = settings or load(None)
    # One exchange that hangs must not use up the patience for all.
    market = config.market.model_copy(
        update={"timeout_seconds": min(config.market.timeout_seconds, PATIENCE_SECONDS / 2)}
    )
    return build(config.model_copy(update={"database": store.place, "market": market}), clock=clock, channels=())


async def _left(app: App, done: Awaitable[Glance | NoGlance]) -> Glance | NoGlance:
    """Wait for a look, and close everything."""
    try:
        return await done
    finally:
        await app.collector.close()
        app.store.close()


async def _asked(app: App, asset: str) -> bool:
    """Ask once, as long as somebody at a prompt may be kept waiting; tell whether something new came."""
    try:
        asking = app.collector.ask(asset, timedelta(seconds=PATIENCE_SECONDS))
        return bool(asking and await asking[1])
    finally:
        await app.collector.close()
        app.store.close()


def _silent(store: Store, clock: Clock) -> bool:
    """Tell whether every exchange was out of reach a moment ago: asking again would only make somebody wait."""
    from storage.sources import source_state  # noqa: PLC0415

    prices = [state for state in source_state.load(store) if state.topic == "bars"] if store.exists else []
    return bool(prices) and all(
        price.state != "ok" and price.next_try is not None and clock.now() < price.next_try + MINUTE for price in prices
    )


def _save_picture(reply: Reply, store: Store) -> Path | None:
    """Draw a chart into a file, since a line of text shows none."""
    charts = [block.chart for block in reply.blocks if isinstance(block, Picture)]
    png = asyncio.run(_draw(charts[0], store)) if charts else None
    return None if png is None else local().keep_picture(charts[0], png)


async def _draw(chart: dict[str, Any], store: Store) -> bytes | None:
    from bot import log  # noqa: PLC0415 - as above
    from handlers.charts.pictures import Pictures  # noqa: PLC0415
    from handlers.charts.process import ChartRenderer  # noqa: PLC0415 - only for charts

    log.set_up(quiet=True)
    renderer = ChartRenderer()
    try:
        return await Pictures(store, renderer).draw(chart)
    finally:
        renderer.close()
