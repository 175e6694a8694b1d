"""A rule of one's own from the turn to the chat: told by the minute, edited, answered, muted, and after a restart.

The bot's own turn and delivery, over a real store; the channel alone is a fake.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from handlers.words.subscriptions import muted_named
from signals.rules.reading import read
from storage.engine.database import Store
from storage.people import destinations, switches
from storage.people import rules as people
from storage.people.rules import Worded
from storage.people.switches import Switch
from tests.field.test_flash import PRICE, START, Market, past

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tests.fakes.channel import Said

MINUTE = timedelta(minutes=1)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "perpulse.db")
    yield made
    made.close()


@pytest.fixture
def market(store: Store) -> Market:
    past(store)
    made = Market(store)
    made.quiet(3)
    return made


def chat(store: Store) -> int:
    return destinations.ensure(store, "telegram", "11", None, kind="private", title=None, now=START).id


def asks(store: Store, text: str) -> int:
    """Let the chat have a rule as it is typed; return its number."""
    found = read(text, assets=("BTC",), usual="BTC")
    worded = Worded(
        line=found.line, rule=found.rule.id, scope={"assets": ["BTC"]}, once=found.once, at_most=found.at_most
    )
    return people.add(store, chat(store), worded, person=None, now=START)


def texts(said: Sequence[Said]) -> list[str]:
    return [one.text.splitlines()[0] for one in said]


def to(market: Market, price: float) -> list[Said]:
    """Let a minute pass in which the price comes to a value."""
    return market.minute(price / market.price)


CASES: dict[str, dict[str, Any]] = {
    "a line": {
        "rule": "btc price < 80k", "prices": [80_300, 79_900, 79_800], "told": [[], ["BTC: price below 80,000."], []],
    },
    "a crossing": {
        "rule": "btc crosses 81k", "prices": [80_900, 81_100, 81_200],
        "told": [[], ["BTC: price crosses 81,000."], []],
    },
    "a line that has held": {
        "rule": "btc price < 80k for 2h", "prices": [79_900] * 3, "told": [[], [], []],
    },
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_price_is_told_by_the_minute(market: Market, name: str) -> None:
    case = CASES[name]
    asks(market.store, case["rule"])
    assert market.minute() == [], "where it stands when it is made is no news"
    assert [texts(to(market, price)) for price in case["prices"]] == case["told"]


def test_a_change_within_an_hour_is_told_by_the_minute(market: Market) -> None:
    market.quiet(62)
    asks(market.store, "btc price -2% in 1h")
    assert market.minute() == []
    assert to(market, PRICE * 0.985) == []
    [told] = to(market, PRICE * 0.97)
    assert told.text.startswith("BTC: price down 2 % or more in 1 h.")
    assert "−3." in told.text or "−2.9" in told.text


def test_its_message_is_edited_and_answered_when_it_is_over(market: Market) -> None:
    asks(market.store, "btc price < 80k")
    market.minute()
    [told] = to(market, 79_900)
    assert (told.edited, "Price 79,9" in told.text) == (None, True)
    assert to(market, 80_500) == [], "not half way back"
    edit, answer = to(market, 82_000)
    assert edit.edited is not None
    assert answer.message.reply_to == edit.edited
    assert answer.text.startswith("BTC: over after ")


def test_once_is_once(market: Market) -> None:
    number = asks(market.store, "btc price < 80k once")
    market.minute()
    assert len(to(market, 79_900)) == 1
    assert len(to(market, 82_000)) == 2
    assert to(market, 79_900) == []
    [row] = people.of(market.store, chat(market.store))
    assert (row.number, row.paused_for) == (number, "once")


@pytest.mark.parametrize("what", ["*", "BTC", "{rule}", "{rule} BTC"])
def test_what_is_muted_is_not_told(market: Market, what: str) -> None:
    asks(market.store, "btc price < 80k")
    [row] = people.of(market.store, chat(market.store))
    market.minute()
    muted = what.format(rule=row.worded.rule)
    switches.switch(market.store, chat(market.store), Switch("mute", muted))
    assert to(market, 79_900) == []
    said = {"*": "everything", "BTC": "BTC", "{rule}": "price below 80,000", "{rule} BTC": "BTC: price below 80,000"}
    assert muted_named(muted, {}) == said[what]


def test_what_fires_in_quiet_hours_is_told_after_them_in_a_line(market: Market) -> None:
    asks(market.store, "btc price < 80k")
    market.minute()
    start = market.clock.now()
    hours = f"{start:%H:%M}-{start + timedelta(minutes=30):%H:%M}"
    switches.switch(market.store, chat(market.store), Switch("quiet", value=hours))
    assert to(market, 79_900) == []
    said = [one for _ in range(32) for one in market.minute()]
    assert len(said) == 1
    assert "BTC: price below 80,000" in said[0].text


def test_an_old_price_judges_nothing(market: Market) -> None:
    asks(market.store, "btc price < 80k")
    market.minute()
    market.venues = ()
    assert [said for _ in range(5) for said in market.minute(0.9)] == []
    market.venues = ("binance", "bybit")
    market.price = 79_900
    assert texts(market.minute()) == ["BTC: price below 80,000."]


def test_a_restart_tells_nothing_twice_and_what_came_meanwhile(market: Market) -> None:
    asks(market.store, "btc price < 80k")
    asks(market.store, "btc crosses 82k")
    market.minute()
    assert len(to(market, 79_900)) == 1
    again = market.restarted()
    assert again.minute() == []
    again.clock.forward(600)
    again = again.restarted()
    said = to(again, 82_500)
    assert [one.edited for one in said] == ["m1", None, None], "the end of one, its answer, and the crossing"
    assert "BTC: price crosses 82,000." in texts(said)
    again.store.close()


def test_a_silent_venue_and_a_wild_one_decide_nothing(market: Market) -> None:
    market.venues = ("binance", "bybit", "okx")
    asks(market.store, "btc price < 80k")
    market.quiet(3)
    market.moving = ("okx",)
    assert market.minute(0.5) == []


def test_a_crossing_says_the_line_that_was_crossed(market: Market) -> None:
    asks(market.store, "btc hits 81k")
    market.minute()
    [told] = to(market, 81_100)
    assert "Price 81,100 (line 81,000)." in told.text


def test_a_part_of_an_hour_is_waited_for(market: Market) -> None:
    asks(market.store, "btc price < 80k for 10min")
    market.minute()
    assert [said for price in [79_500] * 9 for said in to(market, price)] == []
    [told] = [said for price in [79_500] * 2 for said in to(market, price)]
    assert told.text.startswith("BTC: price below 80,000 for 10 min.")
