from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.bot.commandline import GOOD, HEADER, child, strict, write_config, written
from tests.fakes.exchange import FakeExchange

if TYPE_CHECKING:
    from pathlib import Path

    from tests.bot.commandline import Perpulse


def test_say_answers(perpulse: Perpulse, tmp_path: Path) -> None:
    ended = perpulse("say", "/liq 95000 25x long")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("BTC long 25x from 95,000: liquidation at ")
    assert "91,566.27 (−3.61 %)" in ended.out
    more = (
        "More: /liq 95000 25x short · /liq 95000 25x long 1Musd · /watch long btc 95000 25x · /liq 95000 25x long how"
    )
    assert ended.out.splitlines()[-1] == more, "the other side, a size, watching it and the long answer, to be copied"
    assert list(tmp_path.iterdir()) == [], "a calculator touches no file"


def test_say_json_is_one_object(perpulse: Perpulse) -> None:
    ended = perpulse("say", "/liq 95000 25x long", "--json")
    answer = strict(ended.out)
    assert (ended.code, ended.err, ended.out.count("\n")) == (0, "", 1)
    assert list(answer) == ["command", "read_as", "values", "text", "stamp"]
    assert answer["command"] == "/liq 95000 25x long"
    assert answer["read_as"].startswith("BTC · long · entry 95,000 · 25x")
    assert any(
        isinstance(value, float) and math.isclose(value, 91566.27, abs_tol=0.01) for value in flat(answer["values"])
    )
    assert answer["text"].endswith(answer["stamp"])


def test_a_file_is_put_beside_whoever_asks(perpulse: Perpulse, tmp_path: Path) -> None:
    perpulse("say", "/tz Berlin", "--db", "p.db")
    ended = perpulse("say", "/export", "--db", "p.db")
    name = ended.out.splitlines()[-1].removeprefix("The file is ")
    file = tmp_path / name
    assert json.loads(file.read_text(encoding="utf-8"))["chat"][0]["zone"] == "Europe/Berlin"
    assert file.stat().st_mode & 0o077 == 0, "for its owner alone"
    file.unlink()
    told = strict(perpulse("say", "/export", "--db", "p.db", "--json").out)
    assert told["values"]["chat"][0]["zone"] == "Europe/Berlin"
    assert not file.exists(), "a program has the values"


@pytest.mark.parametrize("text", ["/announce \udc80", "/liq 95000 25x \ud83dlong", "\udcff"])
def test_a_byte_that_is_no_text_is_answered_in_whole_letters(perpulse: Perpulse, text: str) -> None:
    ended = perpulse("say", text, "--json", "--db", "p.db")
    assert "Traceback" not in ended.err
    json.dumps(strict(ended.out), ensure_ascii=False).encode("utf-8")  # half a letter could not be written
    assert "\N{REPLACEMENT CHARACTER}" in strict(ended.out)["command"]


def flat(value: Any) -> list[Any]:
    match value:
        case dict():
            return [leaf for inner in value.values() for leaf in flat(inner)]
        case list():
            return [leaf for inner in value for leaf in flat(inner)]
        case _:
            return [value]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("", "Type a command", id="nothing"),
        pytest.param("/", "/help", id="slash"),
        pytest.param("/nonsense", "There is no command “nonsense”", id="unknown"),
        pytest.param("/liq", "/liq", id="nothing to calculate"),
        pytest.param("/liq banana", "/liq", id="a word"),
        pytest.param("/liq 95000 25x long \x1b[31m\x07\u202e", "/liq", id="control characters"),
        pytest.param("/liq " + "🐋" * 200, "/liq", id="emoji"),
        pytest.param("';DROP TABLE points;--", "I did not understand that", id="sql"),
        pytest.param("/liq " + "9" * 400, "Type a smaller number", id="a number of 400 digits"),
        pytest.param("/liq nan infx long", "/liq", id="not numbers"),
        pytest.param("/liq " + "1 " * 500_000, "1,000,005 characters long", id="a million characters"),
    ],
)
def test_junk_gets_one_line_that_says_what_to_type(perpulse: Perpulse, text: str, said: str) -> None:
    refusal = perpulse("say", text).refusal
    assert said in refusal
    assert refusal.isprintable()


def test_an_error_as_json_is_an_object_too(perpulse: Perpulse) -> None:
    ended = perpulse("say", "/nonsense", "--json")
    assert ended.code == 2
    assert strict(ended.out) == {"command": "/nonsense", "error": ended.err.strip()}


@pytest.mark.slow
def test_what_is_not_known_is_null_in_json(perpulse: Perpulse, tmp_path: Path, offline: Path) -> None:
    # Two closes: a price there is, and nothing that needs a window.
    assert perpulse("import", written(tmp_path, HEADER + GOOD)).code == 0
    ended = perpulse("say", "/price btc", "--json")
    assert ended.code == 0, ended.err
    values = flat(strict(ended.out)["values"])
    assert None in values
    assert 91000.0 in values


@pytest.mark.slow
def test_say_needs_no_network_for_a_calculator(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "def refuse(event, args):\n"
        "    if event in ('socket.connect', 'socket.getaddrinfo', 'socket.bind', 'socket.sendto'):\n"
        "        sys.exit('the network was used: ' + event)\n"
        "sys.addaudithook(refuse)\n",
        encoding="utf-8",
    )
    write_config(tmp_path, exchange="http://127.0.0.1:9", fear_greed="http://127.0.0.1:9")
    other = child("say", "/price btc", cwd=tmp_path, PYTHONPATH=str(tmp_path))
    assert "the network was used" in other.stderr, "the proof itself must work"
    ended = child("say", "/liq 95000 25x long", cwd=tmp_path, PYTHONPATH=str(tmp_path))
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "91,566.27" in ended.stdout


@pytest.mark.slow
def test_a_dead_network_leaves_the_stored_figures_with_their_age(
    perpulse: Perpulse, tmp_path: Path, offline: Path
) -> None:
    assert perpulse("import", written(tmp_path, HEADER + GOOD)).code == 0
    ended = perpulse("say", "/price btc")
    assert ended.code == 0
    assert "91,000" in ended.out
    assert "Not current" in ended.out
    assert re.search(r"\d+ days old", ended.out.splitlines()[-3])
    assert ended.out.splitlines()[-2] == "No newer figures came from Binance."
    assert ended.out.splitlines()[-1] == "More: /chart price btc · /health btc"
    assert "Traceback" not in ended.err


@pytest.mark.slow
def test_an_exchange_that_was_just_down_is_not_asked_again(perpulse: Perpulse, tmp_path: Path) -> None:
    with FakeExchange().in_thread() as exchange:
        write_config(tmp_path, exchange=exchange.base_url, fear_greed=exchange.base_url)
        exchange.faults = {"*": "unavailable"}
        assert perpulse("import", written(tmp_path, HEADER + GOOD)).code == 0
        assert "Not current" in perpulse("say", "/price btc").out
        asked = exchange.count()
        assert asked > 0
        assert "Not current" in perpulse("say", "/price btc").out
        assert exchange.count() == asked


def test_a_dead_network_and_nothing_stored_is_one_sentence(perpulse: Perpulse, offline: Path) -> None:
    refusal = perpulse("say", "/price btc").refusal
    assert "stored for BTC yet" in refusal
    assert "perpulse import FILE" in refusal


@pytest.mark.slow
def test_a_terminal_without_a_minus_sign_still_gets_the_answer(tmp_path: Path) -> None:
    ended = child("say", "/liq 95000 25x long", cwd=tmp_path, PYTHONIOENCODING="ascii")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "91,566.27 (?3.61 %)" in ended.stdout
