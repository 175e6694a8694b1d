from __future__ import annotations

import json
import math
import os
import re
import shlex
import sqlite3
import subprocess
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from bot.config import example
from bot.demo import STAMP, path
from tests.bot.commandline import PROGRAM, ROOT, Ended, child, closed_port, environment, here, write_config
from tests.fakes.exchange import FakeExchange

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Perpulse = Callable[..., Ended]

COMMANDS = ("run", "demo", "say", "import", "export", "replay", "check-config", "doctor", "init", "status")
NOTICE_KEYS = ["at", "kind", "id", "asset", "level", "value", "text"]
HEADER = "at,venue,asset,input,value\n"
GOOD = "2026-01-01,binance,BTC,close,90000\n2026-01-02,binance,BTC,close,91000\n"


@pytest.fixture
def perpulse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Perpulse:
    monkeypatch.chdir(tmp_path)
    return lambda *args: here(capsys, *args)


@pytest.fixture
def offline(tmp_path: Path) -> Path:
    """Write a config.toml whose servers do not listen."""
    dead = f"http://127.0.0.1:{closed_port()}"
    return write_config(tmp_path, exchange=dead, fear_greed=dead)


def strict(text: str) -> Any:
    """Read JSON as its standard has it: NaN and Infinity are none."""

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    return json.loads(text, parse_constant=refuse)


def written(tmp_path: Path, text: str, name: str = "file.csv") -> str:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return str(path)


# --- the demo ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> subprocess.CompletedProcess[str]:
    """Run `perpulse` alone, without a config, a terminal or a database."""
    return child(cwd=tmp_path_factory.mktemp("demo"))


