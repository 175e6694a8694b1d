"""What every channel offers: messages out, edits, commands in; and what it is given of the outside."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from datetime import datetime

    from handlers.answer import Answer
    from handlers.command import Asker
    from handlers.reply import Block
    from signals.alerts.condition import Rank

    # Runs a command line for somebody. Never raises.
    Answerer = Callable[[str, Asker], Awaitable[Answer]]


Kind = Literal["private", "group", "channel"]
LONGEST_DRAWN: Final = 10.0  # seconds; a first picture takes three, and others may be before it


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
    """Where a message goes: the platform's id of the chat as text, and the topic or thread in it.

    kind: who reads there: one person, a group that talks, or readers of a channel.
    """

    chat: str
    topic: str | None = None
    kind: Kind = "private"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message to be sent.

    blocks: what to say; the channel renders them. reply_to: message id that this one answers. nonce: the same in every
    resend of one outbox row. maybe_repeat: an earlier try may have arrived, so the text says "may be a repeat".
    silent: without a sound. plain: send without markup (the platform refused the markup once). age: since it was
    written, so no earlier try is older. rank: how urgent what it tells of is; None where that is over, and for all
    that is no alert. mention: the role that this chat wants called, by the platform's id.
    """

    blocks: tuple[Block, ...]
    reply_to: str | None = None
    nonce: str = ""
    maybe_repeat: bool = False
    silent: bool = False
    plain: bool = False
    age: timedelta = timedelta(0)
    rank: Rank | None = None
    mention: str | None = None

    @property
    def picture_within(self) -> float | None:
        """Return how many seconds its words wait for its picture: those of a notice not long, an answer as it takes."""
        return LONGEST_DRAWN if self.nonce else None


async def _no_picture(_: dict[str, Any]) -> None:
    """Draw nothing: the words of a picture are shown in its place."""


async def _nobody_told(*_: str) -> None:
    """Tell nobody."""


def _stay() -> None:
    """End nothing."""


async def _at_once() -> None:
    """Wait for nothing."""


async def _nothing_kept(_: str) -> str | None:
    """Recall nothing."""


async def _nobody_unmet() -> Sequence[str]:
    """Name no chat."""
    return ()


async def _nothing_offered(*_: object) -> tuple[Proposal, ...]:
    """Proposal nothing."""
    return ()


@dataclass(frozen=True, slots=True)
class Proposal:
    """Something that may be typed as an argument. words: what is typed. label: what is shown for it."""

    words: str
    label: str


@dataclass(frozen=True, slots=True)
class Outside:
    """What a channel may use of the rest of perpulse; made in build(), one for each channel.

    draw: a PNG of a chart, or None where it cannot be drawn. moved: a chat lives on under a new id (old, new; may be
    told twice). gone: a chat is closed to us (chat, reason). allowed: our rights in a chat were changed, and we may
    write there. leave: whoever sits at this channel ends the program.
    recall, remember: a text that this channel keeps under a name across restarts; no secret. offers: what may be typed
    as an argument (command, field, what is typed already, who asks), the likeliest first. now: the time in UTC; None
    where nothing counts as late. pace: wait until an answer may leave, beside what the outbox sends. unmet: private
    chats of which it is not known whose they are. met: whose one is (chat, person).
    """

    draw: Callable[[dict[str, Any]], Awaitable[bytes | None]] = _no_picture
    moved: Callable[[str, str], Awaitable[None]] = _nobody_told
    gone: Callable[[str, str], Awaitable[None]] = _nobody_told
    allowed: Callable[[str], Awaitable[None]] = _nobody_told
    leave: Callable[[], None] = _stay
    recall: Callable[[str], Awaitable[str | None]] = _nothing_kept
    remember: Callable[[str, str], Awaitable[None]] = _nobody_told
    offers: Callable[[str, str, str, Asker], Awaitable[tuple[Proposal, ...]]] = _nothing_offered
    now: Callable[[], datetime] | None = None
    pace: Callable[[], Awaitable[None]] = _at_once
    unmet: Callable[[], Awaitable[Sequence[str]]] = _nobody_unmet
    met: Callable[[str, str], Awaitable[None]] = _nobody_told


class Channel(Protocol):
    """A way in and out. One object per platform and token, made from its section of the configuration."""

    platform: str  # the word of its bot, stored with each destination: the name of its folder, or telegram@alpha
    limits: Limits

    async def start(self, answer: Answerer) -> None:
        """Begin to take commands; what cannot be reached yet is tried again beside it.

        TokenRefused where the owner has to mend something first.
        """
        ...

    async def stop(self) -> None:
        """Take no more commands, let running ones end, close what is open. Safe without `start`, and twice."""
        ...

    async def check(self) -> str:
        """Return in one sentence that this channel would work, without starting it. SendFailed where it would not."""
        ...

    async def send(self, to: Address, message: Outgoing) -> str:
        """Send and return the platform's message id. A kind of SendFailed when it did not go out, or may not have."""
        ...

    async def edit(self, to: Address, message_id: str, message: Outgoing) -> None:
        """Replace a message sent earlier; an edit that changes nothing is a success. SendFailed as for `send`."""
        ...

    async def working(self, to: Address) -> None:
        """Show that an answer is being made (typing ...). A comfort: never raises."""
        ...


@runtime_checkable
class KnowsMembers(Protocol):
    """A channel that can say who is in a group."""

    async def is_member(self, group: str, person: str) -> bool:
        """Tell whether a person is in a group, both by the platform's ids; what cannot be known is a no."""
        ...


@runtime_checkable
class ReachesPeople(Protocol):
    """A channel that can write to a person who is known by their id alone."""

    async def private_chat(self, person: str) -> str | None:
        """Return the platform's id of the private chat with a person; None where there cannot be one now."""
        ...


@runtime_checkable
class Hears(Protocol):
    """A channel whose commands only one process may take, of all that share its token."""

    async def hear(self, *, on: bool) -> None:
        """Take commands from now on, or leave them to another process; both at once, whatever that takes."""
        ...
