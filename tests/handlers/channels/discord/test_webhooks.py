"""Webhooks: where alerts go without a bot, and where a webhook may never lead."""

from __future__ import annotations

import logging
import socket
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver
from pydantic import SecretStr, ValidationError
from structlog.testing import capture_logs

from bot.log import Redactor
from handlers.answer import Answer
from handlers.channels.channel import Address, Outgoing, Outside
from handlers.channels.discord.config import DiscordConfig, Webhook
from handlers.channels.discord.webhooks import NotPublic, PublicResolver, Webhooks, is_public
from handlers.channels.failure import ChatGone, MessageRefused, PerhapsSent, Throttled, Unreached
from handlers.command import Refused
from handlers.reply import Button, Buttons, Line, Picture
from tests.fakes.discord_wire import HOOK_TOKEN
from tests.fakes.served import Served
from tests.handlers.channels.discord.desk import Desk, discord_at, drawn, nothing
from tests.storage import beside

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from handlers.command import Asker
    from tests.fakes.discord_wire import DiscordWire

TO = Address("webhook:alerts", kind="channel")
GOOD = "https://discord.com/api/webhooks/123456789012345678/" + "t" * 60
BLOCKS = (
    Line("News", "headline"),
    Line("@everyone <@&1>"),
    Picture({"id": "oi"}, "a chart"),
    Buttons((Button("Health", "/health btc"),)),
)


def hooked(fake: DiscordWire, outside: Outside | None = None, **more: Any) -> Any:
    """Make a channel of one webhook and no bot."""
    hook = {"url": fake.hook_url, "subscribe": "oi btc"} | more
    return discord_at(fake, outside, token=None, webhooks={"alerts": hook})


async def test_posts_and_edits_without_a_bot(fake: DiscordWire) -> None:
    discord = hooked(fake)
    await discord.start(nothing)
    number = await discord.send(TO, Outgoing(BLOCKS, rank="warning"))
    [shown] = fake.messages
    assert number == str(shown.id)
    assert (shown.embed["title"], shown.files) == ("News", ["chart.png"])
    assert shown.payload["allowed_mentions"] == {"parse": []}
    assert not shown.payload.get("components")
    await discord.edit(TO, number, Outgoing((Line("Over", "headline"),)))
    assert shown.embed["title"] == "Over"
    assert fake.sessions == []
    await discord.stop()


async def test_what_a_webhook_is_told_stands_in_the_configuration(fake: DiscordWire) -> None:
    kept: dict[str, str] = {}
    said: list[tuple[str, str]] = []

    async def answer(line: str, asker: Asker) -> Answer:
        said.append((line, asker.address.chat))
        return await nothing(line, asker)

    async def recall(name: str) -> str | None:
        return kept.get(name)

    async def remember(name: str, value: str) -> None:
        kept[name] = value

    outside = Outside(draw=drawn, recall=recall, remember=remember)
    for words, expected in (
        ("oi btc", ["/unsub", "/sub oi btc"]),
        ("oi btc", []),
        ("funding", ["/unsub", "/sub funding"]),
        ("", ["/unsub", "/sub"]),
    ):
        said.clear()
        discord = hooked(fake, outside, subscribe=words)
        await discord.start(answer)
        await discord.stop()
        assert said == [(line, "webhook:alerts") for line in expected]
    assert HOOK_TOKEN not in str(kept)


async def test_a_line_that_is_not_understood_is_a_warning_at_each_start(fake: DiscordWire) -> None:
    """Remembered as done, a slip of the pen would leave a webhook silent for ever."""
    kept: dict[str, str] = {}

    async def answer(line: str, asker: Asker) -> Answer:
        slip = line == "/sub nonsense"
        return Answer((Line("I do not know “nonsense”."),), refused=True) if slip else await nothing(line, asker)

    async def remember(name: str, value: str) -> None:
        kept[name] = value

    discord = hooked(fake, Outside(draw=drawn, remember=remember), subscribe="nonsense")
    with capture_logs() as logged:
        await discord.start(answer)
        await discord.stop()
    assert not kept
    told = str(logged)
    assert "its line is not understood" in told
    assert HOOK_TOKEN not in told


