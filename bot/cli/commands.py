"""What the commands of the command line do. Every error a person can meet ends as one line that says what to do."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from bot.clock import ReplayClock, SystemClock
from bot.config import Config, ConfigError, example, load
from handlers.command import Refused
from signals.assets import UnreadableSymbol, assets_of
from signals.inputs import MARKET
from storage.engine.database import Store, StoreError
from storage.market import points

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bot.archive.importing import Imported
    from bot.cli.prompt import Screen
    from bot.engine.evaluate import Verdict
    from bot.tape.recording import Recorder
    from handlers.command import Asker
    from handlers.reply import Block

SHOWN_PROBLEMS = 20
DEFAULT_CONFIG = Path("config.toml")
FIRST_TOLD = datetime(2025, 9, 25, tzinfo=UTC)  # of the demo: the months before are what its windows look back on
THE_RESET = date(2026, 1, 15)  # the day that the demo looks back on at its end


def out(text: str = "") -> None:
    """Print a line on standard output."""
    sys.stdout.write(text + "\n")


@contextmanager
def plain_errors() -> Iterator[None]:
    """Turn the errors a person can meet into one line on standard error and exit code 2."""
    try:
        yield
    except (ConfigError, StoreError, Refused, UnreadableSymbol) as error:
        sys.stderr.write(f"{error}\n")
        raise typer.Exit(2) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def settings_of(config: Path | None, db: Path | None = None) -> Config:
    """Read the configuration that was named, or config.toml if it is here, or the defaults; --db wins."""
    path = config or (DEFAULT_CONFIG if DEFAULT_CONFIG.exists() else None)
    settings = load(path)
    return settings.model_copy(update={"database": db}) if db else settings


def run(config: Path | None, db: Path | None, record: Path | None = None, tape: Path | None = None) -> None:
    """Run the bot until it is told to stop; write every raw answer down, or play written ones instead of asking."""
    if tape:
        if record:
            with plain_errors():
                raise Refused("Give --record or --tape, not both.")
        from bot.cli import playback

        playback.run(tape, config, db)
        return
    from bot import log
    from bot.app import build
    from handlers.channels.channel import SendFailed
    from handlers.words import wording
    from signals.venues import venue_title

    with plain_errors():
        settings = settings_of(config, db)
        token = settings.telegram_token()
        log.set_up(
            debug=settings.log_level == "debug",
            quiet=token is None and sys.stderr.isatty(),  # the screen says it already
            secrets=[token.get_secret_value()] if token else [],
        )
        recorder = _recorder(record, settings) if record else None
        app = build(settings, edge=recorder)
        with app.store.write():
            """Raise StoreError before anything is promised."""
        where = "Telegram" if token else "this terminal (no Telegram token is set; see config.example.toml)"
        venues = wording.listing([venue_title(each) for each in settings.market.venues])
        out(f"perpulse follows {', '.join(settings.assets)} on {venues} and speaks in {where}.")
        sys.stdout.flush()
        try:
            asyncio.run(app.run())
        except SendFailed as failed:
            raise Refused(failed.reason) from None
        finally:
            if recorder:
                recorder.close()


def _recorder(folder: Path, settings: Config) -> Recorder:
    """Begin a tape, and say where it is and what it costs."""
    from bot.cli.playback import followed
    from bot.tape import TapeError
    from bot.tape.recording import MOST_BYTES, Recorder

    try:
        recorder = Recorder(folder, SystemClock().now, assets=settings.assets, market=followed(settings.market))
    except TapeError as error:
        raise Refused(str(error)) from None
    out(
        f"Every raw answer and every frame of a stream is written to {folder}, without keys, until there are "
        f"{MOST_BYTES / 1e9:g} GB. To see what was recorded: perpulse run --tape {folder}"
    )
    return recorder


def demo(db: Path | None, *, prompt: bool, as_json: bool) -> None:
    """Replay the bundled winter, then take commands while there is somebody to type them."""
    with plain_errors(), tempfile.TemporaryDirectory(prefix="perpulse-demo-") as folder:
        store = Store(db or Path(folder) / "demo.db")
        try:
            asyncio.run(_demo(store, prompt=prompt, as_json=as_json))
        finally:
            store.close()


async def _demo(store: Store, *, prompt: bool, as_json: bool) -> None:
    from bot import demo, log
    from bot.archive.importing import read_file
    from bot.archive.importing.keeping import keep
    from bot.cli.prompt import Screen
    from bot.engine import replay as engine
    from storage.market import grid

    if store.exists and points.assets(store):
        raise Refused(f"{store.path} holds data already. The demo wants a file of its own: give another --db, or none.")
    log.set_up(quiet=True)
    keep(store, read_file(demo.path(), now=SystemClock().now()))
    span = engine.bounds(store, ["BTC", MARKET])
    if span is None:
        raise Refused("The bundled history is empty. Install perpulse anew.")
    told = engine.verdicts(store, ["BTC"], FIRST_TOLD, span[1], note=demo.STAMP)
    if as_json:
        for verdict in told:
            out(json.dumps(engine.as_json(verdict)))
        return
    screen, clock = Screen(), ReplayClock(FIRST_TOLD)
    await _show_winter(store, told, screen, clock)
    clock.move(grid.floor(span[1], timedelta(days=1)))  # where the last whole day closes: nothing is old there
    await asyncio.to_thread(_look_back, store, screen, span)
    if prompt and sys.stdin.isatty():
        await take_commands(store, screen, clock, ("BTC",), demo.STAMP)


async def _show_winter(store: Store, told: list[Verdict], screen: Screen, clock: ReplayClock) -> None:
    from bot import demo
    from bot.cli.prompt import SCREEN
    from bot.delivery.dispatcher import Sender
    from bot.engine import replay as engine
    from handlers.words import wording
    from storage.people import destinations

    here = destinations.ensure(store, "terminal", SCREEN.chat, None, kind="terminal", title=None, now=clock.now())
    destinations.subscribe(store, here.id, destinations.ANY, destinations.ANY)
    sender = Sender(store, [screen], clock)
    sender.start()
    screen.say("perpulse demo: the winter of 2025-26 in BTC futures, as its alerts would have come.", "bold")
    screen.say(f"Data: {demo.STAMP}, not a recording. No network, no key.", "dim")
    await engine.play(store, told, sender, clock)
    screen.rule("end of the replay")
    started = sum(each.happening is not None and each.happening.transition.kind == "fired" for each in told)
    screen.say(
        f"{wording.count(started, 'episode')} since {wording.day(FIRST_TOLD)}: one message each, edited when it got "
        f"worse and closed when it was over. {wording.count(len(told), 'notice')} in all."
    )


def _look_back(store: Store, screen: Screen, span: tuple[datetime, datetime]) -> None:
    from bot import demo
    from bot.demo import hindsight

    said = hindsight.what_followed(hindsight.read(store, "BTC", *span), THE_RESET, "BTC")
    if said:
        screen.say("\nWhat became of it", "bold")
        for sentence in said:
            screen.say(sentence)
        screen.say(f"Computed from the same data: {demo.STAMP}.", "dim")


async def take_commands(store: Store, screen: Screen, clock: ReplayClock, assets: tuple[str, ...], stamp: str) -> None:
    """Answer commands in a time that stands still, until there are no more."""
    from handlers.answer import answer_blocks, logged
    from handlers.charts.pictures import Pictures
    from handlers.charts.process import Draughtsman
    from handlers.command import Deps
    from handlers.words import wording

    async def nothing(_: str) -> None:
        """Bring nothing up to date: what was replayed lives in its own time."""

    async def answer(text: str, asker: Asker) -> tuple[Block, ...]:
        return await answer_blocks(text, Deps(clock.now(), asker, store, assets, nothing, stamp), on_error=logged)

    screen.say(f"\nHere it is {wording.moment(clock.now())} now, where the data ends.", "dim")
    screen.say("Type a command: /health, /oi, /funding, /liq 95000 25x long, /help. /quit leaves.", "bold")
    draughtsman = Draughtsman()
    try:
        await screen.take_commands(answer, Pictures(store, draughtsman).draw)
    finally:
        draughtsman.close()


def import_files(files: list[Path], asset: str | None, config: Path | None, db: Path | None, *, as_json: bool) -> None:
    """Store what the files hold and print the counts and the problems; exit 2 if a file could not be taken at all."""
    from bot.archive.importing import ImportRefused, read_file
    from bot.archive.importing.keeping import keep

    refused: list[str] = []
    read: list[Imported] = []
    with plain_errors():
        store = Store(settings_of(config, db).database)
        now = SystemClock().now()
        for file in files:
            try:
                imported = read_file(file, asset=asset, now=now)
            except ImportRefused as reason:
                refused.append(str(reason))
                continue
            keep(store, imported)
            read.append(imported)
            if not as_json:
                _tell_import(imported)
        store.close()
    problems = [*refused, *(str(problem) for each in read for problem in each.problems)]
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
    if refused:
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
    from bot.engine import replay as engine

    with plain_errors():
        first, last = (day(start) if start else None), (day(end, last=True) if end else None)
        if first and last and first >= last:
            raise Refused("--from must lie before --to.")
        store = Store(settings_of(config, db).database)
        wanted = _stored(store, assets)
        span = engine.bounds(store, [*wanted, MARKET]) if store.exists else None  # looking makes no file
        if span is None:
            raise Refused("Nothing is stored yet. Start with: perpulse import FILE, or perpulse demo.")
        told = engine.verdicts(store, wanted, first or span[0] - timedelta(days=1), last or span[1])
        store.close()
    for verdict in told:
        out(json.dumps(engine.as_json(verdict)) if as_json else engine.as_text(verdict))
    if not as_json:
        _tell_span(told, first or span[0], last or span[1])


def _stored(store: Store, assets: list[str] | None) -> list[str]:
    """Return the assets that are asked for, or all. Refused where nothing is stored of one."""
    stored = [each for each in points.assets(store) if each != MARKET] if store.exists else []
    wanted = assets_of(assets) if assets else stored
    if missing := [each for each in wanted if each not in stored]:
        raise Refused(
            f"Nothing is stored of {', '.join(missing)}. Stored: {', '.join(stored) or 'nothing yet'}. "
            "Bring history in with: perpulse import FILE."
        )
    return wanted


def day(text: str, *, last: bool = False) -> datetime:
    """Read a date or a time as UTC; `last` makes a bare date mean its end. Refused with what to type."""
    try:
        at = datetime.fromisoformat(text.strip())
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
        return at + timedelta(days=1) if last and len(text.strip()) <= len("2025-10-01") else at
    except (ValueError, OverflowError):
        raise Refused(f"{text[:40]!r} is no date. Write it like 2025-10-01.") from None


def _tell_span(told: list[Verdict], start: datetime, end: datetime) -> None:
    from handlers.words import wording

    out(f"\n{wording.count(len(told), 'notice')} from {wording.moment(start)} to {wording.moment(end)}.")


def check_config(config: Path | None) -> None:
    """Say what the configuration amounts to."""
    with plain_errors():
        settings = settings_of(config)
        token = settings.telegram_token()
    out(f"assets: {', '.join(settings.assets)}")
    out(f"venues: {', '.join(settings.market.venues)}")
    out(f"database: {settings.database}")
    out(f"Telegram: {'a token is set' if token else 'no token, so perpulse speaks in the terminal'}")
    out("The configuration is in order.")


def init(path: Path) -> None:
    """Write the example configuration; an existing file is left alone."""
    with plain_errors():
        if path.exists():
            raise Refused(f"{path} exists and is left alone.")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as file:
                file.write(example())
            path.chmod(0o600)  # a token will stand in it
        except OSError as error:
            raise Refused(
                f"{path} cannot be written ({error.strerror}). Name another place: perpulse init PATH"
            ) from None
    out(f"{path} written. Put your Telegram token into it, or leave it out to stay in the terminal; then: perpulse run")


def doctor(config: Path | None, db: Path | None) -> None:
    """Check what perpulse needs, one line each; exit 1 if something must be mended."""
    from bot import log
    from bot.cli.doctor import examine

    log.set_up(quiet=True)
    with plain_errors():
        settings = settings_of(config, db)
        findings = asyncio.run(examine(settings))
    for finding in findings:
        out(f"{'ok  ' if finding.good else 'MEND'}  {finding.text}")
    if not all(finding.good for finding in findings):
        raise typer.Exit(1)
