"""Where owners are told what concerns the bot itself: in the private chat of each, and where somebody sits at it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from handlers.channels.channel import ReachesPeople
from handlers.channels.local import LocalChannel, local
from storage.people import access, destinations

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from bot.clock import Clock
    from handlers.channels.channel import Channel
    from storage.engine.database import Store


class Owners:
    """Knows where owners are told. named: those of the configuration, written `platform:id`."""

    def __init__(self, store: Store, clock: Clock, named: Collection[str], channels: Sequence[Channel]) -> None:
        self._store, self._clock, self._named, self._channels = store, clock, tuple(named), channels

    async def places(self) -> Collection[int]:
        """Return the destinations; one is made for an owner who has never written. Not those that are closed to us."""
        found: list[int] = []
        for platform, person in await asyncio.to_thread(self._everybody):
            place = await asyncio.to_thread(destinations.private_of, self._store, platform, person)
            if place is None:
                chat = await self._ask(platform, person)
                place = await asyncio.to_thread(self._made, platform, chat, person) if chat else None
            if place and place.gone is None:
                found.append(place.id)
        if any(isinstance(channel, LocalChannel) for channel in self._channels):
            sitter = local().asker
            here = await asyncio.to_thread(destinations.find, self._store, sitter.platform, sitter.address.chat)
            found += [here.id] if here and here.gone is None else []
        return tuple(dict.fromkeys(found))

    def _everybody(self) -> list[tuple[str, str]]:
        named = [tuple(name.split(":", 1)) for name in self._named]
        stored = [(owner.platform, owner.person) for owner in access.owners(self._store)]
        return list(dict.fromkeys([*((platform, person) for platform, person in named), *stored]))

    async def _ask(self, platform: str, person: str) -> str | None:
        asked = [one for one in self._channels if one.platform == platform and isinstance(one, ReachesPeople)]
        return await asked[0].private_chat(person) if asked else None

    def _made(self, platform: str, chat: str, person: str) -> destinations.Destination:
        return destinations.ensure(
            self._store, platform, chat, None, kind="private", title=None, now=self._clock.now(), person=person
        )
