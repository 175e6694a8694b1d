"""What of all that is written in a chat is said to this bot."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from telegram import Chat
from telegram.constants import MessageLimit

from handlers.language.spelling import is_command, visible

if TYPE_CHECKING:
    from telegram import Message, User

_ADDRESSED: Final = re.compile(r"(/\w+)@(\w+)")
_NOTHING_SAID: Final = "/help"  # for a mention alone


@dataclass(frozen=True, slots=True)
class SaidToUs:
    """A line for this bot. replies: it answers a message of the bot, where others read along."""

    line: str
    replies: bool = False


def heard(message: Message, me: User) -> SaidToUs | None:
    """Return what a message says to this bot; None for all other talk.

    In a private chat everything is; elsewhere commands are, mentions of the bot and replies to its messages. Under a
    picture only a command is. What somebody sent by way of the bot itself is no question to it, and a channel's own
    post is answered in the channel.
    """
    if message.is_automatic_forward or (message.via_bot and message.via_bot.id == me.id):
        return None
    text = visible((message.text or message.caption or "")[: MessageLimit.MAX_TEXT_LENGTH]).strip()
    if is_command(text):
        return _command(text, me)
    if not text or not message.text:
        return None
    if message.chat.type == Chat.PRIVATE:
        return SaidToUs(text)
    if me.username:
        mention = re.compile(rf"@{re.escape(me.username)}\b", re.IGNORECASE)
        if mention.search(text):
            rest = mention.sub(" ", text).strip(" ,:;")
            return (_command(rest, me) if is_command(rest) else SaidToUs(rest)) if rest else SaidToUs(_NOTHING_SAID)
    answered = message.reply_to_message
    ours = answered is not None and answered.from_user is not None and answered.from_user.id == me.id
    return SaidToUs(text, replies=True) if ours else None


def _command(text: str, me: User) -> SaidToUs | None:
    if addressed := _ADDRESSED.match(text):
        if addressed[2].lower() != str(me.username).lower():
            return None
        text = addressed[1] + text[addressed.end() :]
    return SaidToUs(text)
