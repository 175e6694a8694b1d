"""No secret in anything that perpulse writes: not in the log at its loudest, not in a repr, not in the database."""

from __future__ import annotations

import asyncio
import logging
import warnings
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
import structlog
from pydantic import SecretStr

from bot import log
from bot.app import build
from bot.clock import SystemClock
from bot.config import Config
from bot.delivery.dispatcher import Dispatcher
from handlers.answer import Answer
from handlers.channels.failure import TokenRefused
from handlers.channels.telegram.channel import Telegram, Timeouts
from handlers.channels.telegram.config import TelegramConfig
from storage.alerts import outbox
from storage.alerts.outbox import Notice
from storage.engine.database import Store
from storage.people import destinations
from tests.fakes.bot_api import TOKEN, BotApi
from tests.fakes.notices import ready

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NUMBER, SECRET = TOKEN.split(":")
HOOK = "https://discord.com/api/webhooks/123/MARKER-hook-9f8e7d"


@pytest.fixture(autouse=True)
def _quiet_again() -> Iterator[None]:
    """Take back what set_up did to the loggers of libraries and to warnings."""
    logging.captureWarnings(False)  # another test may have left it on
    levels = {name: logging.getLogger(name).level for name in (*log.talkers(), "apscheduler")}
    yield
    logging.captureWarnings(False)
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(f"POST https://api.telegram.org/bot{TOKEN}/sendMessage", id="a Bot API url"),
        pytest.param(f"token={TOKEN}", id="as an argument"),
        pytest.param(f"Bot[token={TOKEN}]", id="a repr"),
        pytest.param("https://x.invalid/a?timestamp=1&signature=MARKER-sig&b=1", id="a signed query"),
        pytest.param("{'X-MBX-APIKEY': 'MARKER-key'}", id="a header"),
        pytest.param('{"apiKey": "MARKER-key", "secret": "MARKER-key2"}', id="a config of ccxt"),
        pytest.param(f"posting to {HOOK}", id="a webhook"),
        pytest.param("no postgresql://root:MARKER@MARKER-2/MARKER?@host/db here", id="an address of a server"),
        pytest.param("no postgresql:/root:MARKER@host/db", id="such an address, read as a path"),
        pytest.param("Cannot connect to http://root:MARKER@MARKER-2@proxy:8080/x", id="a proxy"),
        pytest.param("wss://MARKER-key@host/x", id="a key before a host"),
        pytest.param("postgresql://host/db?user=root&password=MARKER&sslmode=require", id="a password in a query"),
        pytest.param("the proxy MARKER-proxy-word is down", id="a value given to be kept secret"),
    ],
)
def test_secrets_are_known_by_their_shape_or_by_name(said: str) -> None:
    redact = log.Redactor(["MARKER-proxy-word", "x"])  # a secret of one letter would black out everything
    assert "MARKER" not in redact(said)
    assert log.MASK in redact(said)
    for plain in (
        "BTC 95,000 at 12:30:15, 30 % of x",
        "https://host/users/@me",
        "postgresql://root@host/db refuses the password: correct it",
    ):
        assert redact(plain) == plain


def broken() -> None:
    raise ValueError(f"cannot use {TOKEN}")


@pytest.mark.parametrize("debug", [False, True])
def test_every_way_into_the_log_is_covered(capsys: pytest.CaptureFixture[str], debug: bool) -> None:
    ours, library = structlog.get_logger("ours"), logging.getLogger("a.library")
    log.set_up(debug=debug, secrets=[TOKEN])
    ours.warning("a text", token=TOKEN, nested={"deep": [TOKEN]})
    library.warning("as %s and %r", TOKEN, {"url": f"/bot{TOKEN}/getMe"})
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn(f"careless {TOKEN}", stacklevel=1)
    try:
        broken()
    except ValueError:
        ours.exception("ours")
        library.exception("theirs")
        library.error("with a stack", stack_info=True)
    said = capsys.readouterr()
    assert said.out == ""
    assert SECRET not in said.err
    for phrase in ("a text", "as ", "careless", "ours", "theirs", "cannot use", "with a stack"):
        assert phrase in said.err, f"{phrase!r} is not in the log at all"


async def test_an_error_of_a_task_nobody_awaited_shows_no_secret(capsys: pytest.CaptureFixture[str]) -> None:
    log.set_up(secrets=[TOKEN])
    try:
        broken()
    except ValueError as error:
        asyncio.get_running_loop().call_exception_handler({"message": "a task failed", "exception": error})
    said = capsys.readouterr().err
    assert "a task failed" in said
    assert "cannot use" in said
    assert SECRET not in said


