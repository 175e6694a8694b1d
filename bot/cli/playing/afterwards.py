"""Commands in a time that stands still: at the end of a demo or a tape, until whoever types leaves."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from handlers.answer import logged
from handlers.channels.channel import Outside
from handlers.channels.local import local
from handlers.charts.pictures import Pictures
from handlers.charts.process import ChartRenderer
from handlers.command import Deps, nobody
from handlers.conversation import Conversations
from handlers.words import wording

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bot.clock import ReplayClock
    from handlers.answer import Answer
    from handlers.channels.local import LocalChannel
    from handlers.command import Asker
    from storage.engine.database import Store


@contextlib.contextmanager
def opened(store: Store) -> Iterator[LocalChannel]:
    """Open the channel of this place, with charts of what is in the store."""
    renderer = ChartRenderer()
    try:
        yield local().open(Outside(draw=Pictures(store, renderer).draw))
    finally:
        renderer.close()


async def take_commands(
    store: Store, place: LocalChannel, clock: ReplayClock, assets: tuple[str, ...], stamp: str
) -> None:
    """Answer commands as they would have been answered then, until whoever types leaves or what is piped in ends."""
    conversations = Conversations(clock.monotonic)

    async def answer(text: str, asker: Asker) -> Answer:
        return await conversations.answer(text, Deps(clock.now(), asker, store, assets, nobody, stamp), on_error=logged)

    place.say(f"\nHere it is {wording.moment(clock.now())} now, where the data ends.", "dim")
    if place.attended:
        place.say("Type a command: /health, /oi, /funding, /liq 95000 25x long, /help. /quit leaves.", "bold")
    else:  # a pipe that stays open would look like a program that hangs
        place.say("Commands are read from standard input, one a line, until it ends.", "dim")
    await place.take_commands(answer)
