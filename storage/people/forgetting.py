"""Forgetting a chat: its rows, what was written for it alone, and the bytes that they stood in."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from signals.units import to_ms
from storage.alerts import own
from storage.alerts.episodes import PRIVATE
from storage.alerts.sending import spreading
from storage.engine.database import Store
from storage.engine.sql import queries
from storage.people import destinations
from storage.people.bots import platform_of

if TYPE_CHECKING:
    from datetime import datetime

    from storage.engine.work import Work

SQL: Final = queries("storage.people")


@dataclass(frozen=True, slots=True)
class Forgotten:
    """How much went. bots: other ones whose private chats with the person went too, by their words.

    clean: no byte of it is left in the file and its log; False while another program reads them.
    """

    destinations: int = 0
    subscriptions: int = 0
    positions: int = 0
    addresses: int = 0
    messages: int = 0
    rules: int = 0
    bots: tuple[str, ...] = ()
    clean: bool = True

    @property
    def anything(self) -> bool:
        """Tell whether there was anything to forget."""
        return bool(self.destinations or self.positions or self.addresses)


def forget(store: Store, bot: str, chat: str, user: str | None = None) -> Forgotten:
    """Forget a chat of a bot with all its topics; where a person is named, their positions and their other bots' chats.

    Connections delete securely (storage/engine/sqlite), so rows are overwritten where they stood; emptying the
    log afterwards takes their earlier copies. What perpulse has saved of a file that was lost is forgotten in too;
    copies made by others are not reached.
    """
    forgotten = _forget(store, bot, chat, user)
    for saved in store.saved:
        copy = Store(saved)
        try:
            clean = _forget(copy, bot, chat, user).clean
        finally:
            copy.close()
        forgotten = replace(forgotten, clean=forgotten.clean and clean)
    return forgotten


def forget_gone(store: Store, before: datetime) -> int:
    """Forget the places that have been closed to the bot since before a time, and return how many."""
    gone = [row["id"] for row in store.read(SQL.gone_before, before=to_ms(before))]
    for place in gone:  # one transaction each: nobody waits for a thousand of them
        with store.write() as work:
            _forget_places(work, [place], "", None)
    return len(gone)


def _forget(store: Store, bot: str, chat: str, user: str | None) -> Forgotten:
    with store.write() as work:
        places = destinations.places_of(store, bot, chat, user)
        bots = {row["platform"] for row in work.rows(SQL.kept_chat, places=json.dumps(places))} - {bot}
        forgotten = _forget_places(work, places, platform_of(bot), user)
    return replace(forgotten, bots=tuple(sorted(bots)), clean=store.purge())


def _forget_places(work: Work, places: list[int], platform: str, user: str | None) -> Forgotten:
    spreading.everything(work)
    mine = {"places": json.dumps(places), "platform": platform, "owner": user}
    _forget_private(work, places, [row["id"] for row in work.rows(SQL.positions_to_forget, **mine)])
    positions = work.run(SQL.forget_positions, **mine)
    addresses = work.run(SQL.forget_followed, **mine)
    here = {"places": mine["places"]}
    subscriptions = work.run(SQL.forget_subscriptions, **here)
    rules = work.run(SQL.forget_own_rules, **here)
    messages = work.run(SQL.forget_outbox, **here)
    work.run(SQL.forget_messages, **here)
    work.run(SQL.forget_places, **here)
    work.run(SQL.forget_roles)
    own.forget_traces(work)
    return Forgotten(len(places), subscriptions, positions, addresses, messages, rules)


def _forget_private(work: Work, places: list[int], positions: list[int]) -> None:
    """Delete what was written for these places alone: lists of late messages, notices of positions, their episodes."""
    alone: dict[int, str | None] = {}
    for place in places:
        alone |= {row["notice"]: row["rule"] for row in work.rows(SQL.notices_for_one, place=place, private=PRIVATE)}
    for notice in alone:
        work.run(SQL.drop_outbox_of_notice, notice=notice)
        work.run(SQL.drop_notice, notice=notice)
    for rule in {*filter(None, alone.values()), *(f"{PRIVATE}{position}" for position in positions)}:
        work.run(SQL.drop_notices_of_rule, rule=rule)
        work.run(SQL.drop_messages_of_rule, rule=rule)
        work.run(SQL.forget_episode_of_rule, rule=rule, private=PRIVATE)
        work.run(SQL.drop_episodes_of_rule, rule=rule)
