"""The way out: what every channel offers to the sender, and what it is asked to send."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from handlers.reply import Block


@dataclass(frozen=True, slots=True)
class Limits:
    """What the platform allows: characters of a text and of a caption, and messages per second."""

    text: int
    caption: int
    per_second: float  # over all chats of one token
    per_chat_second: float  # in one private chat or channel
    per_group_minute: float  # in one group


@dataclass(frozen=True, slots=True)
class Address:
    """Where a message goes: the platform's id of the chat as text, and the topic or thread in it."""

    chat: str
    topic: str | None = None
    kind: Literal["private", "group", "channel", "terminal"] = "private"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message to be sent.

    blocks: what to say; the channel renders them. reply_to: message id that this one answers. nonce: the same in every
    resend of one outbox row. maybe_repeat: an earlier try may have arrived, so the text says "may be a repeat".
    silent: without a sound. plain: send without markup (the platform refused the markup once).
    """

    blocks: tuple[Block, ...]
    reply_to: str | None = None
    nonce: str = ""
    maybe_repeat: bool = False
    silent: bool = False
    plain: bool = False


class Channel(Protocol):
    """A place that messages leave through. One object per platform and token."""

    platform: str  # "telegram", "terminal": the word stored with each destination
    limits: Limits

    async def send(self, to: Address, message: Outgoing) -> str:
        """Send and return the platform's message id. SendFailed when it did not go out, or may not have."""
        ...

    async def edit(self, to: Address, message_id: str, message: Outgoing) -> None:
        """Replace a message sent earlier; an edit that changes nothing is a success. SendFailed as for `send`."""
        ...
