"""CONTRIBUTING is true: its recipes, typed into a copy of the tree, work, and no other file is touched.

The copy is asked in a process of its own, since metrics and commands are found once per process.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("bot", "handlers", "storage", "signals")
RECIPES = {
    heading: dict(re.findall(r"^`([\w/.-]+)`:\n\n```\w+\n(.*?)^```$", section, re.MULTILINE | re.DOTALL))
    for heading, section in re.findall(
        r"^## (.+?)\n(.*?)(?=^## |\Z)", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
}

ASK_FOR_THE_METRIC = """
import sys, pytest
from handlers.words.wording import template
from signals.alerts.rule import rules, rules_of
from signals.metric import metrics

print(template(metrics()["day_range"].says, {"value": 0.12}))
assert rules_of("day_range") == (rules()["day_range"],)
# what holds for every metric holds for this one, its own reference values among it
sys.exit(pytest.main(["-vv", "-k", "day_range", "-p", "no:cacheprovider", "tests/signals/test_metrics.py"]))
"""

ASK_FOR_THE_SETUP = """
from datetime import UTC, datetime
from handlers.words.alerts import tell
from signals.alerts.event import Event
from signals.alerts.rule import rules
from signals.alerts.setup import setups
from signals.series import hours

setup, rule = setups()["quiet_drift"], rules()["quiet_drift"]
assert rule.metrics == ("price_drawdown", "taker_zscore", "oi_zscore"), rule.metrics
assert rule.needed == ("price_drawdown",), rule.needed
values = {"price_drawdown.value": -0.12, "price_drawdown.price": 90_000.0, "taker_zscore.value": 0.3}
counts = setup.counts(values)
assert (float(counts["quiet_drift.legs"]), float(counts["quiet_drift.possible"])) == (2.0, 3.0), counts
at = datetime(2026, 1, 1, tzinfo=UTC)
known = values | {name: float(value) for name, value in counts.items()}
event = Event(kind="fired", rule=rule.id, asset="BTC", rank="notice", at=at, since=at, values=known, step=hours(1),
    lacking={"coins": ""})
print("\\n".join(block.text for block in tell(event).blocks if hasattr(block, "role")))
"""

ASK_THE_COMMAND = """
import asyncio
from handlers.command import Refused, commands, usage
from handlers.language.grammar import parse
from handlers.language.spelling import split_command

found = commands()["recover"]
name, rest = split_command(found.example)
reply = asyncio.run(found.run(None, parse(found.arguments, rest, command=name)))
assert abs(reply.values["rise_percent"] - 200 / 3) < 1e-9, reply
assert found.help == "Say how far price must rise to make good a fall", found.help
try:
    asyncio.run(found.run(None, parse(found.arguments, "100%", command=name)))
except Refused:
    print(usage(found))
"""

ASK_THE_SOURCE = """
import asyncio, inspect
from datetime import UTC, datetime
from pathlib import Path
from bot.market.source import Ask, NotOffered, Source, SourceDown
from bot.market.providers.own_index import OwnIndex

for name, asked in inspect.getmembers(Source, inspect.isfunction):
    if not name.startswith("_"):
        answered = getattr(OwnIndex, name)
        # The answer may be narrower than what the protocol promises; the question may not differ.
        assert inspect.signature(answered).parameters == inspect.signature(asked).parameters, name
        assert inspect.iscoroutinefunction(answered) == inspect.iscoroutinefunction(asked), name

file = Path("own.csv")
file.write_text("at,value\\n2026-01-01,20\\n2026-01-02T01:00:00+01:00,25\\n2026-01-03,30\\n2026-01-04,35\\n")
source = OwnIndex(file)
assert all(hasattr(source, name) for name in Source.__annotations__)
ask = Ask("fear_greed", "MARKET", datetime(2026, 1, 3, 12, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC))
[points] = asyncio.run(source.fetch(ask))
assert points.frame()["fear_greed"].tolist() == [25.0, 30.0], points
assert str(points.frame().index.tz) == "UTC"
file.write_text("<html>")
for broken, error in ((ask, SourceDown), (Ask("bars", "BTC", ask.now), NotOffered)):
    try:
        asyncio.run(source.fetch(broken))
    except error:
        continue
    raise AssertionError(error)
print(source.attribution)
"""

ASK_THE_CHANNEL = """
import asyncio
from datetime import timedelta
from pathlib import Path
from bot.app import build
from bot.cli.doctor import examine
from bot.config import ConfigError, example, load
from storage.alerts import outbox
from storage.people import destinations

config = Path("config.toml")
quiet = "[market]\\nvenues = ['binance']\\noptions = false\\nhistory = false\\nfear_greed = false\\n"
quiet += "stablecoins = false\\nliquidations = false\\nexchange_url = 'http://127.0.0.1:9'\\ntimeout_seconds = 1\\n"
assert "[letterbox]" in example() and "# where it is; it has to be there already" in example()
config.write_text("[letterbox]\\nfoldr = 'box'\\n")
try:
    load(config)
except ConfigError as error:
    assert "Did you mean 'folder'?" in str(error), error
config.write_text("[letterbox]\\nfolder = 'box'\\nopen = true\\n" + quiet)
settings = load(config)

