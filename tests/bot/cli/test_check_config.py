from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bot.config import load

if TYPE_CHECKING:
    from pathlib import Path

    from tests.bot.commandline import Perpulse

MARKED = "100000001:MARKER-no-real-token-0123456789abcdef"
BOT = f"[telegram]\ntoken = '{MARKED}'\n"
BOTS = f"[telegram.bots.{{}}]\ntoken = '{MARKED}'\n"


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
        pytest.param("assets = ['../x']", "assets, number 1:", id="no asset's name"),
        pytest.param("[market]\ntimeout_seconds = 'soon'", "timeout_seconds: write a number, like 10", id="no number"),
        pytest.param("[market]\ntimeout_seconds = nan", "timeout_seconds: write a number, like 10", id="nan"),
        pytest.param("[telegram]\ntoken = 5", "telegram.token: write a text in quotes", id="a token of another kind"),
        pytest.param("[telegram]\ntoken_file = '/dev/zero'", "/dev/zero is no regular file", id="a file without end"),
        pytest.param(
            "database = 'postgresql://root:MARKER@MARKER@host/db'", "database: the address of the server", id="an @"
        ),
        pytest.param("database = 'postgresql://root:x/MARKER@host/db'", "/ as %2F", id="a / in a password"),
        pytest.param("database = 'postgresql://root:MARKER@host:99999/db'", "from 1 to 65535", id="no port"),
        pytest.param("database = ':memory:'", "database: write the path of a file", id="a database nowhere"),
        pytest.param("[market]\nvenues = ['OKEx', 'okx']", "market.venues: each venue once", id="one venue twice"),
        pytest.param("[market]\nvenues = ['mtgox']", "market.venues", id="unknown venue"),
        pytest.param("[telegram]\ntoken_file = 'none.txt'", "none.txt cannot be read", id="missing token file"),
        pytest.param("[telegram]\ntoken = 'a'\ntoken_file = 'b'", "not both", id="two tokens"),
        pytest.param(
            "[access]\nowners = ['telegram:ann']", "access.owners, number 1: write each as", id="a name for an id"
        ),
        pytest.param(
            "[access]\nowners = ['telegram:-5']", "access.owners, number 1: that is a group: a pers", id="a group owns"
        ),
        pytest.param(
            "[access]\npeople = ['telegram:-5']", "access.people, number 1: that is a group", id="a group as a person"
        ),
        pytest.param(
            "[access]\nowners = ['12345']", "access.owners, number 1: write each as", id="an id without a platform"
        ),
        pytest.param(
            "[access]\nowners = ['telegram@alpha:5']",
            "access.owners, number 1: it holds for every bot of a platform: write telegram, without a bot's name",
            id="a person of one bot",
        ),
        pytest.param(
            BOTS.format("Alpha"), "telegram.bots: name a bot with lower-case letters", id="a name in capitals"
        ),
        pytest.param(BOTS.format("a" * 21), "telegram.bots: name a bot with lower-case", id="too long a name"),
        pytest.param(BOTS.format('"1:MARKER"'), "telegram.bots: name a bot with", id="a token for a name"),
        pytest.param(
            f"[telegram.bots]\nalpha = '{MARKED}'",
            "telegram.bots.alpha is a section: set its keys, as token "
            "under [telegram.bots.alpha] or PERPULSE_TELEGRAM__BOTS__ALPHA__TOKEN",
            id="a token for a section",
        ),
        pytest.param(
            f"[telegram]\nbots = '{MARKED}'",
            "telegram.bots: give each bot a section of its own, like [telegram.bots.alpha]",
            id="a token for bots",
        ),
        pytest.param("[telegram.bots.alpha]", "telegram.bots: give alpha a token or a token_file", id="no token"),
        pytest.param(
            BOTS.format("alpha") + "tokn = 'x'",
            "unknown key 'telegram.bots.alpha.tokn'. Did you mean 'token'",
            id="unknown key of a bot",
        ),
        pytest.param("[telegram.bots.alpha]\ntoken = 'MARKER'", "telegram.bots.alpha.token is no token", id="no bot's"),
        pytest.param(
            "[telegram.bots.alpha]\ntoken_file = 'none.txt'",
            "telegram.bots.alpha.token_file: none.txt cannot",
            id="a bot's missing token file",
        ),
        pytest.param(
            BOTS.format("alpha") + f"[telegram.bots.alpha.bots.beta]\ntoken = '{MARKED}'",
            "bots is set in [telegram] alone, and not for alpha",
            id="bots of a bot",
        ),
        pytest.param(
            f"[telegram]\ntoken = '{MARKED}'\n" + BOTS.format("alpha"),
            "telegram and telegram.bots.alpha have the same token. Give each bot its own.",
            id="one bot twice",
        ),
        pytest.param(
            BOTS.format("beta") + BOTS.format("alpha"),
            "telegram.bots.beta and telegram.bots.alpha have the same token",
            id="one further bot twice",
        ),
        pytest.param(
            "[discord.bots.alpha]\ntoken_file = 'x'\n[discord.bots.alpha.webhooks.a]\nurl = 'https://x/MARKER'",
            "webhooks is set in [discord] alone, and not for alpha",
            id="webhooks of a bot",
        ),
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


