"""What people write to the bot in direct messages: no slash is needed there, as in any private chat.

Discord hands the content of direct messages to a bot without any privileged intent; what is written in servers is
neither asked for nor read. Answers are remembered in memory alone, so that one can be edited with its question.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import structlog

from handlers.channels.channel import Address, Outgoing
from handlers.channels.failure import MarkupRefused, SendFailed
from handlers.channels.news import PendingNews, drop
from handlers.command import Asker
from handlers.language.spelling import visible

if TYPE_CHECKING:
    from handlers.answer import Answer
    from handlers.channels.channel import Answerer
    from handlers.channels.discord.posting import Posting
    from handlers.reply import Block

log = structlog.get_logger(__name__)

_REMEMBERED: Final = 2_000  # answers, of everybody


@dataclass(frozen=True, slots=True)
class Written:
    """A direct message: its number, the chat, who wrote it, and what."""

    number: int
    chat: int
    user: int
    text: str


@dataclass(frozen=True, slots=True)
class _AnswerTo:
    """What a message said, and the answer to it."""

    line: str
    sent: str


class DirectTalk:
    """Answers direct messages by one bot."""

    def __init__(self, posting: Posting, platform: str) -> None:
        self._posting, self._platform = posting, platform
        self._told: OrderedDict[int, _AnswerTo] = OrderedDict()
        self._news = PendingNews()
        self.answer: Answerer | None = None  # until it is started

    async def stop(self) -> None:
        """Wait for no more news."""
        await self._news.stop()

    async def take(self, written: Written) -> None:
        """Answer a message, or the change of one; whatever goes wrong, the next one is answered."""
        line, before = visible(written.text).strip(), self._told.get(written.number)
        if not line or self.answer is None or (before and before.line == line):
            return  # a picture alone, or a link whose preview came
        to = Address(str(written.chat))
        try:
            answer = await self.answer(line, Asker(self._platform, to, str(written.user)))
            await self._give(written.number, line, to, answer, before)
        except SendFailed as failed:
            log.info("an answer was refused", chat=to.chat, reason=failed.reason)
        except Exception:
            log.exception("a message was not handled", chat=to.chat)

    async def _give(self, number: int, line: str, to: Address, answer: Answer, before: _AnswerTo | None) -> None:
        if not answer.blocks:  # nothing is to be said, as to who asks on and on
            drop(answer)
            return
        if before:
            sent = before.sent
            await self._posting.edit(to, sent, Outgoing(answer.blocks))
        else:
            sent = await self._sent(to, Outgoing(answer.blocks))
        self._told[number] = _AnswerTo(line, sent)
        if len(self._told) > _REMEMBERED:
            self._told.popitem(last=False)

        async def update(blocks: tuple[Block, ...]) -> None:
            if self._told.get(number) != _AnswerTo(line, sent):
                return  # it was edited meanwhile, and answered anew
            try:
                await self._posting.edit(to, sent, Outgoing(blocks))
            except SendFailed as failed:  # the answer itself stands
                log.info("the news of an answer was refused", chat=to.chat, reason=failed.reason)

        self._news.follow(answer, update)

    async def _sent(self, to: Address, message: Outgoing) -> str:
        try:
            return await self._posting.send(to, message)
        except MarkupRefused:
            return await self._posting.send(to, Outgoing(message.blocks, plain=True))
