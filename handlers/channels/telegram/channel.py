"""Telegram, by python-telegram-bot: commands and buttons in, messages, pictures and edits out.

The library is started by hand, so that one event loop serves every channel. It gets no rate limiter, job queue or
persistence: pacing, schedule and memory belong to the sender, the scheduler and storage, which survive a kill.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import re
import secrets
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

import httpx
import structlog
from telegram import (
    BotCommand,
    BotCommandScopeAllGroupChats,
    BotCommandScopeAllPrivateChats,
    CallbackQuery,
    Chat,
    ChatMember,
    ChatMemberUpdated,
    Message,
    Update,
)
from telegram.constants import BotCommandLimit, ChatID, MessageLimit
from telegram.error import Conflict, InvalidToken, TelegramError
from telegram.ext import Application, TypeHandler
from telegram.request import HTTPXRequest

from handlers.channels.channel import Address, Outgoing
from handlers.channels.failure import ChatGone, ChatMoved, MarkupRefused, SendFailed, Throttled
from handlers.channels.telegram.errors import failure
from handlers.channels.telegram.reading import PollRequest
from handlers.channels.telegram.render import clean, clip
from handlers.channels.telegram.sending import BUTTON_VERSION, LIMITS, LONGEST_WAIT, Sending
from handlers.command import Asker, commands
from handlers.reply import Block, Line

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from handlers.channels.telegram.sending import Draw
    from handlers.command import Command

    Answer = Callable[[str, Asker], Awaitable[tuple[Block, ...]]]

log = structlog.get_logger(__name__)

_OLD_BUTTON = "This button is from another version of perpulse. Type /help to see the commands."
_READERS_BUTTON = "Here only admins of this channel may press buttons. Open a chat with me and type: {}"
_OTHER_BOT = re.compile(r"(/\w+)@(\w+)")
_WANTED = ("message", "channel_post", "callback_query", "my_chat_member")
_RIGHTS_SECONDS = 60.0  # how long a person's rights in a group are believed
_STOP_SECONDS = 2.0  # for each of the two things that may hang at the end


class Secret(Protocol):
    """A token that hides itself in a repr, like pydantic's SecretStr."""

    def get_secret_value(self) -> str:
        """Return the token."""
        ...


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds for one request. poll: how long Telegram holds an empty getUpdates.

    standby: pause after a 409, doubled up to `standby_longest` while the other program goes on. A restart that overlaps
    with the old process is over in seconds, and a chat should not wait five minutes for its answer.
    """

    connect: float = 5.0
    read: float = 10.0
    poll: float = 10.0
    whole: float = 60.0  # one send with everything, uploads included
    retry: float = 1.0  # first pause before the next try to start; doubles up to a minute
    standby: float = 10.0
    standby_longest: float = 300.0


async def _nothing(*_: str) -> None:
    pass


class Telegram:
    """The channel of one bot token.

    answer: runs a command line for somebody and returns blocks; it never raises. draw: makes a PNG of a chart, or
    None. on_moved: a group has a new id (may be told twice). on_gone: a chat blocked the bot or threw it out.
    listed: the commands of the menu.
    """

    platform = "telegram"
    limits = LIMITS

    def __init__(
        self,
        token: Secret,
        *,
        answer: Answer,
        draw: Draw | None = None,
        on_moved: Callable[[str, str], Awaitable[None]] = _nothing,
        on_gone: Callable[[str, str], Awaitable[None]] = _nothing,
        listed: Iterable[Command] | None = None,
        base_url: str | None = None,
        timeouts: Timeouts | None = None,
        concurrent: int = 16,
    ) -> None:
        # Without it, reading retry_after warns; where warnings are errors, the 429 itself would be swallowed.
        os.environ.setdefault("PTB_TIMEDELTA", "1")
        self._answer = answer
        self._on_moved, self._on_gone = on_moved, on_gone
        self._listed = tuple(commands().values() if listed is None else listed)
        self._timeouts = timeouts or Timeouts()
        self._rights: dict[tuple[int, int], tuple[float, bool]] = {}
        self._starting: asyncio.Task[None] | None = None
        self._pause, self._polls_since = 0.0, -math.inf  # the last pause after a 409, and the start after it
        self._application = self._build(token, base_url, concurrent)
        self._bot = self._application.bot
        self._sending = Sending(self._bot, draw, self._timeouts.whole)

    def _build(self, token: Secret, base_url: str | None, concurrent: int) -> Application[Any, Any, Any, Any, Any, Any]:
        common: dict[str, Any] = {
            "connect_timeout": self._timeouts.connect,
            "read_timeout": self._timeouts.read,
            "httpx_kwargs": {"verify": httpx.create_ssl_context()},  # one for both: reading the authorities is slow
        }
        self._requests = (
            HTTPXRequest(**common, write_timeout=self._timeouts.read),
            PollRequest(on_refused=self._refused, connection_pool_size=2, **common),
        )
        builder = (
            Application.builder()
            .token(token.get_secret_value())
            .request(self._requests[0])
            .get_updates_request(self._requests[1])
            .concurrent_updates(concurrent)
            .job_queue(None)
        )
        if base_url:
            builder = builder.base_url(base_url).base_file_url(base_url.replace("/bot", "/file/bot"))
        application = builder.build()
        application.add_handler(TypeHandler(Update, self._on_update))
        assert application.updater  # noqa: S101 - the builder makes one unless told otherwise
        self._updater = application.updater
        return application

    # -- start and stop ---------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Log in, set the menu and take updates; while Telegram is out of reach, keep trying in the background.

        TokenRefused when it is.
        """
        try:
            await self._log_in()
        except TelegramError as error:
            if isinstance(error, InvalidToken):
                raise failure(error) from None
            log.warning("Telegram is not reached, trying on", reason=failure(error).reason)
            self._starting = asyncio.create_task(self._log_in_later(self._timeouts.retry))

    async def stop(self) -> None:
        """Stop taking updates, let running commands end, close the connections. Takes a few seconds at most."""
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

    async def _log_in(self) -> None:
        await self._application.initialize()
        if not self._application.running:
            await self._application.start()
        await self._set_menu()
        await self._poll()

    async def _poll(self) -> None:
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
                return
            except TelegramError:
                pause = min(2 * pause, 60.0)
            else:
                log.info("Telegram is reached again")
                return

    async def _set_menu(self) -> None:
        menu = [
            BotCommand(each.name, clip(each.help, BotCommandLimit.MAX_DESCRIPTION) or each.name)
            for each in self._listed[: BotCommandLimit.MAX_COMMAND_NUMBER]
        ]
        try:
            await self._bot.set_my_commands(menu, BotCommandScopeAllPrivateChats())
            await self._bot.set_my_commands(menu, BotCommandScopeAllGroupChats())
        except TelegramError as error:  # a menu is a comfort: commands work without it
            log.warning("the menu was not set", reason=failure(error).reason)

    def _on_poll_error(self, error: TelegramError) -> None:
        if isinstance(error, Conflict):
            if self._starting is None or self._starting.done():
                self._starting = asyncio.create_task(self._stand_by())
        else:
            log.warning("updates are not read, trying on", reason=failure(error).reason)

    def _refused(self) -> None:
        log.error("commands are not read any more", reason=failure(InvalidToken()).reason)

    async def _stand_by(self) -> None:
        alone = (
            asyncio.get_running_loop().time() - self._polls_since > self._pause
        )  # it went well for longer than it had to wait
        self._pause = self._timeouts.standby if alone else min(2 * self._pause, self._timeouts.standby_longest)
        log.error(
            "another program reads this bot's updates; standing by. Stop the other one, or make a second bot",
            again_in_seconds=self._pause,
        )
        with contextlib.suppress(TelegramError):
            await self._updater.stop()
        await self._log_in_later(self._pause)

    # -- messages out -----------------------------------------------------------------------------------------------

    async def send(self, to: Address, message: Outgoing) -> str:
        """Send and return the message id; a "p" behind it means a photo, whose text is a caption. See Channel."""
        return await self._sending.send(to, message)

    async def edit(self, to: Address, message_id: str, message: Outgoing) -> None:
        """Replace the text and buttons of a message sent earlier; its picture stays. See Channel."""
        await self._sending.edit(to, message_id, message)

    # -- updates in -------------------------------------------------------------------------------------------------

    async def _on_update(self, update: Update, _: object) -> None:
        try:
            if update.callback_query:
                await self._on_press(update.callback_query)
            elif update.my_chat_member:
                await self._on_membership(update.my_chat_member)
            elif message := update.message or update.channel_post:
                await self._on_message(message)
        except Exception:
            reference = secrets.token_hex(3)
            log.exception("an update was not handled", reference=reference, update=update.update_id)
            if update.effective_chat:
                sorry = f"Something went wrong here. Try again; if it stays, tell the owner this reference: {reference}"
                await self._reply(_address(update.effective_chat, update.effective_message), (Line(sorry),), None)

    async def _on_message(self, message: Message) -> None:
        if message.migrate_to_chat_id:
            await self._on_moved(str(message.chat.id), str(message.migrate_to_chat_id))
        elif message.migrate_from_chat_id:
            await self._on_moved(str(message.migrate_from_chat_id), str(message.chat.id))
        elif (line := self._command_line(message)) is not None:
            private = message.chat.type == Chat.PRIVATE
            asker = self._asker(message.chat, message, may_change=await self._may_change(message))
            blocks = await self._answer(line, asker)
            await self._reply(asker.address, blocks, None if private else str(message.message_id))

    def _command_line(self, message: Message) -> str | None:
        """Return what is asked of this bot, None for all other talk."""
        text = (message.text or "")[: MessageLimit.MAX_TEXT_LENGTH].strip()
        if not text or message.is_automatic_forward:  # the channel's own post is answered in the channel
            return None
        if not text.startswith("/"):
            return text if message.chat.type == Chat.PRIVATE else None
        if addressed := _OTHER_BOT.match(text):
            if addressed[2].lower() != str(self._bot.username).lower():
                return None
            text = addressed[1] + text[addressed.end() :]
        return text

    async def _on_press(self, query: CallbackQuery) -> None:
        version, _, line = (query.data or "").partition("|")
        message = query.message
        if version != BUTTON_VERSION or not line or message is None:
            await self._toast(query, _OLD_BUTTON)
            return
        may_change = await self._is_admin(message.chat, query.from_user.id)
        if message.chat.type == Chat.CHANNEL and not may_change:  # any reader could fill the channel with answers
            await self._toast(query, _READERS_BUTTON.format(line))
            return
        await self._toast(query, None)  # before the work: a query grows old in seconds
        place = message if isinstance(message, Message) else None
        asker = replace(self._asker(message.chat, place, may_change=may_change), user=str(query.from_user.id))
        await self._reply(asker.address, await self._answer(line, asker), str(message.message_id))

    async def _toast(self, query: CallbackQuery, text: str | None) -> None:
        try:
            await query.answer(text)
        except TelegramError as error:  # too old: nobody waits for it any more
            log.info("a button was not answered", reason=failure(error).reason)

    async def _on_membership(self, change: ChatMemberUpdated) -> None:
        if change.new_chat_member.status in (ChatMember.BANNED, ChatMember.LEFT):
            private = change.chat.type == Chat.PRIVATE
            await self._on_gone(str(change.chat.id), "blocked by the user" if private else "removed from the chat")

    async def _reply(self, to: Address, blocks: tuple[Block, ...], reply_to: str | None) -> None:
        """Answer a person. Tried once more where Telegram says how; an answer that may have arrived is not repeated."""
        message = Outgoing(blocks, reply_to=reply_to)
        try:
            await self.send(to, message)
        except SendFailed as failed:
            log.info("an answer was refused", chat=to.chat, reason=failed.reason)
            match failed:
                case ChatMoved(to=new):
                    await self._on_moved(to.chat, new)
                    to = replace(to, chat=new)
                case ChatGone():
                    await self._on_gone(to.chat, failed.reason)
                    return
                case Throttled(seconds=seconds) if seconds <= LONGEST_WAIT:
                    await asyncio.sleep(seconds)
                case MarkupRefused():
                    message = replace(message, plain=True)
                case _:
                    return
            with contextlib.suppress(SendFailed):
                await self.send(to, message)

    # -- who may what -----------------------------------------------------------------------------------------------

    def _asker(self, chat: Chat, message: Message | None, *, may_change: bool) -> Asker:
        user = message.from_user if message else None
        return Asker(
            platform=self.platform,
            address=_address(chat, message),
            user=str(user.id) if user else None,
            may_change=may_change,
            title=clean(clip(chat.title or "", 128)) or None,
        )

    async def _may_change(self, message: Message) -> bool:
        """Return whether the writer of this message may change the chat's settings."""
        if message.chat.type == Chat.CHANNEL:
            return True  # only admins post in a channel
        if message.sender_chat is not None:  # written in the name of a chat: only the group itself has rights
            anonymous = message.from_user is not None and message.from_user.id == ChatID.ANONYMOUS_ADMIN
            return anonymous and message.sender_chat.id == message.chat.id
        if message.from_user is None or message.from_user.id in set(ChatID):
            return False
        return await self._is_admin(message.chat, message.from_user.id)

    async def _is_admin(self, chat: Chat, user: int) -> bool:
        if chat.type == Chat.PRIVATE:
            return True
        now = asyncio.get_running_loop().time()
        until, admin = self._rights.get((chat.id, user), (0.0, False))
        if now < until:
            return admin
        try:
            member = await self._bot.get_chat_member(chat.id, user)
        except TelegramError as error:
            log.warning("rights are unknown, so none are given", chat=chat.id, reason=failure(error).reason)
            return False
        admin = member.status in (ChatMember.OWNER, ChatMember.ADMINISTRATOR)
        self._rights = {key: value for key, value in self._rights.items() if now < value[0]}
        self._rights[chat.id, user] = (now + _RIGHTS_SECONDS, admin)
        return admin


def _address(chat: Chat, message: Message | None) -> Address:
    topic = message.message_thread_id if message and message.is_topic_message else None
    kind = {Chat.PRIVATE: "private", Chat.CHANNEL: "channel"}.get(chat.type, "group")
    return Address(str(chat.id), str(topic) if topic else None, kind)  # type: ignore[arg-type]  # one of the three
