from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

import pytest
import typer

from bot.cli import init
from bot.cli.setting_up import written
from bot.config import example
from handlers.command import Refused
from tests.bot.commandline import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from bot.cli.examining.examined import Examined
    from tests.bot.commandline import Perpulse


def test_the_example_in_the_checkout_is_the_generated_one() -> None:
    assert (ROOT / "config.example.toml").read_text(encoding="utf-8") == example()


def test_init_writes_what_check_config_accepts(perpulse: Perpulse, tmp_path: Path) -> None:
    assert perpulse("init").code == 0
    assert (tmp_path / "config.toml").read_text(encoding="utf-8") == example()
    assert (tmp_path / "config.toml").stat().st_mode & 0o077 == 0, "a token will stand in it"
    ended = perpulse("check-config")
    assert (ended.code, ended.err) == (0, "")
    assert "Telegram: no token, so perpulse speaks in this terminal" in ended.out
    assert "The configuration is in order." in ended.out
    assert "exists and is left alone" in perpulse("init").refusal
    assert "cannot be written" in perpulse("init", "config.toml/inside").refusal


class Answering:
    """A screen at which somebody answers yes or no, and is asked nothing else."""

    def __init__(self, *answers: bool) -> None:
        self.said: list[str] = []
        self._answers = list(answers)

    def say(self, text: str = "") -> None:
        self.said.append(text)

    def show(self, finding: Examined) -> None:
        self.said.append(str(finding))

    def ask(self, question: str, usual: str = "") -> str:
        raise AssertionError(question)

    def ask_hidden(self, question: str) -> str:
        raise AssertionError(question)

    def ask_whether(self, question: str, *, usual: bool) -> bool:
        self.said.append(question)
        return self._answers.pop(0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("asets = 5\n", "unknown key 'asets'. Did you mean 'assets'?", id="a config that is none"),
        pytest.param('assets = ["SOL"]\n', "is kept as", id="a good one"),
    ],
)
def test_a_file_that_is_there_is_touched_only_by_consent(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "config.toml"
    file.write_text(text, encoding="utf-8")
    screen = Answering(False)
    with pytest.raises(typer.Exit) as ended:
        init._converse(file, screen)
    assert ended.value.exit_code == 130
    assert any(said in line for line in screen.said)
    assert file.read_text(encoding="utf-8") == text
    assert [path.name for path in tmp_path.iterdir()] == ["config.toml"]


EXAMPLE = """# top
assets = ["BTC"]  # what

[discord]
# token = ""  # of Discord

[telegram]
# token = ""  # of Telegram
"""


@pytest.mark.parametrize(
    ("text", "values", "came"),
    [
        pytest.param(
            EXAMPLE, {("assets",): ("ETH", "SOL")}, EXAMPLE.replace('["BTC"]', '["ETH", "SOL"]'), id="a value"
        ),
        pytest.param(
            EXAMPLE, {("telegram", "token"): "a"}, EXAMPLE.replace('# token = ""  # of T', 'token = "a"  # of T'),
            id="a comment of the section that is meant",
        ),
        pytest.param("", {("telegram", "token"): "a"}, '[telegram]\ntoken = "a"\n', id="nothing is there"),
        pytest.param("a = 1", {("b",): 'x"\n\\'}, 'a = 1\nb = "x\\"\\n\\\\"\n', id="what a string must not hold"),
        pytest.param(
            "[a]\n# b = 1\nb = 2 # two\n", {("a", "b"): 3}, "[a]\n# b = 1\nb = 3 # two\n", id="a comment and a value"
        ),
        pytest.param("[a]\r\nb = 2\r\n", {("a", "b"): 3}, "[a]\r\nb = 3\r\n", id="lines of Windows"),
    ],
)  # fmt: skip
def test_values_are_set_and_all_else_stays(text: str, values: dict[tuple[str, ...], Any], came: str) -> None:
    found = written.with_values(text, values)
    assert found == came
    assert tomllib.loads(found)


def test_the_whole_example_may_be_set(tmp_path: Path) -> None:
    found = written.with_values(example(), {("telegram", "token"): "a", ("access", "owners"): ("telegram:7",)})
    changed = [pair for pair in zip(example().splitlines(), found.splitlines(), strict=True) if pair[0] != pair[1]]
    assert len(changed) == 2


def test_a_file_that_cannot_be_written_stays_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "config.toml"
    file.write_text("a = 1\n", encoding="utf-8")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(Refused, match="No space left on device"):
        written.write(file, "a = 2\n")
    assert file.read_text(encoding="utf-8") == "a = 1\n"
    assert [path.name for path in tmp_path.iterdir()] == ["config.toml"]


def test_what_is_there_is_read_as_every_command_reads_it(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text("assets = ['BTC']\n", encoding="utf-8-sig")
    assert init._there(file) == "assets = ['BTC']\n"
    file.write_text("assets = ['BTC']\n", encoding="utf-16")
    with pytest.raises(Refused, match=r"in UTF-16\. Save it as UTF-8"):
        init._there(file)


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real.toml").write_text("a = 1\n", encoding="utf-8")
    (tmp_path / "config.toml").symlink_to("real.toml")
    assert written.write(tmp_path / "config.toml", "a = 2\n") == tmp_path / "real.toml.bak"
    assert (tmp_path / "config.toml").is_symlink()
    assert (tmp_path / "real.toml").read_text(encoding="utf-8") == "a = 2\n"
