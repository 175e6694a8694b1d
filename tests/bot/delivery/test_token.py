"""A token that is refused: asked again, told on the other platform, and no end of anything else."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from bot.delivery.dispatcher import Dispatcher
from bot.delivery.owners import Owners
from handlers.channels.failure import SendFailed, TokenRefused, Unreached
from storage.alerts import outbox
from storage.alerts.sending import refusals
from storage.people import destinations
from tests.bot.delivery.desk import HOUR, NOW, Desk, desk_at
from tests.fakes.channel import FakeChannel
from tests.fakes.notices import ready

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NO = TokenRefused("Get a new one from @BotFather.")


@dataclass
class Two:
    """A desk that sends by two platforms; the other one tells of sources."""

    desk: Desk
    other: FakeChannel

    def tell(self) -> None:
        notice = outbox.Notice("fired", "notice", self.desk.clock.now(), ready("news"), None, "oi_drawdown", "BTC")
        with self.desk.store.write() as work:
            outbox.announce(work, notice, now=self.desk.clock.now(), expires=self.desk.clock.now() + 90 * 24 * HOUR)

    async def tried(self, seconds: float) -> list[float]:
        """Let time pass, and return after how many seconds it was asked whose token it is."""
        begun, at = self.desk.clock.seconds, []
        while self.desk.clock.seconds < begun + seconds:
            before = self.desk.channel.checks
            await self.desk.dispatcher.turn()
            at += [round(self.desk.clock.seconds - begun)] * (self.desk.channel.checks - before)
            self.desk.clock.forward(1 if self.desk.clock.seconds - begun < 100 else 5)
        return at


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Two]:
    desk, other = desk_at(tmp_path), FakeChannel(platform="discord")
    desk.dispatcher = Dispatcher(desk.store, [desk.channel, other], desk.clock, noise=random.Random(1))
    desk.dispatcher.start()
    there = destinations.ensure(desk.store, "discord", "44", None, kind="channel", title=None, now=NOW)
    for rule in ("*", "sources"):
        destinations.subscribe(desk.store, there.id, rule, "*")
    yield Two(desk, other)
    desk.store.close()


@pytest.mark.slow
async def test_one_stray_refusal_is_over_after_ten_seconds_and_told_nobody(two: Two) -> None:
    two.desk.channel.script.append(NO)
    two.tell()
    assert await two.tried(120) == [10]
    assert [said.text for said in two.desk.channel.said] == ["news"]
    assert [said.text for said in two.other.said] == ["news"]
    assert not two.desk.channel.said[0].message.maybe_repeat
    assert not refusals.of(two.desk.store)


@pytest.mark.slow
async def test_a_refusal_that_stays_is_told_on_the_other_platform_until_it_is_over(two: Two) -> None:
    two.desk.channel.always = lambda _: NO
    two.desk.channel.checked = lambda: NO
    two.tell()
    assert await two.tried(2000) == [10, 70, 670, 1270, 1870]
    assert len(two.desk.channel.asked) == 1
    (refusal,) = refusals.of(two.desk.store)
    assert (refusal.platform, refusal.since, refusal.reason) == ("telegram", NOW, NO.reason)
    assert [said.text for said in two.other.said] == [
        "news",
        f"Telegram refuses the bot's token since 15 January 12:00 UTC, and its messages wait. {NO.reason}",
    ]
    two.desk.channel.always = two.desk.channel.checked = lambda *_: None
    await two.tried(1000)
    assert "news" in two.desk.channel.said[0].text
    assert two.other.said[-1].text == "Telegram takes the bot's token again, and what waited is being sent."
    assert not refusals.of(two.desk.store)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("telegram", "discord", "ends"),
    [
        pytest.param(NO, None, False, id="the other platform works"),
        pytest.param(NO, NO, True, id="none is left"),
        pytest.param(Unreached("down"), NO, False, id="the other one is out of reach"),
    ],
)
async def test_perpulse_ends_when_no_platform_is_left(
    two: Two, telegram: SendFailed | None, discord: SendFailed | None, ends: bool
) -> None:
    two.desk.channel.always, two.other.always = (lambda _: telegram), (lambda _: discord)
    two.desk.channel.checked, two.other.checked = (lambda: telegram), (lambda: discord)
    ended: list[bool] = []
    two.tell()
    await two.tried(700)

    def end() -> None:
        ended.append(True)
        two.desk.dispatcher.stop()

    two.desk.dispatcher.poke()
    if not ends:
        two.desk.dispatcher.stop()
    await two.desk.dispatcher.run(ended=end)
    assert bool(ended) is ends


async def test_a_new_start_tries_the_token_anew(two: Two) -> None:
    two.desk.channel.always = lambda _: NO
    two.desk.channel.checked = lambda: NO
    two.tell()
    await two.tried(60)
    assert refusals.of(two.desk.store)
    two.desk.channel.always = two.desk.channel.checked = lambda *_: None
    two.desk.restart()
    assert not refusals.of(two.desk.store)
    await two.tried(5)
    assert [said.text for said in two.desk.channel.said] == ["news"]


@pytest.mark.slow
async def test_of_two_bots_the_other_one_tells_the_owner_and_goes_on(tmp_path: Path) -> None:
    """An owner is told once, by the bot that they have written to, unless that is the one that is refused."""
    desk, alpha = desk_at(tmp_path), FakeChannel(platform="telegram@alpha")
    for bot in ("telegram", "telegram@alpha"):
        made = destinations.ensure(desk.store, bot, "7", None, kind="private", title=None, now=NOW, person="7")
        destinations.subscribe(desk.store, made.id, "oi_drawdown", "*")
    owners = Owners(desk.store, desk.clock, ["telegram:7"], [alpha, desk.channel])
    two = Two(desk, alpha)
    desk.dispatcher = Dispatcher(
        desk.store, [desk.channel, alpha], desk.clock, noise=random.Random(1), owners=owners.places
    )
    desk.dispatcher.start()
    alpha.always, alpha.checked = (lambda _: NO), (lambda: NO)
    two.tell()
    await two.tried(200)
    told = [said.text for said in desk.channel.said if said.to.chat == "7"]
    told_of = "Telegram refuses the token of the bot alpha since 15 January 12:00 UTC, and its messages wait."
    assert told == ["news", f"{told_of} {NO.reason}"]
    assert [one.platform for one in destinations.everyone(desk.store) if one.id in await owners.places()] == [
        "telegram"
    ]
    alpha.always, alpha.checked = (lambda _: None), (lambda: None)
    await two.tried(1000)
    assert [said.text for said in alpha.said] == ["news"]
    told = [said.text for said in desk.channel.said if said.to.chat == "7"]
    assert told[-1] == "Telegram takes the token of the bot alpha again, and what waited is being sent."
    assert len(told) == 3
    [place] = await owners.places()
    assert destinations.everyone(desk.store)[-1].id == place, "the first one that they have written to"
    desk.store.close()
