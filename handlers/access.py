"""Who owns this bot, who may use it, and which commands groups have: by the configuration, and by what owners said.

What is said of a person or a chat holds for every bot of their platform.
"""

from __future__ import annotations

import hmac
from collections import OrderedDict
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Literal

from storage.engine.database import StoreError
from storage.people.bots import platform_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from datetime import datetime

    from handlers.command import Asker
    from storage.engine.database import Store
    from storage.people.access import Whom

WRONG_TRIES: Final = 5  # of one person, who is locked out after them until a restart
WRONG_IN_ALL: Final = 20  # after which everybody's next tries are slowed down; the first one of a person never is
SLOWED: Final = timedelta(seconds=10)
_KEPT_TRIERS: Final = 10_000
CODE_LINK: Final = "owner_"  # what a link carries that makes whoever opens it the first owner, by its code

Tried = Literal["right", "wrong", "locked", "too soon", "used up"]


class OwnerCode:
    """What the first owner proves to be one with: printed once where the bot was started, and never stored.

    It dies when it is used, and by nothing else: whoever guesses locks out nobody but themselves. Its 40 bits are not
    guessed by many either, since all together have a try in ten seconds beside the first one of each.
    """

    def __init__(self, code: str) -> None:
        self._code = _plain(code)
        self._wrong: OrderedDict[tuple[str, str], int] = OrderedDict()  # tries by person
        self._in_all = 0
        self._last: datetime | None = None  # when the last wrong one came

    @property
    def alive(self) -> bool:
        """Tell whether it can still be used."""
        return bool(self._code)

    @property
    def shown(self) -> str:
        """Return the code as it is printed: 7F3K-9QXM."""
        return "-".join(self._code[at : at + 4] for at in range(0, len(self._code), 4))

    def take(self, text: str, person: tuple[str, str], now: datetime) -> Tried:
        """Use it up where this is the code, however it is spelt; a wrong one counts against who sent it.

        person: by platform and id.
        """
        if not self._code:
            return "used up"
        tries = self._wrong.get(person, 0)
        if tries >= WRONG_TRIES:
            return "locked"
        waited = None if self._last is None else abs(now - self._last)
        if tries and self._in_all >= WRONG_IN_ALL and waited is not None and waited < SLOWED:
            return "too soon"
        if hmac.compare_digest(self._code.encode(), _plain(text).encode()):
            self._code = ""
            return "right"
        self._wrong[person] = tries + 1
        self._in_all, self._last = self._in_all + 1, now
        if len(self._wrong) > _KEPT_TRIERS:
            self._wrong.popitem(last=False)
        return "wrong"


def _plain(code: str) -> str:
    return "".join(letter for letter in code.upper() if letter.isalnum())


@dataclass(frozen=True, slots=True)
class Allowed:
    """What the configuration says. People, chats and groups are written `platform:id`.

    owners: whom the bot obeys. listed: only owners and those named below may use it, and who was let in with /allow.
    groups: their members may use it anywhere. in_groups: the commands that groups have; empty: all.
    """

    owners: frozenset[str] = frozenset()
    listed: bool = False
    people: frozenset[str] = frozenset()
    chats: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    in_groups: frozenset[str] = frozenset()


async def _nobody_is(*_: str) -> bool:
    """Take nobody for a member: no channel is there to be asked."""
    return False


@dataclass(frozen=True, slots=True)
class Access:
    """Who may do what. is_member: asks a channel whether a person is in a group (platform, group, person)."""

    allowed: Allowed = Allowed()
    code: OwnerCode | None = None
    is_member: Callable[[str, str, str], Awaitable[bool]] = _nobody_is

    def known(self, store: Store, asker: Asker) -> Asker:
        """Return who asks, with what they are: an owner or not. Who sits at the bot itself always is one.

        Somebody who writes as a chat, such as an anonymous admin, is nobody in particular, and so never an owner.
        """
        if asker.owner or asker.user is None:
            return asker
        return replace(asker, owner=self._is_owner(store, platform_of(asker.platform), asker.user))

    def _is_owner(self, store: Store, platform: str, person: str) -> bool:
        if f"{platform}:{person}" in self.allowed.owners:
            return True
        if not store.exists:
            return False
        from storage.people import access as kept  # noqa: PLC0415 - opens the database

        try:
            return kept.is_owner(store, platform, person)
        except StoreError:
            return False  # whoever stands in the configuration still is

    def ownerless(self, store: Store) -> bool:
        """Tell whether nobody owns this bot yet. StoreError where that cannot be known."""
        if self.allowed.owners:
            return False
        from storage.people import access as kept  # noqa: PLC0415 - opens the database

        return not (store.exists and kept.owners(store))

    async def may_use(self, store: Store, asker: Asker) -> bool:
        """Tell whether somebody may use the bot where they ask."""
        if asker.owner:
            return True
        said = self._permitted(store, asker)
        if False in said.values():
            return False
        allowed = self.allowed
        if not allowed.listed or True in said.values():
            return True
        home = platform_of(asker.platform)
        chat, person = f"{home}:{asker.address.chat}", f"{home}:{asker.user}"
        if chat in allowed.chats | allowed.groups or (asker.user and person in allowed.people):
            return True
        groups = [group.partition(":") for group in sorted(allowed.groups)]
        for platform, _, group in groups:
            if asker.user and platform == home and await self.is_member(platform, group, asker.user):
                return True
        return False

    def kept_out(self, store: Store, asker: Asker) -> Whom | None:
        """Return what an owner keeps out, the chat or the person; None where nobody said so."""
        said = self._permitted(store, asker)
        if said.get("chat") is False:
            return "chat"
        return "person" if said.get("person") is False else None

    def _permitted(self, store: Store, asker: Asker) -> Mapping[Whom, bool]:
        if not store.exists:
            return {}
        from storage.people import access as kept  # noqa: PLC0415 - opens the database

        try:
            return kept.permitted(store, platform_of(asker.platform), asker.user, asker.address.chat)
        except StoreError:
            return {}  # the configuration holds; what is wrong with the database is said in each answer

    def how_to_own(self) -> str:
        """Say how to become the first owner, where there is none yet; nothing else."""
        if self.code is None or not self.code.alive:
            return ""
        return " It has none yet: whoever started it finds a code there, and sends it here like /owner CODE."

    def in_groups(self, command: str) -> bool:
        """Tell whether groups have a command."""
        return not self.allowed.in_groups or command in self.allowed.in_groups

    def claimable(self, store: Store) -> bool:
        """Tell whether a code can make somebody the first owner. StoreError where that cannot be known."""
        return self.code is not None and self.code.alive and self.ownerless(store)

    def claim(self, store: Store, asker: Asker, code: str, now: datetime) -> Tried:
        """Make whoever brings the code the first owner, and return how their try went."""
        if asker.user is None or self.code is None:
            return "used up"
        home = platform_of(asker.platform)
        tried = self.code.take(code, (home, asker.user), now)
        if tried == "right":
            from storage.people import access as kept  # noqa: PLC0415 - opens the database

            with store.write() as work:
                kept.add_owner(work, home, asker.user, now)
        return tried


OPEN: Final = Access()  # everybody may, and nobody owns it
