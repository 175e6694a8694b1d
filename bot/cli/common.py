"""What the commands of the command line share. Every error a person can meet ends as one line that says what to do."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

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
