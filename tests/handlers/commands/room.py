"""A store in which BTC stands at 95,000, and people who ask about their positions."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from handlers.answer import answer
from handlers.channels.channel import Address
from handlers.command import Asker, Deps, Refused, nobody
from handlers.reply import Reply, plain_text
from signals.alerts.episodes import Transition
from storage.alerts import episodes, outbox
from storage.alerts.outbox import Notice
from storage.market import points
from storage.people import destinations
from tests import loop
from tests.fakes.notices import claim_from, ready, sent_from
from tests.storage import senders

if TYPE_CHECKING:
    from storage.engine.database import Store

NOW = datetime(2026, 11, 22, 12, 0, 30, tzinfo=UTC)
ADDRESS = "0x" + "aB" * 20
ME = Asker("telegram", Address("5550123456"), "5550123456")
OTHER = Asker("telegram", Address("777"), "777")
TERMINAL = Asker("terminal", Address("screen"))
OWNER = replace(ME, owner=True)
GROUP = Address("-100123", kind="group")
ADMIN = Asker("telegram", GROUP, ME.user, title="Traders")
MEMBER = replace(ADMIN, may_change=False)


class Room:
    """A store in which BTC stands at 95,000, and a way to ask."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.now = NOW

    def mark(self, price: float, asset: str = "BTC", venue: str = "binance") -> None:
        frame = pd.DataFrame({"mark_price": [price]}, index=pd.DatetimeIndex([self.now], name="at"))
        points.write(self.store, [points.Points.of_frame(venue, asset, None, frame)])

    def deps(self, asker: Asker) -> Deps:
        return Deps(self.now, asker, self.store, ("BTC", "ETH"), nobody)

    def ask(self, line: str, asker: Asker = ME) -> Reply:
        return loop.run(answer(line, self.deps(asker)))

    def text(self, line: str, asker: Asker = ME) -> str:
        return plain_text(self.ask(line, asker).all_blocks())

    def refusal(self, line: str, asker: Asker = ME) -> str:
        with pytest.raises(Refused) as caught:
            self.ask(line, asker)
        said = str(caught.value)
        assert "\n" not in said
        assert len(said) < 260
        return said


def here(room: Room, asker: Asker = ME) -> int:
    """Return the chat of who asks as it is stored, made if it is new."""
    to = asker.address
    return destinations.ensure(room.store, asker.platform, to.chat, None, kind=to.kind, title=None, now=room.now).id


def told(room: Room, *rules: str, asset: str = "BTC", asker: Asker = ME, message: str = "m1") -> list[int]:
    """Let episodes begin and be told in one message, as the outbox has it; return their numbers."""
    place = here(room, asker)
    with room.store.write() as work:
        numbers = []
        for rule in rules:
            number = episodes.record(work, (rule, asset), Transition("fired", NOW, NOW, "notice", {}), None)
            notice = Notice("fired", "notice", NOW, ready("news"), number, rule, asset)
            outbox.announce_to(work, place, notice, now=NOW, expires=NOW + timedelta(hours=6))
            numbers.append(number)
    process = senders.take(room.store)
    how: dict[str, Any] = {"now": NOW, "process": process, "platform": asker.platform, "limit": 1}
    (claim,) = claim_from(room.store, **how, together=lambda *_: True)
    sent_from(room.store, claim, message, now=NOW)
    return numbers
