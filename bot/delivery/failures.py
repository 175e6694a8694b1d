"""What is done about a message that did not go out: one row of a table for each kind of failure.

The kind alone decides; nothing here knows a platform or its library.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Literal

import structlog

from bot.delivery.probing import DOWN_PAUSE, TOKEN_PAUSES
from handlers.channels.failure import (
    ChatGone,
    ChatMoved,
    MarkupRefused,
    MessageRefused,
    NotSent,
    PerhapsSent,
    RightsMissing,
    SendFailed,
    Throttled,
    TokenRefused,
    Unreached,
)
from signals.units import DAY
from storage.alerts import outbox
from storage.alerts.sending import rests
from storage.people import destinations

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping
    from datetime import datetime

    from bot.clock import Clock
    from storage.alerts.outbox import Claim
    from storage.engine.database import Store

log = structlog.get_logger(__name__)

MOST_TRIES: Final = 12  # of a row that may have arrived each time, whatever repeats its platform drops
MOST_REMEMBERED: Final = 10_000  # rows of which it is known when they came into doubt
MANY: Final = 3  # failures in a row that cannot be the fault of one chat
SAME_END: Final = 2.0  # seconds that the ends of one pause may lie apart, as several chats are told of it
PLATFORM_PAUSES: Final = (1.0, 2.0, 5.0, 10.0, 30.0)  # seconds; one probe per 30 s while a platform is down
LONGEST_ROW_PAUSE: Final = 600.0
MOST_DOUBLED: Final = 10  # times; by then a pause is the longest, and 2 to a thousand tries is no number any more
LONGEST_WITHOUT_RIGHTS: Final = DAY
LONGEST_ASKED: Final = 7 * DAY  # as long as what is late is told; beyond it a clock must be wrong


@dataclass(frozen=True, slots=True)
class Remedy:
    """What becomes of the row, of its chat and of the other chats of its platform.

    row: it waits for another try, waits marked as a possible repeat, waits to go without markup, or is dead. What waits
    ends by its age alone, and then as a line of what came late; no number of tries makes it lost. counts: whether this
    was one of its tries, each of which doubles the pause. pause: seconds before the second one. others: nothing, a
    stumble (several are a fall), a flood (several mean everybody), or a halt.
    """

    row: Literal["waits", "uncertain", "plain", "dead"]
    counts: bool = False
    pause: float = 0.0
    chat: Literal["stays", "moves", "rests", "is gone"] = "stays"
    others: Literal["go on", "stumble", "flood", "halt"] = "go on"


REMEDIES: Final[Mapping[type[SendFailed], Remedy]] = {
    ChatGone: Remedy("dead", chat="is gone"),
    ChatMoved: Remedy("waits", chat="moves"),
    Throttled: Remedy("waits", chat="rests", others="flood"),
    RightsMissing: Remedy("waits", chat="rests"),
    MarkupRefused: Remedy("plain", counts=True),
    MessageRefused: Remedy("dead"),
    TokenRefused: Remedy("waits", others="halt"),
    Unreached: Remedy("waits", others="stumble"),
    NotSent: Remedy("waits", counts=True, pause=1.0),
    PerhapsSent: Remedy("uncertain", counts=True, pause=5.0, others="stumble"),
}


def reason_of(failed: SendFailed) -> str:
    """Return in one or two words why a message did not go out: one of as many as the table has rows."""
    kind = next(kind.__name__ for kind in type(failed).__mro__ if kind in REMEDIES)
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", kind).lower()


def remedy(failed: SendFailed) -> Remedy:
    """Return the row of the table for a failure. A channel's own kind is treated as the kind that it refines."""
    return next(REMEDIES[kind] for kind in type(failed).__mro__ if kind in REMEDIES)


@dataclass(slots=True)
class Trouble:
    """How one platform does: until when it rests (monotonic seconds), what failed in a row, why it was halted.

    floods: until when chats are to wait, by chat (monotonic seconds), since the last message that went through.
    asked_again: when it is asked how it does (monotonic seconds; probing.py). refusals: how often in a row it then
    refused the token. was_away: it did not answer such a question, or was surely not reached, or
    answered nothing for a while.
    """

    rests_until: float = -math.inf
    failures: int = 0
    floods: dict[str, float] = field(default_factory=dict)
    down: bool = False
    halted: str | None = None
    halted_at: datetime | None = None
    refusals: int = 0
    was_away: bool = False
    asked_again: float = math.inf

    def refuse(self, reason: str, clock: Clock) -> datetime:
        """Send nothing until the token is accepted; return since when that is so."""
        if not self.halted or not self.halted_at:
            self.halted_at = clock.now()
            self.asked_again = clock.monotonic() + TOKEN_PAUSES[0]
        self.halted = reason
        return self.halted_at

    def over(self, platform: str) -> None:
        """Count a message that went through."""
        if self.down:
            log.info("the platform is reached again", platform=platform)
            self.was_away = True  # so that what waits for it goes
        self.failures, self.down = 0, False
        self.floods.clear()


