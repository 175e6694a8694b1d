"""What holds for the section of every channel, and for what is told of it."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import pytest
from pydantic import SecretStr, ValidationError

from handlers import channels
from handlers.channels.channel import Outside
from handlers.channels.config import ChannelConfig, running, sections
from handlers.channels.local import local
from handlers.command import Refused

if TYPE_CHECKING:
    from handlers.channels.channel import Channel

TOKENS = {"telegram": "1:" + "x" * 30, "discord": "x" * 24 + ".xxxxxx." + "x" * 38}
FOLDERS = sorted(file.parent.name for file in Path(channels.__path__[0]).glob("*/__init__.py"))


class Pair(ChannelConfig):
    """A section with a secret."""

    key: SecretStr | None = None
    key_file: Path | None = None
    other: SecretStr | None = None
    title: ClassVar[str] = "Pair"

    def runs(self, *, alone: bool) -> bool:
        return bool(self.secret("key"))

    def make(self, outside: Outside) -> Channel:
        raise NotImplementedError


class Stopgap(Pair):
    """A section that runs where nothing else does."""

    def runs(self, *, alone: bool) -> bool:
        return alone


def test_every_folder_is_found_under_its_own_name() -> None:
    assert len(FOLDERS) >= 2
    assert sorted(sections()) == FOLDERS
    assert {name: section.platform() for name, section in sections().items()} == {name: name for name in FOLDERS}


@pytest.mark.parametrize("name", FOLDERS)
def test_a_section_explains_itself_and_works_with_its_defaults(name: str) -> None:
    section = sections()[name]
    assert section.title
    assert section.__doc__
    assert "\n" not in section.__doc__, "it is one comment in config.example.toml"
    assert all(field.description for field in section.model_fields.values())
    for shape in section.secret_shapes:
        assert re.compile(shape).groups == 0, "groups are the log's own"
    assert section().secrets() == ()


def test_without_any_setting_somebody_is_spoken_to() -> None:
    speaking = running(section() for section in sections().values())
    assert [section.platform() for section in speaking] == [local().asker.platform]


@pytest.mark.parametrize(
    ("set_up", "expected"),
    [
        pytest.param([Pair(), Stopgap()], [Stopgap()], id="nothing is set"),
        pytest.param([Pair(key="abc"), Stopgap()], [Pair(key="abc")], id="one is set"),
        pytest.param([Pair(key="abc"), Pair(key="d"), Stopgap()], [Pair(key="abc"), Pair(key="d")], id="two are"),
    ],
)
def test_those_run_that_are_set_up_or_else_the_stopgap(
    set_up: list[ChannelConfig], expected: list[ChannelConfig]
) -> None:
    assert running(set_up) == tuple(expected)


def test_a_secret_comes_from_the_section_or_a_file_and_both_are_kept_out_of_the_log(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("from-a-file\n", encoding="utf-8")
    assert Pair(key="given", other="another").secrets() == ("given", "another")
    assert Pair(key_file=file).secrets() == ("from-a-file",)
    assert "from-a-file" not in repr(Pair(key_file=file).secret("key"))
    with pytest.raises(ValidationError, match="give key or key_file, not both"):
        Pair(key="given", key_file=file)


@pytest.mark.parametrize(
    ("content", "why"),
    [pytest.param(None, "No such file", id="missing"), pytest.param(b"\xff\xfe", "not a text", id="no text")],
)
def test_a_file_that_cannot_be_read_is_said(tmp_path: Path, content: bytes | None, why: str) -> None:
    file = tmp_path / "key"
    if content:
        file.write_bytes(content)
    with pytest.raises(Refused, match=rf"key_file: .*key .*{why}"):
        Pair(key_file=file).secret("key")


@pytest.mark.parametrize("name", FOLDERS)
def test_a_channel_that_was_never_started_can_be_stopped_twice(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = {"token": SecretStr(TOKENS[name])} if "token" in sections()[name].model_fields else {}

    async def twice() -> None:
        channel = sections()[name](**secret).make(Outside())
        assert channel.platform == name
        await channel.stop()
        await channel.stop()

    asyncio.run(twice())


@pytest.mark.parametrize("name", sorted(TOKENS))
def test_a_further_bot_is_a_channel_of_its_own(name: str) -> None:
    other = TOKENS[name][:-1] + "y"
    section = sections()[name](token=SecretStr(TOKENS[name]), bots={"alpha": {"token": other}})

    async def words() -> list[str]:
        made = [bot.make(Outside()) for bot in section.every()]
        for channel in made:
            await channel.stop()
        return [channel.platform for channel in made]

    assert asyncio.run(words()) == [name, f"{name}@alpha"]
    assert [bot.secrets() for bot in section.every()] == [(TOKENS[name],), (other,)]
    assert [bot.called for bot in section.every()] == [section.title, f"{section.title} (alpha)"]
    assert TOKENS[name] not in repr(section.every())
    assert other not in repr(section.every())
