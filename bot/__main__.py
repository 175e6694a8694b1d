"""The command line. Each command imports what it needs itself, so that a calculator answers at once."""

from __future__ import annotations

import os
import sys
from functools import cache
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

if TYPE_CHECKING:
    from collections.abc import Callable

DEFAULT_CONFIG = Path("config.toml")

app = typer.Typer(
    help="The pulse of crypto derivatives. Without a command: the demo, or the bot if config.toml is here.",
    add_completion=False,
    no_args_is_help=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["--help", "-h"]},
)

tiers_app = typer.Typer(no_args_is_help=True, help="Leverage tiers: renew them from the venues, or show one table.")
app.add_typer(tiers_app, name="tiers")

Db = Annotated[
    Path | None,
    typer.Option("--db", help="The database: a file, or postgresql://… (default: data/perpulse.db, or the config's)."),
]
ConfigFile = Annotated[
    Path | None, typer.Option("--config", help="The configuration (default: config.toml if it is here).")
]
Json = Annotated[bool, typer.Option("--json", help="One JSON object a line, and nothing else, on standard output.")]
Assets = Annotated[list[str] | None, typer.Option("--asset", help="Only this asset; may be given several times.")]


def _say_version(asked: bool) -> None:  # noqa: FBT001 - as typer calls it
    if asked:
        from handlers.version import VERSION

        sys.stdout.write(f"perpulse {VERSION}\n")
        raise typer.Exit


_Version = Annotated[
    bool,
    typer.Option("--version", help="Say which version this is, and no more.", callback=_say_version, is_eager=True),
]


@app.callback(invoke_without_command=True)
def _default(context: typer.Context, config: ConfigFile = None, db: Db = None, version: _Version = False) -> None:  # noqa: ARG001 - answered before anything else
    if context.invoked_subcommand is None:
        if config or DEFAULT_CONFIG.exists():
            run(config, db)
        else:
            demo(db)
        return
    # Both may stand before the command too: there they are what the command takes where it is given none itself.
    given = {"config": config, "db": db}
    context.default_map = {
        command: {**given, **dict.fromkeys(("refresh", "show"), given)} for command in (context.invoked_subcommand,)
    }


@app.command()
def run(
    config: ConfigFile = None,
    db: Db = None,
    record: Annotated[
        Path | None, typer.Option("--record", help="Write all that exchanges send into this folder, without keys.")
    ] = None,
    tape: Annotated[
        Path | None, typer.Option("--tape", help="Play what was recorded in this folder, and ask nobody.")
    ] = None,
    role: Annotated[
        list[str] | None,
        typer.Option(
            "--role", help="Of several processes on one database: what this one does, as collect,judge,send,answer."
        ),
    ] = None,
) -> None:
    """Run the bot: in each channel that is set up, or else right here."""
    from bot.cli import run

    run.run(config, db, record, tape, role or ())


@app.command()
def demo(
    db: Db = None,
    no_input: Annotated[bool, typer.Option("--no-input", help="End after the replay and take no commands.")] = False,
    as_json: Json = False,
) -> None:
    """Replay the bundled winter 2025-26 through the whole pipeline, then take commands, typed or piped in."""
    from bot.cli.playing import demo

    demo.demo(db, prompt=not no_input, as_json=as_json)


@app.command()
def say(
    text: Annotated[str, typer.Argument(help='A command, e.g. "/liq 95000 25x long"')],
    config: ConfigFile = None,
    db: Db = None,
    as_json: Json = False,
) -> None:
    """Answer one command right here; exit 0, or 2 with the error text."""
    from bot.cli import say

    sys.exit(say.say(text, config, db, as_json=as_json))


@app.command("import")
def import_(
    files: Annotated[list[Path], typer.Argument(help="Files in the neutral format, or raw files that are recognised.")],
    asset: Annotated[
        str | None, typer.Option("--asset", help="The asset of raw candles, which do not name it.")
    ] = None,
    accept: Annotated[
        list[str] | None,
        typer.Option(
            "--accept",
            help="Days that you know to be true, e.g. 2025-03-01..2025-03-04: what is only unlikely is kept there, and "
            "noted. May be given several times.",
        ),
    ] = None,
    config: ConfigFile = None,
    db: Db = None,
    as_json: Json = False,
) -> None:
    """Store history from files. Importing twice changes nothing; bad lines are named and the rest is kept."""
    from bot.cli.market import import_

    import_.import_files(files, asset, accept or (), config, db, as_json=as_json)


