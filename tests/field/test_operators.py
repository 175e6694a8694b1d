"""What whoever runs perpulse types, sets and reads: a slip is one line that names it, and what is printed works."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bot.config import load
from tests.bot.commandline import Ended, here

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
        pytest.param("PERPULSE_ASSETS", '["BTC"', "environment, PERPULSE_ASSETS: assets.0:", id="JSON cut off"),
        pytest.param("PERPULSE_MARKET__VENUES", "mtgox", "PERPULSE_MARKET__VENUES: market.venues.0:", id="no venue"),
        pytest.param("PERPULSE_MARKET__TIMEOUT_SECONDS", "soon", "market.timeout_seconds:", id="no number"),
        pytest.param("PERPULSE_LOG_LEVEL", "loud", "PERPULSE_LOG_LEVEL: log_level:", id="no level"),
        pytest.param(
            "PERPULSE_MARKET", "x", "as venues under [market] or PERPULSE_MARKET__VENUES", id="a section as a word"
        ),
        pytest.param("PERPULSE_TELEGRAM", TOKEN, "or PERPULSE_TELEGRAM__TOKEN", id="a token for a section"),
        pytest.param("PERPULSE_TELEGRAM_TOKEN", TOKEN, "Did you mean PERPULSE_TELEGRAM__TOKEN?", id="one underscore"),
        pytest.param("PERPULSE_MARKET_PROXY", "x", "Did you mean PERPULSE_MARKET__PROXY?", id="one underscore again"),
        pytest.param("PERPULSE_TOKEN", TOKEN, "Did you mean PERPULSE_TELEGRAM__TOKEN?", id="without its section"),
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
