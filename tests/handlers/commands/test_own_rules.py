"""/alert, /alerts, /backtest and /share, as they are typed and as they are read."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from handlers.channels.channel import Address
from handlers.charts import pictures
from handlers.command import Asker, Refused
from handlers.limits import RuleLimits
from handlers.reply import Buttons, Line, Picture
from signals.units import DAY
from storage.engine.database import Store
from storage.market import points
from storage.market.points import Points
from storage.panels import panels
from storage.people import rules as kept
from tests.handlers.conftest import Desk

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from handlers.reply import Reply

MORNING = "2026-02-06"
NOW = datetime(2026, 11, 29, 15, tzinfo=UTC)
HOUR = timedelta(hours=1)
TELEGRAM = Asker("telegram", Address("7"), "7", link="https://t.me/pulse_bot?start={}")


@pytest.fixture
def winter(desk: Callable[..., Desk]) -> Desk:
    """Return a desk on the morning after the fall of 5 February 2026."""
    return desk("bundled", MORNING)


def lines(reply: Reply) -> list[str]:
    return [block.text for block in reply.blocks if isinstance(block, Line)]


def buttons(reply: Reply) -> dict[str, str]:
    every = (button for block in reply.all_blocks() if isinstance(block, Buttons) for button in block.buttons)
    return {button.label: button.command for button in every}


# --- looking before it is kept ----------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_rule_is_looked_at_and_nothing_is_kept(winter: Desk) -> None:
    reply = winter.ask("/alert btc price -5% in 24h")
    assert lines(reply)[0] == "BTC: price down 5 % or more in 24 h; over when back down less than 2.5 % in 24 h."
    fires = reply.values["fires"]
    assert lines(reply)[1].startswith("Would have fired once in 90 days; on 4 February")
    assert {fire["asset"] for fire in fires} == {"BTC"}
    assert [fire["at"][:10] for fire in fires][-1] >= "2026-02-0"
    assert buttons(reply) == {
        "Save": "/alert save btc price <= -5% in 24h",
        "Cancel": "/alert cancel",
    }
    none = winter.ask("/alerts")
    assert none.values == {"rules": []}
    assert buttons(none) == {"How": "/alert", "Settings": "/settings"}, "who looks on turns nothing on"
    assert lines(winter.ask("/alert cancel")) == ["Nothing was saved."]


@pytest.mark.slow
def test_a_rule_that_speaks_daily_comes_with_a_stricter_one(tmp_path: Path) -> None:
    store = Store(tmp_path / "hours.db")
    index = pd.date_range(end=NOW - HOUR, periods=100 * 24, freq="h", tz=UTC)
    price = 90_000 * np.exp(np.cumsum(np.random.default_rng(5).normal(0, 0.004, len(index))))
    points.write(store, [Points.of_frame("binance", "BTC", HOUR, pd.DataFrame({"close": price}, index=index))])
    desk = Desk(store, NOW)
    often = desk.ask("/alert btc price down 0.5% in 1h")
    assert len(often.values["fires"]) > 90
    (said,) = [line for line in lines(often) if line.startswith("That is more than once a day. About once a week (")]
    rarely = desk.ask(buttons(often)["Stricter"])
    assert rarely.values["line"] == often.values["stricter"]
    assert 7 <= len(rarely.values["fires"]) <= 12
    assert f"({len(rarely.values['fires'])} times): price down 1" in said
    assert "Stricter" not in buttons(rarely)
    store.close()


def test_what_held_all_the_time_is_said(winter: Desk) -> None:
    reply = winter.ask("/alert btc price > 1000")
    assert "Would not have fired in 90 days." in lines(reply)
    assert any(
        line.startswith("At the daily close of ")
        and " it holds: " in line
        and line.endswith("as it did when those days began.")
        for line in lines(reply)
    )
    assert reply.values["holds"] == ["BTC"]


CLOSE = "the daily close of 15 January 2026"  # which is at midnight, when it is asked
STILL = "It is still on, but would not begin"


@pytest.mark.parametrize(
    ("last", "said"),
    [
        pytest.param(79_000.0, f"At {CLOSE} it holds: $79,000 (line above $78,000).", id="beyond its line"),
        pytest.param(78_000.0, f"{STILL} at {CLOSE}: $78,000 (line above $78,000).", id="at it"),
        pytest.param(77_000.0, f"{STILL} at {CLOSE}: $77,000 (line above $78,000).", id="between"),
        pytest.param(76_000.0, f"At {CLOSE}: $76,000 (line above $78,000).", id="over"),
    ],
)
def test_what_is_on_is_not_said_to_hold_where_it_would_not_begin(
    made: Callable[..., Desk], last: float, said: str
) -> None:
    assert said in lines(made(close=[76_000.0] * 20 + [79_000.0, last]).ask("/alert btc price > 78k"))


@pytest.mark.parametrize(
    ("typed", "line"),
    [
        pytest.param("/alert btc 75k", "btc price < 75k", id="a line below price is waited for from above"),
        pytest.param("/alert btc 85k", "btc price > 85k", id="a line above price is waited for from below"),
        pytest.param("/alert btc price 75000 for 2d", "btc price < 75k for 48h", id="with more words"),
    ],
)
def test_a_bare_price_is_read_by_the_side_on_which_price_is_not(
    made: Callable[..., Desk], typed: str, line: str
) -> None:
    assert made(close=[76_000.0] * 20 + [78_000.0]).ask(typed).values["line"] == line


@pytest.mark.parametrize(
    ("typed", "later", "said"),
    [
        pytest.param(
            "/alert btc 75k", 3 * DAY, "Price above or below 75k? Type it like /alert btc price < 75k.", id="old price"
        ),
        pytest.param(
            "/alert btc 78k", 0 * DAY, "Price above or below 78k? Type it like /alert btc above 78k.",
            id="price is there",
        ),
        pytest.param(
            "/alert eth 3k", 0 * DAY, "Price above or below 3k? Type it like /alert eth above 3k.", id="no price"
        ),
        pytest.param(
            "/backtest btc 75k", 3 * DAY, "Price above or below 75k? Type it like /backtest btc price < 75k.",
            id="another command",
        ),
        pytest.param(
            "/alert btc 75k and funding 30% apr", 0 * DAY,
            "Price above or below 75k? Type it like /alert btc above 75k and funding 30% apr.",
            id="two bare levels",
        ),
        pytest.param(
            "/alert btc funding 30% apr", 0 * DAY,
            "Funding of all venues above or below 30% apr? Type it like /alert btc funding above 30% apr.",
            id="another figure",
        ),
    ],
)  # fmt: skip
def test_a_bare_level_that_may_be_either_side_names_what_to_type(
    made: Callable[..., Desk], typed: str, later: timedelta, said: str
) -> None:
    here = made(close=[76_000.0] * 20 + [78_000.0])
    here.now += later
    with pytest.raises(Refused) as refused:
        here.ask(typed)
    assert str(refused.value) == said
    assert len(refused.value.offers) == 2


def test_what_held_before_and_no_more_is_said(winter: Desk) -> None:
    reply = winter.ask("/alert btc price > 75k")
    assert "Would not have fired in 90 days: it held already when they began." in lines(reply)
    assert reply.values["holds"] == []


def test_what_cannot_be_judged_says_what_is_lacking(winter: Desk) -> None:
    reply = winter.ask("/alert eth depth z < -1")
    assert lines(reply)[1] == "It could not be judged for ETH: too little is stored of depth of the order book."
    assert "Save" in buttons(reply), "data may come"


def test_the_picture_shows_the_line_and_the_times(winter: Desk) -> None:
    reply = winter.ask("/alert btc crosses 80k")
    (picture,) = [block for block in reply.blocks if isinstance(block, Picture)]
    full = pictures.resolve(winter.store, picture.chart)
    assert full is not None
    assert full["title"] == "price crosses 80,000"
    assert full["lines"] == [["$80,000", 80_000.0]]
    assert len(full["episodes"]) == len(reply.values["fires"])
    assert (
        picture.alt
        == f"price crosses 80,000 of BTC: {len(full['episodes'])} time{'s' * (len(full['episodes']) != 1)} in 90 days"
    )


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        pytest.param("/alert btc fundng > 30% apr", "“fundng” is no figure I know; did you mean funding", id="word"),
        pytest.param("/alert btc funding > 30", "30 of what: 30% a year or 30% per 8 h?", id="unit"),
        pytest.param("/alert doge funding > 30% apr", "doge", id="not followed"),
        pytest.param("/alert my position 9 within 5%", "You watch no position 9.", id="position"),
    ],
)
def test_what_is_wrong_is_said_with_what_would_be_right(winter: Desk, typed: str, said: str) -> None:
    with pytest.raises(Refused) as refused:
        replace(winter, asker=TELEGRAM).ask(typed)
    assert said in str(refused.value)
    assert all(command.startswith("/alert ") for _, command in refused.value.offers)


def test_without_words_it_says_how(winter: Desk) -> None:
    assert lines(winter.ask("/alert"))[1] == "/alert btc funding > 30% apr for 2h"
    assert "/alert btc funding > 30% apr for 2h – above it at the closes of two hours" in lines(
        winter.ask("/help alert")
    )
    told = lines(winter.ask("/help alert more"))
    assert "/alert btc funding flips – at the close that changes its sign" in told
    assert all("  " not in line for line in told)


def test_what_it_would_have_said_is_what_the_prices_say(winter: Desk) -> None:
    """Counted by a loop of its own: told at a close of −5 % or less, over at one above −2.5 %."""
    panel = panels.panel(winter.store, ["close"], ["BTC"], step=DAY, start=winter.now - 95 * DAY, end=winter.now)
    price = panel.values["close"][:, 0]
    fires, on = [], True
    for row in range(1, len(price)):
        change = price[row] / price[row - 1] - 1
        if not on and change <= -0.05:
            fires.append(panel.closes[row].isoformat()[:10])
        on = change <= -0.05 or (on and change <= -0.025)
    shown = winter.ask("/alert btc price -5% in 24h").values["fires"]
    assert [fire["at"][:10] for fire in shown] == [at for at in fires if at > str(winter.now - 90 * DAY)]
    assert shown


def test_alerts_off_says_what_ends_what(winter: Desk) -> None:
    with pytest.raises(Refused, match="Off for good, or for a while") as caught:
        winter.ask("/alerts off")
    assert [line for _, line in caught.value.offers] == ["/unsub", "/mute 8h"]


@pytest.mark.parametrize(
    ("rule", "asked_after", "stands"),
    [
        pytest.param("btc < 40k", timedelta(0), "calm · now ", id="price"),
        pytest.param("btc crosses 40k", timedelta(0), "calm · now ", id="a crossing of it"),
        pytest.param("btc < 40k", timedelta(hours=1), "calm · at ", id="a price that is an hour old"),
        pytest.param("btc price up 20% in 24h", timedelta(0), "calm · last close ", id="what waits for a close"),
    ],
)
def test_what_is_judged_by_the_minute_stands_at_the_price_of_now(
    winter: Desk, rule: str, asked_after: timedelta, stands: str
) -> None:
    winter.ask(f"/alert save {rule}")
    later = replace(winter, now=winter.now + asked_after)
    assert lines(later.ask("/alerts"))[2].startswith(stands)


def test_a_rule_fires_each_time_that_it_begins(winter: Desk) -> None:
    """Whoever drew a line wants to hear of each time; three days in which an alarm goes on are for built-in ones."""
    often = winter.ask("/alert btc price up 1% in 24h")
    assert len(often.values["fires"]) > 10
    assert not any("told as the same alert" in line for line in lines(often))


# --- keeping, listing, changing ---------------------------------------------------------------------------------------


def test_it_is_saved_listed_paused_changed_and_deleted(winter: Desk) -> None:
    saved = winter.ask("/alert save btc drawdown < -30% at most every 4h")
    assert (saved.values["number"], saved.values["line"]) == (1, "btc drawdown < -30% at most every 4h")
    assert buttons(saved)["Undo"] == "/alerts delete 1"
    listed = lines(winter.ask("/alerts"))
    assert listed[:2] == ["1 rule of this chat's own.", "1 · btc drawdown < -30% at most every 4h"]
    assert listed[2].startswith("calm · last close ")
    assert "(line below −30 %) · never fired" in listed[2]
    one = winter.ask("/alerts 1")
    assert lines(one)[0].startswith("Rule 1. BTC: open interest against its 365-day peak below −30 %")
    assert "It is told every 4 h at most." in lines(one)
    assert lines(winter.ask("/alerts pause 1")) == ["Rule 1 is paused: btc drawdown < -30% at most every 4h"]
    assert lines(winter.ask("/alerts"))[2].startswith("paused since 6 February")
    looked = winter.ask("/alerts edit 1 btc drawdown < -20%")
    assert buttons(looked)["Save"] == "/alerts edit 1 save btc drawdown < -20%"
    assert lines(winter.ask("/alerts"))[1] == "1 · btc drawdown < -30% at most every 4h", "nothing is changed by a look"
    assert "It was paused and is on again." in lines(winter.ask(buttons(looked)["Save"]))
    assert "It was paused" not in str(winter.ask(buttons(looked)["Save"]).blocks)
    assert lines(winter.ask("/alerts"))[1:3][0] == "1 · btc drawdown < -20%"
    assert winter.ask("/alerts").values["rules"][0]["paused"] is None
    assert lines(winter.ask("/alerts delete #1")) == ["Rule 1 is deleted: btc drawdown < -20%"]
    with pytest.raises(Refused, match="This chat has no rule of its own yet"):
        winter.ask("/alerts 1")


def test_the_answer_to_a_question_goes_first(winter: Desk) -> None:
    """What is typed after "which one?" and "what should it say?" is put before the words of the command."""
    winter.ask("/alert save btc drawdown < -30%")
    assert winter.ask("/alerts btc drawdown < -10% edit 1").values["number"] == 1
    assert lines(winter.ask("/alerts 1 pause"))[0].startswith("Rule 1 is paused")
    for line, question in (("/alerts edit 1", "What should it say?"), ("/alerts delete", "Which rule?")):
        with pytest.raises(Refused) as refused:
            winter.ask(line)
        assert refused.value.wanted is not None
        assert question in refused.value.wanted.question


def test_the_same_rule_is_not_kept_twice(winter: Desk) -> None:
    winter.ask("/alert save btc drawdown < -30%")
    with pytest.raises(Refused, match="That is rule 1 of this chat already"):
        winter.ask("/alert save BTC oi drawdown below -30 %")


def test_limits_say_what_to_do(winter: Desk) -> None:
    tight = replace(winter)
    deps = replace(tight.deps, limits=RuleLimits(of_a_chat=1))
    from handlers.commands.alert import check_room  # noqa: PLC0415 - for this alone

    check_room(deps)
    winter.ask("/alert save btc drawdown < -30%")
    with pytest.raises(Refused, match="This chat has 1 rules, as many"):
        check_room(deps)
    with pytest.raises(Refused, match="as many as one person may"):
        check_room(replace(tight.deps, limits=RuleLimits(of_an_owner=0)))
    with pytest.raises(Refused, match=r"\[rules\] in_all"):
        check_room(replace(tight.deps, limits=RuleLimits(in_all=1)))


def test_what_costs_too_much_is_refused_before_it_is_computed(winter: Desk) -> None:
    from handlers.commands.alert import affordable  # noqa: PLC0415 - for this alone
    from handlers.language.telling.own_rules import own_line  # noqa: PLC0415 - as above

    line = own_line("any lead > 0.5", winter.deps)
    affordable(winter.deps, line)
    with pytest.raises(Refused, match="of 2 coins, and one rule may read 10"):
        affordable(replace(winter.deps, limits=RuleLimits(figures=10)), line)


def test_members_read_the_list_and_change_nothing(winter: Desk) -> None:
    group = Address("-100", kind="group")
    admin = replace(winter, asker=Asker("telegram", group, "8"))
    member = replace(winter, asker=Asker("telegram", group, "9", may_change=False))
    admin.ask("/alert save btc drawdown < -30%")
    nothing = replace(member, asker=replace(member.asker, address=Address("-101", kind="group")))
    assert buttons(nothing.ask("/alerts")) == {"Settings": "/settings"}, "of /alert they would be told they may not"
    assert lines(member.ask("/alerts"))[1] == "1 · btc drawdown < -30%"
    assert [*buttons(member.ask("/alerts 1"))] == ["Backtest"], "nobody is shown what they may not press"
    assert [*buttons(admin.ask("/alerts 1"))] == ["Pause", "Edit", "Delete", "Backtest", "Share"]
    for line in ("/alerts delete 1", "/alerts pause 1", "/alerts edit 1 btc funding flips", "/alert btc funding flips"):
        with pytest.raises(Refused, match="Only admins of this chat"):
            member.ask(line)


LONG = "/alert eth oi coins -5% in 24h and price down and funding < -10% apr for 12h at most every 4h"


def test_a_long_rule_fits_on_a_button(winter: Desk) -> None:
    """A platform takes 64 bytes of a command, and leaves a button out that has more."""
    here = replace(winter, asker=TELEGRAM)
    looked = here.ask(LONG)
    pressed = buttons(looked)
    assert all(len(command.encode()) <= 62 for command in pressed.values())
    saved = here.ask(pressed["Save"])
    assert saved.values["line"] == looked.values["line"]
    assert len(saved.values["line"]) > 64
    edited = here.ask(LONG.replace("/alert", "/alerts edit 1").replace("-5%", "-6%"))
    assert all(len(command.encode()) <= 62 for command in buttons(edited).values())
    changed = here.ask(buttons(edited)["Save"])
    assert (changed.values["number"], changed.values["line"]) == (1, edited.values["line"])
    undo = buttons(here.ask("/alerts delete 1"))["Undo"]
    assert here.ask(undo).values["line"] == edited.values["line"]
    with pytest.raises(Refused, match="no longer kept"):
        here.ask("/alert save ~nothing")


# --- handing on -------------------------------------------------------------------------------------------------------


def test_a_link_shows_the_rule_to_others_and_nothing_of_the_chat(winter: Desk) -> None:
    mine = replace(winter, asker=TELEGRAM)
    mine.ask("/alert save btc drawdown < -30%")
    shared = mine.ask("/share 1")
    assert lines(shared)[1] == "/alert btc drawdown < -30%"
    link = shared.values["link"]
    head, _, word = link.partition("start=")
    assert head == "https://t.me/pulse_bot?"
    assert len(word) <= 64
    assert set(word) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
    other = replace(winter, asker=Asker("telegram", Address("8"), "8"))
    seen = other.ask(f"/start {word}")
    assert buttons(seen)["Save"] == "/alert save btc drawdown < -30%"
    assert other.ask("/alerts").values == {"rules": []}, "only a press saves it"
    with pytest.raises(Refused, match="leads to no rule any more"):
        other.ask("/start rule_nothing")
    mine.ask("/forgetme yes")
    with pytest.raises(Refused, match="leads to no rule any more"):
        other.ask(f"/start {word}")


def test_where_there_are_no_links_the_line_is_enough(winter: Desk) -> None:
    winter.ask("/alert save btc drawdown < -30%")
    shared = winter.ask("/share 1")
    assert shared.values["link"] is None
    assert not any("http" in line for line in lines(shared))


# --- what followed ----------------------------------------------------------------------------------------------------


def test_backtest_is_the_evidence_of_the_same_rule_by_line_and_by_number(winter: Desk) -> None:
    typed = winter.ask("/backtest btc price -5% in 24h")
    assert lines(typed)[0].startswith("BTC: price down 5 % or more in 24 h")
    assert typed.values["n_7d"] >= 1
    winter.ask("/alert save btc price -5% in 24h")
    numbered = winter.ask("/backtest 1")
    assert numbered.values["cases"] == typed.values["cases"]
    assert buttons(typed)["Make it a rule"] == "/alert btc price <= -5% in 24h"
    with pytest.raises(Refused, match="Which rule"):
        winter.ask("/backtest")


def test_who_tries_many_is_told_that_one_is_good_by_chance(winter: Desk) -> None:
    mine = replace(winter, asker=TELEGRAM)
    mine.ask("/alert save btc drawdown < -30%")  # a chat that is known
    for number in range(2, 6):
        assert "tried" not in " ".join(lines(mine.ask(f"/backtest btc price -{number}% in 24h"))) or number == 5
    last = mine.ask("/backtest btc price -8% in 24h")
    assert last.values["tried"] >= 5
    assert any("by chance" in line and f"tried {last.values['tried']} rules" in line for line in lines(last))


def test_a_rule_of_a_chat_is_in_what_is_kept_of_it(winter: Desk) -> None:
    mine = replace(winter, asker=TELEGRAM)
    mine.ask("/alert save btc drawdown < -30%")
    assert len(kept.every(winter.store)) == 1
    later = mine.later(timedelta(days=1))
    assert lines(later.ask("/forgetme yes"))[0].startswith("Forgotten")
    assert kept.every(winter.store) == []


def test_a_position_is_told_at_one_more_line(winter: Desk) -> None:
    mine = replace(winter, asker=TELEGRAM)
    mine.ask("/watch btc long 60000 3x 0.5btc binance")
    looked = mine.ask("/alert my position 1 within 5%")
    assert "told at" in lines(looked)[1]
    assert 0.05 in looked.values["lines"]
    saved = mine.ask(buttons(looked)["Save"])
    assert any("5 %" in line for line in lines(saved))


def test_a_deleted_rule_that_was_paused_comes_back_paused_whoever_saved_one_meanwhile(winter: Desk) -> None:
    for line in ("/alert save btc price < 75k", "/alerts pause 1"):
        winter.ask(line)
    [undo] = winter.ask("/alerts delete 1").back or ()
    assert undo == "/alert save paused btc price < 75k"
    winter.ask("/alert save eth price < 2k")
    assert winter.ask(undo).back == ("/alerts delete 3",)
    here = winter.deps.here()
    assert here is not None
    found = [(rule.number, rule.paused is not None) for rule in kept.of(winter.store, here.id)]
    assert found == [(2, False), (3, True)], "that of somebody else is on"
