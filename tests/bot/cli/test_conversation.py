"""`perpulse init` as somebody sees it who sits at a terminal."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

import pytest

from bot.config import example
from tests.bot.cli.setting_up_world import code_in, conversation, settings
from tests.fakes.bot_api import TOKEN, BotApi
from tests.fakes.discord_wire import APP, DiscordWire
from tests.fakes.discord_wire import TOKEN as DISCORD_TOKEN
from tests.fakes.exchange import FakeExchange

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow
ANN = 42
CLOSED = "http://127.0.0.1:9"
SECOND = "100000002:MARKER-no-real-token-0123456789abcdef"
WRONG = "100000009:MARKER-no-real-token-0123456789abcdef"


@pytest.fixture
def exchange() -> Iterator[FakeExchange]:
    with FakeExchange().in_thread() as fake:
        assert isinstance(fake, FakeExchange)
        yield fake


@pytest.fixture
def telegram() -> Iterator[BotApi]:
    with BotApi().in_thread() as fake:
        assert isinstance(fake, BotApi)
        yield fake


def written(folder: Path) -> dict[str, Any]:
    return tomllib.loads((folder / "config.toml").read_text(encoding="utf-8"))


def test_from_nothing_to_a_bot_with_an_owner(tmp_path: Path, exchange: FakeExchange, telegram: BotApi) -> None:
    exchange.faults = {"bybit/*": "geo"}
    telegram.chat(ANN, title="Ann")
    with conversation(tmp_path, settings(exchange, telegram)) as terminal:
        terminal.answer("Assets to follow [BTC ETH SOL]", "btc, eth")
        terminal.until("✓ Binance answers (bars of BTC), in ")
        terminal.until("✗ Bybit")
        terminal.answer("Exchanges to use [binance okx hyperliquid]")
        terminal.answer("Discord token")
        terminal.answer("Telegram token", WRONG)
        terminal.until("✗ Telegram")
        terminal.answer("Type it again? (No keeps it as it is) [Y/n]")
        terminal.answer("Telegram token", TOKEN)
        terminal.until("✓ Telegram accepts the token of @perpulse_bot")
        terminal.until("Enter leaves it for later")
        for typed in ("hello", "/owner AAAA-BBBB", f"/owner {code_in(terminal.shown)}"):
            telegram.do(telegram.say, ANN, ANN, typed)
        terminal.until(f"You are telegram:{ANN}, and its owner.")
        terminal.answer("Time zone [Europe/Berlin]")
        terminal.until("config.toml written.")
        assert terminal.ended() == 0
    assert TOKEN not in terminal.shown
    assert WRONG not in terminal.shown
    config = written(tmp_path)
    assert config["assets"] == ["BTC", "ETH"]
    assert config["telegram"]["token"] == TOKEN
    assert config["access"]["owners"] == [f"telegram:{ANN}"]
    assert config["time_zone"] == "Europe/Berlin"
    assert "token" not in config["discord"]
    assert telegram.texts(ANN) == [
        "I am being set up, and answer when perpulse runs.",
        "That is not the code that is shown where perpulse is set up.",
        "You are the owner of this bot now. Everything else works as soon as perpulse runs.",
    ]
    kept = (tmp_path / "config.toml").read_text(encoding="utf-8")
    comments = [line.partition("  # ")[2] for line in example().splitlines() if "  # " in line]
    assert all(comment in kept for comment in comments)
    assert [path.name for path in tmp_path.iterdir()] == ["config.toml"]


def test_again_it_shows_what_is_set_and_keeps_the_one_before(
    tmp_path: Path, exchange: FakeExchange, telegram: BotApi
) -> None:
    before = (
        '# mine\nassets = [\n  "SOL", # the best\n]\ntime_zone = "Asia/Tokyo"\n[market]\nvenues = ["okx"]\n'
        f'[telegram]\ntoken = "{TOKEN}"\n[access]\nowners = ["telegram:7"]\n'
    )
    file = tmp_path / "config.toml"
    file.write_text(before, encoding="utf-8")
    file.chmod(0o644)
    for zone, said in (("", "Nothing has changed"), ("lisbon", "config.toml written; the one before is ")):
        with conversation(tmp_path, settings(exchange, telegram)) as terminal:
            terminal.answer("config.toml exists. Go through it? What is there now is kept as config.toml.bak. [Y/n]")
            terminal.answer("Assets to follow [SOL]")
            terminal.answer("Exchanges to use [okx]")
            terminal.answer("Discord token (Enter for none")
            terminal.answer("Telegram token (Enter keeps the one that is set, 'none' takes it back")
            terminal.until("Owners: telegram:7.")
            terminal.answer("Time zone [Asia/Tokyo]", zone)
            terminal.until(said)
            assert terminal.ended() == 0
        assert TOKEN not in terminal.shown
    assert (tmp_path / "config.toml.bak").read_text(encoding="utf-8") == before
    assert file.read_text(encoding="utf-8") == before.replace("Asia/Tokyo", "Europe/Lisbon")
    assert [path.stat().st_mode & 0o777 for path in (file, tmp_path / "config.toml.bak")] == [0o640, 0o640]


def test_further_bots_of_the_file_are_looked_at_and_no_token_is_taken_twice(
    tmp_path: Path, exchange: FakeExchange, telegram: BotApi
) -> None:
    with BotApi(SECOND, username="alpha_bot").in_thread() as alpha:
        assert isinstance(alpha, BotApi)
        named = f'[telegram.bots.alpha]\ntoken = "{SECOND}"\nbase_url = "{alpha.base_url}"\n'
        (tmp_path / "config.toml").write_text(f'{named}[access]\nowners = ["telegram:7"]\n', encoding="utf-8")
        with conversation(tmp_path, settings(exchange, telegram)) as terminal:
            terminal.answer("Go through it?")
            terminal.answer("Assets to follow")
            terminal.answer("Exchanges to use")
            terminal.answer("Discord token")
            terminal.answer("Telegram token", SECOND)
            terminal.until("telegram and telegram.bots.alpha have the same token. Give each bot its own.")
            terminal.answer("Telegram token", TOKEN)
            terminal.until("✓ Telegram accepts the token of @perpulse_bot")
            terminal.until("✓ Telegram (alpha) accepts the token of @alpha_bot")
            terminal.answer("Time zone")
            terminal.until("config.toml written")
            assert terminal.ended() == 0
    assert "MARKER" not in terminal.shown
    config = written(tmp_path)
    assert (config["telegram"]["token"], config["telegram"]["bots"]["alpha"]["token"]) == (TOKEN, SECOND)


@pytest.mark.parametrize(("key", "there"), [("\x03", True), ("\x04", False)])
def test_who_leaves_in_the_midst_leaves_no_trace(
    tmp_path: Path, exchange: FakeExchange, telegram: BotApi, key: str, there: bool
) -> None:
    file = tmp_path / "config.toml"
    if there:
        file.write_text('assets = ["SOL"]\n', encoding="utf-8")
    variables = settings(exchange, telegram, PERPULSE_MARKET__EXCHANGE_URL=CLOSED)
    with conversation(tmp_path, variables) as terminal:
        if there:
            terminal.answer("Go through it?", "y")
        terminal.answer("Assets to follow", "btc")
        terminal.answer("Exchanges to use", "okx")
        terminal.answer("Discord token")
        terminal.until("Telegram token")
        terminal.until(": ")
        terminal.type(TOKEN if key == "\x03" else "")
        terminal.type(key)
        terminal.until("Nothing was written.")
        assert terminal.ended() == 130
    assert TOKEN not in terminal.shown
    assert [path.name for path in tmp_path.iterdir()] == ["config.toml"] * there
    assert not there or file.read_text(encoding="utf-8") == 'assets = ["SOL"]\n'


def test_without_a_network_and_with_hostile_hands(tmp_path: Path, exchange: FakeExchange, telegram: BotApi) -> None:
    closed = {"PERPULSE_MARKET__EXCHANGE_URL": CLOSED, "PERPULSE_TELEGRAM__BASE_URL": f"{CLOSED}/bot"}
    with (
        DiscordWire().in_thread() as discord,
        conversation(
            tmp_path, settings(exchange, telegram, **closed, PERPULSE_DISCORD__BASE_URL=discord.base_url)
        ) as terminal,
    ):
        terminal.answer("Assets to follow", "BTCUSDT_261225")
        terminal.until("it is a dated contract")
        terminal.answer("Assets to follow", b'"]\x1b[31m\xff\xfe = [table]')
        terminal.until("assets, number 1: ")
        terminal.answer("Assets to follow", "btc " * 900)
        terminal.until("assets: each asset once")
        terminal.answer("Assets to follow", "eth")
        terminal.until("✗ Binance cannot be reached.")
        terminal.until("None of Binance, Bybit, OKX, Hyperliquid answers")
        terminal.answer("Exchanges to use [binance bybit okx hyperliquid]", "mtgox")
        terminal.until("it is no venue that figures are read from")
        terminal.answer("Exchanges to use", "OKX,Bybit")
        terminal.answer("Discord token", "no-token-at-all")
        terminal.until("discord.token is no token.")
        terminal.answer("Discord token", DISCORD_TOKEN)
        terminal.until("needs no privileged intent and is invited by https://discord.com/oauth2/authorize?")
        terminal.until(f"client_id={APP}&scope=bot+applications.commands&permissions=274878024704")
        terminal.answer("Telegram token", TOKEN)
        terminal.until("✗ Telegram")
        terminal.answer("Type it again? (No keeps it as it is)", "n")
        terminal.until("Your bot in Discord waits for a code now.")
        terminal.until("Enter leaves it for later")
        terminal.type("\n")
        terminal.answer("Time zone", "Moon/Crater")
        terminal.until("it is no time zone. Write it like Europe/Berlin")
        terminal.answer("Time zone", "new york")
        terminal.until("config.toml written.")
        assert terminal.ended() == 0
    assert "\x1b[31m" not in terminal.shown.partition("Exchanges to use")[2]
    config = written(tmp_path)
    assert (config["assets"], config["market"]["venues"]) == (["ETH"], ["okx", "bybit"])
    assert (config["telegram"]["token"], config["time_zone"]) == (TOKEN, "America/New_York")
    assert (tmp_path / "config.toml").stat().st_mode & 0o077 == 0
