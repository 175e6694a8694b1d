"""What people say without a slash: which command it reaches, with which words, and what is only offered."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.answer import answer_blocks, look_up
from handlers.command import NotUnderstood, Refused, commands
from handlers.reply import Buttons, plain_text
from handlers.speech import BARE, COIN
from storage.engine.database import Store
from tests import loop
from tests.examples import examples
from tests.handlers.commands.room import ME, Room

if TYPE_CHECKING:
    from pathlib import Path

ASSETS = ("BTC", "ETH", "SOL", "NEAR")

# What somebody says, and the line that it is read as.
SAID = {
    # a number that cannot be read stays, and is refused as behind a slash
    "liq long btc 25x 95.000": "/liq long btc 25x 95.000",
    "liq long btc 25x -95000": "/liq long btc 25x -95000",
    "liq long btc 0x 95000": "/liq long btc 0x 95000",
    # what followed, and what was said
    "odds of price drawdown btc": "/base price drawdown btc",
    "what followed oi drawdown": "/base oi drawdown",
    "track record": "/record",
    "were you right": "/record",
    # what is kept
    "what is stored about me": "/privacy",
    "export my data": "/export",
    # positions
    "liq long btc 25x 95000": "/liq long btc 25x 95000",
    "95k long x25": "/liq 95k long x25",
    "25x short eth 3500": "/liq 25x short eth 3500",
    "what's my liquidation price if i long btc at 95000 with 25x": "/liq long btc 95000 25x",
    "Where do I get liquidated long sol 20x 150?": "/liq long sol 20x 150",
    "when would i get rekt: long 1 btc at 95,000 with 10x": "/liq long 1 btc 95,000 10x",
    "position size 95000 stop 93000 risk 500": "/size 95000 stop 93000 risk 500",
    "how big should my position be 95000 stop 93000 risk 500usd": "/size 95000 stop 93000 risk 500usd",
    "what is my profit long btc 95000 100000 0.5btc": "/pnl long btc 95000 100000 0.5btc",
    "pnl 95000 100000 25x long 0.5btc": "/pnl 95000 100000 25x long 0.5btc",
    "what does it cost to hold 100k btc for 7 days": "/cost 100k btc 7 days",
    "funding cost 100k 7d btc long": "/cost 100k 7d btc long",
    "add margin 95.000 25x long 0.5btc liq 90000": "/margin 95.000 25x long 0.5btc liq 90000",
    "how much margin do I need to add 95000 25x long 0.5btc liq 90000": "/margin 95000 25x long 0.5btc liq 90000",
    # the liquidation map
    "map btc": "/map btc",
    "liquidation map": "/map",
    "liquidation map eth": "/map eth",
    "show me the liquidation heatmap of btc": "/map btc",
    "heatmap": "/map",
    "heat map sol": "/map sol",
    "where are liquidations": "/map",
    "where are the liquidations on eth?": "/map eth",
    # price
    "how much is btc": "/price btc",
    "how much is bitcoin worth": "/price bitcoin",
    "price of eth": "/price of eth",
    "eth price": "/price eth",
    "What's the price of SOL now?": "/price SOL",
    "near price": "/price near",
    "price doge": "/price doge",
    # funding
    "funding sol?": "/funding sol",
    "what is btc funding": "/funding btc",
    "what is the funding rate on eth right now": "/funding eth",
    "funding rates": "/funding",
    "who pays funding on sol": "/funding sol",
    "are longs paying on btc": "/funding btc",
    "fundng btc": "/funding btc",
    "price of btc funding": "/funding btc",
    # open interest
    "show me open interest for btc": "/oi btc",
    "what is the oi of eth": "/oi eth",
    "open interest": "/oi",
    "open interest 7d": "/oi",
    # liquidations
    "how many longs got liquidated in btc today": "/liqs btc",
    "btc liquidations": "/liqs btc",
    "how much was liquidated": "/liqs",
    "liqidations btc": "/liqs btc",
    # flow and mood
    "trading volume of btc": "/volume btc",
    "which exchange has the largest market share in eth": "/volume eth",
    "is everybody buying btc": "/taker btc",
    "who is selling eth": "/taker eth",
    "taker flow btc": "/taker btc",
    "fear and greed": "/fng",
    "how greedy is the market": "/fng",
    "market sentiment": "/fng",
    "what is the mood": "/fng",
    # positions, books, options
    "options btc": "/options btc",
    "max pain eth": "/options eth",
    "put call ratio of btc": "/options btc",
    "btc options 26 dec": "/options btc 26dec",
    "option expiry 26 december btc": "/options 26dec btc",
    "long short ratio eth": "/ls eth",
    "are there more longs or shorts in btc? long short": "/ls btc",
    "longs vs shorts": "/ls",
    "basis btc": "/basis btc",
    "what is the futures premium of eth": "/basis eth",
    "is btc in contango": "/basis btc",
    "order book depth of btc": "/depth btc",
    "how thin is the btc book": "/depth btc",
    "implied volatility btc": "/vol btc",
    "how volatile is eth": "/vol eth",
    "stablecoin supply": "/stables",
    "exchange reserves": "/stables",
    # judgement
    "why did eth drop": "/why eth drop",
    "why is bitcoin dumping": "/why is bitcoin dumping",
    "what happened to sol": "/why sol",
    "is eth crashing?": "/why eth crashing",
    "what moved btc": "/why btc",
    "which stories are on for btc": "/setup btc",
    "check long btc 95000 25x": "/check long btc 95000 25x",
    "how is btc doing": "/health btc",
    "how is the market": "/health",
    "is the market overheated": "/health",
    "were positions opened or closed in btc": "/quadrant btc",
    "short squeeze in btc?": "/quadrant btc",
    "draw btc 7d": "/chart btc 7d",
    "show me a chart of eth for 30 days": "/chart eth 30 days",
    "btc chart": "/chart btc",
    "plot oi btc 24h": "/chart oi btc 24h",
    # own, where nothing is changed or the name itself is said
    "my positions": "/positions",
    "show my positions": "/positions",
    "what do i watch": "/positions",
    "how far am i from liquidation": "/positions",
    "i want fewer messages": "/settings",
    "which alerts do i have": "/settings",
    "alert me when btc drops below 90000": "/alert btc drops below 90000",
    "Tell me if eth funding is over 30% apr for 2h": "/alert eth funding is over 30% apr for 2h",
    "alert btc crosses 100k": "/alert btc crosses 100k",
    "test my rule btc funding > 30% apr": "/backtest btc funding > 30% apr",
    "my rules": "/alerts",
    "share rule 3": "/share rule 3",
    "what alarms are on": "/settings",
    "what is muted": "/settings",
    "set time zone": "/tz",
    "what time is it": "/tz",
    "what is my timezone": "/tz",
    "what am i subscribed to": "/settings",
    "list commands": "/help",
    "what did i miss": "/digest now",
    "recap please": "/digest now",
    "why did it pump": "/why pump",
    "price last week": "/price",
    "funding yesterday": "/funding",
    "funding history": "/chart funding",
    "oi change 24h": "/oi",
    "less alerts": "/settings",
    "can i trust you": "/about",
    "what coins do you have": "/status",
    "how accurate are you": "/record",
    "cost of holding 10k long for a week": "/cost 10k long 1week",
    "are we overleveraged": "/health",
    "cvd btc": "/taker btc",
    "what happens after oi drawdown": "/base oi drawdown",
    "delete alert 1": "/alerts",
    "what do you know about me": "/privacy",
    "leave me alone": "/mute",
    "Leave me alone!": "/mute",
    "shut up": "/mute",
    "stop messaging me": "/mute",
    "do not disturb": "/quiet",
    "don't wake me up": "/quiet",
    "let me sleep": "/quiet",
    "quiet at night": "/quiet at night",
    "sub btc": "/sub btc",
    "unsub": "/unsub",
    "watch btc long 95000 25x 0.5btc name the hedge": "/watch btc long 95000 25x 0.5btc name the hedge",
    "tz berlin": "/tz berlin",
    "show my settings": "/settings",
    # the rest
    "are you working": "/status",
    "which exchanges do you use": "/sources",
    "who are you": "/about",
    "hello": "/start",
    "help me": "/help",
    "what can you do": "/help",
    "help oi": "/help oi",
    "help market": "/help market",
}

# What is not simply done, and what is offered for it.
OFFERED = {
    "btc": ("/price btc", "/health btc"),
    "what about NEAR": ("/price near", "/health near"),
    "should i buy btc": ("/price btc", "/health btc"),
    "lorem ipsum dolor sit amet": ("/help", "/start"),
    "did my neighbour drop something": ("/why drop",),
    "thanks": ("/help", "/start"),
    "DROP TABLE points": ("/why DROP",),
    # what changes something is done by its own name alone
    "alert me about btc": ("/sub btc",),
    "set an alarm for btc": ("/sub btc",),
    "follow my eth long": ("/watch eth long",),
    "track my btc short from 95k": ("/watch btc short 95k",),
    "resume": ("/unmute",),
    "is btc muted": ("/settings",),
    "stop alerts": ("/unsub",),
    "forget me": ("/forgetme",),
    "delete my data": ("/forgetme",),
    "set my timezone to tokyo": ("/tz tokyo",),
    "timezone new york": ("/tz new_york",),
    "notify me of btc funding": ("/sub btc funding", "/funding btc"),
    "be quiet at night": ("/quiet night",),
    "no messages at night please": ("/quiet night",),
    "leave me alone for 2 hours": ("/mute 2 hours",),
    "shut up for an hour": ("/mute an hour",),
    "shut up until monday": ("/mute until monday",),
    "be silent from 10pm to 6am": ("/quiet silent 10pm 6am",),
    "shut up for half an hour": ("/mute half an hour",),
    "max 3 messages per day": ("/budget 3 day",),
    "turn off digest": ("/digest off",),
    "delete all my data": ("/forgetme",),
    "no alerts please": ("/unsub",),
    "weekly digest sundays 6pm": ("/digest weekly sundays 6pm",),
    "every morning at 8 btc and eth": ("/digest 8 btc eth",),
    "turn digest off": ("/digest off",),
    "stop the digest": ("/digest off",),
    "stop the alerts": ("/unsub",),
    "turn off the alarms": ("/unsub",),
    "about $5k": ("/help", "/start"),
    "$90k": ("/help", "/start"),
    "stop the daily digest": ("/digest off",),
    "cancel my weekly digest": ("/digest off",),
    "I don't want the digest any more": ("/digest off",),
    "stop sending me digests": ("/digest off",),
    "turn off quiet hours": ("/quiet off",),
    "no quiet hours": ("/quiet off",),
    "no more daily limit": ("/budget off",),
    "stop the budget": ("/budget off",),
    "send me alerts for eth": ("/sub eth",),
    # what ends something offers nothing that begins it, and no word that would be refused
    "stop all alerts": ("/unsub all",),
    "turn off alarms": ("/unsub",),
    "turn off all alarms please": ("/unsub all",),
    "turn off alerts of eth": ("/unsub eth",),
    "turn off mute": ("/unmute",),
    "stop alerts for 2 hours": ("/mute 2 hours",),
    "no alarms until monday": ("/mute until monday",),
    "stop sending me this for 2 hours": ("/unsub",),
}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "perpulse.db")


@pytest.mark.parametrize(("said", "line"), SAID.items(), ids=list(SAID))
def test_what_is_said_reaches_its_command(said: str, line: str) -> None:
    meant = look_up(said, ASSETS)
    assert meant.line == line
    assert meant.spoken == (line[1:].lower() != said.lower())


def test_every_command_that_people_have_words_for_is_reached() -> None:
    reached = {line.split()[0].removeprefix("/") for line in SAID.values()}
    reached |= {line.split()[0].removeprefix("/") for lines in OFFERED.values() for line in lines}
    worded = {name for name, command in commands().items() if command.words}
    assert len(SAID) >= 60
    assert worded - reached <= {"venue", "unwatch", "unmute", "digest"}


@pytest.mark.parametrize(("said", "lines"), OFFERED.items(), ids=list(OFFERED))
def test_what_is_not_simply_done_is_offered(said: str, lines: tuple[str, ...]) -> None:
    with pytest.raises(NotUnderstood) as caught:
        look_up(said, ASSETS)
    assert tuple(line for _, line in caught.value.offers) == lines
    assert f"Did you mean {' or '.join(lines)}?" in str(caught.value)


@pytest.mark.parametrize("line", ["/liqq 95000", "/whatever did eth drop", "/"])
def test_a_slash_is_taken_at_its_word(line: str) -> None:
    with pytest.raises(Refused, match=r"There is no command|Type a command"):
        look_up(line, ASSETS)


def test_a_misspelt_command_is_offered_with_what_stood_behind_it() -> None:
    with pytest.raises(Refused) as caught:
        look_up("/digets 9:00", ASSETS)
    assert caught.value.offers[0] == ("/digest 9:00", "/digest 9:00")


@pytest.mark.parametrize("mark", ["\u200e", "\u200f", "\ufeff", " \u200e ", "\u202a"])
def test_what_nobody_sees_before_the_slash_is_nothing(mark: str) -> None:
    meant = look_up(f"{mark}/oi btc", ASSETS)
    assert (meant.line, meant.spoken) == ("/oi btc", False)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "when"),
    [
        ("what was the price of btc yesterday", "yesterday"),
        ("btc price yesterday", "yesterday"),
        ("btc price last week", "last week"),
        ("what was the price of btc 3 days ago?", "3 days ago"),
        ("will btc crash tomorrow", "tomorrow"),
        ("what is btc funding", None),
        ("latest btc price", None),
    ],
)
def test_a_question_about_another_time_is_told_that_it_is_answered_of_now(
    store: Store, line: str, when: str | None
) -> None:
    room = Room(store)
    room.mark(95_000)
    blocks = loop.run(answer_blocks(line, room.deps(ME), on_error=lambda *_: "")).blocks
    told = [line for line in plain_text(blocks).splitlines() if "looked up" in line]
    assert told == ([f"Answered as of now: “{when}” is not looked up."] if when else [])


@pytest.mark.slow
def test_an_answer_says_how_it_was_read(store: Store) -> None:
    room = Room(store)
    room.mark(95_000)
    assert room.text("What's the price of BTC now?").startswith("Read as: /price BTC\n")
    assert "Read as: /" not in room.text("liq long btc 25x 95000"), "it says in words how it read the position"
    assert "Read as" not in room.text("price btc")


def test_what_is_offered_can_be_pressed(store: Store) -> None:
    deps = Room(store).deps(ME)
    blocks = loop.run(answer_blocks("good grief btc", deps, on_error=lambda *_: "")).blocks
    [buttons] = [block for block in blocks if isinstance(block, Buttons)]
    assert [(button.label, button.command) for button in buttons.buttons] == [
        ("/price btc", "/price btc"),
        ("/health btc", "/health btc"),
    ]
    assert plain_text(blocks).startswith("I did not understand that. Did you mean /price btc or /health btc?")


def test_the_words_of_commands_are_phrases() -> None:
    for command in commands().values():
        for phrase in command.words:
            assert phrase in (BARE, COIN) or (phrase == phrase.lower().strip() and len(phrase.split()) <= 4), phrase
    assert len([name for name, command in commands().items() if BARE in command.words]) == 1
    assert len([name for name, command in commands().items() if COIN in command.words]) == 2


WORDS = sorted({word for said in (*SAID, *OFFERED) for word in said.split()})
ODD = ("é", "🐋", "0x1", "-5", "'", "//", "1e9")


@pytest.mark.slow
@examples(300)
@given(st.one_of(st.text(max_size=500), st.lists(st.sampled_from((*WORDS, *ODD)), max_size=60).map(" ".join)))
def test_whatever_is_said_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(Refused):
        assert look_up(text, ASSETS).command.name in commands()


@pytest.mark.parametrize("said", ["liq 500 francs 25x", "what is 500 eur in btc", "price of 90k€"])
def test_other_money_is_not_read_as_a_number_alone(said: str) -> None:
    with pytest.raises(Refused, match="is another currency"):
        look_up(said, ASSETS)
