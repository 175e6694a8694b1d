from __future__ import annotations

import asyncio
import json
from collections import namedtuple
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from bot.cli import doctor
from bot.cli.doctor import examine
from bot.cli.examining import machine, stored
from bot.config import load
from bot.processes.roles import ROLES
from storage.alerts.sending import rests
from storage.engine.database import Store
from storage.engine.sharing import leases
from storage.people import destinations
from tests.fakes.bot_api import TOKEN, BotApi
from tests.fakes.exchange import FakeExchange

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from bot.cli.examining.examined import Examined
    from bot.processes.roles import Role
    from tests.bot.commandline import Perpulse

SECOND = "100000002:MARKER-no-real-token-0123456789abcdef"
NOW = datetime(2026, 1, 5, tzinfo=UTC)


class House:
    """A folder with a config.toml whose exchange and Bot API are fakes of this machine."""

    def __init__(self, folder: Path, exchange: FakeExchange, telegram: BotApi) -> None:
        self.folder, self.exchange, self.telegram = folder, exchange, telegram
        self.config = folder / "config.toml"
        self.config.write_text(
            f'assets = ["BTC"]\ndatabase = "{folder}/perpulse.db"\n[market]\nvenues = ["binance"]\noptions = false\n'
            f'fear_greed = false\nstablecoins = false\ntimeout_seconds = 10\nexchange_url = "{exchange.base_url}"\n'
            f'[telegram]\ntoken = "{TOKEN}"\nbase_url = "{telegram.base_url}"\n',
            encoding="utf-8",
        )
        self.config.chmod(0o600)

    @property
    def database(self) -> Path:
        return self.folder / "perpulse.db"

    def findings(self) -> dict[str, Examined]:
        settings = load(self.config)
        found = [machine.configuration(self.config, settings), *asyncio.run(examine(settings))]
        return {finding.check: finding for finding in found}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with FakeExchange().in_thread() as exchange, BotApi().in_thread() as telegram:
        assert isinstance(exchange, FakeExchange)
        assert isinstance(telegram, BotApi)
        yield House(tmp_path, exchange, telegram)


def readable_by_others(house: House, _: pytest.MonkeyPatch) -> None:
    house.config.chmod(0o644)


def token_refused(house: House, _: pytest.MonkeyPatch) -> None:
    house.telegram.revoked = True


def telegram_gone(house: House, _: pytest.MonkeyPatch) -> None:
    house.telegram.disturb("html", method="getMe", status=502)


def exchange_down(house: House, _: pytest.MonkeyPatch) -> None:
    house.exchange.faults = {"*": "unavailable"}


def exchange_blocks(house: House, _: pytest.MonkeyPatch) -> None:
    house.exchange.faults = {"*": "geo"}


def clock_behind(house: House, _: pytest.MonkeyPatch) -> None:
    house.exchange.clock = lambda: datetime.now(UTC) + timedelta(minutes=3)


def clock_ahead(house: House, _: pytest.MonkeyPatch) -> None:
    house.exchange.clock = lambda: datetime.now(UTC) - timedelta(minutes=3)


def no_database(house: House, _: pytest.MonkeyPatch) -> None:
    house.database.write_text("these are my notes and no database, and they shall stay as they are")


def disk_full(_: House, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")  # noqa: PYI024 - as shutil's own
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage(10**9, 10**9 - 10**6, 10**6))


def chat_without_rights(house: House, _: pytest.MonkeyPatch) -> None:
    store = Store(house.database)
    place = destinations.ensure(store, "telegram", "-77", None, kind="group", title="Traders", now=NOW)
    rests.rest(store, place.id, NOW + timedelta(hours=1), "I may not write there")
    store.close()


def port_taken(house: House, _: pytest.MonkeyPatch) -> None:
    text = house.config.read_text(encoding="utf-8")
    house.config.write_text(f'{text}[watch]\nlisten = "127.0.0.1:{house.telegram.port}"\n', encoding="utf-8")


