from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from handlers.answer import answer, answer_blocks, logged
from handlers.channels.channel import Address
from handlers.command import Asker, Asking, Refused, commands
from handlers.reply import Line, plain_text
from storage.engine.database import Store
from storage.market import points
from tests.examples import examples

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

MEMBER = Asker("telegram", Address("-100", kind="group"), may_change=False)
LONG = ("/help", "/status", "/base")
HEAVY = ("pandas", "numpy", "sqlite_utils", "matplotlib", "ccxt", "telegram", "aiohttp", "structlog", "rich")
ASKED = ["/oi", "/funding", "/taker", "/price", "/fng", "/quadrant", "/health", "/chart oi", "/chart funding btc all"]
EVERY = [*ASKED, "/status", "/sub", "/unsub", "/tz", "/help", "/help oi", "/about", "/start"]


async def blocks(
    here: Any, line: str, on_error: Callable[[str, Exception], str] = lambda _, error: f"E {error}"
) -> str:
    return plain_text((await answer_blocks(line, here.deps, on_error=on_error)).blocks)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        pytest.param("", "Type a command, for example /oi btc. Type /help to see all commands.", id="empty"),
        pytest.param("  /  ", "Type a command, for example /oi btc. Type /help to see all commands.", id="a slash"),
        pytest.param("/oi " + "x" * 600, "That is 604 characters long; a command has at most 500.", id="too long"),
        pytest.param("/fundin", "There is no command “fundin”. Did you mean /funding?", id="misspelt"),
        pytest.param(
            "/stop", "There is no command “stop”. Did you mean /unsub?", id="a word of a command, not a letter"
        ),
        pytest.param("/Liquidations btc", "There is no command “liquidations”. Did you mean /liqs?", id="another name"),
        pytest.param("/qqqqq", "There is no command “qqqqq”. Type /help to see all commands.", id="nothing near"),
        pytest.param("/fng junk", "I do not understand “junk”. Type it like /fng.", id="an argument too many"),
        pytest.param("/oi 25x 3 %", "I do not understand", id="numbers where none belong"),
        pytest.param("/help nosuch", "There is no command of that name.", id="help for nothing"),
        pytest.param("/chart foo", "“foo” is no picture and no asset that is stored. There are oi,", id="no picture"),
        pytest.param("/chart oi funding", "One picture at a time. There are oi,", id="two pictures"),
        pytest.param("/tz nowhere", "I do not understand “nowhere”. Type it like /tz Europe/Berlin.", id="no zone"),
        pytest.param("/sub nosuch", "I do not know “nosuch”. Name burst, oi, funding, taker", id="no such alarm"),
    ],
)
async def test_what_cannot_be_answered_says_what_to_type(empty: Any, line: str, said: str) -> None:
    text = (await blocks(empty, line)).partition("\nMore: ")[0]  # buttons
    assert text.startswith(said)
    assert "\n" not in text
    assert len(text) <= 300


async def test_a_million_characters_are_refused_unread(empty: Any) -> None:
    assert (await blocks(empty, "/oi " * 250_000)).startswith("That is 1,000,000 characters long")


@pytest.mark.parametrize("line", ["/sub", "/unsub oi", "/tz berlin", "/mute 2h"])
async def test_a_member_of_a_group_cannot_change_it(empty: Any, line: str) -> None:
    empty.asker = MEMBER
    assert await blocks(empty, line) == "Only admins of this chat can change the settings here."
    assert not empty.store.exists


@pytest.mark.slow
async def test_a_member_of_a_group_may_ask(desk: Callable[..., Any]) -> None:
    here = desk("bundled", "2026-01-16")
    here.asker = MEMBER
    assert (await blocks(here, "/oi")).startswith("BTC open interest")


class BrokenStore:
    """A store that breaks its promise to raise nothing but StoreError."""

    @property
    def exists(self) -> bool:
        raise RuntimeError("secret of the store")


async def test_a_defect_becomes_a_reference(empty: Any) -> None:
    seen: list[tuple[str, str]] = []

    def on_error(name: str, error: Exception) -> str:
        seen.append((name, str(error)))
        return "a1b2c3"

    empty.store = BrokenStore()
    text = await blocks(empty, "/oi btc", on_error)
    assert text == "Something went wrong on our side (ref a1b2c3). The owner can find it in the log."
    assert seen == [("oi", "secret of the store")]


