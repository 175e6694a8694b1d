"""What the commands of the command line share. Every error a person can meet ends as one line that says what to do."""

from __future__ import annotations

import re
import sys
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import typer

from bot.config import Config, ConfigError, load
from handlers.command import Refused
from signals.assets import UnreadableSymbol
from signals.units import DAY
from storage.engine.database import StoreError
from storage.engine.place import PlaceError, place_of

if TYPE_CHECKING:
    from collections.abc import Iterator

DEFAULT_CONFIG = Path("config.toml")


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
    try:
        return settings.model_copy(update={"database": place_of(db)}) if db else settings
    except PlaceError as error:
        raise Refused(f"--db: {error}.") from None


def day(text: str, *, last: bool = False) -> datetime:
    """Read a date or a time as UTC; `last` makes a bare date mean its end. Refused with what to type."""
    try:
        at = datetime.fromisoformat(text.strip())
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
        return at + DAY if last and len(text.strip()) <= len("2025-10-01") else at
    except (ValueError, OverflowError):
        raise Refused(f"{text[:40]!r} is no date. Write it like 2025-10-01.") from None


# --- what was typed wrongly -------------------------------------------------------------------------------------------

# How a command is typed that needs something behind it.
_EXAMPLES: Final = {
    "say": 'say "/liq 95000 25x long"',
    "import": "import history.csv",
    "backtest": 'backtest "btc funding > 30% apr for 2h"',
    "show": 'tiers show "BTC bybit"',
    "move": "move data/perpulse.db",
    "restore": "restore backups/perpulse.db.gz",
}


def usage_said(error: Any, named: str) -> str:
    """Return what is wrong with a command line, and what to type, in our words.

    error: the library's. named: the program with the command, as far as they were understood: perpulse say.
    """
    kind, message = type(error).__name__, str(error)
    if kind == "NoArgsIsHelpError":
        return message
    if name := re.match(r"No such command '(.*?)'", message):
        return _no_command(name[1], message, named)
    option, param = getattr(error, "option_name", None), getattr(error, "param", None)
    if option:
        return _no_option(error, option, named)
    if extra := re.search(r"unexpected extra arguments?(?:\(s\))? \((.*)\)", message):
        quotes = " Put what belongs together into quotes." if named.rsplit(maxsplit=1)[-1] in _EXAMPLES else ""
        return f"“{extra[1]}” is too much.{quotes} Type it like {_example(named)}."
    if kind == "MissingParameter":
        return f"Behind {named} something is missing. Type it like {_example(named)}."
    number = "valid integer" in message and getattr(param, "name", None)
    what = f"Behind --{number} stands a whole number, like 30." if number else f"{message}."
    return f"{what} {named} --help says more."


def _no_option(error: Any, option: str, named: str) -> str:
    if type(error).__name__ == "NoSuchOption":
        near = " or ".join(error.possibilities or ())
        return f"{named} has no {option}.{f' Did you mean {near}?' if near else ''} {named} --help shows what it takes."
    if "requires an argument" in str(error):
        return f"Behind {option} its value is missing. {named} --help says what it may be."
    return f"{option} takes no value. {named} --help says more."


def _no_command(name: str, message: str, named: str) -> str:
    from handlers.answer import look_up  # noqa: PLC0415 - for what is wrong only

    near = re.search(r"Did you mean (.*?)\?", message)
    if near:
        return f"There is no command “{name}”. Did you mean {named} {near[1].strip(chr(39))}?"
    try:
        look_up(f"/{name}")
    except Refused:
        return f"There is no command “{name}”. {named} --help shows all that there are."
    return f'“{name}” is asked as in a chat: {named} say "/{name}". {named} --help shows the commands of the program.'


def _example(named: str) -> str:
    command = named.rsplit(maxsplit=1)[-1]
    return f"perpulse {_EXAMPLES[command]}" if command in _EXAMPLES else named
