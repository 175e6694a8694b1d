from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from handlers.answer import answer_blocks, logged
from handlers.channels.channel import Address
from handlers.command import Asker, Refused, commands
from handlers.reply import Line, plain_text
from storage.engine.database import Store
from tests.examples import examples

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MEMBER = Asker("telegram", Address("-100", kind="group"), may_change=False)
LONG = ("/help", "/status")
HEAVY = ("pandas", "numpy", "sqlite_utils", "matplotlib", "ccxt", "telegram", "aiohttp", "structlog", "rich")
ASKED = ["/oi", "/funding", "/taker", "/price", "/fng", "/quadrant", "/health", "/chart oi", "/chart funding btc all"]
EVERY = [*ASKED, "/status", "/sub", "/unsub", "/tz", "/help", "/help oi", "/about", "/start"]


async def blocks(
    here: Any, line: str, on_error: Callable[[str, Exception], str] = lambda _, error: f"E {error}"
) -> str:
    return plain_text(await answer_blocks(line, here.deps, on_error=on_error))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        pytest.param("", "Type a command, for example /oi btc. Type /help to see all commands.", id="empty"),
        pytest.param("  /  ", "Type a command, for example /oi btc. Type /help to see all commands.", id="a slash"),
        pytest.param("/oi " + "x" * 600, "That is 604 characters long; a command has at most 500.", id="too long"),
        pytest.param("/fundin", "There is no command “fundin”. Did you mean /funding?", id="misspelt"),
        pytest.param("/qqqqq", "There is no command “qqqqq”. Type /help to see all commands.", id="nothing near"),
        pytest.param("/fng junk", "I do not understand “junk”. Type it like /fng.", id="an argument too many"),
        pytest.param("/oi 25x 3 %", "I do not understand", id="numbers where none belong"),
        pytest.param("/help nosuch", "There is no command of that name.", id="help for nothing"),
        pytest.param("/chart", "Which chart? There are oi,", id="no metric"),
        pytest.param("/chart foo", "Which chart? There are oi,", id="no such metric"),
        pytest.param("/tz nowhere", "I do not understand “nowhere”. Type it like /tz Europe/Berlin.", id="no zone"),
        pytest.param("/sub nosuch", "I do not know “nosuch”. Name oi, funding, taker", id="no such alarm"),
    ],
)
async def test_what_cannot_be_answered_says_what_to_type(empty: Any, line: str, said: str) -> None:
    text = await blocks(empty, line)
    assert text.startswith(said)
    assert "\n" not in text
    assert len(text) <= 300


async def test_a_million_characters_are_refused_unread(empty: Any) -> None:
    assert (await blocks(empty, "/oi " * 250_000)).startswith("That is 1,000,000 characters long")


@pytest.mark.parametrize("line", ["/sub", "/unsub oi", "/tz berlin", "/tz"])
async def test_a_member_of_a_group_cannot_change_it(empty: Any, line: str) -> None:
    empty.asker = MEMBER
    assert await blocks(empty, line) == "Only admins of this group can change its settings."
    assert not empty.store.exists


async def test_a_member_of_a_group_may_ask(desk: Callable[..., Any]) -> None:
    here = desk("bundled", "2026-01-16")
    here.asker = MEMBER
    assert (await blocks(here, "/oi")).startswith("BTC open interest")


@dataclass
class Broken:
    """A process whose market breaks its promise never to raise."""

    of: Any

    @property
    def deps(self) -> Any:
        async def refresh(asset: str) -> None:
            raise RuntimeError(f"secret of {asset}")

        return replace(self.of.deps, refresh=refresh)


async def test_a_defect_becomes_a_reference(empty: Any) -> None:
    seen: list[tuple[str, str]] = []

    def on_error(name: str, error: Exception) -> str:
        seen.append((name, str(error)))
        return "a1b2c3"

    text = await blocks(Broken(empty), "/oi btc", on_error)
    assert text == "Something went wrong on our side (ref a1b2c3). The owner can find it in the log."
    assert seen == [("oi", "secret of BTC")]


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
    shown = await answer_blocks("OI btc", desk("bundled", "2026-01-16").deps, on_error=logged)
    assert isinstance(shown[0], Line)
    assert shown[0].role == "headline"
    assert [each.role for each in shown if isinstance(each, Line)][-1] == "stamp"


# --- every command, whatever is stored --------------------------------------------------------------------------------


def fine(text: str, line: str) -> None:
    assert len(text) <= 900 or line.startswith(LONG), f"{line} has {len(text)} characters"
    words = set(text.replace("(", " ").replace(":", " ").replace(",", " ").replace(".", " ").split())
    assert not {"nan", "NaN", "None", "inf", "−inf", "{}"} & words, text
    assert "  " not in text, text
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


@pytest.mark.parametrize("line", [line for line in ASKED if line != "/fng"])
def test_what_is_old_says_so_at_once(desk: Callable[..., Any], line: str) -> None:
    here = desk("bundled", "2026-01-16").later(timedelta(days=235))
    said = here.text(line).splitlines()
    assert said[1].startswith("Not current: these figures are of 1")
    assert any("235 days old: not current" in each or "236 days old: not current" in each for each in said)
    assert here.refreshed == ["BTC"], "fresh data was not asked for"


@pytest.mark.parametrize("each", commands().values(), ids=lambda each: each.name)
def test_a_command_introduces_itself(each: Any) -> None:
    assert 0 < len(each.help) <= 60
    assert each.help[0].isupper()
    assert each.example.startswith(f"/{each.name}")
    assert each.details


def test_examples_are_answered(desk: Callable[..., Any]) -> None:
    here = desk("bundled", "2026-01-16")
    for each in commands().values():
        if each.subject == "calculators":
            continue
        if each.name == "liqs":  # the bundled winter holds no liquidations, since none of its sources publishes them
            with pytest.raises(Refused, match="No liquidations of BTC are stored yet"):
                here.text(each.example)
            continue
        fine(here.text(each.example), each.example)


@given(
    name=st.sampled_from([each.name for each in commands().values() if each.subject != "calculators"]),
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


def test_commands_load_nothing_heavy() -> None:
    code = (
        "import sys, handlers.answer; from handlers.command import commands; assert len(commands()) > 12; "
        f"print([each for each in {HEAVY!r} if each in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.stdout.strip() == "[]", ran.stdout + ran.stderr