def test_a_defect_stands_in_the_log_under_its_reference() -> None:
    error = RuntimeError("inside")
    with capture_logs() as logs:
        reference = logged("oi", error)
    assert len(reference) == 6
    assert logs == [
        {"event": "a command failed", "command": "oi", "ref": reference, "exc_info": error, "log_level": "error"}
    ]


async def test_a_damaged_database_says_what_to_do(empty: Any, tmp_path: Path) -> None:
    (tmp_path / "bad.db").write_bytes(b"not a database at all" * 100)
    empty.store = Store(tmp_path / "bad.db")
    for line in ("/oi", "/status", "/sub", "/tz"):
        assert "is damaged or no database. Move it away" in await blocks(empty, line)


async def test_an_answer_is_echo_text_stamp_and_buttons(desk: Callable[..., Any]) -> None:
    shown = (await answer_blocks("OI btc", desk("bundled", "2026-01-16").deps, on_error=logged)).blocks
    assert isinstance(shown[0], Line)
    assert shown[0].role == "headline"
    assert [block.role for block in shown if isinstance(block, Line)][-1] == "stamp"


# --- asking the venues beside it --------------------------------------------------------------------------------------

OLD = timedelta(minutes=20)  # after the bundled winter ends: too old to be called current, and nothing else has changed


def asks(here: Any, done: Callable[[], Awaitable[bool]], venues: tuple[str, ...] = ("bybit", "binance")) -> Any:
    """Return what a command may use where these venues are asked, and what comes of it."""
    made: list[str] = []

    def asking(asset: str) -> Asking:
        made.append(asset)
        return Asking(venues, done())

    return replace(here.deps, asking=asking, clock=lambda: here.now + timedelta(seconds=2)), made


async def never() -> bool:
    await asyncio.get_running_loop().create_future()
    raise AssertionError("nobody sets it")


@pytest.mark.slow
@pytest.mark.parametrize("name", commands())
async def test_every_command_answers_while_the_venues_hang(desk: Callable[..., Any], name: str) -> None:
    """Whoever is asked never answers: a command that waited for it would wait here for ever."""
    here = desk("bundled", "2026-01-16").later(timedelta(days=3))
    begun: list[asyncio.Future[bool]] = []

    def done() -> asyncio.Future[bool]:
        begun.append(asyncio.get_running_loop().create_future())
        return begun[-1]

    deps, asked_for = asks(here, done)
    given = await answer_blocks(commands()[name].example, deps, on_error=lambda _, error: pytest.fail(str(error)))
    assert given.blocks
    assert (given.news is not None) == bool(asked_for) == bool(begun)
    assert ("Asking Binance and Bybit …" in plain_text(given.blocks)) == bool(begun)


@pytest.mark.slow
@pytest.mark.parametrize("line", ASKED)
async def test_who_is_asked_stands_under_the_stamp(desk: Callable[..., Any], line: str) -> None:
    here = desk("bundled", "2026-01-16").later(timedelta(days=3))
    deps, asked_for = asks(here, lambda: asyncio.get_running_loop().create_future())
    given = await answer_blocks(line, deps, on_error=logged)
    said = [block.text for block in given.blocks if isinstance(block, Line)]
    assert said[-1] == "Asking Binance and Bybit …"
    assert "not current" in said[-2]
    assert asked_for == ["MARKET" if line == "/fng" else "BTC"]


def brought(here: Any, **values: float) -> Callable[[], Awaitable[bool]]:
    """Return an asking that stores figures of two seconds later."""

    async def done() -> bool:
        at = pd.DatetimeIndex([here.now + timedelta(seconds=1)], name="at")
        points.write(here.store, [points.Points.of_frame("binance", "BTC", None, pd.DataFrame(values, at))])
        return True

    return done


async def test_news_is_the_same_answer_with_what_came(desk: Callable[..., Any]) -> None:
    here = desk("bundled", "2026-01-16").later(OLD)
    deps, _ = asks(here, brought(here, mark_price=77_000.0))
    given = await answer_blocks("/price btc", deps, on_error=logged)
    assert plain_text(given.blocks).startswith("BTC $95,")
    assert given.news is not None
    news = await given.news
    assert news is not None
    assert plain_text(news).startswith("BTC $77,000.\n")
    assert "Asking" not in plain_text(news)
    assert "Binance · 1 s old" in plain_text(news)