@pytest.fixture(scope="module")
def demo_json(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    ended = child("demo", "--json", cwd=tmp_path_factory.mktemp("demo-json"))
    assert (ended.returncode, ended.stderr) == (0, "")
    return [strict(line) for line in ended.stdout.splitlines()]


def parts(text: str) -> list[tuple[str, str]]:
    """Return what stands between two rules as (title, text)."""
    pieces = re.split(r"^── (.+?) ─+$", text, flags=re.MULTILINE)
    return [(pieces[i], pieces[i + 1].strip()) for i in range(1, len(pieces), 2)]


def test_without_a_config_the_demo_runs_and_ends(demo: subprocess.CompletedProcess[str], tmp_path: Path) -> None:
    assert (demo.returncode, demo.stderr) == (0, "")
    assert demo.stdout.startswith("perpulse demo: the winter of 2025-26")


def test_every_notice_of_the_demo_says_that_it_is_reconstructed(demo: subprocess.CompletedProcess[str]) -> None:
    banner, *_ = demo.stdout.split("── ")
    assert STAMP in banner
    messages = [text for title, text in parts(demo.stdout) if title.startswith("message")]
    assert len(messages) > 15
    assert [text for text in messages if not text.endswith(STAMP)] == []


def test_the_demo_sends_one_message_an_episode_edits_it_and_closes_it(demo: subprocess.CompletedProcess[str]) -> None:
    titles = [title for title, _ in parts(demo.stdout)]
    sent = [title for title in titles if re.fullmatch(r"message \d+", title)]
    replies = [(title.removeprefix("reply to "), text) for title, text in parts(demo.stdout) if "reply to" in title]
    closed = [message for message, _ in replies]
    assert sent == [f"message {n}" for n in range(1, len(sent) + 1)]
    assert 8 <= len(sent) <= 20  # a winter, and no hail
    assert len(set(replies)) == len(replies), "an episode is closed once"
    for message in closed:
        assert titles.index(message) < titles.index(f"{message}, edited") < titles.index(f"reply to {message}")
    assert "Late:" not in demo.stdout, "in a replay nothing waits"


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


def test_no_episode_of_the_demo_begins_while_it_runs(demo_json: list[dict[str, Any]]) -> None:
    running: set[tuple[str, str]] = set()
    for notice in demo_json:
        key = (notice["id"], notice["asset"])
        assert (key in running) is (notice["kind"] != "fired"), notice
        running = running - {key} if notice["kind"] == "resolved" else running | {key}


def test_the_demo_keeps_nothing_and_spares_a_database_in_use(perpulse: Perpulse, tmp_path: Path) -> None:
    assert perpulse("import", written(tmp_path, HEADER + GOOD), "--db", "mine.db").code == 0
    assert "holds data already" in perpulse("demo", "--no-input", "--db", "mine.db").refusal


README = (ROOT / "README.md").read_text(encoding="utf-8")
QUOTED = re.findall(r"<!-- printed by: (.+?) -->\n```\n(.+?)\n```", README, re.DOTALL)


@pytest.mark.parametrize(("command", "block"), [pytest.param(*quoted, id=quoted[0]) for quoted in QUOTED])
def test_what_the_readme_shows_is_what_is_printed(perpulse: Perpulse, command: str, block: str) -> None:
    printed = iter(perpulse(*shlex.split(command)).out.splitlines())
    assert len(QUOTED) == 2
    for line in block.splitlines():
        assert line == "[...]" or line in printed, f"not printed, or not in this order: {line}"


# --- say --------------------------------------------------------------------------------------------------------------


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
        pytest.param("';DROP TABLE points;--", "There is no command", id="sql"),
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


def test_what_is_not_known_is_null_in_json(perpulse: Perpulse, tmp_path: Path, offline: Path) -> None:
    # Two closes: a price there is, and nothing that needs a window.
    assert perpulse("import", written(tmp_path, HEADER + GOOD)).code == 0
    ended = perpulse("say", "/price btc", "--json")
    assert ended.code == 0, ended.err
    values = flat(strict(ended.out)["values"])
    assert None in values
    assert 91000.0 in values


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


# --- import -----------------------------------------------------------------------------------------------------------


def dump(path: Path) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as db:
        return [row for table in ("bars", "levels") for row in db.execute(f"SELECT '{table}', * FROM {table}")]  # noqa: S608 - two names


def test_import_counts_and_a_second_time_changes_nothing(perpulse: Perpulse, tmp_path: Path) -> None:
    file = written(tmp_path, HEADER + GOOD)
    first = perpulse("import", file, "--json")
    assert (first.code, first.err) == (0, "")
    assert strict(first.out) == {"rows": 2, "kept": 2, "refused": 0, "problems": []}
    before = dump(tmp_path / "data" / "perpulse.db")
    assert len(before) == 2
    assert perpulse("import", file, "--json") == first
    assert dump(tmp_path / "data" / "perpulse.db") == before


def test_broken_lines_are_named_and_the_rest_is_kept(perpulse: Perpulse, tmp_path: Path) -> None:
    lines = [
        "2026-01-01T02:00:00+02:00,binance,BTC,close,90000",  # another zone: midnight UTC
        "2026-01-02,binance,BTC,close,no number",
        "2026-01-03,binance,BTC,close,nan",
        "2026-01-04,binance,BTC,colour,1",
        "2026-01-05,binance,BTC,close,-5",
        "yesterday,binance,BTC,close,5",
        "2026-01-07T00:00:00,binance,BTC,close,91000",  # no zone: UTC
    ]
    file = written(tmp_path, HEADER + "\n".join(lines) + "\n")
    ended = perpulse("import", file, "--json")
    answer = strict(ended.out)
    assert ended.code == 0
    assert {name: answer[name] for name in ("rows", "kept", "refused")} == {"rows": 7, "kept": 2, "refused": 5}
    assert len(answer["problems"]) == 5
    for number, problem in zip((3, 4, 5, 6, 7), answer["problems"], strict=True):
        assert "file.csv" in problem
        assert re.search(rf"\b{number}\b", problem), problem
    said = perpulse("import", file)
    assert (said.code, len(said.err.splitlines())) == (0, 5)
    assert "7 rows, 2 kept, 5 refused" in said.out


def test_many_problems_are_not_a_flood(perpulse: Perpulse, tmp_path: Path) -> None:
    ended = perpulse("import", written(tmp_path, HEADER + GOOD + "x,binance,BTC,close,5\n" * 500))
    assert ended.code == 0
    assert len(ended.err.splitlines()) < 30
    assert "--json lists them all" in ended.err


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(None, "does not exist", id="missing"),
        pytest.param(b"", "is empty", id="empty"),
        pytest.param(b"\x00\x01\x02" * 100, "is not text", id="binary"),
        pytest.param(b'{"a": 1}', "JSON of an unknown kind", id="unknown JSON"),
        pytest.param(b'[{"a": ', "damaged or cut off", id="cut JSON"),
        pytest.param(b"PK\x03\x04", "zip or Excel", id="a zip"),
    ],
)
def test_a_file_that_cannot_be_taken_is_refused_and_others_are_kept(
    perpulse: Perpulse, tmp_path: Path, content: bytes | None, said: str
) -> None:
    bad = tmp_path / "bad.csv"
    if content is not None:
        bad.write_bytes(content)
    assert said in perpulse("import", str(bad)).refusal
    both = perpulse("import", str(bad), written(tmp_path, HEADER + GOOD), "--json")
    answer = strict(both.out)
    assert (both.code, both.err, answer["kept"], len(answer["problems"])) == (2, "", 2, 1)
    assert said in answer["problems"][0]