def test_the_password_of_a_server_is_shown_nowhere(perpulse: Perpulse, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("database = 'postgresql://root:MARKER%40@host/db'", encoding="utf-8")
    out = perpulse("check-config").out
    assert "database: postgresql://root@host/db\n" in out
    settings = load(tmp_path / "config.toml")
    assert "MARKER" not in repr(settings) + settings.model_dump_json() + str(settings.model_dump()) + out


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


def test_each_bot_has_its_line_and_takes_over_what_it_does_not_say(
    perpulse: Perpulse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One token stands in the file, one in the environment beside a key of the file, one in a file of its own."""
    (tmp_path / "gamma").write_text(f"{MARKED[:-1]}g\n", encoding="utf-8")
    (tmp_path / "config.toml").write_text(
        f"[telegram]\ntoken = '{MARKED}'\nbase_url = 'http://localhost:1/bot'\nproxy = 'http://localhost:2'\n"
        "[telegram.bots.beta-2]\nproxy = ''\n[telegram.bots.gamma]\ntoken_file = 'gamma'\n"
        "base_url = 'http://localhost:3/bot'\n",
        encoding="utf-8",
    )
    monkeypatch.setenv("PERPULSE_TELEGRAM__BOTS__BETA-2__TOKEN", f"{MARKED[:-1]}b")
    ended = perpulse("check-config")
    assert ended.code == 0, ended.err
    said = ["Telegram: a token is set", "Telegram (beta-2): a token is set", "Telegram (gamma): a token is set"]
    assert [line for line in ended.out.splitlines() if line.startswith("Telegram")] == said
    settings = load(tmp_path / "config.toml")
    bots = {bot.word: bot for bot in settings.speaking()}
    assert {word: (bot.base_url, bot.proxy) for word, bot in bots.items()} == {  # type: ignore[attr-defined]
        "telegram": ("http://localhost:1/bot", "http://localhost:2"),
        "telegram@beta-2": ("http://localhost:1/bot", None),
        "telegram@gamma": ("http://localhost:3/bot", "http://localhost:2"),
    }
    assert {secret[-1] for secret in settings.secrets()} == {"f", "b", "g"}
    assert "MARKER" not in repr(settings) + repr(bots) + settings.model_dump_json() + ended.out


def test_a_further_bot_speaks_where_the_first_one_has_no_token(perpulse: Perpulse, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(BOTS.format("alpha"), encoding="utf-8")
    out = perpulse("check-config").out
    assert "Telegram: no token, so perpulse speaks in Telegram (alpha)" in out
    assert "Telegram (alpha): a token is set" in out


def test_webhooks_are_told_by_one_bot_alone(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(
        "[discord]\npublish = true\nwebhooks = { a = { url = 'https://discord.com/api/webhooks/12345/MARKER' } }\n"
        f"[discord.bots.alpha]\ntoken = '{'x' * 24}.xxxxxx.{'x' * 38}'\n",
        encoding="utf-8",
    )
    first, alpha = load(file).discord.every()  # type: ignore[attr-defined]
    assert (list(first.webhooks), list(alpha.webhooks)) == (["a"], [])
    assert alpha.publish


NOBODY = "; nothing here goes by it. Name one like http://host:port, or unset"


@pytest.mark.parametrize(
    ("written", "env", "said"),
    [
        pytest.param("", {"ALL_PROXY": "socks5://me:MARKER@h:1"}, NOBODY, id="by nobody"),
        pytest.param(BOT, {"ALL_PROXY": "socks5://me:MARKER@h:1"}, "Telegram cannot be reached: what", id="socks"),
        pytest.param(BOT, {"https_proxy": "socks5h://h:1"}, "or set telegram.proxy.", id="for https alone"),
        pytest.param(BOT, {"HTTPS_PROXY": "http://h:1"}, "", id="one that can be"),
        pytest.param(BOT, {"ALL_PROXY": "socks5://h:1", "no_proxy": "telegram.org"}, "", id="not for Telegram"),
        pytest.param(f"{BOT}proxy = 'http://h:2'\n", {"ALL_PROXY": "socks5://h:1"}, NOBODY, id="one is set"),
    ],
)
def test_a_proxy_of_the_environment_that_can_be_none_is_named(
    perpulse: Perpulse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str, env: dict[str, str], said: str
) -> None:
    for name, value in ({"NO_PROXY": "", "no_proxy": "", "HTTPS_PROXY": "", "https_proxy": ""} | env).items():
        monkeypatch.setenv(name, value)
    (tmp_path / "config.toml").write_text(f"assets = ['BTC']\n{written}", encoding="utf-8")
    ended = perpulse("check-config")
    assert (ended.code, "MARKER" in ended.out) == (0, False)
    assert ("proxy" in ended.out.lower()) == bool(said)
    assert said in ended.out