async def nothing_came() -> bool:
    return False


async def test_without_news_it_says_who_brought_nothing(desk: Callable[..., Any]) -> None:
    here = desk("bundled", "2026-01-16").later(OLD)
    given = await answer_blocks("/price btc", asks(here, nothing_came)[0], on_error=logged)
    assert given.news is not None
    news = await given.news
    assert news is not None
    before, after = plain_text(given.blocks), plain_text(news)
    assert after == before.replace("Asking Binance and Bybit …", "No newer figures came from Binance and Bybit.")
    assert after != before


async def test_in_the_first_minute_it_says_so_and_the_figures_follow(empty: Any) -> None:
    given = await answer_blocks("/price btc", asks(empty, brought(empty, mark_price=77_000.0))[0], on_error=logged)
    said = plain_text(given.blocks).splitlines()
    assert said[0].startswith("No closing price is stored for BTC yet; a running bot (perpulse run) collects it.")
    assert said[1:] == ["Asking Binance and Bybit …"]
    assert given.news is not None
    assert plain_text(await given.news or ()).startswith("BTC $77,000.\n")


async def test_still_nothing_is_said_once(empty: Any) -> None:
    given = await answer_blocks("/price btc", asks(empty, nothing_came)[0], on_error=logged)
    assert given.news is not None
    said = plain_text(await given.news or ()).splitlines()
    assert said[1:] == ["No newer figures came from Binance and Bybit."]


async def test_a_terminal_that_prints_once_waits_for_the_news(desk: Callable[..., Any]) -> None:
    here = desk("bundled", "2026-01-16").later(OLD)
    assert (await answer("/price btc", asks(here, nothing_came)[0])).note == (
        "No newer figures came from Binance and Bybit."
    )
    reply = await answer("/price btc", asks(here, brought(here, mark_price=77_000.0))[0])
    assert (reply.values["price"], reply.note) == (77_000.0, None)


async def test_what_is_current_asks_nobody(desk: Callable[..., Any]) -> None:
    deps, asked_for = asks(desk("bundled", "2026-01-16"), never)
    assert (await answer_blocks("/oi btc", deps, on_error=logged)).news is None
    assert asked_for == []


@pytest.mark.parametrize("breaks", ["when it begins", "while it is awaited"])
async def test_an_asking_that_breaks_costs_the_news_alone(desk: Callable[..., Any], breaks: str) -> None:
    here = desk("bundled", "2026-01-16").later(OLD)
    seen: list[str] = []

    async def broken() -> bool:
        raise RuntimeError("inside")

    def begin() -> Awaitable[bool]:
        if breaks == "when it begins":
            raise RuntimeError("inside")
        return broken()

    def on_error(name: str, error: Exception) -> str:
        seen.append(f"{name}: {error}")
        return "a1b2c3"

    given = await answer_blocks("/price btc", asks(here, begin)[0], on_error=on_error)
    last = given.blocks if given.news is None else await given.news
    assert last == (await answer("/price btc", here.deps)).all_blocks()
    assert seen == ["price: inside"]


# --- every command, whatever is stored --------------------------------------------------------------------------------


# A row of a small table: a word, a date or none, and figures with their units under each other, or their names.
TABLE_ROW = re.compile(r"(\S{0,8}|\d{1,2} \w{3} \d\d|case, %)(\s+([−+]?[\d.,]+( ?[%a-z]+)?|–|low|high))+")


def fine(text: str, line: str) -> None:
    assert len(text) <= 900 or line.startswith(LONG), f"{line} has {len(text)} characters"
    words = set(text.replace("(", " ").replace(":", " ").replace(",", " ").replace(".", " ").split())
    assert not {"nan", "NaN", "None", "inf", "−inf", "{}"} & words, text
    said = [row for row in text.splitlines() if not TABLE_ROW.fullmatch(row)]
    assert "  " not in "\n".join(said), text
    assert ".." not in text, text


def asked(here: Any, line: str) -> str:
    try:
        reply = here.ask(line)
    except Refused as error:
        return str(error)
    json.dumps(reply.values, allow_nan=False)
    return plain_text(reply.all_blocks())


