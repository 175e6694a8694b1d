"""A room in which people talk with the bot: what one message leaves open, the next one may say."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from handlers.conversation import Conversations
from handlers.reply import Buttons, Line
from tests import loop
from tests.handlers.commands.room import GROUP, ME, Room

if TYPE_CHECKING:
    from handlers.answer import Answer
    from handlers.command import Asker, Deps
    from storage.engine.database import Store

HERE: Final = replace(ME, address=GROUP)
REPLY: Final = replace(HERE, replies=True)


class Talk(Room):
    """A room in which the next message may complete the last one; its time is moved by hand."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.seconds = 0.0
        self.conversations = Conversations(lambda: self.seconds)
        self.buttons: list[tuple[str, str]] = []
        self.looked: list[str] = []

    def deps(self, asker: Asker) -> Deps:
        return replace(super().deps(asker), look=self.looked.append)

    def answer(self, line: str, asker: Asker = ME) -> Answer:
        return loop.run(self.conversations.answer(line, self.deps(asker), on_error=lambda *_: "a defect"))

    def say(self, line: str, asker: Asker = ME) -> str:
        answer = self.answer(line, asker)
        rows = [block for block in answer.blocks if isinstance(block, Buttons)]
        self.buttons = [(button.label, button.command) for row in rows for button in row.buttons]
        return "\n".join(block.text for block in answer.blocks if isinstance(block, Line))
