"""Where owners are told what concerns the bot itself: in the private chat of each, and where somebody sits at it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from handlers.channels.channel import ReachesPeople
from handlers.channels.local import LocalChannel, local
from storage.alerts.sending import refusals
from storage.people import access, destinations
from storage.people.bots import platform_of

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from bot.clock import Clock
    from handlers.channels.channel import Channel
    from storage.engine.database import Store
    from storage.people.destinations import Destination


class Owners:
    """Knows where owners are told. named: those of the configuration, written `platform:id`."""

    def __init__(self, store: Store, clock: Clock, named: Collection[str], channels: Sequence[Channel]) -> None:
        self._store, self._clock, self._named, self._channels = store, clock, tuple(named), channels

    async def places(self, refusing: str = "") -> Collection[int]:
        """Return the destinations, one an owner; it is made for one who has never written. Not those closed to us.

        Of several bots of a platform the one that an owner has written to tells them, else the first. refusing: one
        whose token is not taken any more; it comes last, as do those of which that is known.
        """
        found: list[int] = []
        silent = {refusing, *await asyncio.to_thread(self._refusing)}
        for platform, person in await asyncio.to_thread(self._everybody):
            bots = [one.platform for one in self._channels if platform_of(one.platform) == platform] or [platform]
            for some in ([bot for bot in bots if bot not in silent], [bot for bot in bots if bot in silent]):
                if place := await self._place(some, person):
                    found.append(place.id)
                    break
        if any(isinstance(channel, LocalChannel) for channel in self._channels):
            sitter = local().asker
            here = await asyncio.to_thread(destinations.find, self._store, sitter.platform, sitter.address.chat)
            found += [here.id] if here and here.gone is None else []
        return tuple(dict.fromkeys(found))

    async def _place(self, bots: Sequence[str], person: str) -> Destination | None:
        """Return where one of these bots may write to a person; None where none may."""
        known = {bot: await asyncio.to_thread(destinations.private_of, self._store, bot, person) for bot in bots}
        if written := next((place for place in known.values() if place and place.gone is None), None):
            return written
        for bot in (bot for bot, place in known.items() if place is None):
            if chat := await self._ask(bot, person):
                return await asyncio.to_thread(self._made, bot, chat, person)
        return None

    def _refusing(self) -> set[str]:
        return {refusal.platform for refusal in refusals.of(self._store)}

    def _everybody(self) -> list[tuple[str, str]]:
        named = [tuple(name.split(":", 1)) for name in self._named]
        stored = [(owner.platform, owner.person) for owner in access.owners(self._store)]
        return list(dict.fromkeys([*((platform, person) for platform, person in named), *stored]))

    async def _ask(self, bot: str, person: str) -> str | None:
        asked = [one for one in self._channels if one.platform == bot and isinstance(one, ReachesPeople)]
        return await asked[0].private_chat(person) if asked else None

    def _made(self, bot: str, chat: str, person: str) -> Destination:
        return destinations.ensure(
            self._store, bot, chat, None, kind="private", title=None, now=self._clock.now(), person=person
        )