MENDED = [
    pytest.param(port_taken, "listener", "/healthz cannot be at 127.0.0.1:", "another port", id="a port is taken"),
    pytest.param(readable_by_others, "config", "others may read it", "chmod 600", id="others read the token"),
    pytest.param(token_refused, "channel.telegram", "does not accept the bot's token", "", id="a token is refused"),
    pytest.param(telegram_gone, "channel.telegram", "Telegram", "", id="a platform is in trouble"),
    pytest.param(exchange_down, "source.binance", "Binance", "market.proxy", id="an exchange is down"),
    pytest.param(exchange_blocks, "source.binance", "Binance", "market.proxy", id="an exchange blocks this country"),
    pytest.param(clock_behind, "clock", "seconds behind", "timedatectl", id="the clock is slow"),
    pytest.param(clock_ahead, "clock", "seconds ahead of", "timedatectl", id="the clock is fast"),
    pytest.param(no_database, "database", "is damaged or no database", "", id="no database"),
    pytest.param(disk_full, "disk", "has 1 MB left", "Make room", id="a full disk"),
    pytest.param(chat_without_rights, "rights", "Telegram chat -77 (Traders) gets nothing", "right", id="no rights"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("befall", "check", "said", "todo"), MENDED)
def test_what_is_wrong_is_found_and_nothing_else(
    house: House,
    monkeypatch: pytest.MonkeyPatch,
    befall: Callable[[House, pytest.MonkeyPatch], None],
    check: str,
    said: str,
    todo: str,
) -> None:
    befall(house, monkeypatch)
    found = house.findings()
    assert [name for name, finding in found.items() if not finding.good] == [check]
    assert said in found[check].text
    assert todo in found[check].todo
    assert TOKEN not in found[check].text


def test_all_is_well(house: House) -> None:
    found = house.findings()
    assert not [finding for finding in found.values() if not finding.good]
    assert found["channel.telegram"].text == "Telegram accepts the token of @perpulse_bot"
    assert found["source.binance"].ms is not None
    assert "1 s" in found["clock"].text
    assert found["chats"].state == "open"


@pytest.mark.slow
def test_each_bot_has_its_own_line(house: House, perpulse: Perpulse) -> None:
    with BotApi(SECOND, username="alpha_bot").in_thread() as alpha:
        assert isinstance(alpha, BotApi)
        text = f'{house.config.read_text()}[telegram.bots.alpha]\ntoken = "{SECOND}"\nbase_url = "{alpha.base_url}"\n'
        house.config.write_text(text, encoding="utf-8")
        found = house.findings()
        assert not [finding for finding in found.values() if not finding.good]
        assert found["channel.telegram"].text == "Telegram accepts the token of @perpulse_bot"
        assert found["channel.telegram@alpha"].text == "Telegram (alpha) accepts the token of @alpha_bot"
        checks = [finding.check for finding in asyncio.run(examine(load(house.config)))]
        assert len(set(checks)) == len(checks), "a library of two bots is looked at once"
        alpha.revoked = True
        [bad] = [finding for finding in house.findings().values() if not finding.good]
        assert bad.text.startswith("Telegram (alpha): Telegram does not accept the bot's token.")
        assert "MARKER" not in perpulse("doctor", "--config", str(house.config)).out


@pytest.mark.slow
def test_chats_of_a_bot_that_is_not_set_any_more_are_told_of(house: House) -> None:
    store = Store(house.database)
    for bot in ("telegram", "telegram@old", "telegram@old", "discord", "terminal"):
        chat = str(len(destinations.everyone(store)) + 1)
        destinations.ensure(store, bot, chat, None, kind="private", title=None, now=NOW)
    store.close()
    settings = load(house.config)
    found = [one for one in asyncio.run(examine(settings)) if one.check == "bots"]
    assert [(one.state, one.text, one.todo) for one in found] == [
        (
            "open", "2 chats of Telegram (old) cannot be told anything: that bot is not set",
            "Give it its token again: telegram.bots.old.token",
        ),
        (
            "open", "1 chat of Discord cannot be told anything: that bot is not set",
            "Give it its token again: discord.token",
        ),
    ]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(
    ("configured", "running", "nobody"),
    [
        pytest.param(ROLES, [], [], id="none runs, and it would take all"),
        pytest.param(("collect", "send", "answer"), [], ["judge"], id="none runs, and it would not judge"),
        pytest.param(ROLES, ["collect", "send,answer"], ["judge"], id="those that run do not judge"),
        pytest.param(("judge",), ["collect", "send,answer,judge"], [], id="those that run take all"),
    ],
)
def test_roles_that_nobody_takes_part_in_are_named(
    house: House, configured: tuple[Role, ...], running: list[str], nobody: list[str]
) -> None:
    settings = load(house.config).model_copy(update={"roles": configured})
    with closing(Store(settings.database)) as store:
        for number, roles in enumerate(running):
            leases.begin(store, f"elsewhere {number} 1", roles.split(","), datetime.now(UTC))
        found = [finding for finding in stored.database(store, settings) if finding.check == "roles"]
    assert [(finding.state, finding.text.partition("--role ")[2]) for finding in found] == [
        ("open", role) for role in nobody
    ]


def test_json_is_one_object_a_line(house: House, perpulse: Perpulse, monkeypatch: pytest.MonkeyPatch) -> None:
    async def drawn(_: object) -> Examined:
        return machine.Examined("pictures", "good", "pictures are drawn")

    monkeypatch.setattr(machine, "pictures", drawn)
    ended = perpulse("doctor", "--json", "--config", str(house.config))
    assert (ended.code, ended.err) == (0, "")
    lines: list[dict[str, Any]] = [json.loads(line) for line in ended.out.splitlines()]
    assert all(list(line) == ["check", "state", "text", "todo", "ms"] for line in lines)
    assert {"config", "python", "disk", "database", "source.binance", "clock", "channel.telegram", "pictures"} <= {
        line["check"] for line in lines
    }
    house.telegram.revoked = True
    ended = perpulse("doctor", "--config", str(house.config))
    assert ended.code == 1
    assert "\n✗ Telegram: " in ended.out
    assert TOKEN not in ended.out


def test_a_screen_that_knows_no_marks_is_told_in_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    finding = machine.Examined("config", "mend", "it is wrong", "mend it", ms=1200)
    assert doctor.line(finding) == "✗ it is wrong, in 1,200 ms\n  mend it"
    monkeypatch.setattr("sys.stdout", type("Screen", (), {"encoding": "ascii"}))
    assert doctor.line(finding) == "MEND it is wrong, in 1,200 ms\n     mend it"


@pytest.mark.slow
async def test_a_picture_is_drawn() -> None:
    finding = await machine.pictures(NOW)
    assert finding.state == "good", finding
