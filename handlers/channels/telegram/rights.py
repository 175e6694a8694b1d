"""Who may change the settings of a chat, by Telegram's own roles."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog
from telegram import Chat, ChatMember, ChatMemberRestricted, Message
from telegram.constants import ChatID
from telegram.error import TelegramError

from handlers.channels.telegram.errors import failure

if TYPE_CHECKING:
    from telegram import Bot

log = structlog.get_logger(__name__)

_BELIEVED_SECONDS = 60.0  # how long a person's rights in a group are believed
_DOUBTED_SECONDS = 5.0  # how long it is taken for a no that Telegram did not say, so that nobody makes us ask on and on


def person(message: Message) -> str | None:
    """Return who wrote a message; None where it was written in the name of a chat, by nobody in particular."""
    if message.sender_chat is not None or message.from_user is None:
        return None
    return one_person(message.from_user.id)


def one_person(user: int) -> str | None:
    """Return the id of a person; None for those that Telegram puts in the place of one."""
    return None if user in set(ChatID) else str(user)


class Rights:
    """Asks Telegram who administers a group, and remembers it for a minute."""

    def __init__(self, bot: Bot) -> None:
        self._bot = bot
        self._known: dict[tuple[int | str, int], tuple[float, ChatMember | None]] = {}

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
        member = await self._member(chat.id, user)
        return member is not None and member.status in (ChatMember.OWNER, ChatMember.ADMINISTRATOR)

    async def is_member(self, group: str, who: str) -> bool:
        """Tell whether a person is in a group, by their ids; what Telegram does not say is a no."""
        if not who.isdecimal():
            return False
        member = await self._member(int(group) if group.lstrip("-").isdecimal() else group, int(who))
        if isinstance(member, ChatMemberRestricted):
            return member.is_member
        return member is not None and member.status not in (ChatMember.LEFT, ChatMember.BANNED)

    async def _member(self, chat: int | str, user: int) -> ChatMember | None:
        now = asyncio.get_running_loop().time()
        until, member = self._known.get((chat, user), (0.0, None))
        if now < until:
            return member
        try:
            member, believed = await self._bot.get_chat_member(chat, user), _BELIEVED_SECONDS
        except TelegramError as error:
            log.warning("rights are unknown, so none are given", chat=chat, reason=failure(error).reason)
            member, believed = None, _DOUBTED_SECONDS
        self._known = {key: value for key, value in self._known.items() if now < value[0]}
        self._known[chat, user] = (now + believed, member)
        return member
