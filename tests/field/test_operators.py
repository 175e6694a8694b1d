"""What whoever runs perpulse types, sets and reads: a slip is one line that names it, and what is printed works."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import pytest
import structlog
from typer.main import get_command

from bot.__main__ import app
from bot.config import load
from bot.log import set_up
from bot.market.exchange.strict import note_asked
from handlers.channels.failure import Unreached
from tests.bot.commandline import ROOT, Ended, here
from tests.fakes.bot_api import BotApi
from tests.handlers.channels.telegram.talking import PRIVATE, bot_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Perpulse = Callable[..., Ended]

TOKEN = "100000001:MARKER-no-real-token-0123456789abcdef"


@pytest.fixture
def perpulse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Perpulse:
    monkeypatch.chdir(tmp_path)
    return lambda *args: here(capsys, *args)


# --- the environment --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "assets", "venues"),
    [
        pytest.param("PERPULSE_ASSETS", "BTC,ETH", ("BTC", "ETH"), None, id="a list with commas"),
        pytest.param("PERPULSE_ASSETS", "btc, eth", ("BTC", "ETH"), None, id="in small letters, with a space"),
        pytest.param("PERPULSE_ASSETS", "BTC ETH", ("BTC", "ETH"), None, id="with spaces"),
        pytest.param("PERPULSE_ASSETS", "BTC", ("BTC",), None, id="one"),
        pytest.param("PERPULSE_ASSETS", '["BTC", "ETH"]', ("BTC", "ETH"), None, id="JSON, as ever"),
        pytest.param("perpulse_assets", "eth", ("ETH",), None, id="the name in small letters"),
        pytest.param("PERPULSE_MARKET__VENUES", "okx,Bybit", None, ("okx", "bybit"), id="a list in a section"),
        pytest.param("PERPULSE_MARKET__VENUES", '["okx"]', None, ("okx",), id="JSON in a section"),
        pytest.param("PERPULSE_MARKET", '{"venues": ["okx"]}', None, ("okx",), id="a whole section as JSON"),
    ],
)
def test_a_list_in_the_environment_is_read_as_people_type_it(
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    value: str,
    assets: tuple[str, ...] | None,
    venues: tuple[str, ...] | None,
) -> None:
    monkeypatch.setenv(name, value)
    settings = load(None)
    assert assets in (None, settings.assets)
    assert venues in (None, settings.market.venues)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        pytest.param("PERPULSE_ASSETS", "", "environment, PERPULSE_ASSETS: assets:", id="an empty list"),
        pytest.param("PERPULSE_ASSETS", '["BTC"', "environment, PERPULSE_ASSETS: assets, number 1:", id="JSON cut off"),
        pytest.param(
            "PERPULSE_MARKET__VENUES", "mtgox", "PERPULSE_MARKET__VENUES: market.venues, number 1:", id="no venue"
        ),
        pytest.param("PERPULSE_MARKET__TIMEOUT_SECONDS", "soon", "market.timeout_seconds:", id="no number"),
        pytest.param("PERPULSE_LOG_LEVEL", "loud", "PERPULSE_LOG_LEVEL: log_level:", id="no level"),
        pytest.param(
            "PERPULSE_MARKET", "x", "as venues under [market] or PERPULSE_MARKET__VENUES", id="a section as a word"
        ),
        pytest.param("PERPULSE_TELEGRAM", TOKEN, "or PERPULSE_TELEGRAM__TOKEN", id="a token for a section"),
        pytest.param("PERPULSE_TELEGRAM_TOKEN", TOKEN, "Did you mean PERPULSE_TELEGRAM__TOKEN?", id="one underscore"),
        pytest.param("PERPULSE_MARKET_PROXY", "x", "Did you mean PERPULSE_MARKET__PROXY?", id="one underscore again"),
        pytest.param(
            "PERPULSE_TOKEN",
            TOKEN,
            "Did you mean PERPULSE_DISCORD__TOKEN or PERPULSE_TELEGRAM__TOKEN?",
            id="without its section",
        ),
        pytest.param("PERPULSE_TELEGRM__TOKEN", TOKEN, "Did you mean PERPULSE_TELEGRAM__TOKEN?", id="a slip in it"),
        pytest.param("PERPULSE_TELEGRAM_TOKN", TOKEN, "Did you mean PERPULSE_TELEGRAM__TOKEN?", id="two slips"),
        pytest.param("PERPULSE_TELEGRAM__TOKN", TOKEN, "Did you mean 'token'?", id="a slip in the key"),
        pytest.param("PERPULSE_LOGLEVEL", "debug", "Did you mean PERPULSE_LOG_LEVEL?", id="no underscore"),
        pytest.param("PERPULSE_TELEGRAM__TOKEN", "abc", "telegram.token is no token.", id="no token"),
    ],
)
@pytest.mark.parametrize("command", ["check-config", "run"])
def test_a_slip_in_the_environment_is_one_line_that_says_what_to_write(
    perpulse: Perpulse, monkeypatch: pytest.MonkeyPatch, command: str, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(name, value)
    refusal = perpulse(command).refusal
    assert said in refusal
    assert "MARKER" not in refusal, "a secret in the wrong place is not printed"


def test_a_fault_of_the_environment_is_not_blamed_on_the_file(
    perpulse: Perpulse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.toml").write_text("[market]\ntimeout_seconds = 500", encoding="utf-8")
    assert perpulse("check-config").refusal.startswith("config.toml: market.timeout_seconds:")
    monkeypatch.setenv("PERPULSE_MARKET__TIMEOUT_SECONDS", "600")
    assert perpulse("check-config").refusal.startswith("environment, PERPULSE_MARKET__TIMEOUT_SECONDS:")


# --- the file ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "token",
    [
        pytest.param("abc", id="a word"),
        pytest.param("123456789", id="digits alone"),
        pytest.param("123456789:tooshort", id="cut off"),
        pytest.param("bot" + TOKEN, id="with bot before it"),
        pytest.param(TOKEN.replace("-", " "), id="with spaces in it"),
        pytest.param("<your token>", id="the place for it"),
    ],
)
@pytest.mark.parametrize("where", ["token", "token_file"])
def test_what_can_be_no_token_is_said_before_telegram_is_asked(
    perpulse: Perpulse, tmp_path: Path, token: str, where: str
) -> None:
    (tmp_path / "file").write_text(token, encoding="utf-8")
    value = token if where == "token" else "file"
    (tmp_path / "config.toml").write_text(f'[telegram]\n{where} = "{value}"', encoding="utf-8")
    for command in ("check-config", "run"):
        refusal = perpulse(command).refusal
        assert f"telegram.{where}" in refusal
        assert "is no token. @BotFather gives one of digits, a colon and 35 letters" in refusal
        assert "MARKER" not in refusal


@pytest.mark.parametrize("token", [TOKEN, f" {TOKEN}", f"{TOKEN}\\n"])
def test_a_token_may_have_blanks_around(perpulse: Perpulse, tmp_path: Path, token: str) -> None:
    (tmp_path / "config.toml").write_text(f'[telegram]\ntoken = "{token}"', encoding="utf-8")
    assert "a token is set" in perpulse("check-config").out


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        pytest.param("http://localhost:8081", None, id="without /bot"),
        pytest.param("http://localhost:8081/", None, id="a slash alone"),
        pytest.param("localhost:8081/bot", None, id="without http"),
        pytest.param("http:///bot", None, id="without a host"),
        pytest.param("https://api.telegram.org/bot123:abc", None, id="with a token"),
        pytest.param("http://localhost:8081/bot", "http://localhost:8081/bot", id="as it has to be"),
        pytest.param("http://localhost:8081/bot/", "http://localhost:8081/bot", id="with a slash behind it"),
        pytest.param("https://host/path/bot", "https://host/path/bot", id="below a path"),
        pytest.param("", None, id="none"),
    ],
)
def test_another_bot_api_server_ends_in_bot(perpulse: Perpulse, tmp_path: Path, url: str, kept: str | None) -> None:
    (tmp_path / "config.toml").write_text(f'[telegram]\nbase_url = "{url}"', encoding="utf-8")
    if kept is None and url:
        assert "telegram.base_url: write it with http:// or https:// and with /bot" in perpulse("check-config").refusal
    else:
        assert perpulse("check-config").code == 0
        assert load(tmp_path / "config.toml").telegram.base_url == kept  # type: ignore[attr-defined]


def test_check_config_takes_a_database_as_every_command_does(perpulse: Perpulse) -> None:
    assert "database: other.db" in perpulse("check-config", "--db", "other.db").out
    assert "database: other.db" in perpulse("--db", "other.db", "check-config").out


# --- the way to Telegram ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("section", ["market", "telegram", "discord"])
@pytest.mark.parametrize(
    ("proxy", "good"),
    [
        pytest.param("http://proxy.local:3128", True, id="as it has to be"),
        pytest.param("http://me:MARKER@proxy.local:3128", True, id="with a password"),
        pytest.param("", True, id="none"),
        pytest.param("proxy.local:3128", False, id="without http"),
        pytest.param("socks9://proxy.local:1080", False, id="socks"),
        pytest.param("http://[::1", False, id="half a bracket"),
        pytest.param("http://me:x@MARKER@proxy.local:3128", False, id="an @ in a password"),
    ],
)
def test_every_proxy_is_checked_alike(perpulse: Perpulse, tmp_path: Path, section: str, proxy: str, good: bool) -> None:
    (tmp_path / "config.toml").write_text(f'[{section}]\nproxy = "{proxy}"', encoding="utf-8")
    checked = perpulse("check-config")
    assert "MARKER" not in checked.out + checked.err
    if not good:
        assert f"{section}.proxy: write it with http:// or https://" in checked.refusal
        return
    assert checked.code == 0
    settings = load(tmp_path / "config.toml")
    assert getattr(settings, section).proxy == (proxy or None), "libraries get it whole"
    assert settings.secrets() == (("MARKER",) if "MARKER" in proxy else ())
    assert "MARKER" not in repr(settings) + str(settings.model_dump()) + settings.model_dump_json()


@pytest.mark.parametrize(
    "key", ["exchange_url", "stream_url", "archive_url", "stablecoins_url", "fear_greed_url", "hyperliquid_url"]
)
def test_another_server_is_checked_as_well(perpulse: Perpulse, tmp_path: Path, key: str) -> None:
    for url in ("http://[::1", "localhost:8080", "http://localhost:99999"):
        (tmp_path / "config.toml").write_text(f'[market]\n{key} = "{url}"', encoding="utf-8")
        assert f"market.{key}: write it with " in perpulse("check-config").refusal


async def test_telegram_is_asked_through_its_proxy() -> None:
    async with BotApi() as fake:
        await bot_of(fake).telegram.check()
        closed = bot_of(fake, proxy="http://127.0.0.1:9").telegram
        with pytest.raises(Unreached):
            await closed.check()


async def test_a_proxy_of_the_environment_that_is_none_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library would make a request of its own beside ours, which fell over it with a traceback."""
    monkeypatch.setenv("http_proxy", "socks5://me:MARKER@127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    async with BotApi() as fake:
        with pytest.raises(Unreached, match="is no proxy like http://host:port") as caught:
            await bot_of(fake).telegram.check()
    assert "MARKER" not in caught.value.reason


@pytest.mark.slow
async def test_what_stands_in_the_way_of_updates_is_said_once_and_when_it_is_over() -> None:
    async with BotApi() as fake:
        fake.chat(PRIVATE, title="Ann")
        place = bot_of(fake)
        with structlog.testing.capture_logs() as lines:
            await place.start()
            fake.disturb("html", method="getUpdates", times=3, status=502)
            fake.say(PRIVATE, PRIVATE, "/oi")  # ends the poll that waits
            await fake.until(lambda: any(line["event"] == "updates are read again" for line in lines), within=20)
        await place.telegram.stop()
    said = [line["event"] for line in lines if "updates are" in line["event"]]
    assert said == ["updates are not read, trying on", "updates are read again"]


# --- what is printed --------------------------------------------------------------------------------------------------


def test_the_readme_prints_commands_that_a_checkout_has() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    typed = re.findall(r"^perpulse .+|`perpulse [a-z].*?`", readme, re.MULTILINE)
    assert typed == [], "there is no perpulse on the path after make run; ./perpulse is there"
    named = set(re.findall(r"\./perpulse ([a-z-]+)", readme))
    commands = get_command(app).commands  # type: ignore[attr-defined]
    assert {"run", "say", "init", "doctor", "import"} <= named <= set(commands)
    assert os.access(ROOT / "perpulse", os.X_OK)


@pytest.mark.parametrize("code", [0x200E, 0x200F, 0xFEFF, 0x2068, 0x200B], ids=lambda code: f"U+{code:04X}")
def test_marks_that_nobody_sees_are_read_over(perpulse: Perpulse, code: int) -> None:
    mark = chr(code)
    asked = perpulse("say", f"{mark}/{mark}liq{mark} 95000 25x long")
    assert asked.code == 0
    assert "liquidation at 91,566.27" in asked.out


def test_debug_writes_each_request_without_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    set_up(debug=True, secrets=[TOKEN])
    try:
        note_asked("Binance", f"https://fapi.example/x?symbol=BTCUSDT&signature=deadbeef&token={TOKEN}")
    finally:
        set_up(quiet=True)
    said = capsys.readouterr().err
    assert "who=Binance" in said
    assert "symbol=BTCUSDT" in said
    assert "deadbeef" not in said
    assert "MARKER" not in said
