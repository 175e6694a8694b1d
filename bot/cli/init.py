"""`perpulse init`: a config.toml to start from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.cli.common import out, plain_errors
from bot.config import Config, example
from handlers.command import Refused
from handlers.words import wording

if TYPE_CHECKING:
    from pathlib import Path


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
    wanted = [f"your {channel.title} {channel.needs}" for channel in Config().channels if channel.needs]
    here = wording.listing([channel.title for channel in Config().speaking()])
    out(
        f"{path} written. Put {wording.listing(wanted, 'or')} into it, or nothing to stay in {here}; then: perpulse run"
    )
