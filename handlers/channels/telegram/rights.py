"""Who may change the settings of a chat, by Telegram's own roles."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog
from telegram import Chat, ChatMember, Message
from telegram.constants import ChatID
from telegram.error import TelegramError

from handlers.channels.telegram.errors import failure

if TYPE_CHECKING:
    from telegram import Bot

log = structlog.get_logger(__name__)

_BELIEVED_SECONDS = 60.0  # how long a person's rights in a group are believed


class Rights:
    """Asks Telegram who administers a group, and remembers it for a minute."""

    def __init__(self, bot: Bot) -> None:
        self._bot = bot
        self._known: dict[tuple[int, int], tuple[float, bool]] = {}

    async def may_change(self, message: Message) -> bool:
        """Return whether the writer of this message may change the chat's settings."""
        if message.chat.type == Chat.CHANNEL:
            return True  # only admins post in a channel
        if message.sender_chat is not None:  # written in the name of a chat: only the group itself has rights
            anonymous = message.from_user is not None and message.from_user.id == ChatID.ANONYMOUS_ADMIN
            return anonymous and message.sender_chat.id == message.chat.id
        if message.from_user is None or message.from_user.id in set(ChatID):
            return False
        return await self.is_admin(message.chat, message.from_user.id)

    async def is_admin(self, chat: Chat, user: int) -> bool:
        """Return whether somebody administers a chat; what Telegram does not say is a no."""
        if chat.type == Chat.PRIVATE:
            return True
        now = asyncio.get_running_loop().time()
        until, admin = self._known.get((chat.id, user), (0.0, False))
        if now < until:
            return admin
        try:
            member = await self._bot.get_chat_member(chat.id, user)
        except TelegramError as error:
            log.warning("rights are unknown, so none are given", chat=chat.id, reason=failure(error).reason)
            return False
        admin = member.status in (ChatMember.OWNER, ChatMember.ADMINISTRATOR)
        self._known = {key: value for key, value in self._known.items() if now < value[0]}
        self._known[chat.id, user] = (now + _BELIEVED_SECONDS, admin)
        return admin
