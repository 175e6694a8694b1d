"""Telegram, by python-telegram-bot: commands and buttons in, messages, pictures and edits out.

The library is started by hand, so that one event loop serves every channel. It gets no rate limiter, job queue or
persistence: pacing, schedule and memory belong to the sender, the scheduler and storage, which survive a kill.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import secrets
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog
from pydantic import SecretStr
from telegram import (
    Bot,
    BotCommand,
    BotCommandScopeAllGroupChats,
    BotCommandScopeAllPrivateChats,
    CallbackQuery,
    Chat,
    ChatMember,
    ChatMemberRestricted,
    ChatMemberUpdated,
    Message,
    Update,
)
from telegram.constants import BotCommandLimit
from telegram.error import Conflict, InvalidToken, TelegramError
from telegram.ext import Application, TypeHandler

from handlers.answer import BY_REPLY, Answer
from handlers.channels.buttons import OLD_BUTTON, pressed_line
from handlers.channels.channel import Address, Outgoing, Outside
from handlers.channels.telegram.errors import failure
from handlers.channels.telegram.hearing import SaidToUs, heard
from handlers.channels.telegram.inline import answer_query
from handlers.channels.telegram.missed import Missed
from handlers.channels.telegram.reading import PollRequest
from handlers.channels.telegram.replying import Given, Replies
from handlers.channels.telegram.rights import Rights, one_person, person
from handlers.channels.telegram.sending import LIMITS, Sending, number_of
from handlers.channels.telegram.wire import Wire
from handlers.channels.text import clean, clip
from handlers.command import Asker, commands
from handlers.reply import Line

if TYPE_CHECKING:
    from collections.abc import Iterable

    from handlers.channels.channel import Answerer
    from handlers.channels.telegram.config import TelegramConfig
    from handlers.command import Command

log = structlog.get_logger(__name__)

_READERS_BUTTON = "Here only admins of this channel may press buttons. Open a chat with me and type: {}"
_WANTED = (
    "message", "channel_post", "edited_message", "edited_channel_post", "callback_query", "inline_query",
    "my_chat_member",
)  # fmt: skip
_LATE = timedelta(minutes=10)  # what waited longer while the bot was away is told in one line
_CATCHING_UP = 60.0  # seconds of reading in which that is looked at: a clock that is wrong must not silence the bot
_STOP_SECONDS = 2.0  # for each of the two things that may hang at the end


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds for one request. poll: how long Telegram holds an empty getUpdates.

    standby: pause after a 409, doubled up to `standby_longest` while the other program goes on. A restart that overlaps
    with the old process is over in seconds, as is a process that was stopped and learns that another one reads by now,
    and a chat should not wait for its answer meanwhile.
    """

    connect: float = 5.0
    read: float = 10.0
    picture: float = 20.0  # as read, for a picture: Telegram is slow with them at times
    poll: float = 10.0
    whole: float = 60.0  # one send with everything, uploads included
    retry: float = 1.0  # first pause before the next try to start; doubles up to a minute
    standby: float = 2.0
    standby_longest: float = 300.0
    gathering: float = 1.5  # how long nothing more must have come of what waited while the bot was away
    doubts: tuple[float, ...] = (10.0, 60.0, 600.0)  # before a refused token is tried again