# --- replay -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Import the bundled winter, which holds a long story."""
    folder = tmp_path_factory.mktemp("winter")
    ended = child("import", str(path()), "--db", str(folder / "winter.db"), cwd=folder)
    assert ended.returncode == 0, ended.stderr
    return str(folder / "winter.db")


def test_replay_of_a_span_is_the_middle_of_the_whole(perpulse: Perpulse, stored: str) -> None:
    whole = [strict(line) for line in perpulse("replay", "--db", stored, "--json").out.splitlines()]
    args = ("--db", stored, "--from", "2025-11-01", "--to", "2026-01-31", "--asset", "btc", "--json")
    part = perpulse("replay", *args)
    notices = [strict(line) for line in part.out.splitlines()]
    assert (part.code, part.err) == (0, "")
    assert [list(notice) for notice in notices] == [NOTICE_KEYS] * len(notices)
    assert 0 < len(notices) < len(whole)
    assert notices == [notice for notice in whole if "2025-11-01T00:00:00Z" < notice["at"] <= "2026-02-01T00:00:00Z"]


def test_replay_in_words_says_how_many(perpulse: Perpulse, stored: str) -> None:
    ended = perpulse("replay", "--db", stored, "--from", "2025-10-01", "--to", "2025-10-20")
    assert ended.code == 0
    assert ended.out.count("── ") == int(re.findall(r"(\d+) notices from", ended.out)[-1])


@pytest.mark.parametrize(
    ("args", "said"),
    [
        pytest.param("--from yesterday", "'yesterday' is no date. Write it like 2025-10-01.", id="a word"),
        pytest.param("--to 2025-02-30", "'2025-02-30' is no date", id="no such day"),
        pytest.param("--to 9999-12-31", "is no date", id="beyond the calendar"),
        pytest.param("--from 2026-01-01 --to 2025-01-01", "--from must lie before --to.", id="the wrong way round"),
        pytest.param("--asset DOGE", "Nothing is stored of DOGE. Stored: BTC.", id="unknown asset"),
    ],
)
def test_replay_refuses(perpulse: Perpulse, stored: str, args: str, said: str) -> None:
    assert said in perpulse("replay", "--db", stored, *shlex.split(args)).refusal


def test_replay_of_nothing_says_how_to_begin(perpulse: Perpulse, tmp_path: Path) -> None:
    assert "perpulse import FILE" in perpulse("replay").refusal
    assert list(tmp_path.iterdir()) == [], "looking makes no file"
    assert "perpulse import FILE" in perpulse("replay", "--asset", "BTC").refusal


# --- the database -----------------------------------------------------------------------------------------------------

DATABASE_COMMANDS = [
    pytest.param(("import", "file.csv"), id="import"),
    pytest.param(("export", "history.csv"), id="export"),
    pytest.param(("replay",), id="replay"),
    pytest.param(("say", "/oi btc"), id="say"),
    pytest.param(("status",), id="status"),
    pytest.param(("run",), id="run"),
    pytest.param(("demo", "--no-input"), id="demo"),
    pytest.param(("doctor",), id="doctor"),
]


@pytest.mark.parametrize("command", DATABASE_COMMANDS)
@pytest.mark.parametrize(
    ("db", "said"),
    [
        pytest.param("folder", "folder", id="a folder"),
        pytest.param("foreign.db", "is a database of another program", id="of another program"),
        pytest.param("text.db", "is damaged or no database", id="not a database"),
        pytest.param("file.csv/inside.db", "Give another file with --db", id="a place that cannot be"),
    ],
)
def test_a_database_that_cannot_be_used_is_one_line(
    perpulse: Perpulse, tmp_path: Path, offline: Path, command: tuple[str, ...], db: str, said: str
) -> None:
    written(tmp_path, HEADER + GOOD)
    (tmp_path / "folder").mkdir()
    (tmp_path / "text.db").write_text("these are my notes and no database, and they shall stay as they are")
    with closing(sqlite3.connect(tmp_path / "foreign.db")) as foreign:
        foreign.execute("CREATE TABLE recipes (name TEXT)")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    if "/" in db and command[0] in {"status", "replay", "export"}:  # they look, and make no file
        ended = perpulse(*command, "--db", db)
        assert "Nothing is stored yet" in ended.out + ended.err
        return
    assert said in perpulse(*command, "--db", db).refusal
    assert {name: (tmp_path / name).read_bytes() for name in before} == before, "what is not ours is left alone"


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write everywhere")
def test_a_place_that_is_read_only(perpulse: Perpulse, tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o500)
    file = written(tmp_path, HEADER + GOOD)
    assert "check the rights of the folder" in perpulse("import", file, "--db", "closed/perpulse.db").refusal