@pytest.mark.slow
async def test_a_broadcast_with_every_kind_of_trouble_tells_nothing(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Everything at DEBUG, the talkative libraries too, and errors of each kind on the way."""
    log.set_up(debug=True, secrets=[TOKEN])
    for name in log.talkers():
        logging.getLogger(name).setLevel(logging.DEBUG)
    store, now = Store(tmp_path / "perpulse.db"), datetime.now(UTC)
    reprs: list[str] = []

    async def nobody(*_: object) -> Answer:
        return Answer(())

    async with BotApi() as fake:
        quick = Timeouts(connect=0.5, read=0.1, whole=0.5)
        config = TelegramConfig(token=SecretStr(TOKEN), base_url=fake.base_url)
        telegram = Telegram(config, timeouts=quick)
        await telegram.start(nobody)
        with store.write() as connection:
            for number in range(1, 8):
                fake.chat(number)
                one = destinations.ensure(store, "telegram", str(number), None, kind="private", title=None, now=now)
                destinations.subscribe(store, one.id, "*", "*")
            told = ready("news")
            notice = Notice("fired", "notice", now, told, None, "watch", "BTC")
            outbox.announce(connection, notice, now=now, expires=now + timedelta(hours=1))
        fake.lose(2, announce=False)
        fake.disturb("lost", chat=1)
        fake.disturb("status", chat=3, status=502, text="Bad Gateway")
        fake.disturb("html", chat=4)
        fake.disturb("delay", chat=5, seconds=0.15)
        fake.disturb("flood", chat=6, seconds=1)
        dispatcher = Dispatcher(store, [telegram], SystemClock())
        dispatcher.start()
        sending = asyncio.create_task(dispatcher.run())
        await fake.until(lambda: fake.counts()["sendMessage"] >= 5)
        fake.revoked = True  # the library quotes the token in this error
        dispatcher.poke()
        await fake.until(lambda: dispatcher.platforms["telegram"].trouble.halted)
        reprs += [
            repr(telegram),
            repr(dispatcher),
            repr(dispatcher.platforms),
            str(dispatcher.platforms["telegram"].trouble.halted),
        ]
        dispatcher.stop()
        await sending
        another = Telegram(config, timeouts=quick)
        with pytest.raises(TokenRefused) as refused:
            await another.start(nobody)
        await another.stop()
        reprs += [str(refused.value), repr(refused.value)]
        await telegram.stop()
    store.close()
    said = capsys.readouterr()
    assert "/bot***" in said.err  # the address is in the log, without what is secret in it
    assert "sendMessage" in said.err
    assert SECRET not in said.err + said.out + "".join(reprs)
    assert not [content for content in files_in(tmp_path) if SECRET.encode() in content]


def files_in(folder: Path) -> list[bytes]:
    found = [path.read_bytes() for path in folder.iterdir()]
    assert found
    return found


def test_neither_the_app_nor_its_configuration_shows_the_token(tmp_path: Path) -> None:
    config = Config(telegram={"token": TOKEN}, database=tmp_path / "perpulse.db")  # type: ignore[arg-type]
    app = build(config)
    try:
        (telegram,) = app.channels
        for part in (
            config,
            app,
            telegram,
            app.dispatcher,
            app.collector,
            config.model_dump(),
            config.model_dump_json(),
        ):
            assert SECRET not in repr(part) + str(part)
    finally:
        app.renderer.close()
        app.store.close()
    assert not (tmp_path / "perpulse.db").exists()


@pytest.mark.parametrize("debug", [pytest.param(False, id="plain"), pytest.param(True, id="debug")])
def test_a_library_that_says_it_in_one_line_shows_its_insides_in_debug_only(
    capsys: pytest.CaptureFixture[str], debug: bool
) -> None:
    log.set_up(debug=debug)
    for name in ("telegram.ext", "bot.delivery.dispatcher"):
        logging.getLogger(name).error("it went wrong", exc_info=ValueError(name))
    said = capsys.readouterr().err
    assert said.count("it went wrong") == 2
    assert ("ValueError: telegram.ext" in said) is debug
    assert "ValueError: bot.delivery.dispatcher" in said, "our own defects are shown whole"


def test_a_line_is_a_sentence_and_what_belongs_to_it(capsys: pytest.CaptureFixture[str]) -> None:
    log.set_up()
    structlog.get_logger("bot.archive.backfill").warning("the file differs", file="a.zip", differing="3 of 9")
    logging.getLogger("apscheduler.scheduler").warning("Execution of job skipped: maximum number of running instances")
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith(" WARNING bot.archive.backfill: the file differs file=a.zip differing=3 of 9")


def test_what_is_not_logged_is_not_made_into_a_line() -> None:
    made = []

    class Told:
        def __str__(self) -> str:
            made.append(self)
            return "told"

    for debug in (False, True):
        log.set_up(debug=debug)
        structlog.get_logger("market").debug("asked", who=Told())
    assert len(made) == 1