@pytest.mark.parametrize(
    ("trouble", "kind"),
    [
        pytest.param({"kind": "status", "status": 404, "code": 10015}, ChatGone, id="deleted"),
        pytest.param({"kind": "status", "status": 401, "code": 50027}, ChatGone, id="another token"),
        pytest.param({"kind": "status", "status": 400, "code": 50006}, MessageRefused, id="refused"),
        pytest.param({"kind": "flood", "seconds": 3}, Throttled, id="too fast"),
        pytest.param({"kind": "banned"}, Throttled, id="banned"),
        pytest.param({"kind": "status", "status": 503}, PerhapsSent, id="503, once and no more"),
        pytest.param({"kind": "status", "status": 500}, PerhapsSent, id="500, once and no more"),
        pytest.param({"kind": "lost"}, PerhapsSent, id="the answer is lost"),
    ],
)
async def test_what_goes_wrong(fake: DiscordWire, trouble: dict[str, Any], kind: type[Exception]) -> None:
    fake.disturb(where="POST webhooks/*", **trouble)
    discord = hooked(fake)
    with pytest.raises(kind) as caught:
        await discord.send(TO, Outgoing(BLOCKS))
    assert fake.counted("POST webhooks/*") == 1
    assert HOOK_TOKEN not in str(caught.value)
    await discord.stop()


async def test_a_webhook_that_was_taken_out_is_gone(fake: DiscordWire) -> None:
    discord = hooked(fake)
    with pytest.raises(ChatGone, match="not in the configuration"):
        await discord.send(Address("webhook:other"), Outgoing(BLOCKS))
    await discord.stop()


async def test_a_redirect_is_not_followed() -> None:
    class Elsewhere(Served):
        asked: list[str] = []  # noqa: RUF012 - of this one test

        def routes(self) -> Sequence[web.RouteDef]:
            return [web.route("*", "/{path:.*}", self._answer)]

        async def _answer(self, request: web.Request) -> web.Response:
            self.asked.append(request.path)
            return web.Response(status=307, headers={"Location": f"{self.base_url}/inside"})

    async with Elsewhere() as server:
        hooks = Webhooks({"alerts": SecretStr(f"{server.base_url}/hook")}, drawn, patience=2, guarded=False)
        with pytest.raises(MessageRefused):
            await hooks.send(TO.chat, Outgoing(BLOCKS))
        assert server.asked == ["/hook"]
        await hooks.close()


# -- where an address may lead ----------------------------------------------------------------------------------------

DANGEROUS = [
    "127.0.0.1",
    "127.8.9.1",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",  # noqa: S104 - not to be bound to
    "192.0.0.1",
    "192.0.2.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "fe80::1",
    "fc00::1",
    "fd00::1",
    "ff02::1",
    "fec0::1",
    "2001:db8::1",
    "::ffff:127.0.0.1",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "2002:7f00:1::",
    "2002:c0a8:101::1",
    "2001:0:0:0:0:0:80ff:fffe",
    "fe80::1%eth0",
    "nonsense",
]


@pytest.mark.parametrize("address", DANGEROUS)
def test_an_address_inside_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["162.159.128.233", "8.8.8.8", "2606:4700::6810:84e5", "::ffff:8.8.8.8"])
def test_an_address_outside_is_public(address: str) -> None:
    assert is_public(address)


