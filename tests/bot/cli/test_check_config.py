from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.bot.commandline import Perpulse


def test_followed_assets_have_one_name_however_they_are_written(perpulse: Perpulse, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('assets = ["1000PEPE", "matic", "xbt", "BTCUSDT"]', encoding="utf-8")
    assert "assets: PEPE, POL, BTC" in perpulse("check-config").out


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("assets = ['BTCUSDT_261225']", "it is a dated contract, and those are not", id="a dated contract"),
        pytest.param("asets = ['BTC']", "unknown key 'asets'. Did you mean 'assets'?", id="unknown key"),
        pytest.param("[market]\nvenu = 'binance'", "Did you mean 'venues'?", id="unknown key in a section"),
        pytest.param("zzz = 1", "Known: assets, database", id="nothing like it"),
        pytest.param("assets = [", "is not valid TOML", id="TOML error"),
        pytest.param("assets = 5", "assets:", id="wrong type"),
        pytest.param("assets = []", "assets:", id="no asset"),
        pytest.param("assets = ['BTC', 'btc']", "each asset once", id="an asset twice"),
        pytest.param("assets = ['../x']", "assets.0:", id="no asset's name"),
        pytest.param("[market]\ntimeout_seconds = 'soon'", "market.timeout_seconds:", id="no number"),
        pytest.param("[market]\nvenues = ['mtgox']", "market.venues", id="unknown venue"),
        pytest.param("[telegram]\ntoken_file = 'none.txt'", "none.txt cannot be read", id="missing token file"),
        pytest.param("[telegram]\ntoken = 'a'\ntoken_file = 'b'", "not both", id="two tokens"),
        pytest.param("[access]\nowners = ['telegram:ann']", "access.owners.0: write each as", id="a name for an id"),
        pytest.param(
            "[access]\nowners = ['telegram:-5']", "access.owners.0: that is a group: a pers", id="a group owns"
        ),
        pytest.param(
            "[access]\npeople = ['telegram:-5']", "access.people.0: that is a group", id="a group as a person"
        ),
        pytest.param("[access]\nowners = ['12345']", "access.owners.0: write each as", id="an id without a platform"),
        pytest.param(
            "[discord.webhooks]\na = { url = 'https://evil.example/api/webhooks/1/MARKER' }",
            "discord.webhooks.a is no webhook of Discord's",
            id="a webhook elsewhere",
        ),
        pytest.param(
            "[discord.webhooks]\na = { url = 'https://discord.com@evil.example/api/webhooks/12345/MARKER' }",
            "discord.webhooks.a is no webhook of Discord's",
            id="a webhook that looks like Discord's",
        ),
        pytest.param(
            "[discord.webhooks]\na = 'https://discord.com/api/webhooks/12345/MARKER'",
            "discord.webhooks.a is a section: set its keys, as url under [discord.webhooks.a]",
            id="a webhook that is no table",
        ),
        pytest.param(
            "[discord.webhooks.a]\nurll = 'x'",
            "unknown key 'discord.webhooks.a.urll'. Did you mean 'url'?",
            id="unknown key of a webhook",
        ),
    ],
)
@pytest.mark.parametrize("command", ["check-config", "run"])
def test_a_faulty_config_is_one_line(perpulse: Perpulse, tmp_path: Path, text: str, said: str, command: str) -> None:
    (tmp_path / "config.toml").write_text(text, encoding="utf-8")
    refusal = perpulse(command).refusal
    assert said in refusal
    assert "MARKER" not in refusal


@pytest.mark.parametrize(
    ("name", "said"),
    [
        pytest.param("PERPULSE_ASSETZ", "Did you mean PERPULSE_ASSETS?", id="a setting"),
        pytest.param("PERPULSE_TELEGRM__TOKEN", "Did you mean PERPULSE_TELEGRAM__TOKEN?", id="a section"),
        pytest.param("PERPULSE_TELEGRAM__TOKN", "unknown key 'telegram.tokn'", id="within a section"),
    ],
)
def test_a_misspelt_variable_is_one_line(
    perpulse: Perpulse, monkeypatch: pytest.MonkeyPatch, name: str, said: str
) -> None:
    monkeypatch.setenv(name, "x")
    assert said in perpulse("check-config").refusal


def test_variables_of_others_are_no_slips(perpulse: Perpulse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERPULSE_HOLIDAY_FOLDER", "x")
    assert perpulse("check-config").code == 0


def test_a_secret_in_the_wrong_place_is_not_printed(perpulse: Perpulse, tmp_path: Path) -> None:
    secret = "100000001:MARKER-no-real-token-0123456789abcdef"
    (tmp_path / "config.toml").write_text(f'assets = "{secret}"\nlog_level = "{secret}"', encoding="utf-8")
    ended = perpulse("check-config")
    assert ended.code == 2
    assert "MARKER" not in ended.out + ended.err


def test_a_token_comes_from_the_environment_or_a_file(
    perpulse: Perpulse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "token").write_text("100000001:MARKER-no-real-token-0123456789abcdef\n", encoding="utf-8")
    (tmp_path / "config.toml").write_text("[telegram]\ntoken_file = 'token'", encoding="utf-8")
    assert "a token is set" in perpulse("check-config").out
    (tmp_path / "config.toml").unlink()
    assert "no token" in perpulse("check-config").out
    monkeypatch.setenv("PERPULSE_TELEGRAM__TOKEN", "100000001:MARKER-no-real-token-0123456789abcdef")
    ended = perpulse("check-config")
    assert "a token is set" in ended.out
    assert "MARKER" not in ended.out + ended.err


def test_the_environment_is_read_without_a_config_file(perpulse: Perpulse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERPULSE_ASSETS", '["eth"]')
    monkeypatch.setenv("PERPULSE_DATABASE", "other.db")
    out = perpulse("check-config").out
    assert "assets: ETH" in out
    assert "database: other.db" in out
    assert perpulse("say", "/liq 3000 25x long").out.startswith("ETH long 25x from 3,000")
