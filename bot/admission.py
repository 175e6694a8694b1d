"""The one gate: what reaches a channel passes it before it is read, so that nobody keeps others from answers."""

from __future__ import annotations

import math
import secrets
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import structlog

from bot.buckets import Buckets, Pace, PerMinute
from handlers.access import Access, Allowed, OwnerCode
from handlers.channels.channel import KnowsMembers
from handlers.channels.local import LocalChannel
from handlers.words import wording
from storage.engine.database import StoreError
from storage.people.bots import platform_of

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from bot.config import AccessSection
    from handlers.channels.channel import Channel
    from handlers.command import Asker
    from storage.engine.database import Store

log = structlog.get_logger(__name__)

PERSON: Final = Pace(burst=8, per_minute=20, debt=10)  # who goes on after a refusal waits for half a minute in the end
INLINE: Final = Pace(burst=20, per_minute=60)  # of one person, while they type: each pause of the fingers is one
CHAT: Final = Pace(burst=10, per_minute=15)  # of a chat with several people
IN_A_MINUTE: Final = 16  # of those: platforms let a bot say 20 a minute in a group, and alarms come first
EVERYBODY: Final = Pace(burst=60, per_minute=1_200)  # of one bot; less than its platform lets it send
PICTURES: Final = Pace(burst=4, per_minute=6)  # of one chat; each is half a second of work
ALL_PICTURES: Final = Pace(burst=12, per_minute=60)
REFUSALS: Final = 2  # a minute, to one person and in one chat; all else is refused in silence

_LETTERS: Final = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"  # none that is taken for another
_CODE_LENGTH: Final = 8
_TOO_FAST: Final = "That was too much at once. I answer again in {}."
_BUSY: Final = "Too many people ask at the moment. Try again in a few seconds."
_CLOSED: Final = "This bot answers only those whom its owner lets in. The owner can do so with: /allow {}"
_UNOWNED: Final = (
    "This bot has no owner yet, and answers nobody before. Whoever started it finds a code there, and sends it here "
    "like /owner CODE."
)
_CLOSED_HERE: Final = "This bot may not be used here."
_KEPT_OUT: Final = {
    "chat": _CLOSED_HERE,
    "person": "The owner of this bot keeps you from using it. What is stored about you: /privacy, /export, /forgetme.",
}


@dataclass(frozen=True, slots=True)
class TurnedAway:
    """Whoever asked is not answered. text: what is said of it; nothing where that was said often enough.

    may_claim: only a line that brings the code of the first owner is answered, since nobody can let anybody in yet.
    """

    text: str = ""
    may_claim: bool = False


def access_of(section: AccessSection, channels: Sequence[Channel]) -> Access:
    """Return who may do what by the configuration, with a code for the first owner where it names none."""

    async def is_member(platform: str, group: str, person: str) -> bool:
        """Ask each bot of the platform: one of them may be in the group where another is not."""
        for one in channels:
            of_it = platform_of(one.platform) == platform
            if isinstance(one, KnowsMembers) and of_it and await one.is_member(group, person):
                return True
        return False

    allowed = Allowed(
        owners=frozenset(section.owners),
        listed=section.who == "listed",
        people=frozenset(section.people),
        chats=frozenset(section.chats),
        groups=frozenset(section.members_of),
        in_groups=frozenset(section.commands_in_groups),
    )
    code = None if allowed.owners else OwnerCode("".join(secrets.choice(_LETTERS) for _ in range(_CODE_LENGTH)))
    return Access(allowed, code, is_member)


def tell_code(access: Access, store: Store, channels: Sequence[Channel]) -> None:
    """Say, where the bot was started and nowhere else, how to become its first owner; nothing where it has one."""
    here = [channel for channel in channels if isinstance(channel, LocalChannel)]
    if len(here) == len(channels) or access.code is None:
        return
    try:
        if not access.claimable(store):
            return
    except StoreError:
        return  # the log says what is wrong with the database, and nobody could be made an owner anyway
    said = f"This bot has no owner yet. Whoever sends it this line becomes one: /owner {access.code.shown}"
    for place in here:
        place.say(said, "bold")
    if not here:
        log.warning(said)


