"""A missing value is asked for, and the next message says it: which, by whom, where, and how long."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from handlers.channels.channel import Address
from storage.engine.database import Store
from storage.people import positions
from tests.examples import examples
from tests.handlers.commands.room import ME, OTHER
from tests.handlers.talk import HERE, REPLY, Talk

if TYPE_CHECKING:
    from pathlib import Path

    from handlers.command import Asker


@pytest.fixture
def talk(tmp_path: Path) -> Talk:
    made = Talk(Store(tmp_path / "perpulse.db"))
    made.mark(95_131)
    return made


def test_the_entry_of_a_position_is_asked_for(talk: Talk) -> None:
    assert talk.say("/watch btc long 25x 0.5btc") == "At which price did you enter? Now 95,131."
    assert talk.buttons == [("95,131 (now)", "/watch 95131 btc long 25x 0.5btc")]
    assert "Watching BTC long" in talk.say("94,500")
    assert "94,500" in talk.say("/positions")


def test_the_price_of_now_can_be_pressed_or_typed(talk: Talk) -> None:
    talk.say("/watch btc long 25x 0.5btc")
    assert "Watching" in talk.say(talk.buttons[0][1])
    talk.say("/watch btc short 10x")
    assert "Taken as the entry: BTC is at 95,131." in talk.say("now")


def test_a_calculator_takes_the_price_of_now_and_says_so(talk: Talk) -> None:
    assert "95,131" in talk.say("/liq long btc 25x")
    assert "did you enter" not in talk.say("/liq long btc 25x")


@pytest.mark.parametrize(
    ("line", "asked", "said", "answer"),
    [
        pytest.param(
            "/liq btc 25x long", "At which price did you enter?", "95000", "liquidation at 91,566", id="entry"
        ),
        pytest.param("liq", "At which price did you enter?", "95k", "BTC from 95,000, liquidation:", id="of a table"),
        pytest.param("/pnl long 95000", "At which price is it closed?", "98000", "+3.16 %", id="exit"),
        pytest.param("/size stop 93000 risk 500", "At which price did you enter?", "95000", "0.25 BTC", id="of a size"),
        pytest.param("/liq eth 10x long", "At which price did you enter?", "3000", "ETH long 10x", id="another coin"),
    ],
)
def test_a_calculator_asks_where_no_price_of_now_is_known(
    talk: Talk, line: str, asked: str, said: str, answer: str
) -> None:
    talk.now += timedelta(days=2)
    question = talk.say(line)
    assert question.startswith(asked)
    assert "is stored" in question or "The last stored price of BTC is from 22 November" in question
    assert answer in talk.say(said)


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ("btc price > 70k", "BTC: price above 70,000; over"),
        ("btc price < 70k", "BTC: price below 70,000; over"),
        (
            "btc price above 90k and funding > 10% apr",
            "BTC: funding of all venues above 10 % a year and price above 90,000",
        ),
        ("btc funding > 30% apr for 2h", "BTC: funding of all venues above 30 % a year for 2 h"),
        ("btc funding flips", "BTC: funding of all venues changes its sign"),
    ],
)
@pytest.mark.parametrize("edit", ["/alerts edit 1", "/alerts 1 edit", "/alerts edit"])
def test_each_word_of_a_rule_counts(talk: Talk, edit: str, said: str, read: str) -> None:
    """Around a price its words say nothing; a rule is made of the very same words, and of names of commands."""
    talk.say("/alert save btc price < 75k")
    if talk.say(edit) == "Which rule? Type its number.":
        assert "What should it say?" in talk.say(talk.buttons[0][1]), "the button answers the question"
    answer = talk.say(said)
    assert answer.startswith(read), answer
    assert talk.buttons[0][1].startswith("/alerts edit 1 save btc ")


def test_another_question_beside_that_of_a_rule_is_what_it_is(talk: Talk) -> None:
    talk.say("/alert save btc price < 75k")
    talk.say("/alerts edit 1")
    assert "BTC $95,131." in talk.say("price btc")


@pytest.mark.parametrize("line", ["/alerts pause", "/alerts delete", "/share"])
def test_which_rule_is_answered_by_a_button_and_by_its_number(talk: Talk, line: str) -> None:
    talk.say("/alert save btc price < 75k")
    assert talk.say(line) == "Which rule? Type its number."
    [(label, pressed)] = talk.buttons
    assert (label, pressed in ("/share 1", f"/alerts 1 {line.removeprefix('/alerts ')}")) == ("1", True)
    answer = talk.say("1")
    assert "Rule 1 is" in answer or "/alert btc price < 75k" in answer


def test_a_position_that_is_checked_is_asked_for_too(talk: Talk) -> None:
    assert talk.say("/check btc 95000") == "Is it long or short?"
    assert talk.buttons == [("Long", "/check long btc 95000"), ("Short", "/check short btc 95000")]
    assert talk.say("long") == "With which leverage?"
    assert "liquidation" in talk.say("25")


def test_one_thing_after_the_other(talk: Talk) -> None:
    assert talk.say("watch btc 0.5btc name the hedge").startswith("At which price did you enter?")
    assert talk.say("95000") == "Is it long or short?"
    assert talk.buttons == [
        ("Long", "/watch long 95000 btc 0.5btc name the hedge"),
        ("Short", "/watch short 95000 btc 0.5btc name the hedge"),
    ]
    assert talk.say("long") == "With which leverage?"
    assert ("25x", "/watch 25x long 95000 btc 0.5btc name the hedge") in talk.buttons
    assert "the hedge" in talk.say("10")


@pytest.mark.parametrize(
    ("line", "question", "value", "answered"),
    [
        ("/size 95000 risk 500usd", "What is the stop price?", "93000", "loses $500 at the stop"),
        ("/size 95000 stop 93000", "How much may be lost? An amount like 500usd, or 1% balance 10000.", "500", "$500"),
        ("/margin 95000 25x long liq 90000", "How large is the position?", "0.5btc", "Read as"),
        ("/margin 95000 25x long 0.5btc", "What is the wanted liquidation price?", "90000", "90,000"),
        ("/margin 95000 long 0.5btc liq 90000", "With which leverage?", "25", "25x"),
        ("/cost 100k btc long 0.01%", "What is the time span?", "7d", "7 days"),
    ],
)
def test_what_is_missing_is_asked_for(talk: Talk, line: str, question: str, value: str, answered: str) -> None:
    assert talk.say(line) == question
    said = talk.say(value)
    assert answered in said
    assert "missing" not in said


def test_in_a_shell_the_refusal_says_what_to_type(talk: Talk) -> None:
    assert talk.refusal("/watch btc long 25x") == (
        "At which price did you enter? Now 95,131. "
        "Type it like /watch btc long 95000 25x 0.5btc bybit, or now for the price of now."
    )


@pytest.mark.parametrize("line", ["/fng", "/about", "what is btc funding", "price btc"])
def test_another_command_drops_the_question(talk: Talk, line: str) -> None:
    talk.say("/watch btc long 25x 0.5btc")
    talk.say(line)
    assert talk.say("94500").startswith("I did not understand that.")


@pytest.mark.parametrize("said", ["cancel", "Never mind.", "forget it"])
def test_where_nothing_is_asked_there_is_nothing_to_leave(talk: Talk, said: str) -> None:
    assert talk.say(said).startswith("Nothing waits for an answer")
    assert talk.buttons == [], "least of all one that deletes everything"
    assert "waits for an answer" not in talk.say(said, REPLY), "in a group people talk to each other"


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        pytest.param(["undo"], "I know of no change of yours to undo.", id="nothing was changed"),
        pytest.param(["/price btc", "undo"], "I know of no change of yours to undo.", id="a question changes nothing"),
        pytest.param(["/mute btc 2h", "undo"], "Told again: BTC.", id="the last change"),
        pytest.param(["/mute btc 2h", "/price btc", "Undo that."], "Told again: BTC.", id="with a question between"),
        pytest.param(["/mute btc 2h", "/undo"], "Told again: BTC.", id="as a command"),
        pytest.param(["/mute btc 2h", "undo", "undo"], "Muted until 14:00 UTC: BTC.", id="and done again"),
        pytest.param(["/mute 1h", "/mute btc 2h", "/unmute", "undo"], "That takes more than one line:", id="two lines"),
    ],
)
def test_undo_takes_the_last_change_back(talk: Talk, lines: list[str], said: str) -> None:
    *before, last = lines
    for line in before:
        talk.say(line)
    assert talk.say(last).startswith(said)


def test_undo_is_of_who_says_it_and_of_their_chat(talk: Talk) -> None:
    talk.say("/mute btc 2h")
    assert talk.say("undo", OTHER).startswith("I know of no change of yours")
    assert talk.say("undo", REPLY) == "", "in a group people talk to each other"
    assert talk.say("undo").startswith("Told again: BTC.")


@pytest.mark.parametrize("said", ["cancel", "No.", "never  mind", "stop"])
def test_a_question_may_be_left(talk: Talk, said: str) -> None:
    talk.say("/watch btc long 25x 0.5btc")
    assert talk.say(said) == "Left as it was; /watch begins anew."
    assert talk.say("94500").startswith("I did not understand that.")
    assert "watch no positions" in talk.say("/positions")


@pytest.mark.parametrize(
    ("said", "entry"),
    [
        ("90k", "90,000"),
        ("at 90000", "90,000"),
        ("about 90k", "90,000"),
        ("I bought it at 90000", "90,000"),
        ("I bought it at about 90k.", "90,000"),
        ("~$90,500", "90,500"),
        ("the price was 90k, I think", "90,000"),
        ("my uncle told me 90k", "90,000"),
        ("90k on bybit", "90,000"),
        ("entry 90k", "90,000"),
    ],
)
def test_the_one_number_of_a_sentence_is_the_answer(talk: Talk, said: str, entry: str) -> None:
    talk.say("/watch btc long 5x 0.5btc")
    answer = talk.say(said)
    assert "Watching BTC long" in answer, answer
    assert f"entry {entry} " in answer, "which number was taken"
    assert len(positions.of(talk.store, "telegram", ME.user or "")) == 1


@pytest.mark.parametrize(
    ("said", "answered"),
    [
        pytest.param("banana", "“banana” is no answer to that. At which price did you enter?", id="a word"),
        pytest.param("no idea mate", "“no idea mate” is no answer to that. At which price", id="words"),
        pytest.param("doge", "“doge” is no answer to that. At which price did you enter?", id="a coin"),
        pytest.param("bought between 90k and 91k", "I read 90k and 91k in that. At which price", id="two numbers"),
        pytest.param("around 90k or 91k", "I read 90k and 91k in that. At which price", id="two numbers or so"),
        pytest.param("I bought 2 at 90000", "I read 2 and 90000 in that. At which price", id="how many, and a price"),
        pytest.param(",5", "Is ,5 0.5 or 5?", id="a number that is two"),
        pytest.param("eth at 3000", "", id="the price of another coin"),
        pytest.param("9", "", id="a price that cannot be"),
    ],
)
def test_what_answers_nothing_is_told_what_is_wanted(talk: Talk, said: str, answered: str) -> None:
    talk.say("/watch btc long 5x 0.5btc")
    answer = talk.say(said)
    assert answer.startswith(answered)
    assert "Watching" not in answer
    assert "Watching BTC long" in talk.say("90k")


@pytest.mark.parametrize("said", ["90k usdt", "bybit 90k", "90k"])
def test_what_was_taken_whole_is_not_said_again(talk: Talk, said: str) -> None:
    talk.say("/watch btc long 5x 0.5btc")
    answer = talk.say(said)
    assert "Watching BTC long" in answer
    assert "Taken from that" not in answer


@pytest.mark.parametrize("said", ["current price", "at the market price", "the price now", "market", "now"])
def test_the_price_of_now_is_an_answer_in_more_words(talk: Talk, said: str) -> None:
    talk.say("/watch btc long 5x")
    assert "entry 95,131 · 5x" in talk.say(said)
    assert "BTC $95,131." in talk.say("btc current price"), "and the question what it is where nothing is asked"


@pytest.mark.parametrize(
    ("line", "said", "read"),
    [
        ("/size btc 95000 risk 500", "stop 93000", "stop 93,000"),
        ("/size btc 95000 stop 93000", "I can lose 500", "risk $500"),
        ("/margin 95000 25x long 0.5btc", "liq 90000", "liq 90,000"),
    ],
)
def test_the_name_of_a_value_is_no_other_command(talk: Talk, line: str, said: str, read: str) -> None:
    talk.say(line)
    assert read in talk.say(said)


def test_words_that_say_nothing_are_not_kept(talk: Talk) -> None:
    asked = talk.say("/watch btc long 5x")
    buttons = talk.buttons
    for said in ("what?", "?", "the", "👍"):
        assert (talk.say(said), talk.buttons) == (asked, buttons), said


def test_two_values_of_one_answer_are_both_taken(talk: Talk) -> None:
    talk.say("/watch btc long")
    assert talk.say("0.5btc at 25x").startswith("At which price did you enter?")
    assert "entry 90,000 · 25x · 0.5 BTC" in talk.say("90k")


@pytest.mark.parametrize("said", ["banana", "zec", "my dog banana"])
def test_no_venue_is_asked_about_what_answers_nothing(talk: Talk, said: str) -> None:
    talk.say("/watch btc long 5x 0.5btc")
    assert "is no answer to that." in talk.say(said)
    assert talk.looked == [], "each such word may be a coin somewhere"
    assert "Watching BTC long" in talk.say("90k"), "nor is it kept as a part of the line"
    talk.now += timedelta(days=2)
    assert "did you enter?" in talk.say("/liq long 25x")
    assert "is no answer to that." in talk.say(said)
    assert talk.looked == []
    assert "BTC long 25x from 95,000" in talk.say("95000")
    talk.say("/price zec")
    assert talk.looked == ["ZEC"], "but it is asked where a coin is asked for"


@pytest.mark.parametrize(
    "said", ["price btc", "what is btc funding", "/fng", "liq eth 10x long 3000", "alert me at 90k"]
)
def test_another_question_is_what_it_is(talk: Talk, said: str) -> None:
    talk.say("/watch btc long 5x 0.5btc")
    assert "no answer to that" not in talk.say(said)
    assert "Watching" not in talk.say("90k"), "the first one was left"


@pytest.mark.parametrize("said", ["yes", "-5", "0", "1e400", "what?", "👍"])
def test_what_is_no_answer_leaves_the_question_open(talk: Talk, said: str) -> None:
    talk.say("/watch btc long 25x 0.5btc")
    assert "Watching" not in talk.say(said)
    assert "Watching BTC long" in talk.say("94500")


def edited(*, before: str) -> Asker:
    return replace(ME, edits=before)


@pytest.mark.parametrize("line", ["/mute 2h", "/tz Berlin", "/watch btc long 60000 5x", "sub btc", "/digest 9:00"])
def test_the_edit_of_what_was_done_is_not_done(talk: Talk, line: str) -> None:
    for before in ("/quiet 23-7", ""):
        said = talk.say(line, edited(before=before))
        assert said.startswith("This message said “/quiet 23-7”" if before else "I do not know any more")
        again = line if line.startswith("/") else f"/{line}"
        assert talk.buttons == [(again, again)], "without a slash it is a command as well"
    assert talk.deps(ME).here() is None, "nothing was written"


@pytest.mark.parametrize(
    "line", ["/liq 95000 25x long", "/tz", "hello", "/settings", "what is btc funding", "/nothing"]
)
def test_where_nothing_can_be_changed_an_edit_is_answered(talk: Talk, line: str) -> None:
    assert talk.say(line, edited(before="")) == talk.say(line)


def test_a_question_is_open_for_ten_minutes(talk: Talk) -> None:
    talk.say("/watch btc long 25x 0.5btc")
    talk.seconds = 599
    assert "Watching" in talk.say("94500")
    talk.say("/watch btc short 25x 0.5btc")
    talk.seconds += 601
    assert talk.say("94500").startswith("I did not understand that.")


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(OTHER, id="somebody else"),
        pytest.param(replace(ME, address=Address("999")), id="in another chat"),
        pytest.param(replace(ME, address=replace(ME.address, topic="7")), id="in another topic"),
    ],
)
def test_only_who_was_asked_answers(talk: Talk, other: Asker) -> None:
    talk.say("/watch btc long 25x 0.5btc")
    assert talk.say("94500", other).startswith("I did not understand that.")
    assert "Watching" in talk.say("94500")


def test_in_a_group_only_a_reply_answers(talk: Talk) -> None:
    assert talk.say("/size 95000 risk 500usd", HERE) == "What is the stop price?"
    assert talk.say("93000", HERE).startswith("I did not understand that.")
    assert "loses $500" in talk.say("93000", REPLY)
    assert not talk.say("thanks a lot", REPLY), "people talk below the messages of a bot"


WORDS = st.sampled_from(
    ["about", "90k", "95,5", ",5", "banana", "btc", "eth", "at", "long", "25x", "%", "1e9", "👍", "-", "x"]
)


@pytest.mark.slow
@given(said=st.text(max_size=60) | st.lists(WORDS, max_size=6).map(" ".join))
@examples(100, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_said_to_a_question_is_answered(talk: Talk, said: str) -> None:
    for line in ("/size 95000 stop 93000", said):
        answer = talk.say(line)
        assert "defect" not in answer


@pytest.mark.slow
def test_a_thousand_open_questions_are_enough(talk: Talk) -> None:
    for number in range(1_100):
        talk.say("/size 95000 risk 500usd", replace(ME, user=str(number)))
    talk.seconds = 601
    talk.say("/size 95000 risk 500usd", OTHER)
    assert "loses $500" in talk.say("93000", OTHER)