class Telegram:
    """The channel of one bot token. listed: the commands of the menu; those of the house, unless a test has its own."""

    limits = LIMITS

    def __init__(
        self,
        config: TelegramConfig,
        outside: Outside = Outside(),
        *,
        listed: Iterable[Command] | None = None,
        timeouts: Timeouts | None = None,
        concurrent: int = 16,
    ) -> None:
        # Without it, reading retry_after warns; where warnings are errors, the 429 itself would be swallowed.
        os.environ.setdefault("PTB_TIMEDELTA", "1")
        self._outside, self.platform, self._called = outside, config.word, config.called
        self._log = log.bind(**config.among)
        self._token, self._base_url = config.secret("token") or SecretStr(""), config.base_url
        self._proxy = config.proxy
        every = commands().values() if listed is None else listed
        self._listed = tuple(command for command in every if not command.roles and not command.owners_only)
        self._timeouts = timeouts or Timeouts()
        self._answer: Answerer | None = None  # until it is started
        self._hears = True
        self._unread = ""  # why updates cannot be read at the moment
        self._starting: asyncio.Task[None] | None = None
        self._pause, self._polls_since = 0.0, -math.inf  # the last pause after a 409, and the start after it
        self._reads_since = -math.inf
        self._application = self._build(concurrent)
        self._bot = self._application.bot
        self._sending = Sending(
            self._bot, self._requests[0], outside.draw, patience=self._timeouts.whole, picture=self._timeouts.picture
        )
        self._rights = Rights(self._bot)
        self._replies = Replies(self, outside)
        self._missed = Missed(lambda to, blocks: self._replies.give(to, Answer(blocks)), self._timeouts.gathering)

    def _build(self, concurrent: int) -> Application[Any, Any, Any, Any, Any, Any]:
        common: dict[str, Any] = {
            "connect": self._timeouts.connect,
            "read": self._timeouts.read,
            "proxy": self._proxy,
        }
        self._requests = (
            Wire(**common),
            PollRequest(doubts=self._timeouts.doubts, on_refused=self._refused, on_read=self._on_read, **common),
        )
        builder = (
            Application.builder()
            .token(self._token.get_secret_value())
            .request(self._requests[0])
            .get_updates_request(self._requests[1])
            .concurrent_updates(concurrent)
            .job_queue(None)
        )
        if url := self._base_url:
            builder = builder.base_url(url).base_file_url(url.replace("/bot", "/file/bot"))
        application = builder.build()
        application.add_handler(TypeHandler(Update, self._on_update))
        assert application.updater  # noqa: S101 - the builder makes one unless told otherwise
        self._updater = application.updater
        return application

    # -- start and stop ---------------------------------------------------------------------------------------------

    async def start(self, answer: Answerer) -> None:
        """Log in, set the menu and take updates; while Telegram is out of reach, keep trying in the background.

        TokenRefused when it is.
        """
        self._answer = answer
        try:
            await self._log_in()
        except TelegramError as error:
            if isinstance(error, InvalidToken):
                raise failure(error) from None
            self._log.warning("Telegram is not reached, trying on", reason=failure(error).reason)
            self._starting = asyncio.create_task(self._log_in_later(self._timeouts.retry))

    async def stop(self) -> None:
        """Stop taking updates, let running commands end, close the connections. Takes a few seconds at most."""
        await self._replies.stop()
        await self._missed.stop()
        if self._starting:
            self._starting.cancel()
            await asyncio.wait([self._starting])
        if self._updater.running:
            with contextlib.suppress(TimeoutError, TelegramError):
                # The library may be asleep between two tries, up to 30 s.
                await asyncio.wait_for(self._updater.stop(), _STOP_SECONDS)
        if self._application.running:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._application.stop(), _STOP_SECONDS)
        await self._application.shutdown()
        for request in self._requests:  # the library leaves them open when it never logged in
            await request.shutdown()

    async def check(self) -> str:
        """Ask Telegram whose token it is, by a connection of its own. See Channel."""
        seconds = self._timeouts.read
        # Without another server given, the library's own default stands.
        make = partial(Bot, base_url=self._base_url) if self._base_url else Bot
        try:
            request = Wire(connect=seconds, read=seconds, proxy=self._proxy)
            # Both, else the library makes a request of its own, which falls over a socks proxy of the environment.
            async with make(self._token.get_secret_value(), request=request, get_updates_request=request) as bot:
                return f"{self._called} accepts the token of @{bot.username}"
        except TelegramError as error:
            raise failure(error) from None

    async def _log_in(self) -> None:
        await self._application.initialize()
        if not self._application.running:
            await self._application.start()
        await self._set_menu()
        await self._poll()

    async def hear(self, *, on: bool) -> None:
        """Read updates, or leave them to another process. See Hears."""
        self._hears = on
        if self._answer:  # else it is not started yet
            self._starting = asyncio.create_task(self._heed(self._starting))

    async def _heed(self, before: asyncio.Task[None] | None) -> None:
        """Do what was last said of reading, after what was under way before."""
        if before:
            before.cancel()
            await asyncio.wait([before])
        if self._hears:
            self._log.info("updates are read by this perpulse from now on")
            await self._log_in_later(0.0)
        else:
            self._log.info("updates are left to the perpulse that answers")
            await self._read_no_more()

    async def _read_no_more(self) -> None:
        """Stop reading and ask nothing more: the other process would be thrown out by it."""
        self._requests[1].silent = True
        try:
            if self._updater.running:
                with contextlib.suppress(TelegramError):
                    await self._updater.stop()
        finally:
            self._requests[1].silent = False

    async def _poll(self) -> None:
        if not self._hears or self._updater.running:
            return
        self._reads_since = asyncio.get_running_loop().time()
        await self._updater.start_polling(
            timeout=int(self._timeouts.poll), allowed_updates=_WANTED, error_callback=self._on_poll_error
        )
        self._polls_since = asyncio.get_running_loop().time()

    async def _log_in_later(self, pause: float) -> None:
        while True:
            await asyncio.sleep(pause)
            try:
                await self._log_in()
            except InvalidToken:
                self._refused()
                pause = self._timeouts.doubts[-1]
            except TelegramError:
                pause = min(2 * pause, 60.0)
            else:
                self._log.info("Telegram is reached again")
                return

    async def _set_menu(self) -> None:
        menu = [
            BotCommand(command.name, clip(command.help, BotCommandLimit.MAX_DESCRIPTION) or command.name)
            for command in self._listed[: BotCommandLimit.MAX_COMMAND_NUMBER]
        ]
        try:
            await self._bot.set_my_commands(menu, BotCommandScopeAllPrivateChats())
            await self._bot.set_my_commands(menu, BotCommandScopeAllGroupChats())
        except TelegramError as error:  # a menu is a comfort: commands work without it
            self._log.warning("the menu was not set", reason=failure(error).reason)

    def _on_poll_error(self, error: TelegramError) -> None:
        if isinstance(error, Conflict):
            if self._starting is None or self._starting.done():
                self._starting = asyncio.create_task(self._stand_by())
        elif not self._requests[1].refused:  # of that it is told
            reason = failure(error).reason
            if reason != self._unread:  # the library asks again each few seconds: once, then at each change
                self._log.warning("updates are not read, trying on", reason=reason)
            self._unread = reason

    def _on_read(self) -> None:
        if self._unread:
            self._log.info("updates are read again")
            self._reads_since = asyncio.get_running_loop().time()
        self._unread = ""

    def _refused(self) -> None:
        self._unread = failure(InvalidToken()).reason
        self._log.error("commands are not read while Telegram refuses the token, trying on", reason=self._unread)

    async def _stand_by(self) -> None:
        # It went well for longer than it had to wait.
        alone = asyncio.get_running_loop().time() - self._polls_since > self._pause
        self._pause = self._timeouts.standby if alone else min(2 * self._pause, self._timeouts.standby_longest)
        self._log.error(
            "another program reads this bot's updates; standing by. Stop the other one, or make a second bot",
            again_in_seconds=self._pause,
        )
        await self._read_no_more()
        await self._log_in_later(self._pause)

    # -- messages out -----------------------------------------------------------------------------------------------

    async def send(self, to: Address, message: Outgoing) -> str:
        """Send and return the message id; a "p" behind it means a photo, whose text is a caption. See Channel."""
        return await self._sending.send(to, message)

    async def edit(self, to: Address, message_id: str, message: Outgoing) -> None:
        """Replace the text and buttons of a message sent earlier; its picture stays. See Channel."""
        await self._sending.edit(to, message_id, message)

    async def working(self, to: Address) -> None:
        """Show "typing ..." for some seconds, or until the message is there. See Channel."""
        await self._sending.working(to)

    # -- updates in -------------------------------------------------------------------------------------------------

    async def _on_update(self, update: Update, _: object) -> None:
        try:
            if update.callback_query:
                await self._on_press(update.callback_query)
            elif update.inline_query:
                await answer_query(update.inline_query, self._ask, self.platform)
            elif update.my_chat_member:
                await self._on_membership(update.my_chat_member)
            elif message := update.message or update.channel_post:
                await self._on_message(message)
            elif message := update.edited_message or update.edited_channel_post:
                await self._on_edit(message)
        except Exception:  # noqa: BLE001 - it is logged whole
            reference = secrets.token_hex(3)
            self._log.exception("an update was not handled", reference=reference, update=update.update_id)
            if update.effective_chat:
                sorry = f"Something went wrong here. Try again; if it stays, tell the owner this reference: {reference}"
                to = _address(update.effective_chat, update.effective_message)
                await self._replies.give(to, Answer((Line(sorry),)))

    async def _on_message(self, message: Message) -> None:
        if message.migrate_to_chat_id:
            await self._outside.moved(str(message.chat.id), str(message.migrate_to_chat_id))
        elif message.migrate_from_chat_id:
            await self._outside.moved(str(message.migrate_from_chat_id), str(message.chat.id))
        elif said := heard(message, self._bot.bot):
            await self._take(message, said)

    async def _on_edit(self, message: Message) -> None:
        """Answer an edited command by editing the answer; what it says otherwise than before is what counts."""
        said, given = heard(message, self._bot.bot), self._replies.given(message)
        if said and not (given and given.line == said.line):
            edits = "" if given is None else given.line if given.changed else None
            await self._take(message, said, given, edits)

    async def _take(
        self, message: Message, said: SaidToUs, given: Given | None = None, edits: str | None = None
    ) -> None:
        """Answer a message that is for us. given: the answer to what it said before it was edited. edits: see Asker."""
        if self._is_late(message):
            self._missed.note(_address(message.chat, message), said.line)
            return
        asker = self._asker(message.chat, message, may_change=await self._rights.may_change(message))
        answered = message.reply_to_message
        asker = replace(
            asker, replies=said.replies, answers=number_of(answered) if answered else None, edits=edits,
            message=str(message.message_id),
        )  # fmt: skip
        answer = _asked(await self._ask(said.line, asker), asker.address)
        await self._replies.give_to(message, said.line, asker.address, answer, given)

    def _is_late(self, message: Message) -> bool:
        catching_up = asyncio.get_running_loop().time() - self._reads_since < _CATCHING_UP
        if not catching_up or self._outside.now is None:
            return False
        return self._outside.now() - (message.edit_date or message.date) > _LATE

    async def _on_press(self, query: CallbackQuery) -> None:
        message = query.message
        said = (message.text or message.caption or "") if isinstance(message, Message) else ""
        line = pressed_line(query.data or "", said)
        if line is None or message is None:
            await self._toast(query, OLD_BUTTON)
            return
        may_change = await self._rights.is_admin(message.chat, query.from_user.id)
        if message.chat.type == Chat.CHANNEL and not may_change:  # any reader could fill the channel with answers
            await self._toast(query, _READERS_BUTTON.format(line))
            return
        await self._toast(query, None)  # before the work: a query grows old in seconds
        place = message if isinstance(message, Message) else None
        asker = replace(self._asker(message.chat, place, may_change=may_change), user=one_person(query.from_user.id))
        answer = _asked(await self._ask(line, asker), asker.address)
        await self._replies.give(asker.address, answer, str(message.message_id))

    async def _toast(self, query: CallbackQuery, text: str | None) -> None:
        try:
            await query.answer(text)
        except TelegramError as error:  # too old: nobody waits for it any more
            self._log.info("a button was not answered", reason=failure(error).reason)

    async def _on_membership(self, change: ChatMemberUpdated) -> None:
        now = change.new_chat_member
        if now.status in (ChatMember.BANNED, ChatMember.LEFT):
            private = change.chat.type == Chat.PRIVATE
            await self._outside.gone(str(change.chat.id), "blocked by the user" if private else "removed from the chat")
        elif not isinstance(now, ChatMemberRestricted) or now.can_send_messages:
            await self._outside.allowed(str(change.chat.id))

    async def is_member(self, group: str, who: str) -> bool:
        """Tell whether a person is in a group. See KnowsMembers."""
        return await self._rights.is_member(group, who)

    async def private_chat(self, person: str) -> str | None:
        """Return the private chat of a person, which has their id. See ReachesPeople."""
        return person if person.isdecimal() else None

    async def _ask(self, line: str, asker: Asker) -> Answer:
        assert self._answer  # noqa: S101 - nothing is heard before the start
        answer = await self._answer(line, asker)
        self._replies.led(asker.address, answer)
        return answer

    def _asker(self, chat: Chat, message: Message | None, *, may_change: bool) -> Asker:
        return Asker(
            platform=self.platform,
            address=_address(chat, message),
            user=person(message) if message else None,
            may_change=may_change,
            managers=f"admins of this {'channel' if chat.type == Chat.CHANNEL else 'group'}",
            title=clean(clip(chat.title or "", 128)) or None,
            link=f"https://t.me/{self._bot.username}?start={{}}",
        )


def _asked(answer: Answer, to: Address) -> Answer:
    """Say how a question is answered where others read along."""
    return answer if to.kind == "private" else answer.by(BY_REPLY)


def _address(chat: Chat, message: Message | None) -> Address:
    topic = message.message_thread_id if message and message.is_topic_message else None
    kind = {Chat.PRIVATE: "private", Chat.CHANNEL: "channel"}.get(chat.type, "group")
    return Address(str(chat.id), str(topic) if topic else None, kind)  # type: ignore[arg-type]  # one of the three
