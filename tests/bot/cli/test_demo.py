from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from bot.demo import STAMP
from tests.bot.commandline import GOOD, HEADER, NOTICE_KEYS, child, strict, written

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from tests.bot.commandline import Perpulse


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> subprocess.CompletedProcess[str]:
    """Run `perpulse` alone, without a config, a terminal or a database, and with three commands piped in."""
    return child(cwd=tmp_path_factory.mktemp("demo"), piped="/price btc\n\n/status\n/nonsuch\n")


@pytest.fixture(scope="module")
def demo_json(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    ended = child("demo", "--json", cwd=tmp_path_factory.mktemp("demo-json"))
    assert (ended.returncode, ended.stderr) == (0, "")
    return [strict(line) for line in ended.stdout.splitlines()]


def parts(text: str) -> list[tuple[str, str]]:
    """Return what stands between two rules as (title, text)."""
    pieces = re.split(r"^── (.+?) ─+$", text, flags=re.MULTILINE)
    return [(pieces[i], pieces[i + 1].strip()) for i in range(1, len(pieces), 2)]


@pytest.mark.slow
def test_without_a_config_the_demo_runs_and_ends(demo: subprocess.CompletedProcess[str], tmp_path: Path) -> None:
    assert (demo.returncode, demo.stderr) == (0, "")
    assert demo.stdout.startswith("perpulse demo: the winter of 2025-26")


@pytest.mark.slow
def test_the_demo_answers_what_is_piped_in(demo: subprocess.CompletedProcess[str]) -> None:
    answers = dict(parts(demo.stdout)[-3:])
    assert list(answers) == ["/price btc", "/status", "/nonsuch"]
    assert answers["/price btc"].startswith("BTC $78,000.")
    assert "/help" in answers["/nonsuch"]
    assert "--role" not in answers["/status"], "nothing runs, so no process is missed beside it"


@pytest.mark.slow
def test_every_notice_of_the_demo_says_that_it_is_reconstructed(demo: subprocess.CompletedProcess[str]) -> None:
    banner, *_ = demo.stdout.split("── ")
    assert STAMP in banner
    messages = [text for title, text in parts(demo.stdout) if title.startswith("message")]
    assert len(messages) > 15
    assert [text for text in messages if not text.endswith(STAMP)] == []


@pytest.mark.slow
def test_the_demo_sends_one_message_an_episode_edits_it_and_closes_it(demo: subprocess.CompletedProcess[str]) -> None:
    titles = [title for title, _ in parts(demo.stdout)]
    sent = [title for title in titles if re.fullmatch(r"message \d+", title)]
    replies = [(title.removeprefix("reply to "), text) for title, text in parts(demo.stdout) if "reply to" in title]
    closed = [message for message, _ in replies]
    assert sent == [f"message {n}" for n in range(1, len(sent) + 1)]
    assert 5 <= len(sent) <= 15  # a winter, and no hail
    story = "BTC: futures positions have been cut, in coins as well as in dollars."
    told = [title for title, text in parts(demo.stdout) if text.startswith(story)]
    assert told[:2] == ["message 1, edited", "reply to message 1"], "a story goes on in the message of its alarm"
    assert len(set(replies)) == len(replies), "an episode is closed once"
    for message in closed:
        assert titles.index(message) < titles.index(f"{message}, edited") < titles.index(f"reply to {message}")
    assert "Late:" not in demo.stdout, "in a replay nothing waits"


@pytest.mark.slow
def test_no_answer_of_the_demo_is_refuted_by_the_message_that_it_answers(
    demo: subprocess.CompletedProcess[str],
) -> None:
    shown = parts(demo.stdout)
    answers = [(place, text) for place, (title, text) in enumerate(shown) if title.startswith("reply to")]
    assert len(answers) > 8
    for place, text in answers:
        for line in text.splitlines():
            assert line.split(". ")[0].rstrip(".") in shown[place - 1][1], "the message says what the answer does"


@pytest.mark.slow
def test_the_demo_tells_the_story(demo: subprocess.CompletedProcess[str]) -> None:
    text = demo.stdout
    assert "Peak $15.0bn on 6 October 2025" in text
    end = dict(parts(text))["end of the replay"]
    assert "15 January 2026 looked like a reset" in end
    assert "−33 % from its peak of 6 October 2025 in dollars but −12 % in coins" in end
    assert "price alone explains 69 %" in end
    assert "9.6 times less than at their worst" in end
    assert "It was not the low. BTC fell from 95,131 to 60,000 on 6 February 2026, −37 %" in end
    assert "open interest went on to $6.4bn on 1 March 2026, −57 %" in end


@pytest.mark.slow
def test_demo_json_is_one_object_a_notice(demo_json: list[dict[str, Any]]) -> None:
    assert [list(notice) for notice in demo_json] == [NOTICE_KEYS] * len(demo_json)
    assert {notice["kind"] for notice in demo_json} == {"fired", "escalated", "resolved"}
    assert [notice["at"] for notice in demo_json] == sorted(notice["at"] for notice in demo_json)
    assert demo_json[0]["at"] >= "2025-09-25"
    for notice in demo_json:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:00:00Z", notice["at"])
        assert notice["level"] in {"notice", "warning", "critical"}
        assert isinstance(notice["value"], float)
        assert notice["text"].endswith(STAMP)
        assert len(notice["text"]) <= 900


@pytest.mark.slow
def test_no_episode_of_the_demo_begins_while_it_runs(demo_json: list[dict[str, Any]]) -> None:
    running: set[tuple[str, str]] = set()
    for notice in demo_json:
        key = (notice["id"], notice["asset"])
        assert (key in running) is (notice["kind"] != "fired"), notice
        running = running - {key} if notice["kind"] == "resolved" else running | {key}


def test_the_demo_keeps_nothing_and_spares_a_database_in_use(perpulse: Perpulse, tmp_path: Path) -> None:
    assert perpulse("import", written(tmp_path, HEADER + GOOD), "--db", "mine.db").code == 0
    assert "holds data already" in perpulse("demo", "--no-input", "--db", "mine.db").refusal
