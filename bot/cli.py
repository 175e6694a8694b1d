"""What the commands of the command line do. Every error a person can meet ends as one line that says what to do."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from bot.clock import ReplayClock, SystemClock
from bot.config import Config, ConfigError, example, load
from storage import points
from storage.db import Store, StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from bot.importing import Imported
    from handlers.command import Asker
    from handlers.reply import Block

SHOWN_PROBLEMS = 20
DEFAULT_CONFIG = Path("config.toml")


def out(text: str = "") -> None:
    """Print a line on standard output."""
    sys.stdout.write(text + "\n")


@contextmanager
def plain_errors() -> Iterator[None]:
    """Turn the errors a person can meet into one line on standard error and exit code 2."""
    try:
        yield
    except (ConfigError, StoreError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        raise typer.Exit(2) from None
    except BrokenPipeError:
        sys.stderr.close()  # the reader (head, less) has left; there is nobody to tell
        raise typer.Exit(0) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def settings_of(config: Path | None, db: Path | None = None) -> Config:
    """Read the configuration that was named, or config.toml if it is here, or the defaults; --db wins."""
    path = config or (DEFAULT_CONFIG if DEFAULT_CONFIG.exists() else None)
    settings = load(path)
    return settings.model_copy(update={"database": db}) if db else settings


def run(config: Path | None, db: Path | None) -> None:
    """Run the bot until it is told to stop."""
    from bot import log
    from bot.app import build
    from handlers.channel import SendFailed

    with plain_errors():
        settings = settings_of(config, db)
        token = settings.telegram_token()
        log.set_up(debug=settings.log_level == "debug", secrets=[token.get_secret_value()] if token else [])
        app = build(settings)
        where = "Telegram" if app.telegram else "this terminal (no Telegram token is set; see config.example.toml)"
        out(f"perpulse follows {', '.join(settings.assets)} on {settings.market.venue.title()} and speaks in {where}.")
        try:
            asyncio.run(app.run())
        except SendFailed as failed:
            raise ValueError(
                f"Telegram does not accept the token ({failed.reason}). Ask @BotFather for a new one; "
                "what waits is kept."
            ) from None


def demo(db: Path | None, *, prompt: bool, as_json: bool) -> None:
    """Replay the bundled winter, then take commands while there is somebody to type them."""
    with plain_errors(), tempfile.TemporaryDirectory(prefix="perpulse-demo-") as folder:
        asyncio.run(_demo(Store(db or Path(folder) / "demo.db"), prompt=prompt, as_json=as_json))


async def _demo(store: Store, *, prompt: bool, as_json: bool) -> None:
    from bot import replay as engine
    from bot import winter
    from bot.delivery import Sender
    from bot.importing import read_file
    from bot.importing.keeping import keep
    from handlers import wording
    from handlers.on_terminal import Terminal
    from storage import chats

    keep(store, read_file(winter.path(), now=SystemClock().now()))
    span = engine.bounds(store, ["BTC", "MARKET"])
    if span is None:
        raise ValueError("the bundled history is empty; install perpulse anew")
    told = engine.verdicts(store, ["BTC"], *span, note=winter.STAMP)
    if as_json:
        for verdict in told:
            out(json.dumps(engine.as_json(verdict)))
        return
    terminal, clock = Terminal(), ReplayClock(span[0])
    here = chats.ensure(store, "terminal", "screen", None, kind="terminal", title=None, now=span[0])
    chats.subscribe(store, here.id, chats.ANY, chats.ANY)
    sender = Sender(store, [terminal], clock)
    sender.start()
    terminal.say("perpulse demo: the winter of 2025-26 in BTC futures, as its alerts would have come.", "bold")
    terminal.say(f"Data: {winter.STAMP}, not a recording. No network, no key.", "dim")
    await engine.play(store, told, sender, clock)
    clock.move(span[1])
    terminal.rule("end of the replay")
    terminal.say(
        f"{wording.count(len(told), 'notice')}, {wording.day(span[0])} to {wording.day(span[1])}. "
        f"The demo's clock now stands at {wording.clock(span[1], dated=True)}.",
    )
    if prompt and sys.stdin.isatty():
        await _take_commands(store, terminal, clock)


async def _take_commands(store: Store, terminal: Any, clock: ReplayClock) -> None:
    from bot.app import prompt as take
    from bot.winter import STAMP
    from handlers.answer import answer_blocks, logged
    from handlers.command import Deps

    async def nothing(_: str) -> None:
        """Bring nothing up to date: the demo lives in its own time."""

    async def answer(text: str, asker: Asker) -> tuple[Block, ...]:
        return await answer_blocks(text, Deps(clock.now(), asker, store, ("BTC",), nothing, STAMP), on_error=logged)

    terminal.say("Type a command: /health, /oi, /funding, /liq 95000 25x long, /help. /quit leaves.", "bold")
    await take(terminal, answer)


def import_files(files: list[Path], asset: str | None, config: Path | None, db: Path | None, *, as_json: bool) -> None:
    """Store what the files hold and print the counts and the problems."""
    from bot.importing import ImportRefused, read_file
    from bot.importing.keeping import keep

    failed = False
    read: list[Imported] = []
    problems: list[str] = []
    with plain_errors():
        store = Store(settings_of(config, db).database)
        now = SystemClock().now()
        for file in files:
            try:
                imported = read_file(file, asset=asset, now=now)
            except ImportRefused as refused:
                failed = True
                problems.append(str(refused))
                continue
            keep(store, imported)
            read.append(imported)
            problems += map(str, imported.problems)
            if not as_json:
                _tell_import(imported)
        store.close()
    if as_json:
        counts = {
            "rows": sum(each.rows for each in read),
            "kept": sum(each.kept_rows for each in read),
            "refused": sum(each.refused for each in read),
        }
        out(json.dumps(counts | {"problems": problems}))
    else:
        for line in problems[:SHOWN_PROBLEMS]:
            sys.stderr.write(f"{line}\n")
        if len(problems) > SHOWN_PROBLEMS:
            sys.stderr.write(f"... and {len(problems) - SHOWN_PROBLEMS} more; --json lists them all.\n")
    if failed:
        raise typer.Exit(2)


def _tell_import(imported: Imported) -> None:
    out(
        f"{imported.file}: {imported.format}, {imported.rows:,} rows, {imported.kept_rows:,} kept, "
        f"{imported.refused:,} refused."
    )
    for note in imported.notes:
        out(f"  {note}")


def replay(
    start: str | None, end: str | None, assets: list[str] | None, config: Path | None, db: Path | None, *, as_json: bool
) -> None:
    """Print what would have been said between two days."""
    from bot import replay as engine
    from bot.__main__ import parse_day

    with plain_errors():
        settings = settings_of(config, db)
        first, last = (parse_day(start) if start else None), (parse_day(end, last=True) if end else None)
        if first and last and first >= last:
            raise ValueError("--from must lie before --to.")
        store = Store(settings.database)
        stored = [each for each in points.assets(store) if each != "MARKET"]
        wanted = [each.upper() for each in assets] if assets else stored
        missing = [each for each in wanted if each not in stored]
        if missing:
            raise ValueError(
                f"Nothing is stored of {', '.join(missing)}. Stored: {', '.join(stored) or 'nothing yet'}."
            )
        span = engine.bounds(store, [*wanted, "MARKET"])
        if span is None:
            raise ValueError("Nothing is stored yet. Start with: perpulse import FILE, or perpulse demo.")
        told = engine.verdicts(store, wanted, first or span[0] - timedelta(days=1), last or span[1])
        for verdict in told:
            _tell_replay(engine, verdict, as_json=as_json)
        if not as_json:
            _tell_span(told, first or span[0], last or span[1])
        store.close()


def _tell_replay(engine: Any, verdict: Any, *, as_json: bool) -> None:
    if as_json:
        out(json.dumps(engine.as_json(verdict)))
        return
    transition = verdict.happening.transition
    out(f"\n── {transition.at:%Y-%m-%d %H:%M} UTC · {transition.kind} · {transition.rank} " + "─" * 20)
    out(engine.text_of(verdict))


def _tell_span(told: list[Any], start: datetime, end: datetime) -> None:
    from handlers import wording

    out(f"\n{wording.count(len(told), 'notice')} from {wording.day(start)} to {wording.day(end)}.")


def check_config(config: Path | None) -> None:
    """Say what the configuration amounts to."""
    with plain_errors():
        settings = settings_of(config)
        token = settings.telegram_token()
        out(f"assets: {', '.join(settings.assets)}")
        out(f"venue: {settings.market.venue}")
        out(f"database: {settings.database}")
        out(f"Telegram: {'token set' if token else 'no token, so perpulse speaks in the terminal'}")
        out("The configuration is in order.")


def init(path: Path) -> None:
    """Write the example configuration."""
    if path.exists():
        sys.stderr.write(f"{path} exists and is left alone.\n")
        raise typer.Exit(2)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(example(), encoding="utf-8")
    out(f"{path} written. Put your Telegram token into it, or leave it out to stay in the terminal; then: perpulse run")


def doctor(config: Path | None, db: Path | None) -> None:
    """Check what perpulse needs, one line each; exit 1 if something must be mended."""
    from bot.doctoring import examine

    with plain_errors():
        settings = settings_of(config, db)
        findings = asyncio.run(examine(settings))
    for finding in findings:
        out(f"{'ok  ' if finding.good else 'MEND'}  {finding.text}")
    if not all(finding.good for finding in findings):
        raise typer.Exit(1)
