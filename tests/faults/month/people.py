"""The chats of a month: what is told to them, what they ask, and what they were shown in the end.

Three chats are steady: they are told everything, have a digest at nine and a rule of their own, and each must see each
news, each fall and each digest. The others wander: they block and come back, mute, unsubscribe and type whatever the
help shows; of them it is counted that nothing is told twice. Counted is what the fakes show, never what perpulse
believes.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import sqlite3
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from handlers.channels.channel import Address
from handlers.command import Asker, commands
from handlers.reply import Line, to_json
from handlers.words.digest import said
from signals import digest
from storage.alerts import outbox
from storage.alerts.outbox import Notice
from storage.engine.database import StoreError
from storage.people import destinations, switches
from storage.people.switches import Switch
from tests.fakes.discord_wire import CHANNEL
from tests.faults.bench import MARK
from tests.faults.month.fakes import in_loop
from tests.faults.scenario import DISCORD, TELEGRAM
from tests.storage import beside

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence
    from pathlib import Path

    from tests.faults.month.fakes import Fall
    from tests.faults.month.program import Program

PRIVATE, GROUP, WANDERER, WANDERING_GROUP = 11, -22, 13, -240
DISCORD_STEADY, DISCORD_WANDERER = CHANNEL, 1_000_009
STEADY: Final = ((TELEGRAM, str(PRIVATE)), (TELEGRAM, str(GROUP)), (DISCORD, str(DISCORD_STEADY)))
ZONE: Final = ZoneInfo("Europe/Berlin")
RULE: Final = "btc price -12% in 24h"  # hourly: by the minute nobody asks at the pace of a month
SETTLED: Final = ("/tz Europe/Berlin", "/digest 9:00", f"/alert save {RULE}")
LOOK: Final = timedelta(minutes=10)
EACH_HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
GRACE: Final = timedelta(hours=8)  # after a fall, in which it must have been told at the latest
# Of others' business, or an end of what is watched here.
NOT_TYPED: Final = frozenset({"allow", "announce", "deny", "owner", "owners", "forgetme"})
_ROW: Final = (
    "SELECT o.state, o.reason, o.attempts, d.gone_reason FROM outbox o JOIN destinations d ON d.id = o.destination "
    "JOIN notices n ON n.id = o.notice WHERE d.platform = ? AND d.chat = ? AND n.payload LIKE ?"
)
_DIGESTS: Final = (
    "SELECT n.payload FROM outbox o JOIN destinations d ON d.id = o.destination JOIN notices n ON n.id = o.notice "
    "WHERE n.kind = 'digest' AND d.platform = ? AND d.chat = ? ORDER BY n.id DESC"
)
_NEWS: Final = re.compile(r"news (\d+)\b(?: \(\w+\))?( \(may have arrived\))?")  # a line of what came late has its mark
_DIGEST: Final = re.compile(r"\bSince \d+ \w+ \d\d:\d\d \w+\.$", re.MULTILINE)  # its last line, late or not
_FELL: Final = re.compile(r"^BTC(, again)?: price down 12 % or more in 24 h", re.MULTILINE)


@dataclass
class People:
    """The chats, and what was told and shown.

    told: when each news was put into the outbox. shown, unmarked: how often each chat was shown each news, and how
    often without a word that it may be a repeat. digests: of each that a chat was shown, when it was due and
    the true time. fell: when each chat was told of its rule. may_repeat, slow: answers that were lost, by platform.
    """

    program: Program
    falls: Sequence[Fall]
    noise: random.Random
    told_to: Path | None = None
    group: int = WANDERING_GROUP
    told: dict[int, datetime] = field(default_factory=dict)
    shown: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    unmarked: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    digests: dict[tuple[str, str], list[tuple[datetime, datetime]]] = field(default_factory=dict)
    fell: dict[tuple[str, str], list[tuple[datetime, bool]]] = field(default_factory=dict)
    may_repeat: Counter[str] = field(default_factory=Counter)
    slow: Counter[str] = field(default_factory=Counter)
    messages: Counter[str] = field(default_factory=Counter)
    asked: int = 0
    latest: timedelta = timedelta(0)
    why: dict[tuple[str, str, int], str] = field(default_factory=dict)  # what the outbox says of what was not shown
    _far: list[tuple[datetime, datetime | None]] = field(default_factory=list)  # when the clock was a day off

    async def settle(self) -> None:
        """Make the chats and give them what they want."""
        fake = self.program.telegram
        for chat, kind in ((PRIVATE, "private"), (WANDERER, "private")):
            fake.chat(chat, kind)  # type: ignore[arg-type]
        for chat in (GROUP, self.group):
            fake.chat(chat, "group", members={WANDERER: "administrator"})
        self.program.discord.channels.add(DISCORD_WANDERER)
        for platform, chat in STEADY:
            await asyncio.to_thread(self._subscribe, platform, chat)
            for line in SETTLED:
                await self._types(platform, chat, line)
        for platform, chat in ((TELEGRAM, WANDERER), (TELEGRAM, self.group), (DISCORD, DISCORD_WANDERER)):
            await asyncio.to_thread(self._subscribe, platform, str(chat))

    async def come_back(self, platform: str, chat: str) -> None:
        """Let a chat be open to the bot again, as somebody asks for it there."""
        await self._types(platform, chat, "/sub")

    async def tell(self) -> None:
        """Put a news into the outbox each hour, whatever is the matter; it is told from when it is written."""
        number = 0
        while True:
            await asyncio.sleep(in_loop(EACH_HOUR))
            number += 1
            while not await self._tell(number):  # noqa: ASYNC110 - nobody says when it can be written
                await asyncio.sleep(1)

    async def ask(self) -> None:
        """Let wanderers type what the help shows."""
        typed = [one.example for name, one in sorted(commands().items()) if name not in NOT_TYPED]
        while True:
            await asyncio.sleep(in_loop(EACH_HOUR * self.noise.uniform(0.2, 2)))
            self.asked += 1
            line = self.noise.choice(typed)
            if self.noise.random() < 0.3:
                await self.program.discord.interact(2, _slash(line), channel=DISCORD_WANDERER, token=f"t{self.asked}")
            else:
                chat = self.noise.choice((WANDERER, self.group))
                self.program.telegram.say(chat, WANDERER, line)

    def look(self) -> None:
        """Note what chats were shown since the last look."""
        for platform, fake in ((TELEGRAM, self.program.telegram), (DISCORD, self.program.discord)):
            for chat, text in fake.taken():
                self.messages[platform] += 1
                self._note(platform, chat, text)
                if self.told_to:
                    with contextlib.suppress(OSError), self.told_to.open("a", encoding="utf-8") as file:
                        file.write(f"--- {self.program.clock.true():%d %H:%M} {platform} {chat}\n{text}\n")
        self.program.exchange.forget()

    def look_for_lost(self) -> None:
        """Ask the outbox, which keeps it for a week, what became of that which no steady chat was shown."""
        app, now = self.program.app, self.program.clock.true()
        for number, at in self.told.items():
            for platform, chat in STEADY:
                key = (platform, chat, number)
                if now - at > DAY / 2 and not self.shown[key] and key not in self.why and app:
                    rows = beside.rows(app.store, _ROW, platform, chat, f"%news {number} (%")
                    self.why[key] = "; ".join(" ".join(map(str, row)) for row in rows) or "no row"

    def clock_was_set(self, by: timedelta) -> None:
        """Note from when to when the machine's clock was a day off; called before it is set.

        What chats were shown until then was told by the clock as it was.
        """
        self.look()
        now = self.program.clock.true()
        if abs(by) >= DAY:
            self._far.append((now, None))
        elif self._far and self._far[-1][1] is None:
            self._far[-1] = (self._far[-1][0], now)

    # -- what came of it

    def lost(self, platform: str, until: datetime) -> list[str]:
        """Return what steady chats were not shown of what was told until then."""
        found = []
        for where, chat in STEADY:
            if where != platform:
                continue
            found += [
                f"news {number} of {at:%-d %B %H:%M} in {chat} ({self.why.get((where, chat, number), 'unknown')})"
                for number, at in self.told.items()
                if at < until and not self.shown[where, chat, number]
            ]
            found += [f"digest of {day:%-d %B} in {chat}" for day in self._missed(where, chat, until)]
            for fall in self.falls:
                times = [at for at, _ in self.fell.get((where, chat), ()) if fall.begin <= at < fall.end + GRACE]
                if fall.end + GRACE < until and not times:
                    found.append(f"fall of {fall.begin:%-d %B} in {chat}")
        return found

    def doubled(self, platform: str) -> list[str]:
        """Return what a chat was shown twice without a mark."""
        found = [
            f"news {news} in {chat}"
            for (where, chat, news), count in self.unmarked.items()
            if where == platform and count > 1
        ]
        for (where, chat), times in self.digests.items():
            dates = Counter(due.astimezone(ZONE).date() for due, _ in times)
            if where == platform:
                found += [f"digest of {day:%-d %B} in {chat}" for day, count in dates.items() if count > 1]
        for (where, chat), told in self.fell.items():
            if where == platform:
                for fall in self.falls:
                    count = sum(fall.begin <= at < fall.end + GRACE and not marked for at, marked in told)
                    found += [f"fall of {fall.begin:%-d %B} in {chat}"] if count > 1 else []
        return found

    def repeated(self, platform: str) -> int:
        """Return how often a chat was shown a news once more."""
        return sum(count - 1 for (where, _, _), count in self.shown.items() if where == platform)

    def false(self, platform: str) -> list[str]:
        """Return what steady chats were told of falls that were none."""
        return [
            f"a fall at {at:%-d %B %H:%M} in {chat}"
            for (where, chat), told in self.fell.items()
            for at, _ in told
            if where == platform and not any(fall.begin <= at < fall.end + GRACE for fall in self.falls)
        ]

    def _missed(self, platform: str, chat: str, until: datetime) -> list[datetime]:
        days = Counter(at.astimezone(ZONE).date() for _, at in self.digests.get((platform, chat), ()))
        begin = min(self.told.values()) if self.told else until
        wanted, missed = begin.astimezone(ZONE).replace(hour=9, minute=0, second=0) + DAY, []
        while wanted + DAY / 2 < until:
            far = any(since - DAY <= wanted <= (end or until) + 2 * DAY for since, end in self._far)
            if not days[wanted.date()] and not far:
                missed.append(wanted)
            wanted += DAY
        return missed

    # -- the parts

    def _note(self, platform: str, chat: str, text: str) -> None:
        now, key, marked = self.program.clock.true(), (platform, chat), MARK in text
        for told in _NEWS.finditer(text):
            news = int(told[1])
            self.shown[*key, news] += 1
            self.unmarked[*key, news] += not (marked or told[2])
            if key in STEADY and self.shown[*key, news] == 1:
                self.latest = max(self.latest, now - self.told[news])
        if key not in STEADY:
            return
        text = text.replace("*", "")  # of Discord's markup
        if _DIGEST.search(text) and not marked:
            self.digests.setdefault(key, []).append((self._due(platform, chat, text), now))
        elif _FELL.search(text):
            self.fell.setdefault(key, []).append((now, marked))

    def _due(self, platform: str, chat: str, text: str) -> datetime:
        """Return when a digest was due, as its notice says; the program's time where no notice has its words.

        One that is on its way while the clock is set is shown by another clock than it was made by, so the hour at
        which it is seen does not tell of which date it is.
        """
        shown, file = _letters(text), self.program.data / "perpulse.db"
        with contextlib.suppress(sqlite3.OperationalError):  # no file can be opened now
            with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=10)) as base:
                payloads = [digest.from_json(json.loads(row)) for (row,) in base.execute(_DIGESTS, (platform, chat))]
            for made in payloads:
                lines = [one for one in said.tell(made, ZONE.key).blocks if isinstance(one, Line)]
                if made.due and _letters(lines[0].text) in shown and _letters(lines[-1].text) in shown:
                    return made.due
        return self.program.clock.now()

    def _subscribe(self, platform: str, chat: str) -> None:
        assert self.program.app
        store, now = self.program.app.store, self.program.app.clock.now()
        kind: Any = "private" if platform == TELEGRAM and not chat.startswith("-") else "group"
        one = destinations.ensure(store, platform, chat, None, kind=kind, title=None, now=now)
        destinations.subscribe(store, one.id, "*", "*")
        switches.switch(store, one.id, Switch("budget", value="off"))

    async def _types(self, platform: str, chat: str, line: str) -> None:
        if self.program.app:
            await self.program.app.answer(line, Asker(platform, Address(chat), chat))

    async def _tell(self, number: int) -> bool:
        """Put a news into the outbox, and tell whether it is written."""
        async with self.program.one_writes:
            app = self.program.app
            if app is None:
                return False
            try:
                await asyncio.to_thread(self._write, app.store, number)
            except StoreError:
                return False
            self.told[number] = self.program.clock.true()
            app.dispatcher.poke()
            return True

    def _write(self, store: Any, number: int) -> None:
        assert self.program.app
        now, rank = self.program.app.clock.now(), "critical" if number % 7 == 0 else "notice"
        payload = {"blocks": to_json((Line(f"news {number} ({rank})", "headline"),))}
        with store.write() as work:
            notice = Notice("fired", rank, now, payload, None, "rule", "BTC")  # type: ignore[arg-type]
            outbox.announce(work, notice, now=now, expires=now + DAY / 2)


def _letters(text: str) -> str:
    """Return what a platform's markup leaves as it is."""
    return "".join(filter(str.isalnum, text))


def _slash(line: str) -> dict[str, Any]:
    name, _, given = line[1:].partition(" ")
    options = [{"name": "text", "type": 3, "value": given}] if given else []
    return {"id": "1", "name": name, "type": 1, "options": options}