class Gate:
    """Counts what everybody asks, by the monotonic clock, and knows who may ask at all."""

    def __init__(self, access: Access, steady: Callable[[], float]) -> None:
        self._access, self._steady = access, steady
        self._people, self._chats, self._everybody = Buckets(PERSON), Buckets(CHAT), Buckets(EVERYBODY)
        self._inline, self._spoken = Buckets(INLINE), PerMinute(IN_A_MINUTE)
        self._pictures, self._all_pictures = Buckets(PICTURES), Buckets(ALL_PICTURES)
        self._refused = PerMinute(REFUSALS)

    async def admit(
        self, store: Store, asker: Asker, for_all: Callable[[], bool] = lambda: False
    ) -> Asker | TurnedAway:
        """Count something that was said or pressed, and return who it was where it is to be answered.

        Whoever sits at the bot itself is not counted. A person's own bucket comes first, so that a flood takes nothing
        from the others of a chat, and costs no look into the database. for_all: tells whether it is answered to
        everybody, whoever is kept out; asked of those alone, since it reads what was said.
        """
        if asker.owner and asker.user is None:
            return asker
        now, person = self._steady(), _person(asker)
        own = self._inline if asker.inline else self._people
        if not own.take(person, now):
            return self._say(asker, now, _TOO_FAST.format(_seconds(own.wait(person, now))))
        asker = self._access.known(store, asker)
        why_not = await self._why_not(store, asker, now, for_all)
        if why_not is None:
            return asker
        if why_not != _BUSY and self._claims(store, asker):
            return replace(self._say(asker, now, _UNOWNED), may_claim=True)
        return self._say(asker, now, why_not)

    def _claims(self, store: Store, asker: Asker) -> bool:
        """Tell whether a code could make them the first owner of a bot that answers nobody yet."""
        if asker.address.kind != "private" or asker.inline:
            return False
        try:
            return self._access.claimable(store) and self._access.kept_out(store, asker) is None
        except StoreError:
            return False

    async def _why_not(self, store: Store, asker: Asker, now: float, for_all: Callable[[], bool]) -> str | None:
        if not await self._access.may_use(store, asker) and not for_all():
            if kept_out := self._access.kept_out(store, asker):  # the way in for strangers would not lead in
                return _KEPT_OUT[kept_out]
            return _CLOSED.format(f"{platform_of(asker.platform)}:{asker.user}") if asker.user else _CLOSED_HERE
        chat = _chat(asker)
        if asker.address.kind != "private" and not asker.inline:  # what is being typed shows nothing in the chat
            if not self._spoken.free(chat, now) or not self._chats.take(chat, now):
                return _TOO_FAST.format(_seconds(max(self._chats.wait(chat, now), self._spoken.wait(chat, now))))
            self._spoken.count(chat, now)
        return None if self._everybody.take(asker.platform, now) else _BUSY

    def may_draw(self, asker: Asker) -> bool:
        """Count a picture that a chat asks for; False where it has had enough of them for the moment."""
        if asker.owner and asker.user is None:
            return True
        now = self._steady()
        return self._pictures.take(_chat(asker), now) and self._all_pictures.take(asker.platform, now)

    def _say(self, asker: Asker, now: float, text: str) -> TurnedAway:
        if asker.inline:  # a query comes with each pause of the fingers, and half a line needs no refusal
            return TurnedAway()
        names = {_person(asker), _chat(asker)}
        if not all(self._refused.free(name, now) for name in names):
            return TurnedAway()
        for name in names:
            self._refused.count(name, now)
        return TurnedAway(text)


def _person(asker: Asker) -> Hashable:
    """Name who asks, whichever bot of a platform; somebody who writes as a chat is as good as the chat."""
    return (platform_of(asker.platform), "person", asker.user) if asker.user else _chat(asker)


def _chat(asker: Asker) -> Hashable:
    return (asker.platform, "chat", asker.address.chat)


def _seconds(seconds: float) -> str:
    return wording.count(max(1, math.ceil(seconds)), "second")