# --- the configuration ------------------------------------------------------------------------------------------------


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
        pytest.param("assets = ['../x']", "assets.0:", id="no asset's name"),
        pytest.param("[market]\ntimeout_seconds = 'soon'", "market.timeout_seconds:", id="no number"),
        pytest.param("[market]\nvenues = ['mtgox']", "market.venues", id="unknown venue"),
        pytest.param("[telegram]\ntoken_file = 'none.txt'", "none.txt cannot be read", id="missing token file"),
        pytest.param("[telegram]\ntoken = 'a'\ntoken_file = 'b'", "not both", id="two tokens"),
    ],
)
@pytest.mark.parametrize("command", ["check-config", "run"])
def test_a_faulty_config_is_one_line(perpulse: Perpulse, tmp_path: Path, text: str, said: str, command: str) -> None:
    (tmp_path / "config.toml").write_text(text, encoding="utf-8")
    assert said in perpulse(command).refusal


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
    monkeypatch.setenv("PERPULSE_BACKUP_FOLDER", "x")
    assert perpulse("check-config").code == 0


def test_the_database_may_be_named_before_the_command(perpulse: Perpulse, tmp_path: Path) -> None:
    file = written(tmp_path, HEADER + GOOD)
    assert perpulse("--db", "mine.db", "import", file).code == 0
    assert (tmp_path / "mine.db").exists()
    assert perpulse("--db", "mine.db", "import", file, "--db", "other.db").code == 0
    assert (tmp_path / "other.db").exists(), "what stands behind the command wins"
    assert "none.toml does not exist" in perpulse("--config", "none.toml", "tiers", "show", "BTC bybit").refusal
    assert "none.toml does not exist" in perpulse("--config", "none.toml").refusal


@pytest.mark.parametrize("command", [("say", "/liq 95000 25x long"), ("replay",), ("import", "x.csv"), ("doctor",)])
def test_every_command_reads_the_config(perpulse: Perpulse, tmp_path: Path, command: tuple[str, ...]) -> None:
    assert "nowhere.toml does not exist" in perpulse(*command, "--config", "nowhere.toml").refusal
    (tmp_path / "config.toml").write_bytes(b"\xff\xfe")
    assert "is not a text file in UTF-8" in perpulse(*command).refusal


def test_with_a_config_perpulse_alone_means_run(perpulse: Perpulse, tmp_path: Path, offline: Path) -> None:
    ended = perpulse("run", "--db", str(tmp_path))
    offline.write_text(f"database = '{tmp_path}'", encoding="utf-8")
    assert perpulse().refusal == ended.refusal  # a folder for a database: both get as far as the bot does


def test_a_secret_in_the_wrong_place_is_not_printed(perpulse: Perpulse, tmp_path: Path) -> None:
    secret = "100000001:MARKER-no-real-token-0123456789abcdef"
    (tmp_path / "config.toml").write_text(f'assets = "{secret}"\nlog_level = "{secret}"', encoding="utf-8")
    ended = perpulse("check-config")
    assert ended.code == 2
    assert "MARKER" not in ended.out + ended.err


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


# --- the shell --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["demo --no-input", "demo --json", "replay --json", "replay", "say /help"])
def test_a_reader_that_leaves_early_is_no_error(tmp_path: Path, stored: str, command: str) -> None:
    database = [] if command.startswith("demo") else ["--db", stored]
    with subprocess.Popen(
        [*PROGRAM, *shlex.split(command), *database],
        cwd=tmp_path,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(30) in (0, 1)


def test_a_terminal_without_a_minus_sign_still_gets_the_answer(tmp_path: Path) -> None:
    ended = child("say", "/liq 95000 25x long", cwd=tmp_path, PYTHONIOENCODING="ascii")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "91,566.27 (?3.61 %)" in ended.stdout


@pytest.mark.parametrize(
    "command", ["", *["run", "demo", "say", "import", "replay", "check-config", "doctor", "init", "status"]]
)
def test_every_command_has_help(perpulse: Perpulse, command: str) -> None:
    ended = perpulse(*filter(None, (command, "--help")))
    assert (ended.code, ended.err) == (0, "")
    assert "Usage:" in ended.out


def test_status_on_a_fresh_machine_is_an_answer(perpulse: Perpulse, offline: Path) -> None:
    ended = perpulse("status")
    assert ended.code == 0, ended.err
    answer = strict(perpulse("status", "--json").out)
    assert answer["command"] == "/status"