@app.command()
def export(
    file: Annotated[
        Path | None, typer.Argument(help="A new file; its name says the format: .csv, .csv.gz or .parquet.")
    ] = None,
    asset: Assets = None,
    names: Annotated[
        list[str] | None, typer.Option("--input", help="Only this input, e.g. close; may be given several times.")
    ] = None,
    start: Annotated[str | None, typer.Option("--from", help="First day, e.g. 2025-10-01 (default: all).")] = None,
    end: Annotated[str | None, typer.Option("--to", help="Last day, e.g. 2026-03-30 (default: all).")] = None,
    bars: Annotated[
        str | None, typer.Option("--bars", help="Only bars of this length, e.g. 1d (default: the shortest of each).")
    ] = None,
    mine: Annotated[
        bool, typer.Option("--mine", help="Not history, but all that is kept of a chat: JSON, as /export gives it.")
    ] = False,
    chat: Annotated[
        str | None,
        typer.Option("--chat", help="With --mine: whose, as platform:id (default: who sits here)."),
    ] = None,
    config: ConfigFile = None,
    db: Db = None,
) -> None:
    """Write stored history into a file that `import` reads again, or Parquet; --mine: what is kept of a chat."""
    if mine or chat:
        from bot.cli import mine as of_chat

        of_chat.export(file, chat, config, db)
        return
    from bot.cli.market import export

    export.export(file, asset, names, start, end, bars, config, db)


@app.command()
def backfill(
    assets: Annotated[list[str] | None, typer.Argument(help="Assets, e.g. BTC ETH (default: the config's).")] = None,
    days: Annotated[
        int | None, typer.Option("--days", help="So many days back (default: all; book depth 400 days).")
    ] = None,
    config: ConfigFile = None,
    db: Db = None,
    as_json: Json = False,
) -> None:
    """Read years of history from Binance's public archive; again, and it goes on where it stopped."""
    from bot.cli.market import backfill

    backfill.backfill(assets, days, config, db, as_json=as_json)


@app.command()
def replay(
    start: Annotated[str | None, typer.Option("--from", help="First day, e.g. 2025-10-01 (default: all).")] = None,
    end: Annotated[str | None, typer.Option("--to", help="Last day, e.g. 2026-03-30 (default: all).")] = None,
    asset: Assets = None,
    config: ConfigFile = None,
    db: Db = None,
    as_json: Json = False,
) -> None:
    """Judge stored history: what perpulse would have said."""
    from bot.cli.playing import replay

    replay.replay(start, end, asset, config, db, as_json=as_json)


@app.command()
def backtest(
    rule: Annotated[str, typer.Argument(help='A rule as for /alert, e.g. "btc funding > 30% apr for 2h".')],
    start: Annotated[str | None, typer.Option("--from", help="First day, e.g. 2024-01-01 (default: all).")] = None,
    asset: Assets = None,
    config: ConfigFile = None,
    db: Db = None,
    as_json: Json = False,
) -> None:
    """Say what followed a rule of your own in stored history, of one asset or of all at once."""
    from bot.cli.playing import backtest

    backtest.backtest(rule, start, asset, config, db, as_json=as_json)


@app.command()
def record(
    rule: Annotated[str | None, typer.Option("--rule", help="Only this alarm or setup, by its id.")] = None,
    asset: Annotated[str | None, typer.Option("--asset", help="Only this asset, e.g. BTC.")] = None,
    config: ConfigFile = None,
    db: Db = None,
    as_json: Json = False,
) -> None:
    """Print what was told in advance and what came of it; --json prints one object per entry, for anybody to check."""
    from bot.cli import record

    record.record(rule, asset, config, db, as_json=as_json)


