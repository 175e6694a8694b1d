"""What of all that is written is said to this bot: direct messages whole; in servers mentions of it and replies to it.

Without any privileged intent Discord hands a bot the content of just these: of every other message in a server it tells
that there is one, and not what it says.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from discord import Message, MessageType

from handlers.channels.discord.places import place_of_message
from handlers.language.spelling import visible

if TYPE_CHECKING:
    from discord import ClientUser

    from handlers.channels.discord.places import Place

_TALK: Final = (MessageType.default, MessageType.reply)  # else Discord itself says something, such as who came
_NOTHING_SAID: Final = "/help"  # for a mention alone


@dataclass(frozen=True, slots=True)
class Written:
    """A line for this bot: the number of its message, where and by whom it was written, and what it says.

    answers: the number of the message that it answers. server: of the place. replies: it answers a message of the bot,
    where others read along. uncallable: it names a role that the bot may not call. edited: it may have said something
    else before.
    """

    number: int
    place: Place
    user: int
    line: str
    server: int | None = None
    replies: bool = False
    uncallable: bool = False
    edited: bool = False
    answers: int | None = None


def heard(message: Message, me: ClientUser) -> Written | None:
    """Return what a message says to this bot; None for all other talk, and for what other programs say."""
    if message.author.bot or message.webhook_id or message.type not in _TALK:
        return None
    text, mentioned = visible(message.content).strip(), False
    mention = re.compile(rf"<@!?{me.id}>")
    if mention.search(text):
        mentioned, text = True, mention.sub(" ", text).strip(" ,:;") or _NOTHING_SAID
    replies = message.guild is not None and not mentioned
    if not text or (replies and not _answers(message, me)):
        return None
    place = place_of_message(message)
    server = message.guild.id if message.guild else None
    uncallable = not place.calls_all and not all(role.mentionable for role in message.role_mentions)
    return Written(
        message.id, place, message.author.id, text, server, replies, uncallable, message.edited_at is not None,
        message.reference.message_id if message.reference else None,
    )  # fmt: skip


def _answers(message: Message, me: ClientUser) -> bool:
    """Tell whether a message answers one of the bot's."""
    answered = message.reference.resolved if message.reference else None
    return isinstance(answered, Message) and answered.author.id == me.id
