"""Why a message did not go out: one class for each thing that a sender can do about it.

A channel translates what its library raises into these, once, in its errors.py. What is done with each is a table in
bot/delivery/failures.py, so a sender knows no library and a channel knows no outbox.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from signals.units import HOUR_S

Scope = Literal["chat", "platform", "unsaid"]


class SendFailed(Exception):  # noqa: N818 - it says what happened, as do its kinds
    """A message did not go out, or may not have. Raise one of the kinds below, not this.

    scope: whether the trouble is this chat's or the whole platform's; unsaid where the platform does not tell. The
    reason never holds a secret.
    """

    scope: Scope = "chat"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class ChatGone(SendFailed):
    """The chat is closed to us for good: blocked, kicked, deleted. Nothing is sent there until somebody comes back."""


class ChatMoved(SendFailed):
    """The chat lives on under another id."""

    def __init__(self, reason: str, *, to: str) -> None:
        super().__init__(reason)
        self.to = to


class Throttled(SendFailed):
    """The platform asks for a pause of `seconds`, of this chat or of everything, or does not say of which."""

    def __init__(self, reason: str, *, seconds: float, scope: Scope = "chat") -> None:
        super().__init__(reason)
        self.seconds = seconds
        self.scope = scope


class RightsMissing(SendFailed):
    """Something is not allowed there, until its managers allow it: the chat rests for `seconds`, its messages wait."""

    def __init__(self, reason: str, *, seconds: float = HOUR_S) -> None:
        super().__init__(reason)
        self.seconds = seconds


class MarkupRefused(SendFailed):
    """The markup was refused, or its length: without markup the message may go."""


class MessageRefused(SendFailed):
    """The platform refuses this message for good; the chat lives."""


class TokenRefused(SendFailed):
    """The token is not accepted: nothing can be sent on this platform until the owner has mended it."""

    scope = "platform"


class Unreached(SendFailed):
    """The platform is out of reach or in trouble. Surely not sent."""

    scope = "platform"


class NotSent(SendFailed):
    """Surely not sent, for a reason that lies in this chat and may pass."""


class PerhapsSent(SendFailed):
    """The platform may have accepted the message before its answer was lost.

    once_for: how long after the first try the platform drops a repeat by itself.
    """

    once_for: timedelta = timedelta(0)

    def __init__(self, reason: str, *, scope: Scope = "chat") -> None:
        super().__init__(reason)
        self.scope = scope