@dataclass(frozen=True, slots=True)
class Failures:
    """Does with a failure what the table says. noise: a source of jitter.

    in_doubt: when the first try of a row was made that may have arrived (monotonic seconds).
    """

    clock: Clock
    noise: random.Random
    in_doubt: dict[int, float] = field(default_factory=dict)

    def settle(self, store: Store, claim: Claim, trouble: Trouble, failed: SendFailed) -> None:
        """Write what becomes of the row and its chat, and note how the platform does."""
        now, what = self.clock.now(), remedy(failed)
        in_doubt = isinstance(failed, PerhapsSent) and self._is_last_in_doubt(claim, failed, now)
        # To the second and a little more: whoever comes back early is told to wait longer.
        asked = 0.0
        if isinstance(failed, Throttled | RightsMissing):
            asked = failed.seconds + self.noise.uniform(0.1, 0.9)
        with store.write():  # both or nothing: a row kept for a chat that has moved must find it
            if in_doubt:
                log.warning("answers are lost again and again, a message waits", row=claim.id, reason=failed.reason)
                outbox.wait_for_platform(store, claim, failed.reason, now=now)
            elif what.chat != "is gone":  # else it ends with its chat
                self._settle_row(store, claim, what, failed.reason, now)
            self._settle_chat(store, claim, failed, now, timedelta(seconds=asked))
        if in_doubt:
            trouble.asked_again = min(trouble.asked_again, self.clock.monotonic() + DOWN_PAUSE)
        self._settle_platform(claim, trouble, what, failed, asked)

    def _is_last_in_doubt(self, claim: Claim, failed: PerhapsSent, now: datetime) -> bool:
        """Tell whether a message waits for its platform: two tries may have arrived, and a third would show it anew.

        Where the platform drops repeats by itself, it would not.
        """
        seconds = self.clock.monotonic()
        # What an earlier process had begun to send is as old as it is.
        first = seconds - (now - claim.due).total_seconds() if claim.uncertain else seconds
        since = self.in_doubt.setdefault(claim.id, first)
        waits = claim.attempts + 1 >= MOST_TRIES
        waits = waits or (claim.uncertain and seconds - since >= failed.once_for.total_seconds())
        if waits or len(self.in_doubt) > MOST_REMEMBERED:
            del self.in_doubt[claim.id if waits else next(iter(self.in_doubt))]
        return waits

    def _settle_row(self, store: Store, claim: Claim, what: Remedy, reason: str, now: datetime) -> None:
        plain_already = what.row == "plain" and claim.plain
        if what.row == "dead" or plain_already:
            log.error("a message is given up", row=claim.id, reason=reason)
            outbox.ended(store, claim, "dead", reason, now=now)
            return
        if what.row == "plain":
            log.error("markup was refused, sending plain text", row=claim.id, reason=reason)
        outbox.later(
            store,
            claim,
            now + self._pause_of(claim, what.pause),
            reason,
            now=now,
            counts=what.counts,
            uncertain=what.row == "uncertain",
            plain=what.row == "plain",
        )

    def _settle_chat(self, store: Store, claim: Claim, failed: SendFailed, now: datetime, asked: timedelta) -> None:
        match failed:
            case ChatGone():
                dropped = outbox.gone(store, claim.destination, failed.reason, now=now)
                log.warning("a destination is gone", platform=claim.platform, reason=failed.reason, dropped=dropped)
            case ChatMoved(to=new):
                destinations.moved(store, claim.platform, claim.chat, new)
            case RightsMissing():
                with store.write() as work:
                    since = rests.waits_since(work, claim.destination)
                # As long again as it has waited already: an hour, two, four, up to a day, also after a restart.
                rest = max(asked, min(LONGEST_WITHOUT_RIGHTS, now - (since or now)))
                about = {"platform": claim.platform, "chat": claim.chat, "topic": claim.topic or None}
                log.warning("a chat rests for lack of rights", **about, reason=failed.reason, again_in=str(rest))
                rests.rest(store, claim.destination, now + rest, failed.reason)
            case Throttled():
                rests.rest(store, claim.destination, now + min(asked, LONGEST_ASKED))

    def _settle_platform(self, claim: Claim, trouble: Trouble, what: Remedy, failed: SendFailed, asked: float) -> None:
        match what.others:
            case "go on":
                pass
            case "halt":
                trouble.refuse(failed.reason, self.clock)
                log.error("the token is refused, asking again; what waits is kept", platform=claim.platform)
            case "stumble":
                self._stumbled(claim, trouble, failed)
            case "flood":
                self._flooded(claim, trouble, failed, asked)

    def _pause_of(self, claim: Claim, first: float) -> timedelta:
        """Return how long a row waits after its own failures: twice as long each time, with jitter."""
        seconds = min(LONGEST_ROW_PAUSE, first * 2.0 ** min(claim.attempts, MOST_DOUBLED))
        return timedelta(seconds=seconds * self.noise.uniform(1.0, 1.3))

    def _stumbled(self, claim: Claim, trouble: Trouble, failed: SendFailed) -> None:
        """Let the platform rest when it is down; lost answers say so only when there are several in a row."""
        trouble.failures += 1
        trouble.was_away = trouble.was_away or isinstance(failed, Unreached)
        if failed.scope != "platform" and trouble.failures < MANY:
            return
        if not trouble.down:
            trouble.down = True
            log.warning("the platform is not reached, trying on", platform=claim.platform, reason=failed.reason)
        if trouble.rests_until <= self.clock.monotonic():
            pause = PLATFORM_PAUSES[min(trouble.failures, len(PLATFORM_PAUSES)) - 1]
            trouble.rests_until = self.clock.monotonic() + pause * self.noise.uniform(1.0, 1.2)

    def _flooded(self, claim: Claim, trouble: Trouble, failed: SendFailed, asked: float) -> None:
        """Let the platform rest too where it is meant; a pause of one chat is not one of the others.

        Where a platform does not say whose pause it is, that of the whole bot has one end, which several chats are told
        of with no message between them that went through. Those of single chats end when each of them does.
        """
        now = self.clock.monotonic()
        if failed.scope == "unsaid" and isinstance(failed, Throttled):
            end = now + failed.seconds
            trouble.floods[claim.chat] = end
            everybody = sum(abs(other - end) <= SAME_END for other in trouble.floods.values()) >= MANY
        else:
            everybody = failed.scope == "platform"
        if everybody:
            trouble.rests_until = max(trouble.rests_until, now + asked)
