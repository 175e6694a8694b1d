"""Who owns the bot: whoever sends it a code that is shown here alone."""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from bot.admission import access_of
from bot.clock import SystemClock
from bot.config import AccessSection
from handlers.access import CODE_LINK
from handlers.answer import Answer, brings_code
from handlers.channels.channel import Outside
from handlers.language.spelling import split_command
from handlers.reply import Line
from storage.people.bots import platform_of

if TYPE_CHECKING:
    from bot.cli.setting_up.screen import Screen
    from handlers.channels.config import ChannelConfig
    from handlers.command import Asker

PATIENCE_SECONDS: Final = 180.0
_NOT_YET: Final = "I am being set up, and answer when perpulse runs."
_YOURS: Final = "You are the owner of this bot now. Everything else works as soon as perpulse runs."


async def found(section: ChannelConfig, screen: Screen, seconds: float = PATIENCE_SECONDS) -> str | None:
    """Wait until somebody sends the bot the code; return who, as `platform:id`, or None. SendFailed as for `start`."""
    code = access_of(AccessSection(), ()).code
    assert code  # noqa: S101 - nobody is an owner by an empty section
    who: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def answer(text: str, asker: Asker) -> Answer:
        """Take the code, of one person in a chat of their own, and tell everybody else to wait."""
        if asker.user is None or asker.address.kind != "private" or not brings_code(text):
            return Answer((Line(_NOT_YET),))
        home = platform_of(asker.platform)
        typed = split_command(text)[1].removeprefix(CODE_LINK)
        tried = code.take(typed, (home, asker.user), SystemClock().now())
        if tried != "right":
            return Answer((Line("That is not the code that is shown where perpulse is set up."),))
        if not who.done():
            who.set_result(f"{home}:{asker.user}")
        return Answer((Line(_YOURS),))

    channel = section.make(Outside())
    try:
        await channel.start(answer)
        screen.say(f"  Open a chat with it and send: /owner {code.shown}")
        screen.say(
            f"  (within {seconds / 60:.0f} minutes; Enter leaves it for later, when `perpulse run` shows a code)"
        )
        return await _first(who, seconds)
    finally:
        await channel.stop()  # lets the answer under way go out


async def _first(who: asyncio.Future[str], seconds: float) -> str | None:
    """Return who sent the code; None where Enter is pressed here, or nobody sends it in time."""
    loop = asyncio.get_running_loop()
    pressed: asyncio.Future[str] = loop.create_future()

    def read() -> None:
        typed = sys.stdin.readline()
        if not pressed.done():
            pressed.set_result(typed)

    with suppress(NotImplementedError, ValueError, OSError):  # Windows waits for the code or the end of its time
        loop.add_reader(sys.stdin.fileno(), read)
    try:
        await asyncio.wait({who, pressed}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        with suppress(NotImplementedError, ValueError, OSError):
            loop.remove_reader(sys.stdin.fileno())
    return who.result() if who.done() else None