@tiers_app.command("refresh")
def tiers_refresh(
    venues: Annotated[list[str] | None, typer.Argument(help="Which venues (default: all that can be asked).")] = None,
    asset: Assets = None,
    config: ConfigFile = None,
    db: Db = None,
    base_url: Annotated[str | None, typer.Option(hidden=True, help="One server for all venues, for tests.")] = None,
    as_json: Json = False,
) -> None:
    """Renew the tables from the venues, keep the old ones by date, and say what changed. No key is needed."""
    from bot.cli.market import tiers

    tiers.refresh(venues, asset, config, db, base_url, as_json=as_json)


@tiers_app.command("show")
def tiers_show(
    words: Annotated[list[str], typer.Argument(help='An asset and a venue, e.g. "BTC bybit" or "ETH okx coin-m".')],
    config: ConfigFile = None,
    db: Db = None,
) -> None:
    """Show one table with its date and source."""
    from bot.cli.market import tiers

    tiers.show(words, config, db)


@app.command("check-config")
def check_config(config: ConfigFile = None, db: Db = None) -> None:
    """Read the configuration and say what is wrong with it, or what it amounts to."""
    from bot.cli import check_config

    check_config.check_config(config, db)


@app.command()
def init(path: Annotated[Path, typer.Argument(help="Where to write it.")] = DEFAULT_CONFIG) -> None:
    """Ask some questions and write config.toml; without a terminal write the example, and no file twice."""
    from bot.cli import init

    init.init(path)


@app.command()
def doctor(config: ConfigFile = None, db: Db = None, as_json: Json = False) -> None:
    """Check everything perpulse needs, and say what mends what is wrong; exit 1 if something is."""
    from bot.cli import doctor

    doctor.doctor(config, db, as_json=as_json)


@app.command()
def move(
    source: Annotated[Path, typer.Argument(metavar="FROM", help="A file, or the address of a server.")],
    target: Annotated[
        Path | None, typer.Argument(metavar="TO", help="The other one, empty; without it that of the config.")
    ] = None,
    config: ConfigFile = None,
) -> None:
    """Copy everything from a file into PostgreSQL or back, and compare both; stopped, it goes on where it was."""
    from bot.cli import move

    move.move(source, target, config)


@app.command()
def backup(
    file: Annotated[
        Path | None, typer.Argument(help="Where to, e.g. perpulse.db.gz (default: the config's backup.folder).")
    ] = None,
    config: ConfigFile = None,
    db: Db = None,
) -> None:
    """Copy the database into one packed file, also while the bot runs, and read it again; of a server by pg_dump."""
    from bot.cli import backup

    backup.backup(file, config, db)


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="A backup, or any copy of a database of perpulse.")],
    config: ConfigFile = None,
    db: Db = None,
) -> None:
    """Put a backup in the place of the database; what was there is kept, and nothing is sent a second time."""
    from bot.cli import backup

    backup.restore(file, config, db)


@app.command()
def status(config: ConfigFile = None, db: Db = None, as_json: Json = False) -> None:
    """Say what is stored, how old it is, and how each source does."""
    from bot.cli import status

    sys.exit(status.status(config, db, as_json=as_json))


def _understood(words: list[str]) -> str:
    """Return the program with the command that a line names, of an error that does not say so."""
    known = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}
    named = next((word for word in words if word in known), "")
    return f"perpulse {named}".rstrip()


@cache
def _command() -> Callable[..., Any]:
    """Return the command line, made once: typer looks at each parameter of each command anew, for 25 ms."""
    return typer.main.get_command(app)


def typed(words: list[str]) -> NoReturn:
    """Run what was typed behind the program's name, and exit; what is wrong with it is told in one line."""
    try:
        sys.exit(_command()(words, prog_name="perpulse", standalone_mode=False) or 0)
    except typer.TyperException as error:  # what is wrong with the line
        from bot.cli.common import usage_said

        context = getattr(error, "ctx", None)
        named = context.command_path if context else _understood(words)
        sys.stderr.write(f"{usage_said(error, named)}\n")
        sys.exit(2)
    except typer.Abort:
        sys.exit(130)


def main() -> None:
    """Run the command line: `perpulse`, or `python -m bot`."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # a screen that knows no minus sign shall not cost the answer
    try:
        try:
            typed(sys.argv[1:])
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        # The reader (head, less) has left: there is nobody to tell, and Python's own flush at the end would complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


if __name__ == "__main__":
    main()
