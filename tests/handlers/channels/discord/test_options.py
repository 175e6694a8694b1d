"""Slash commands: what Discord is told of them, and that an option says what the same words would."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from handlers.channels.discord.options import digest, given_of, line_of, payload
from handlers.command import commands
from handlers.language.grammar import parse
from handlers.language.kinds import (
    ASSET,
    CASH,
    DURATION,
    EXPIRY,
    INSTRUMENT,
    LEVERAGE,
    MONEY,
    PERCENT,
    PRICE,
    REST,
    ROLE,
    SIZE,
    ZONE,
)
from handlers.language.spelling import split_command

TOLD = {command["name"]: command for command in payload(commands().values())}
TYPED = {
    PRICE: "95k", LEVERAGE: "25", SIZE: "10kusd", MONEY: "5000", CASH: "-120", PERCENT: "2", DURATION: "8h",
    ZONE: "Europe/Berlin", ASSET: "ETH", INSTRUMENT: "ETH", ROLE: "123456789012345678", REST: "oi btc",
    EXPIRY: "26dec",
}  # fmt: skip
BOOLEAN, ROLE_ID, PNL = 5, "123456789012345678", "/pnl entry 95000 exit 100k fee 0.05%"
NEEDED: dict[str, dict[str, Any]] = {
    "liq": {"entry": "95000", "leverage": "25", "side": "long"},
    "margin": {"entry": "95000", "leverage": "25", "side": "long", "target": "80000"},
    "pnl": {"entry": "95000", "exit": "100000", "side": "long"},
    "cost": {"size": "10kusd", "span": "7d"},
    "size": {"entry": "95000", "stop": "93000", "risk": "500"},
}


@pytest.mark.parametrize("name", sorted(TOLD))
def test_a_command_is_within_what_discord_takes(name: str) -> None:
    command = TOLD[name]
    assert 1 <= len(command["description"]) <= 100
    assert len(command["options"]) <= 25
    assert len({option["name"] for option in command["options"]}) == len(command["options"])
    for option in command["options"]:
        assert option["name"].isidentifier()
        assert option["name"] == option["name"].lower()
        assert len(option["name"]) <= 32
        assert 1 <= len(option["description"]) <= 100
        assert not option.get("required"), "a whole line may be typed in place of it"
        assert len(option.get("choices", ())) <= 25
        assert all(1 <= len(choice["name"]) <= 100 for choice in option.get("choices", ()))
        assert not (option.get("choices") and option.get("autocomplete"))
    assert len(str(command)) < 8000


def test_assets_venues_metrics_and_what_is_ones_own_is_offered() -> None:
    offered = {
        (name, option["name"]) for name, one in TOLD.items() for option in one["options"] if option.get("autocomplete")
    }
    assert {("oi", "asset"), ("liq", "instrument"), ("chart", "what"), ("sub", "what"), ("unsub", "what")} <= offered
    assert {("unwatch", "which"), ("help", "what"), ("tz", "zone")} <= offered
    [venue] = [option for option in TOLD["liq"]["options"] if option["name"] == "venue"]
    assert {"name": "Binance", "value": "binance"} in venue["choices"]


CASES = [
    pytest.param(name, field.name, id=f"{name} {field.name}")
    for name, command in commands().items()
    for field in fields(command.arguments)
]


@pytest.mark.parametrize(("name", "option"), CASES)
def test_an_option_fills_the_argument_that_it_is_named_after(name: str, option: str) -> None:
    """Beside what the command cannot do without; that words fill arguments is tested with the grammar."""
    command = commands()[name]
    [field] = [one for one in fields(command.arguments) if one.name == option]
    [told] = [one for one in TOLD[name]["options"] if one["name"] == option]
    value: Any = True if told["type"] == BOOLEAN else TYPED.get(field.metadata["kind"])
    if value is None:
        words = field.metadata["kind"].words
        known = words() if callable(words) else words
        value = told["choices"][0]["value"] if "choices" in told else "drawdown" if "drawdown" in known else min(known)
    others = NEEDED.get(name, {}) | {"also": {"what": "oi"}, "other": {"asset": "BTC"}}.get(option, {})
    _, rest = split_command(line_of(command, others | {option: value}))
    read = parse(command.arguments, rest, command=name, assets=("BTC", "ETH"))
    assert getattr(read, option) not in (None, field.default)


@pytest.mark.parametrize(
    ("name", "given", "line"),
    [
        pytest.param("liq", {}, "/liq", id="nothing"),
        pytest.param("liq", {"entry": "now", "leverage": "25x"}, "/liq entry now 25x", id="the price of now"),
        pytest.param("liq", {"exact": True, "how": False}, "/liq exact", id="words that are there or not"),
        pytest.param("pnl", {"entry": "95000", "exit": "100k", "fee": "0.05"}, PNL, id="two prices"),
        pytest.param("liq", {"text": "  95000   25x "}, "/liq 95000   25x", id="a whole line"),
        pytest.param(
            "mention", {"text": f"<@&{ROLE_ID}> warning"}, f"/mention {ROLE_ID} warning", id="a role in a text"
        ),
        pytest.param("sub", {"what": "oi btc"}, "/sub oi btc", id="text"),
        pytest.param("liq", {"text": "/Liq 95000 25x"}, "/liq 95000 25x", id="a whole line with its command"),
        pytest.param("sub", {"what": "/sub oi"}, "/sub oi", id="a command in the only option"),
        pytest.param("sub", {"what": "/sub"}, "/sub", id="a command alone"),
    ],
)
def test_options_make_a_line(name: str, given: dict[str, Any], line: str) -> None:
    assert line_of(commands()[name], given) == line


def test_a_change_is_seen() -> None:
    every = payload(commands().values())
    assert digest(every) == digest(payload(commands().values()))
    assert digest(every) != digest(every[1:])
    assert given_of([{"name": "a", "value": "b"}, {"name": "c"}]) == {"a": "b", "c": None}
