"""`perpulse init`: a config.toml, by a short conversation; without a terminal the example to start from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from bot import log
from bot.cli.common import out, plain_errors
from bot.cli.setting_up import written
from bot.cli.setting_up.screen import KeyboardScreen, Screen, attended
from bot.config import LONGEST_FILE, Config, ConfigError, example, read
from handlers.channels.written import UnreadableText, text_of
from handlers.command import Refused
from handlers.words import wording

if TYPE_CHECKING:
    from pathlib import Path


def init(path: Path) -> None:
    """Write a configuration: what is answered, or the example where nobody can be asked."""
    with plain_errors():
        if attended():
            _converse(path, KeyboardScreen())
            return
        if path.exists():
            raise Refused(f"{path} exists and is left alone.")
        written.write(path, example())
    wanted = [f"your {channel.title} {channel.needs}" for channel in Config().channels if channel.needs]
    here = wording.listing([channel.title for channel in Config().speaking()])
    out(
        f"{path} written. Put {wording.listing(wanted, 'or')} into it, or nothing to stay in {here}; then: perpulse run"
    )


def _converse(path: Path, screen: Screen) -> None:
    """Hold the conversation and write what came of it; exit 130 where it was ended before."""
    from bot.cli.setting_up.conversation import Conversation  # noqa: PLC0415 - the exchanges' library, for it alone

    log.set_up(quiet=True)
    try:
        begun = _to_begin_with(path, screen)
        text = Conversation(begun, path, screen).hold()
        if path.exists() and text == _there(path):
            screen.say(f"\nNothing has changed, so {path} stays as it is.")
            return
        kept = written.write(path, text)
    except (typer.Abort, KeyboardInterrupt):
        screen.say("\nNothing was written.")
        raise typer.Exit(130) from None
    screen.say(f"\n{path} written" + (f"; the one before is {kept}." if kept else "."))
    screen.say("Look at everything once: perpulse doctor. Then: perpulse run")


def _to_begin_with(path: Path, screen: Screen) -> str:
    """Return the text that is there, or the example where there is none or it is no good one."""
    if not path.exists():
        return example()
    text = _there(path)
    backup = written.backup_of(path)
    try:
        read(text, path)
    except ConfigError as error:
        screen.say(str(error))
        if not screen.ask_whether(f"Begin with the example instead? {path} is kept as {backup}.", usual=False):
            raise typer.Abort from None
        return example()
    if not screen.ask_whether(f"{path} exists. Go through it? What is there now is kept as {backup}.", usual=True):
        raise typer.Abort
    return text


def _there(path: Path) -> str:
    try:
        return text_of(path, LONGEST_FILE)
    except UnreadableText as why:
        raise Refused(f"{path} {why}.") from None
