"""Text as Discord shows it: what the markup of hostile names cannot do, and that nothing is too long."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from handlers.channels.buttons import pressed_line
from handlers.channels.channel import Outgoing
from handlers.channels.discord import render
from handlers.channels.discord.posting import appearance, buttons
from handlers.channels.text import units
from handlers.reply import Block, Button, Buttons, Line, Table
from tests.examples import examples

if TYPE_CHECKING:
    from handlers.reply import Role

ROLES = ("headline", "body", "caveat", "echo", "stamp")
MARKS = "\\*_~`|[]()<>#@-+.:!&/ \n\tab1x\u202e\u200b\u0007"
NASTY = st.lists(
    st.sampled_from([*MARKS, "@everyone", "```", "<@1>", "](http://x.y)", "1. "]) | st.characters(),
    max_size=300,
).map("".join)
LINES = st.builds(Line, NASTY, st.sampled_from(ROLES))
TABLES = st.builds(lambda rows: Table(("a", "b"), tuple(rows)), st.lists(st.tuples(NASTY, NASTY), max_size=5))
BLOCKS = st.lists(LINES | TABLES, max_size=30).map(tuple)
_FENCED = re.compile(r"```\n(.*?)\n```", re.DOTALL)


def bare(text: str) -> str:
    """Return a text without its fences, and a letter for what is escaped: what is left of the markup is ours.

    An escaped character is shown, so that nothing after it begins the line.
    """
    return re.sub(r"\\[^0-9A-Za-z\s]", "x", _FENCED.sub("", text))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("open interest −12.5 %", "open interest −12.5 %", id="plain"),
        pytest.param("*bold* _it_ ~~no~~ ||spoiler||", r"\*bold\* \_it\_ \~\~no\~\~ \|\|spoiler\|\|", id="inline"),
        pytest.param("[x](https://evil.test)", r"\[x\](https://evil.test)", id="a link behind other words"),
        pytest.param("<@1> <#2> <t:0:R>", r"\<@1\> \<#2\> \<t:0:R\>", id="what Discord reads"),
        pytest.param("# big", r"\# big", id="a heading"),
        pytest.param("-# small", r"-\# small", id="a footnote"),
        pytest.param("- point", r"\- point", id="a list"),
        pytest.param("1. point", r"1\. point", id="a numbered list"),
        pytest.param("\\1. point", r"\\1. point", id="no list, since a backslash is shown before it"),
        pytest.param("1.5 of it", "1.5 of it", id="a number"),
        pytest.param("-12 % of it", "-12 % of it", id="a minus"),
        pytest.param("a\\", r"a\\", id="an escape"),
        pytest.param("`code`", r"\`code\`", id="code"),
    ],
)
def test_text_is_shown_as_it_is(text: str, shown: str) -> None:
    assert render.escape(text) == shown


@pytest.mark.slow
@examples(150)
@given(BLOCKS, st.booleans())
def test_hostile_text_makes_no_markup_and_nothing_is_too_long(blocks: tuple[Block, ...], repeat: bool) -> None:
    message = Outgoing(blocks, maybe_repeat=repeat)
    embed = render.embed(message)
    title, text, footer = embed.title or "", embed.description or "", embed.footer.text or ""
    assert title or text
    assert (units(title) <= 256, units(text) <= 4096, units(footer) <= 2048) == (True, True, True)
    assert len(embed) <= 6000
    plain = render.content(message)
    assert 0 < units(plain) <= 2000
    for said in (title, text, plain):
        assert not re.search(r"[_~`|\[\]<>]", bare(said)), said
        assert not re.search(r"@(?!\u200b)", said)
        assert "\u202e" not in said
        assert "```" not in bare(said)
        for line in bare(said).split("\n"):
            assert not re.match(r"\s*(#{1,3} |- |\+ |\d+[.)] )", line), line
            assert line.count("*") in (0, 2, 4), line  # ours


@pytest.mark.slow
@examples(60)
@given(st.lists(NASTY, min_size=40, max_size=60))
def test_a_long_message_says_how_much_is_left_out(lines: list[str]) -> None:
    blocks = (Line("Headline", "headline"), *(Line(f"{line}{'x' * 200}") for line in lines), Line("now", "stamp"))
    embed = render.embed(Outgoing(blocks))
    assert embed.title == "Headline"
    assert "left out" in str(embed.description)
    assert embed.footer.text == "now"


def test_a_headline_that_is_no_title_stays_in_the_text() -> None:
    embed = render.embed(Outgoing((Line("x" * 300, "headline"), Line("body"))))
    assert embed.title is None
    assert str(embed.description).startswith("**xxx")


def test_an_empty_message_has_the_words_of_its_picture() -> None:
    what = appearance(Outgoing(()), [(b"png", "a *chart*")], embedded=True)
    [embed] = what["embeds"]
    assert embed.description == r"a \*chart\*"


async def test_several_pictures_are_several_embeds() -> None:
    what = appearance(Outgoing((Line("Two"),)), [(b"1", "one"), (b"2", "two")], embedded=True)
    assert [embed.image.url for embed in what["embeds"]] == ["attachment://chart.png", "attachment://chart-2.png"]
    assert [file.filename for file in what["files"]] == ["chart.png", "chart-2.png"]


async def test_buttons_keep_to_what_discord_allows() -> None:
    blocks = (
        Buttons(tuple(Button(f"b{number}", f"/oi {number}") for number in range(7))),
        Buttons((Button("same", "/oi 1"), Button("@everyone", "/oi x"), Button("", "/oi y"))),
        *(Buttons((Button(f"r{number}", f"/fng {number}"),)) for number in range(6)),
    )
    view = buttons(blocks)
    assert view
    assert view.is_finished()
    rows: dict[int | None, list[str | None]] = {}
    for item in view.children:
        rows.setdefault(item.row, []).append(item.label)  # type: ignore[attr-defined]
    assert rows[0] == ["b0", "b1", "b2", "b3", "b4"]
    assert rows[1] == ["@\u200beveryone"]
    assert len(rows) == 5
    assert buttons((Line("x"),)) is None


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("embedded", [True, False])
async def test_a_line_that_its_button_only_marks_is_found_in_whatever_shows_it(role: Role, embedded: bool) -> None:
    line = f"/watch btc long 25x *90k* name my_{'long' * 20}\\name"
    blocks = (Line(f"To change it back: {line}", role), Line("Or not."), Buttons((Button("Undo", line),)))
    view, what = buttons(blocks), appearance(Outgoing(blocks), [], embedded=embedded)
    assert view
    [button] = view.children
    message: Any = SimpleNamespace(content=what.get("content"), embeds=what.get("embeds") or ())
    assert pressed_line(button.custom_id, render.said_in(message)) == line  # type: ignore[attr-defined]


async def test_discord_counts_letters_and_not_bytes() -> None:
    line = f"/unwatch {'ф' * 60}"
    view = buttons((Line("Watched."), Buttons((Button("End", line),))))
    assert view
    assert [button.custom_id for button in view.children] == [f"1|{line}"]  # type: ignore[attr-defined]


async def test_of_a_button_that_is_left_out_nothing_of_people_is_logged() -> None:
    line = f"/watch 0x{'ab' * 20} lines 20 10 5 name {'ledger ' * 8}"
    with capture_logs() as logs:
        assert buttons((Buttons((Button(line, line),)),)) is None
    [left_out] = logs
    assert (left_out["command"], "ledger" in str(logs)) == ("watch", False)
