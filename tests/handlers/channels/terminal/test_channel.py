"""What a terminal shows, and what is typed there."""

from __future__ import annotations

import asyncio
import io
from typing import TYPE_CHECKING, Any

import pytest

from handlers.answer import Answer
from handlers.channels.channel import Outgoing, Outside
from handlers.channels.local import LocalChannel, local
from handlers.channels.terminal import channel as module
from handlers.channels.terminal.channel import Terminal
from handlers.command import Asker
from handlers.reply import Button, Buttons, Document, Line, Picture

if TYPE_CHECKING:
    from pathlib import Path

HERE = local().asker.address


@pytest.mark.parametrize(
    ("width", "longest"),
    [
        pytest.param(200, 64, id="wide: no wider than it reads well"),
        pytest.param(36, 36, id="a phone held upright"),
        pytest.param(8, 13, id="narrower than the words, which stay whole"),
    ],
)
def test_the_line_between_messages_fits_the_screen(width: int, longest: int) -> None:
    out = io.StringIO()
    Terminal(out=out, width=width).rule("message 1")
    assert max(len(line) for line in out.getvalue().splitlines()) == longest


def titles(out: io.StringIO) -> list[str]:
    return [line.strip("─ ") for line in out.getvalue().splitlines() if line.startswith("── ")]


async def test_messages_are_numbered_and_what_belongs_to_one_names_it() -> None:
    out = io.StringIO()
    terminal = Terminal(out=out, width=80)
    news = Outgoing((Line("BTC fell", "headline"), Buttons((Button("Chart", "/chart"),)), Picture({}, "a curve")))
    assert [await terminal.send(HERE, news) for _ in range(2)] == ["1", "2"]
    await terminal.edit(HERE, "1", news)
    await terminal.send(HERE, Outgoing((Line("over"),), reply_to="1"))
    assert titles(out) == ["message 1", "message 2", "message 1, edited", "reply to message 1"]
    assert "/chart" not in out.getvalue(), "in a terminal the commands are in /help"
    assert "a curve" not in out.getvalue()


@pytest.mark.parametrize("text", ["a\x1b[31mb", "a\x07b", "a\u202eb", "a\x9bb"])
def test_nothing_that_is_shown_commands_the_terminal(text: str) -> None:
    out = io.StringIO()
    Terminal(out=out, width=80).show([Line(text)])
    assert out.getvalue().strip().replace("[31m", "") == "ab"
    assert local().text((Line(text),)).replace("[31m", "") == "ab"


