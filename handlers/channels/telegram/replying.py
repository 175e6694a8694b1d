"""Answers to people: sent, edited when news comes, and edited when the question is.

What was answered is remembered in memory alone: no text of people is stored.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import structlog
from telegram import Chat

from handlers.channels.channel import Outgoing
from handlers.channels.failure import ChatGone, ChatMoved, MarkupRefused, SendFailed, Throttled
from handlers.channels.news import PendingNews, drop
from handlers.channels.telegram.sending import LONGEST_WAIT, has_attachment

if TYPE_CHECKING:
    from telegram import Message

    from handlers.answer import Answer
    from handlers.channels.channel import Address, Channel, Outside
    from handlers.reply import Block

log = structlog.get_logger(__name__)

_OF_A_CHAT: Final = 200
_CHATS: Final = 500


@dataclass(frozen=True, slots=True)
class Given:
    """An answer to a line: where it went, as which message, and whether it changed something, or led to that."""

    line: str
    to: Address
    sent: str
    changed: bool


class _Answered:
    """The last answers of each chat, by the message that was answered."""

    def __init__(self) -> None:
        self._chats: OrderedDict[int, OrderedDict[int, Given]] = OrderedDict()

    def keep(self, chat: int, message: int, given: Given) -> None:
        """Remember an answer; the oldest ones are forgotten."""
        answers = self._chats.setdefault(chat, OrderedDict())
        self._chats.move_to_end(chat)
        answers[message] = given
        if len(answers) > _OF_A_CHAT:
            answers.popitem(last=False)
        if len(self._chats) > _CHATS:
            self._chats.popitem(last=False)

    def find(self, chat: int, message: int) -> Given | None:
        """Return the answer to a message; None where there is none, or it was long ago."""
        return self._chats.get(chat, OrderedDict()).get(message)


class Replies:
    """Answers by one bot. channel: sends and edits. outside: is told where a chat moved, or is gone."""

    def __init__(self, channel: Channel, outside: Outside) -> None:
        self._channel, self._outside = channel, outside
        self._news = PendingNews()
        self._answered = _Answered()

    async def stop(self) -> None:
        """Wait for no more news."""
        await self._news.stop()

    def given(self, message: Message) -> Given | None:
        """Return what a message was answered with; None where it was not, or long ago."""
        return self._answered.find(message.chat.id, message.message_id)

    def led(self, to: Address, answer: Answer) -> None:
        """Note of the messages that led to an answer that they changed something, as their answers asked for it.

        Of those whose change it undoes, that they did not.
        """
        led_by = answer.led_by if answer.has_changed else ()
        for number, changed in (*((led, True) for led in led_by), *((undone, False) for undone in answer.undone)):
            if given := self._answered.find(int(to.chat), int(number)):
                self._answered.keep(int(to.chat), int(number), replace(given, changed=changed))

    async def give_to(self, message: Message, line: str, to: Address, answer: Answer, before: Given | None) -> None:
        """Answer a message. before: the answer to what it said before it was edited, which is edited too.

        A picture is not edited: where there was one, or is one now, the answer is sent anew. What is said apart is
        forgotten at once, so that what was known of the message stays known.
        """
        if answer.apart:
            await self.give(to, answer, str(message.message_id))
            return
        if before and answer.blocks and not before.sent.endswith("p") and not has_attachment(answer.blocks):
            self._answered.keep(message.chat.id, message.message_id, replace(before, line=line, changed=answer.changed))
            await self._outside.pace()
            try:
                await self._channel.edit(before.to, before.sent, Outgoing(answer.blocks))
            except SendFailed as failed:
                log.info("the edit of an answer was refused", chat=to.chat, reason=failed.reason)
            self._follow(before.to, before.sent, answer, message, line)
            return
        private = message.chat.type == Chat.PRIVATE
        sent = await self._send(to, answer, None if private else str(message.message_id))
        if sent:
            self._answered.keep(message.chat.id, message.message_id, Given(line, *sent, answer.changed))
            self._follow(*sent, answer, message, line)

    async def give(self, to: Address, answer: Answer, reply_to: str | None = None) -> None:
        """Answer a person, and edit the answer when there is news of it, without holding anybody up for that."""
        sent = await self._send(to, answer, reply_to)
        if sent:
            self._follow(*sent, answer)

    async def _send(self, to: Address, answer: Answer, reply_to: str | None) -> tuple[Address, str] | None:
        """Send an answer and return where and as which message; None where nothing is to be said, or it failed."""
        if not answer.blocks:
            drop(answer)
            return None
        if has_attachment(answer.blocks):
            await self._channel.working(to)  # drawing and sending a picture takes seconds
        to, sent = await self._try_twice(to, Outgoing(answer.blocks, reply_to=reply_to))
        if sent is None:
            drop(answer)
            return None
        return to, sent

    def _follow(self, to: Address, sent: str, answer: Answer, about: Message | None = None, line: str = "") -> None:
        async def update(blocks: tuple[Block, ...]) -> None:
            known = self.given(about) if about else None
            if known and known.line != line:
                return  # it was edited meanwhile, and answered anew
            if known and about and answer.has_changed:
                self._answered.keep(about.chat.id, about.message_id, replace(known, changed=True))
            self.led(to, answer)
            await self._outside.pace()
            try:
                await self._channel.edit(to, sent, Outgoing(blocks))
            except SendFailed as failed:  # the answer itself stands
                log.info("the news of an answer was refused", chat=to.chat, reason=failed.reason)

        self._news.follow(answer, update)

    async def _try_twice(self, to: Address, message: Outgoing) -> tuple[Address, str | None]:
        """Send, and return where and as which message; None where it failed.

        Tried once more where Telegram says how; an answer that may have arrived is not repeated.
        """
        await self._outside.pace()
        try:
            return to, await self._channel.send(to, message)
        except SendFailed as failed:
            log.info("an answer was refused", chat=to.chat, reason=failed.reason)
            match failed:
                case ChatMoved(to=new):
                    await self._outside.moved(to.chat, new)
                    to = replace(to, chat=new)
                case ChatGone():
                    await self._outside.gone(to.chat, failed.reason)
                    return to, None
                case Throttled(seconds=seconds) if seconds <= LONGEST_WAIT:
                    await asyncio.sleep(seconds)
                case MarkupRefused():
                    message = replace(message, plain=True)
                case _:
                    return to, None
        await self._outside.pace()
        try:
            return to, await self._channel.send(to, message)
        except SendFailed:
            return to, None