class Told(AbstractResolver):
    """A resolver that answers as it is told, and otherwise the second time."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)

    async def resolve(self, host: str, port: int = 0, family: Any = socket.AF_INET) -> Any:
        said = self.answers.pop(0)
        return [{"hostname": host, "host": one, "port": port, "family": family, "proto": 0, "flags": 0} for one in said]

    async def close(self) -> None:
        """Close nothing."""


@pytest.mark.parametrize("answer", [["127.0.0.1"], ["8.8.8.8", "10.0.0.1"], ["fec0::1"]])
async def test_a_name_that_leads_inside_is_not_called(answer: list[str]) -> None:
    with pytest.raises(NotPublic):
        await PublicResolver(Told(answer)).resolve("discord.com", 443)


async def test_a_name_is_asked_for_once_and_what_was_checked_is_what_is_called() -> None:
    told = Told(["8.8.8.8"], ["127.0.0.1"])
    found = await PublicResolver(told).resolve("discord.com", 443)
    assert [one["host"] for one in found] == ["8.8.8.8"]
    assert len(told.answers) == 1


async def test_the_guard_stands_before_every_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """Discord's own name, if it led inside, would be called no more than another."""
    inside = Told(["127.0.0.1"])
    monkeypatch.setattr("handlers.channels.discord.webhooks.ThreadedResolver", lambda: inside)
    hooks = Webhooks({"alerts": SecretStr(GOOD)}, drawn, patience=2)
    with pytest.raises(Unreached):
        await hooks.send(TO.chat, Outgoing(BLOCKS))
    assert inside.answers == []
    await hooks.close()


BAD = [
    "http://discord.com/api/webhooks/123456789012345678/token",
    "https://example.com/api/webhooks/123456789012345678/token",
    "https://discord.com.example.com/api/webhooks/123456789012345678/token",
    "https://discord.com@example.com/api/webhooks/123456789012345678/token",
    "https://discord.com:8443/api/webhooks/123456789012345678/token",
    "https://discord.com/api/webhooks/../../evil",
    "https://discord.com/api/webhooks/123456789012345678/token?x=1",
    "https://discord.com/api/webhooks/123456789012345678/token/slack",
    "https://127.0.0.1/api/webhooks/123456789012345678/token",
    "https://0x7f.1/api/webhooks/123456789012345678/token",
    "https://discord.com\\@example.com/api/webhooks/123456789012345678/token",
    "ftp://discord.com/api/webhooks/123456789012345678/token",
    "",
]


@pytest.mark.parametrize("url", BAD)
def test_only_webhooks_of_discord_are_taken(url: str) -> None:
    with pytest.raises((Refused, ValidationError)) as caught:
        DiscordConfig(webhooks={"alerts": Webhook(url=SecretStr(url))}).addresses()
    assert "token/" not in str(caught.value)


@pytest.mark.parametrize(
    "url", [GOOD, GOOD.replace("discord.com", "canary.discord.com"), GOOD.replace("/api/", "/api/v10/")]
)
def test_webhooks_of_discord_are_taken_from_the_file_or_another(tmp_path: Path, url: str) -> None:
    file = tmp_path / "hook"
    file.write_text(f"{url}\n")
    config = DiscordConfig.model_validate({"webhooks": {"a": {"url": url}, "b": {"url_file": file}}})
    assert [address.get_secret_value() for address in config.addresses().values()] == [url, url]
    assert config.secrets() == (url, url)
    assert config.runs(alone=False)
    assert url not in repr(config)


def test_a_webhook_is_given_once(tmp_path: Path) -> None:
    for given in ({}, {"url": GOOD, "url_file": tmp_path / "x"}):
        with pytest.raises(ValidationError, match="one of them"):
            DiscordConfig.model_validate({"webhooks": {"a": given}})
    with pytest.raises(ValidationError, match="letters, digits"):
        DiscordConfig.model_validate({"webhooks": {"a b": {"url": GOOD}}})
    with pytest.raises(Refused, match="cannot be read"):
        DiscordConfig.model_validate({"webhooks": {"a": {"url_file": tmp_path / "none"}}}).addresses()


def test_no_secret_reaches_a_log() -> None:
    token = "MTIzNDU2Nzg5MDEyMzQ1Njc4.GaBcDe." + "x" * 38
    redact = Redactor()
    said = redact(f"POST {GOOD}?wait=true, Bot {token}, /interactions/123/{'a' * 80}/callback")
    assert "ttt" not in said
    assert token not in said
    assert "aaa" not in said


async def test_no_secret_is_stored(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "handlers")
    discord = hooked(desk.fake)
    await discord.start(nothing)
    await discord.send(TO, Outgoing(BLOCKS))
    await discord.stop()
    stored = [str(tuple(row)) for row in beside.rows(desk.store, "SELECT name, value FROM settings")]
    assert HOOK_TOKEN not in "".join(stored)
    assert HOOK_TOKEN not in caplog.text