# --- commands ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> asyncio.Queue[str | None]:
    """Return a keyboard: what is put into it is typed."""
    lines: asyncio.Queue[str | None] = asyncio.Queue()
    monkeypatch.setattr(module, "read_line", lines.get)
    monkeypatch.setattr(module.sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("termios.tcgetattr", lambda _: [])
    monkeypatch.setattr("termios.tcsetattr", lambda *_: None)
    return lines


class Answering:
    """Answers each line with itself, and some with more to come."""

    def __init__(self, **answers: Answer) -> None:
        self.answers, self.asked = answers, list[tuple[str, Asker]]()

    async def __call__(self, line: str, asker: Asker) -> Answer:
        self.asked.append((line, asker))
        return self.answers.get(line) or Answer((Line(f"you said {line}"),))


async def until(condition: Any) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - what is waited for is a text
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("leaving", [None, "/quit", "EXIT", " q "])
async def test_whoever_leaves_ends_the_program(typed: asyncio.Queue[str | None], leaving: str | None) -> None:
    left, out, answering = asyncio.Event(), io.StringIO(), Answering()
    terminal = Terminal(Outside(leave=left.set), out=out, width=80)
    await terminal.start(answering)
    for line in ("/oi", "  ", leaving):
        typed.put_nowait(line)
    await asyncio.wait_for(left.wait(), 10)
    assert answering.asked == [("/oi", local().asker)]
    assert "you said /oi" in out.getvalue()
    await terminal.stop()


async def test_nobody_is_asked_where_nobody_can_type(
    typed: asyncio.Queue[str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module.sys.stdin, "isatty", lambda: False, raising=False)
    left = asyncio.Event()
    terminal = Terminal(Outside(leave=left.set))
    typed.put_nowait(None)
    await terminal.start(Answering())
    await asyncio.sleep(0.02)
    assert not left.is_set()
    await terminal.stop()


@pytest.mark.parametrize(
    ("piped", "asked"),
    [
        pytest.param("/oi\n\n /price \n", ["/oi", "/price"], id="two commands"),
        pytest.param("/oi", ["/oi"], id="a last line without an end"),
        pytest.param("/oi\n/quit\n/price\n", ["/oi"], id="leaving before the end"),
        pytest.param("", [], id="nothing"),
    ],
)
async def test_what_is_piped_in_is_answered_to_its_end(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], piped: str, asked: list[str]
) -> None:
    monkeypatch.setattr(module.sys, "stdin", io.StringIO(piped))
    out, answering = io.StringIO(), Answering()
    await asyncio.wait_for(Terminal(out=out, width=80).take_commands(answering), 10)
    assert [line.strip() for line, _ in answering.asked] == asked
    shown = [line for line in out.getvalue().splitlines() if line]
    assert [line.split()[1] for line in shown[::2]] == asked, "each answer stands under its command"
    assert "perpulse>" not in capsys.readouterr().out


async def test_news_of_an_answer_is_printed_under_its_own_head_while_others_are_answered(
    typed: asyncio.Queue[str | None],
) -> None:
    come, out = asyncio.Event(), io.StringIO()

    async def news() -> tuple[Line, ...]:
        await come.wait()
        return (Line("open interest 5"),)

    terminal = Terminal(out=out, width=80)
    await terminal.start(Answering(oi=Answer((Line("asking Binance"),), news())))
    typed.put_nowait("oi")
    typed.put_nowait("liq")
    await until(lambda: "you said liq" in out.getvalue())
    assert titles(out) == []
    come.set()
    await until(lambda: "open interest 5" in out.getvalue())
    assert titles(out) == ["news of oi"]
    await terminal.stop()


async def test_a_chart_is_put_into_a_file_beside_whoever_asks(
    typed: asyncio.Queue[str | None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    async def draw(chart: dict[str, Any]) -> bytes:
        return str(chart).encode()

    out, picture = io.StringIO(), Picture({"metric": "oi", "asset": "BTC"}, "a curve")
    terminal = Terminal(Outside(draw=draw), out=out, width=80)
    await terminal.reply("/chart", Answer((picture,)))
    assert "The chart is in perpulse-oi-btc.png" in out.getvalue()
    assert (tmp_path / "perpulse-oi-btc.png").read_bytes() == str(picture.chart).encode()
    (tmp_path / "perpulse-oi-btc.png").unlink()
    (tmp_path / "perpulse-oi-btc.png").mkdir()
    await terminal.reply("/chart", Answer((picture,)))
    assert "cannot be written" in out.getvalue()


@pytest.mark.slow
async def test_a_defect_in_an_answer_does_not_leave_the_program_deaf(typed: asyncio.Queue[str | None]) -> None:
    async def broken(_: str, __: Asker) -> Answer:
        raise RuntimeError("a defect")

    left = asyncio.Event()
    terminal = Terminal(Outside(leave=left.set))
    typed.put_nowait("/oi")
    await terminal.start(broken)
    await asyncio.wait_for(left.wait(), 10)
    await terminal.stop()


def test_it_is_the_channel_at_which_somebody_sits() -> None:
    assert isinstance(local().open(Outside()), LocalChannel)


async def test_a_file_is_put_into_the_present_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    out = io.StringIO()
    terminal = Terminal(out=out, width=80)
    answer = Answer((Line("All of it"), Document("kept.json", "{}")))
    await terminal.reply("/export", answer)
    assert (tmp_path / "kept.json").read_text() == "{}"
    assert out.getvalue().endswith("The file is kept.json\n")
    (tmp_path / "kept.json").unlink()
    (tmp_path / "kept.json").mkdir()
    await terminal.reply("/export", answer)
    assert "cannot be written to" in out.getvalue().replace("\n", " ")
