"""What people write to the bot: no slash is needed in direct messages, nor behind a mention of the bot, nor in a reply.

Answers are remembered in memory alone, so that one can be edited with its question.
"""

from __future__ import annotations

import contextlib
import secrets
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import structlog

from handlers.answer import BY_REPLY, Answer
from handlers.channels.channel import Outgoing
from handlers.channels.discord.places import EVERYBODY, calls_everybody, notes_on
from handlers.channels.failure import MarkupRefused, SendFailed
from handlers.channels.news import PendingNews, drop
from handlers.command import Asker
from handlers.language.spelling import split_command
from handlers.reply import Line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from handlers.channels.channel import Address, Answerer
    from handlers.channels.discord.hearing import Written
    from handlers.channels.discord.posting import Posting
    from handlers.command import Command
    from handlers.reply import Block

log = structlog.get_logger(__name__)

_REMEMBERED: Final = 2_000  # answers, of everybody


@dataclass(frozen=True, slots=True)
class _AnswerTo:
    """What a message said, the answer to it, and whether that changed something, or led to that."""

    line: str
    sent: str
    changed: bool


class WrittenTalk:
    """Answers what is written to one bot. listed: the commands by name."""

    def __init__(self, posting: Posting, platform: str, listed: Mapping[str, Command]) -> None:
        self._posting, self._platform, self._listed = posting, platform, listed
        self._told: OrderedDict[int, _AnswerTo] = OrderedDict()
        self._news = PendingNews()
        self.answer: Answerer | None = None  # until it is started

    async def stop(self) -> None:
        """Wait for no more news."""
        await self._news.stop()

    def led(self, answer: Answer) -> None:
        """Note of the messages that led to an answer that they changed something, as their answers asked for it.

        Of those whose change it undoes, that they did not.
        """
        led_by = answer.led_by if answer.has_changed else ()
        for number, changed in (*((led, True) for led in led_by), *((undone, False) for undone in answer.undone)):
            if told := self._told.get(int(number)):
                self._told[int(number)] = replace(told, changed=changed)

    async def take(self, written: Written) -> None:
        """Answer a message, or the change of one; whatever goes wrong, the next one is answered."""
        before, to = self._told.get(written.number), written.place.address
        if self.answer is None or (before and before.line == written.line):
            return  # a link whose preview came
        try:
            await self._answer(written, before)
        except SendFailed as failed:
            log.info("an answer was refused", chat=to.chat, reason=failed.reason)
        except Exception:
            reference = secrets.token_hex(3)
            log.exception("a message was not handled", reference=reference, chat=to.chat)
            sorry = f"Something went wrong here. Try again; if it stays, tell the owner this reference: {reference}"
            with contextlib.suppress(SendFailed):
                await self._posting.send(to, Outgoing((Line(sorry),)))

    async def _answer(self, written: Written, before: _AnswerTo | None) -> None:
        place, line = written.place, written.line
        if place.mute:
            log.info("a message is not answered, since nothing may be written there", chat=place.address.chat)
            return
        command = self._listed.get(split_command(line)[0])
        asker = Asker(
            self._platform,
            place.address,
            str(written.user),
            may_change=place.may_change,
            managers=place.managers,
            title=place.title,
            server=None if written.server is None else str(written.server),
            manages=place.manages,
            replies=written.replies,
            answers=None if written.answers is None else str(written.answers),
            edits=_edits(written, before),
            message=str(written.number),
        )
        assert self.answer  # noqa: S101 - nothing is heard before the start
        calls = bool(command and command.roles and calls_everybody(line, written.server))
        if calls:
            answer = Answer((Line(EVERYBODY),), apart=bool(asker.edits))
        else:
            answer = await self.answer(line, asker)
            answer = answer if place.address.kind == "private" else answer.by(BY_REPLY)
        if not answer.blocks:  # nothing is to be said, as to who asks on and on
            drop(answer)
            return
        if answer.apart:  # and forgotten at once: what was known of the message stays known
            await self._sent(place.address, Outgoing(answer.blocks, reply_to=str(written.number)))
            return
        notes: tuple[Line, ...] = ()
        if command and command.changes_chat and not calls:
            notes = notes_on(place, uncallable=written.uncallable, may_change=asker.may_change)
        told = await self._give(written, (*answer.blocks, *notes), before, changed=answer.changed)

        async def update(blocks: tuple[Block, ...]) -> None:
            known = self._told.get(written.number)
            if known is None or known.line != told.line:
                return  # it was edited meanwhile, and answered anew
            if answer.has_changed:
                self._told[written.number] = replace(known, changed=True)
                self.led(answer)
            try:
                await self._posting.edit(place.address, told.sent, Outgoing((*blocks, *notes)))
            except SendFailed as failed:  # the answer itself stands
                log.info("the news of an answer was refused", chat=place.address.chat, reason=failed.reason)

        self._news.follow(answer, update)

    async def _give(
        self, written: Written, blocks: tuple[Block, ...], before: _AnswerTo | None, *, changed: bool
    ) -> _AnswerTo:
        """Show an answer below its question, or in the place of the one before the edit; return what is known now."""
        to, number = written.place.address, written.number
        if before:
            sent = before.sent
            await self._posting.edit(to, sent, Outgoing(blocks))
        else:
            below = None if to.kind == "private" else str(number)
            sent = await self._sent(to, Outgoing(blocks, reply_to=below))
        told = self._told[number] = _AnswerTo(written.line, sent, changed)
        if len(self._told) > _REMEMBERED:
            self._told.popitem(last=False)
        return told

    async def _sent(self, to: Address, message: Outgoing) -> str:
        try:
            return await self._posting.send(to, message)
        except MarkupRefused:
            return await self._posting.send(to, replace(message, plain=True))


def _edits(written: Written, before: _AnswerTo | None) -> str | None:
    """Return what a message had said when it changed something, as in Asker."""
    if before:
        return before.line if before.changed else None
    return "" if written.edited else None