STORES = [
    pytest.param({"day": "2026-01-16"}, id="current"),
    pytest.param({"day": "2026-01-16T13:07"}, id="in the middle of a day"),
    pytest.param({"day": "2026-01-16", "days": 1}, id="one day"),
    pytest.param({"day": "2026-01-16", "days": 45}, id="45 days"),
    pytest.param({"day": "2026-01-16", "without": ("close", "open", "high", "low")}, id="no price"),
    pytest.param({"day": "2026-01-16", "without": ("funding_interval_hours",)}, id="no interval"),
    pytest.param({"day": "2026-01-16", "without": ("taker_buy_usd",)}, id="no taker volume"),
    pytest.param({"day": "2026-01-16", "without": ("open_interest_coin",)}, id="no coins"),
    pytest.param({"day": "2026-01-16", "without": ("fear_greed", "funding_rate")}, id="no mood, no funding"),
]


@pytest.mark.slow
@pytest.mark.parametrize("what", STORES)
@pytest.mark.parametrize(
    "age", [timedelta(0), timedelta(minutes=20), timedelta(days=235)], ids=["now", "20min", "235d"]
)
def test_every_answer_is_short_and_whole(desk: Callable[..., Any], what: dict[str, Any], age: timedelta) -> None:
    here = desk("bundled", **what).later(age)
    for line in EVERY:
        fine(asked(here, line), line)


@pytest.mark.parametrize("line", ASKED)
def test_an_empty_store_says_where_data_comes_from(empty: Any, line: str) -> None:
    with pytest.raises(Refused, match=r"perpulse run.*perpulse import"):
        empty.ask(line)
    assert not empty.store.exists, "asking writes nothing"


@pytest.mark.slow
@pytest.mark.parametrize("line", [line for line in ASKED if line != "/fng"])
def test_what_is_old_says_so_at_once(desk: Callable[..., Any], line: str) -> None:
    here = desk("bundled", "2026-01-16").later(timedelta(days=235))
    said = here.text(line).splitlines()
    assert said[1].startswith("Not current: these figures are of 1")
    assert any("235 days old: not current" in line or "236 days old: not current" in line for line in said)
    assert here.asked == ["BTC"], "fresh data was not asked for"


@pytest.mark.parametrize("command", commands().values(), ids=lambda command: command.name)
def test_a_command_introduces_itself(command: Any) -> None:
    assert 0 < len(command.help) <= 60
    assert command.help[0].isupper()
    assert command.example.startswith(f"/{command.name}")
    assert command.details


# What the bundled winter has no figures of, since none of its sources publishes them.
NOT_BUNDLED = {"liqs", "basis", "depth", "stables", "options"}


@pytest.mark.slow
def test_examples_are_answered(desk: Callable[..., Any]) -> None:
    here = desk("bundled", "2026-01-16")
    for command in commands().values():
        if command.subject == "calculators":
            continue
        if command.name in NOT_BUNDLED:
            with pytest.raises(Refused, match="stored"):
                here.text(command.example)
            continue
        if command.roles:  # people have roles on a server, and here they have none
            with pytest.raises(Refused, match="There are no roles here"):
                here.text(command.example)
            continue
        if command.name == "share":
            with pytest.raises(Refused, match="This chat has no rule of its own yet"):
                here.text(command.example)
            continue
        fine(here.text(command.example), command.example)


@given(
    name=st.sampled_from([command.name for command in commands().values() if command.subject != "calculators"]),
    rest=st.one_of(st.text(max_size=40), st.text("btcehoi 0123456789x%$-+.,/@", max_size=40)),
)
@examples(150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_junk_is_answered_or_refused_in_one_line(empty: Any, name: str, rest: str) -> None:
    try:
        said, refused = empty.text(f"/{name} {rest}"), False
    except Refused as error:
        said, refused = str(error), True
    if refused:
        assert "\n" not in said
        assert len(said) <= 400
    else:
        fine(said, f"/{name}")


@pytest.mark.slow
def test_commands_load_nothing_heavy() -> None:
    code = (
        "import sys, handlers.answer; from handlers.command import commands; assert len(commands()) > 12; "
        f"print([module for module in {HEAVY!r} if module in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.stdout.strip() == "[]", ran.stdout + ran.stderr