missing = [finding.text for finding in asyncio.run(examine(settings)) if not finding.good]
assert "Letterbox: the letterbox: No such file or directory" in missing, missing
box = Path("box")
box.mkdir()
assert "the letterbox box takes messages" in [said.text for said in asyncio.run(examine(settings)) if said.good]


async def until(file):
    async with asyncio.timeout(30):
        while not ((box / file).exists() and (box / file).read_text()):  # it may be empty while it is written
            await asyncio.sleep(0.05)
    return (box / file).read_text()


async def live():
    app = build(settings, sources=[])
    running = asyncio.create_task(app.run())
    (box / "ann.ask").write_text("/sub price")
    assert "On in this chat" in await until("ann-1.txt")
    (box / "ann.ask").write_text("/liq 95000 25x long")
    assert "91,566.27" in await until("ann-2.txt")
    now = app.clock.now()
    told = {"blocks": [{"line": "BTC fell", "role": "headline"}]}  # as an earlier perpulse stored it
    with app.store.write() as work:
        notice = outbox.Notice("fired", "warning", now, told, None, "price_drawdown", "BTC")
        outbox.announce(work, notice, now=now, expires=now + timedelta(hours=1))
    app.dispatcher.poke()
    print(await until("ann-3.txt"))
    assert [destination.platform for destination in destinations.everyone(app.store)] == ["letterbox"]
    app.stopping.set()
    await running


asyncio.run(live())
"""

ASK_THE_VENUE = (ROOT / "tests" / "bot" / "market" / "venues" / "new_venue.py").read_text(encoding="utf-8")

CASES = [
    pytest.param("Add a setup", ASK_FOR_THE_SETUP, "Not known: positions kept (no data).", id="setup"),
    pytest.param("Add a metric", ASK_FOR_THE_METRIC, "day_range-a day of 24 bars] PASSED", id="metric"),
    pytest.param("Add a command", ASK_THE_COMMAND, "/recover fall", id="command"),
    pytest.param("Add a channel", ASK_THE_CHANNEL, "BTC fell", id="channel"),
    pytest.param("Add a venue", ASK_THE_VENUE, "every command answered", id="venue"),
    pytest.param("Add a source", ASK_THE_SOURCE, "Fear & Greed figures of our own", id="source"),
]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return a copy of the source tree, without the recordings and caches."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__", "winter*.csv"))
    shutil.copytree(ROOT / "tests" / "fakes", tmp_path / "tests" / "fakes")
    (tmp_path / "tests" / "signals" / "reference").mkdir(parents=True)
    for name in (
        "pyproject.toml",
        "tests/conftest.py",
        "tests/quick.py",
        "tests/examples.py",
        "tests/signals/test_metrics.py",
        "tests/signals/winter.py",
    ):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def declare(copy: Path, recipe: str) -> None:
    """Type in a recipe's declaration, where it has one: a venue is a row of a table beside its own files."""
    if recipe != "Add a venue":
        return
    section = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").split(f"## {recipe}\n")[1]
    row = re.search(r"^The declaration:\n\n```python\n(.*)\n```$", section, re.MULTILINE)
    table, following = copy / "signals" / "venues.py", '    Venue(id="alternative.me"'
    before = table.read_text(encoding="utf-8")
    assert row is not None
    assert before.count(following) == 1
    table.write_text(before.replace(following, f"    {row[1]},\n{following}"), encoding="utf-8")


@pytest.mark.parametrize(("recipe", "question", "answer"), CASES)
def test_the_recipe_works_as_it_stands(copy: Path, recipe: str, question: str, answer: str) -> None:
    files = RECIPES[recipe]
    assert files
    for name, text in files.items():
        assert not (copy / name).exists(), "a recipe adds files and touches none"
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_text(text, encoding="utf-8")
    declare(copy, recipe)
    asked = subprocess.run(
        [sys.executable, "-c", question], cwd=copy, capture_output=True, text=True, timeout=120, check=False
    )
    assert asked.returncode == 0, asked.stdout + asked.stderr
    assert answer in asked.stdout


@pytest.mark.parametrize("recipe", [case.values[0] for case in CASES])
def test_the_recipe_is_lint_clean_and_short(copy: Path, recipe: str) -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").split(f"## {recipe}\n")[1].split("\n## ")[0]
    assert 5 <= len(re.findall(r"^\d+\. ", text, re.MULTILINE)) <= 10
    python = {name: text for name, text in RECIPES[recipe].items() if name.endswith(".py")}
    assert python
    for name, source in python.items():
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_text(source, encoding="utf-8")
        for check in (["check", "--no-cache", "--output-format=concise"], ["format", "--check", "--no-cache"]):
            ruff = [sys.executable, "-m", "ruff", *check, name]
            done = subprocess.run(ruff, cwd=copy, capture_output=True, text=True, timeout=60, check=False)
            assert done.returncode == 0, done.stdout + done.stderr


def test_the_copy_alone_knows_no_recipe(copy: Path) -> None:
    """Without this the tests above could be answered by files that are in the tree anyway."""
    for name in [name for files in RECIPES.values() for name in files]:
        assert not (copy / name).exists()
