"""One command answered in the terminal. Kept light: a calculator must not wait for pandas."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from handlers.answer import answer
from handlers.channels.channel import Address
from handlers.command import Asker, Deps, Refused
from handlers.reply import Buttons, Picture, Reply, plain_text
from storage.engine.database import Store, StoreError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bot.clock import Clock
    from bot.config import Config

DEFAULT_ASSETS = ("BTC", "ETH", "SOL")
PATIENCE_SECONDS = 8.0  # for live data, when what is stored is old; then the old is shown with its age


def say(text: str, config: Path | None, db: Path | None, *, as_json: bool) -> int:
    """Answer `text` on standard output and return the exit code: 0, or 2 with the error on standard error."""
    from bot.clock import SystemClock  # noqa: PLC0415

    try:
        settings = _settings(config)
        clock = SystemClock()
        store = Store(db or (settings.database if settings else Path("data/perpulse.db")))
        deps = Deps(
            clock.now(),
            Asker("terminal", Address("screen", kind="terminal")),
            store,
            settings.assets if settings else DEFAULT_ASSETS,
            _refresher(settings, store, clock),
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
        sys.stdout.write(plain_text(reply.all_blocks()) + "\n")
        if picture:
            sys.stdout.write(f"The chart is in {picture}\n")
    return 0


def to_json(text: str, reply: Reply) -> dict[str, Any]:
    """Return an answer as the outside interface has it."""
    return {
        "command": text,
        "read_as": reply.read_as,
        "values": _plain(reply.values),
        "text": _words(reply),
        "stamp": reply.stamp,
    }


def _words(reply: Reply) -> str:
    return plain_text(tuple(block for block in reply.all_blocks() if not isinstance(block, Buttons)))


def _plain(value: Any) -> Any:
    """Return values that JSON can hold; what is not known is null, since NaN is no JSON."""
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, float) and (value != value or value in {float("inf"), float("-inf")}):  # noqa: PLR0124
        return None
    return value


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


def _refresher(settings: Config | None, store: Store, clock: Clock) -> Callable[[str], Awaitable[None]]:
    """Return what brings an asset up to date: one round of questions, unless the sources were just found silent."""

    async def refresh(asset: str) -> None:
        if _silent(store, clock):
            return
        from bot import log  # noqa: PLC0415 - without it structlog would write between the answer's lines
        from bot.app import build  # noqa: PLC0415 - exchanges are loaded only when one must be asked
        from bot.config import load  # noqa: PLC0415

        log.set_up(quiet=True)
        config = settings or load(None)
        # One exchange that hangs must not use up the patience for all.
        market = config.market.model_copy(
            update={"timeout_seconds": min(config.market.timeout_seconds, PATIENCE_SECONDS / 2)}
        )
        config = config.model_copy(update={"database": store.path, "market": market})
        app = build(config, clock=clock, channels=())
        try:
            asking = app.collector.ask(asset, timedelta(seconds=PATIENCE_SECONDS))
            if asking and not await asking[1]:
                sys.stderr.write(f"No live data within {PATIENCE_SECONDS:.0f} s; showing what is stored.\n")
        finally:
            await app.collector.close()
            app.store.close()

    return refresh


def _silent(store: Store, clock: Clock) -> bool:
    """Tell whether every exchange was out of reach a moment ago: asking again would only make somebody wait."""
    from storage.market import source_state  # noqa: PLC0415

    prices = [each for each in source_state.load(store) if each.topic == "bars"] if store.exists else []
    return bool(prices) and all(
        each.state != "ok" and each.next_try is not None and clock.now() < each.next_try + timedelta(minutes=1)
        for each in prices
    )


def _save_picture(reply: Reply, store: Store) -> Path | None:
    """Draw a chart into a file, since a terminal shows none."""
    charts = [block.chart for block in reply.blocks if isinstance(block, Picture)]
    png = asyncio.run(_draw(charts[0], store)) if charts else None
    return None if png is None else keep_picture(charts[0], png)


def keep_picture(chart: dict[str, Any], png: bytes) -> Path:
    """Write a picture into the present folder and return where. Refused, with the reason, where that cannot be."""
    names = [str(chart[key]) for key in ("metric", "value", "asset") if key in chart]
    path = Path("-".join(["perpulse", *names]).lower() + ".png")
    try:
        path.write_bytes(png)
    except OSError as error:
        raise Refused(f"The chart cannot be written to {path.absolute()} ({error.strerror}).") from None
    return path


async def _draw(chart: dict[str, Any], store: Store) -> bytes | None:
    from bot import log  # noqa: PLC0415 - as above
    from handlers.charts.pictures import Pictures  # noqa: PLC0415
    from handlers.charts.process import Draughtsman  # noqa: PLC0415 - only for charts

    log.set_up(quiet=True)
    draughtsman = Draughtsman()
    try:
        return await Pictures(store, draughtsman).draw(chart)
    finally:
        draughtsman.close()
