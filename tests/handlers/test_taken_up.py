"""What follows a bare command, or a line that lacks more than one value, is taken up; and what is none of it is not."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from handlers.answer import BY_REPLY, answer_blocks
from handlers.command import Asking, Looking
from handlers.reply import plain_text
from storage.engine.database import Store
from storage.queries.glance import Glance
from tests import loop
from tests.handlers.commands.room import ME, MEMBER, OTHER
from tests.handlers.talk import HERE, REPLY, Talk

if TYPE_CHECKING:
    from pathlib import Path

    from handlers.answer import Answer
    from handlers.reply import Block


@pytest.fixture
def talk(tmp_path: Path) -> Talk:
    made = Talk(Store(tmp_path / "perpulse.db"))
    made.mark(95_131)
    return made


@pytest.mark.parametrize(
    ("lines", "answer"),
    [
        pytest.param(["/pnl btc long", "90000"], "entry 90,000 · exit 95,131", id="the entry of a profit"),
        pytest.param(["/pnl", "btc long", "90000"], "BTC · long · entry 90,000 · exit 95,131", id="one by one"),
        pytest.param(["/pnl", "90k to 100k long"], "entry 90,000 · exit 100,000", id="all of a profit"),
        pytest.param(["/size", "stop 93000 risk 500"], "stop 93,000 · risk $500", id="what a size needs"),
        pytest.param(["/size", "95000", "93000", "500"], "entry 95,000 · stop 93,000 · risk $500", id="each by itself"),
        pytest.param(["/margin", "25x long 0.5btc 95000", "90000"], "liq 90,000", id="a margin"),
        pytest.param(
            ["/pnl long 25x", "i bought at 90k and sold at 95k"], "entry 90,000 · exit 95,000", id="in a sentence"
        ),
        pytest.param(["/size", "risk 500 and stop at 93k please"], "stop 93,000 · risk $500", id="in its own order"),
        pytest.param(["/cost", "1000 usd for 3 days"], "No funding rate of BTC is stored yet.", id="with its units"),
        pytest.param(["/watch btc 90k 10x", "it's a long"], "Watching BTC long (1).", id="a side in a sentence"),
        pytest.param(
            ["/watch btc long", "entered at 90k, leverage 10x, size 0.5btc"], "10x · 0.5 BTC", id="each named"
        ),
        pytest.param(["/base", "taker_zscore"], "“Unusually one-sided selling” could never be judged", id="an alarm"),
        pytest.param(["/tz", "UTC+5:30"], "UTC+5:30 has no zone of its own.", id="what a value is wrong with"),
        pytest.param(["/mute", "90", "2h"], "Muted until 14:00 UTC: everything.", id="after one that was wrong"),
        pytest.param(["/watch", "btc long 25x", "90k"], "Watching BTC long (1).", id="a position"),
        pytest.param(["/watch btc long 90k 25x", "/watch 1", "lines 15 8 3"], "lines at 15, 8 and 3 %", id="a change"),
        pytest.param(["/watch btc long 90k 25x", "/watch 1", "name my hedge"], "called “my hedge”", id="a name"),
        pytest.param(["/watch btc long 90k 25x", "/unwatch", "1"], "No longer watched: BTC long", id="what ends"),
        pytest.param(["/watch btc long 90k 25x", "/unwatch", "btc"], "No longer watched: BTC long", id="by its asset"),
        pytest.param(["/alert btc", "75k"], "BTC: price below 75,000", id="the line of a rule"),
        pytest.param(["/alert btc", "> 100k"], "BTC: price above 100,000", id="with its sign"),
        pytest.param(["/alert eth", "below 3000"], "ETH: price below 3,000", id="in words"),
        pytest.param(["/alert btc funding", "above 30% apr"], "funding of all venues above 30 %", id="of a figure"),
        pytest.param(["/alert btc", "funding > 30% apr"], "funding of all venues above 30 %", id="another figure"),
        pytest.param(["/alert save btc", "90k"], "Saved as rule 1. BTC: price below 90,000", id="a rule to be saved"),
        pytest.param(
            ["/alert save", "btc > 100k"], "Saved as rule 1. BTC: price above", id="all of a rule to be saved"
        ),
        pytest.param(["/alert", "btc crosses 100k"], "BTC: price crosses 100,000", id="a rule, where it was shown how"),
        pytest.param(["/alert save btc < 70k", "/alerts", "1"], "BTC: price below 70,000", id="a rule of a list"),
        pytest.param(["/backtest btc", "90k"], "“price below 90,000” could never be judged", id="a test of one"),
        pytest.param(["/tz", "tokyo"], "Times are now shown in Tokyo time.", id="a time zone"),
        pytest.param(["time zone", "Berlin"], "Times are now shown in Berlin time.", id="shown by words"),
        pytest.param(["/tz", "tokio", "tokyo"], "Times are now shown in Tokyo time.", id="after a slip"),
        pytest.param(["/mute", "2h"], "Muted until 14:00 UTC: everything.", id="how long"),
        pytest.param(["/mute", "oi until 18:00"], "Muted until 18:00 UTC: ", id="what, and until when"),
        pytest.param(["/mute", "oi 8h"], "Muted until 20:00 UTC: ", id="what means something by itself"),
        pytest.param(["/mute", "btc 24h"], "Muted until Monday 23 November 12:00 UTC: BTC.", id="an asset"),
        pytest.param(["/size 95000 stop 93000 risk 1%", "5000"], "0.025 BTC", id="of which balance"),
        pytest.param(["/size 95000 stop 93000 1%", "my balance is 5k"], "0.025 BTC", id="of a balance in words"),
        pytest.param(["/size 95000 stop 93000 1%", "1usd"], "risk $1 ", id="dollars, as the question has it"),
        pytest.param(["/pnl btc long 0.5btc", "90k/91k"], "entry 90,000 · exit 91,000", id="two prices"),
        pytest.param(["/size eth risk 100usd", "3000/3100"], "entry 3,000 · stop 3,100", id="entry and stop"),
        pytest.param(["/liq eth 25x", "3000/3100"], "I read 3000 and 3100 in that. At which", id="which price"),
        pytest.param(["/liq eth 25x", "3000 91"], "I read 3000 and 91 in that. At which", id="a price and what"),
        pytest.param(["/watch btc long 25x 0.5btc", "90k-91k"], "I read 90k and 91k in that.", id="which entry"),
        pytest.param(["/cost btc 10x 7d", "90k/91k"], "I read 90k and 91k in that. What is the size?", id="no size"),
        pytest.param(["/size 95000 93 risk 500usd"], "Did you mean 93,000?", id="a stop without its thousands"),
        pytest.param(["/size 95000 93 risk 500usd exact"], "stop 93 ", id="a stop that is meant"),
        pytest.param(["/pnl btc long 95000 exit 96"], "Did you mean 96,000?", id="an exit without its thousands"),
        pytest.param(["/quiet", "23-7"], "Quiet from 23:00 to 07:00", id="hours"),
        pytest.param(["/digest", "9:00"], "Every day at 09:00", id="a time"),
        pytest.param(["/only", "warnings"], "only warnings", id="from which rank"),
        pytest.param(["/budget", "20"], "At most 20 new messages", id="how many"),
        pytest.param(["/venue", "bybit"], "Calculators now take Bybit", id="an exchange"),
    ],
)
def test_what_follows_is_taken_up(talk: Talk, lines: list[str], answer: str) -> None:
    *before, last = lines
    for line in before:
        talk.say(line)
    assert answer in talk.say(last)


SHOWN = ["/tz", "/mute", "/quiet", "/digest", "/only", "/budget", "/venue", "/alert", "/alerts"]


@pytest.mark.parametrize("line", SHOWN)
@pytest.mark.parametrize(
    "said", ["thanks", "ok", "yes", "no", "lol", "👍", "cancel", "stop", "nice one", "good morning"]
)
def test_what_is_no_value_changes_nothing(talk: Talk, line: str, said: str) -> None:
    alone = talk.say(said)
    talk.say(line)
    answer = talk.answer(said)
    assert not answer.changed
    assert talk.say(said) == alone, "it is answered as ever"


@pytest.mark.parametrize("said", ["/price btc", "btc funding", "liq eth 10x long 3000", "help", "why did btc pump"])
def test_a_question_of_its_own_is_what_it_is(talk: Talk, said: str) -> None:
    alone = talk.say(said)
    for line in (*SHOWN, "/size", "/watch", "/pnl btc long"):
        talk.say(line)
        assert talk.say(said) == alone, line
        assert talk.say("90k").startswith("I did not understand that."), "and nothing is open any more"


def test_what_is_taken_up_is_said_by_whom_it_was_shown_and_within_ten_minutes(talk: Talk) -> None:
    talk.say("/tz")
    assert talk.say("tokyo", OTHER).startswith("I did not understand that.")
    assert talk.say("tokyo", HERE).startswith("I did not understand that."), "in a group it is no reply"
    talk.seconds = 601
    assert talk.say("tokyo").startswith("I did not understand that.")


def test_in_a_group_a_reply_says_it_and_only_who_may_changes(talk: Talk) -> None:
    talk.say("/tz", HERE)
    assert talk.say("nice one", REPLY) == "", "people talk below the messages of a bot, and it stays open"
    assert talk.say("tokyo", REPLY).startswith("Times are now shown in Tokyo time.")
    talk.say("/tz", MEMBER)
    assert talk.say("berlin", replace(MEMBER, replies=True)) == "", "people talk below the messages of a bot"
    assert "Tokyo" in talk.say("/tz", HERE)


@pytest.mark.parametrize(
    ("line", "said", "answer"),
    [
        pytest.param("/watch btc short", "I sold at 100k with 20x", "entry 100,000 · 20x", id="a price and a leverage"),
        pytest.param("/watch btc short", "sold 0.5btc at 100k with 20x", "100,000 · 20x · 0.5 BTC", id="and a size"),
        pytest.param("/watch btc", "I sold at 100k with 20x", "Is it long or short?", id="the side is asked for then"),
        pytest.param("/watch btc long", "I sold at 100k with 20x", "it cannot be open. Check side", id="a wrong side"),
        pytest.param("/watch btc long 25x", "doge 90k", "I read both doge and btc", id="the price of another coin"),
        pytest.param("/watch btc long", "doge at 0.2 with 5x", "I read both doge and btc", id="of another, geared"),
        pytest.param("/watch btc long 90k", "95k", "“95k” is no answer to that. With which", id="no leverage"),
        pytest.param("/watch btc long 25x", "90k eur", "“90k eur” is another currency", id="other money"),
        pytest.param("/watch btc long 25x", "about €90k", "“€90k” is another currency", id="by its sign"),
        pytest.param("/alert btc", "€90k", "“€90k” is another currency", id="in a rule"),
        pytest.param("/watch eth long 5x", "3000 or 3100", "I read 3000 and 3100 in that.", id="one or the other"),
        pytest.param("/pnl btc long", "90k or 91k", "I read 90k and 91k in that.", id="or, of several"),
    ],
)
def test_all_that_was_said_to_a_question_counts(talk: Talk, line: str, said: str, answer: str) -> None:
    talk.say(line)
    assert answer in talk.say(said)


@pytest.mark.parametrize("said", ["about 90k", "around 90k", "about $90k", "90k"])
def test_a_number_alone_is_no_question(talk: Talk, said: str) -> None:
    assert talk.say(said).startswith("I did not understand that.")
    assert "/about" not in str(talk.buttons)


async def _figures(came: object) -> object:
    return came


def test_news_of_a_question_says_how_it_is_answered_as_the_question_did(talk: Talk) -> None:
    talk.now += timedelta(days=2)  # the price is too old to be that of now
    asked = replace(talk.deps(HERE), asking=lambda _: Asking(("binance",), _figures(False)))  # type: ignore[arg-type]
    answer = loop.run(talk.conversations.answer("/liq btc 25x long", asked, on_error=_no)).by(BY_REPLY)
    assert BY_REPLY in plain_text(answer.blocks)
    assert answer.news is not None
    assert BY_REPLY in plain_text(loop.run(_awaited(answer)))
    talk.mark(95_131)
    came = replace(asked, asking=lambda _: Asking(("binance",), _figures(True)))  # type: ignore[arg-type]
    talk.now -= timedelta(days=2)
    answer = loop.run(answer_blocks("/liq btc 25x long", came, on_error=_no)).by(BY_REPLY)
    assert BY_REPLY not in plain_text(answer.blocks), "which is no question any more"


async def _awaited(answer: Answer) -> tuple[Block, ...]:
    assert answer.news is not None
    return await answer.news or ()


def test_what_is_changed_by_news_is_known_to_be(talk: Talk) -> None:
    seen = Glance("DOGE", "binance", talk.now, 0.2)
    deps = replace(talk.deps(ME), look=lambda _: Looking(("binance",), _figures(seen)))  # type: ignore[arg-type]
    answer = loop.run(
        talk.conversations.answer(
            "/watch doge long now 5x", replace(deps, asker=replace(ME, message="7")), on_error=_no
        )
    )
    assert not answer.has_changed
    assert "Watching DOGE long" in plain_text(loop.run(_awaited(answer)))
    assert answer.has_changed


def _no(*_: object) -> str:
    return "a defect"
