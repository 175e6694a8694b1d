"""/base and /record, as they are typed and as they are read."""

from __future__ import annotations

import itertools
import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from bot.archive.importing import read_file
from bot.archive.importing.tables import keep
from bot.engine.evidence.proof import freeze
from bot.engine.evidence.record import judge_record
from bot.engine.replay import evaluations
from handlers.charts import pictures
from handlers.charts.evidence import paths
from handlers.command import Refused
from handlers.reply import Picture
from signals.units import DAY
from storage.alerts import episodes, record
from storage.engine.database import Store
from storage.queries.digest import DigestReader
from storage.queries.evidence import past as evidence
from tests.field.world import DATA
from tests.handlers.conftest import Desk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow  # eight years are read, and their fires found

NOW = datetime(2026, 6, 6, tzinfo=UTC)
NO_BETTER = "Not better than any other day."


@pytest.fixture(scope="module")
def years(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a store with all of the market from 2018 to 2026 that is beside this checkout."""
    path = tmp_path_factory.mktemp("years") / "perpulse.db"
    store = Store(path)
    for name in ("funding/binance-btcusdt-funding.json", "sentiment/alternative-me-fear-greed.json",
                 "ohlcv/binance-spot-btcusdt-1d.json"):  # fmt: skip
        if not (DATA / name).exists():
            pytest.skip(f"the recording {name} is not beside this checkout (../shared/data)")
        keep(store, read_file(DATA / name, now=datetime(2026, 11, 1, tzinfo=UTC), asset="BTC"))
    store.purge()
    store.close()
    return path


def copied(years: Path, folder: Path) -> Iterator[Desk]:
    shutil.copy(years, folder / "perpulse.db")
    store = Store(folder / "perpulse.db")
    yield Desk(store, NOW)
    store.close()


@pytest.fixture(scope="module")
def long(years: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """One desk for all who only ask: eight years of fires are found once."""
    yield from copied(years, tmp_path_factory.mktemp("long"))


@pytest.fixture(scope="module")
def judged(years: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """One desk beside what was told since October 2025, for all who only ask: replaying it takes a second."""
    for desk in copied(years, tmp_path_factory.mktemp("judged")):
        told(desk.store, datetime(2025, 10, 1, tzinfo=UTC), NOW)
        yield desk


@pytest.fixture
def lone(years: Path, tmp_path: Path) -> Iterator[Desk]:
    """A desk of its own, for who writes."""
    yield from copied(years, tmp_path)


def test_base_says_what_extreme_fear_is_worth(long: Desk) -> None:
    said = long.text("/base fear").splitlines()
    assert said[:6] == [
        "Extreme fear, and BTC after it: what followed before.",
        "16 cases since September 2019, at least 30 days apart; counted from the next daily close.",
        f"A day later: median −0.4 % (−2.8 … +1.0), up 6 of 16 (true rate 18–61 %); any day: 50 %. {NO_BETTER}",
        f"7 days later: median +1.3 % (−4.8 … +6.3), up 8 of 15 (true rate 30–75 %); any day: 53 %. {NO_BETTER}",
        f"30 days later: median −3.9 % (−9.3 … +2.9), up 6 of 15 (true rate 20–64 %); any day: 55 %. {NO_BETTER}",
        "Within 30 days the middle case had its lowest close at −8.9 % and its highest at +3.6 %.",
    ]
    rows = [line for line in said if line[:1].isdigit() and "–" not in line and line.count(" ") > 5]
    assert any(line.startswith("9 Mar 20 ") and "−37" in line for line in rows)
    assert "This is hindsight, by lines that were chosen later. What was said in advance: /record." in said
    assert "seen on alternative.me · BTC price on Binance · 2 September 2019 to 6 June 2026" in said


def test_base_values_are_named(long: Desk) -> None:
    values = long.ask("/base fear_greed btc").values
    assert (values["n_30d"], values["up_30d"], values["verdict_30d"]) == (15, 6, "no better")
    assert values["any_day_30d"] == pytest.approx(0.546, abs=0.001)
    assert len(values["cases"]) == 16


@pytest.mark.parametrize("line", [
    "/base funding_stretch btc", "/base btc funding_stretch", "/base longs pay much",
    "/base Longs pay much btc", "/base funding stretch",
])  # fmt: skip
def test_an_alarm_is_named_by_its_id_or_its_title(long: Desk, line: str) -> None:
    assert long.ask(line).values["rule"] == "funding_stretch"


@pytest.mark.parametrize(("line", "said"), [
    ("/base", "Of which alarm? Name one, like /base price_drawdown btc. There are: "),
    ("/base taker", "Which one? Type one of /base net_taker_flip btc, /base taker_ratio btc, /base taker_zscore btc."),
    ("/base fast btc", "There is no history of that to look at. Name an alarm, like /base price_drawdown btc."),
    ("/base nonsense", "I do not know “nonsense”."),
    ("/base price btc eth", "One asset at a time. Type it like /base price_drawdown btc."),
    ("/base oi_drawdown btc", "“Open interest cut well below its peak” could never be judged for BTC: too little is"),
])  # fmt: skip
def test_what_cannot_be_answered_says_what_to_type(long: Desk, line: str, said: str) -> None:
    with pytest.raises(Refused) as refused:
        long.ask(line)
    assert str(refused.value).startswith(said)


def test_the_picture_shows_every_path_and_their_middle(long: Desk) -> None:
    (picture,) = (block for block in long.ask("/base fear").blocks if isinstance(block, Picture))
    full = pictures.resolve(long.store, picture.chart)
    assert full is not None
    assert json.loads(json.dumps(full)) == full
    (panel,) = full["panels"]
    assert len(panel["paths"]) == 16
    assert all(path[0] == [0, 0.0] for path in panel["paths"])
    assert panel["middle"][-1] == [30 * 86_400, pytest.approx(-0.039, abs=0.001)]
    assert full["alt"] == picture.alt
    assert "the middle 30 days later at −3.9 %" in picture.alt


def test_too_few_paths_have_no_middle(long: Desk) -> None:
    found = evidence.read(long.store, "fear_greed", "BTC", datetime(2020, 1, 1, tzinfo=UTC))
    assert found is not None
    full = paths.spec(found)
    assert full is not None
    assert full["panels"][0]["middle"] == []


# --- the record -------------------------------------------------------------------------------------------------------


def told(store: Store, since: datetime, until: datetime) -> None:
    """Freeze what would have been told in a time, and judge it as of today."""
    for event in (one.event for one in evaluations(store, ["BTC"], since, until, running_since=since)):
        if event and event.kind == "fired":
            with store.write() as work:
                number = episodes.record(work, (event.rule, event.asset), event, None)
                freeze(work, event, number, None, event.at)
    judge_record(store, NOW)


def test_nothing_was_told_yet(long: Desk) -> None:
    assert long.text("/record").splitlines()[0] == "Nothing was told yet."
    assert long.text("/record fear").splitlines()[0] == "Extreme fear: nothing was told yet."


def test_the_record_tells_misses_first(judged: Desk) -> None:
    said = judged.text("/record").splitlines()
    count = len(record.entries(judged.store))
    assert said[0].startswith(f"The record: {count} alarms since ")
    assert ", as they began; " in said[0], "one that was a leg within a story was never told by itself"
    lines = [line for line in said if line.startswith("– ") and "not judged" not in line and "more" not in line]
    shares = []
    for line in lines:
        change = float(line.split(" later ")[1].split(" %")[0].replace("−", "-").replace("+", ""))
        shares.append(abs(change) / float(line.split("usual ")[1].split(" %")[0]))
    assert len(shares) >= 5
    assert all(a <= b + 0.35 for a, b in itertools.pairwise(shares)), "but for what rounding hides"
    values = judged.ask("/record").values
    assert values["told"] == count
    assert values["missed"] > 0
    assert (
        said[1]
        == f"After {values['missed']} of {values['judged']} price moved less than it usually does in so long a time."
    )


def test_the_record_of_one_alarm(judged: Desk) -> None:
    said = judged.text("/record fear")
    assert said.startswith("Extreme fear: ")
    assert "shorts pay" not in said


def test_an_earlier_definition_is_counted_apart(judged: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    before = judged.ask("/record fear").values["told"]
    from signals import metric  # noqa: PLC0415 - its declaration is changed for this test

    known = metric.metrics()
    changed = {**known, "fear_greed": replace(known["fear_greed"], version=2)}
    monkeypatch.setattr("storage.queries.evidence.record.metrics", lambda: changed)
    values = judged.ask("/record fear").values
    assert (values["told"], values["earlier"]) == (0, before)


def test_whoever_wants_to_check_has_all_of_it(judged: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    from bot.cli import record as cli  # noqa: PLC0415 - loads the settings

    cli.record("fear_greed", None, None, judged.store.path, as_json=True)
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["rule"] for one in found] == ["fear_greed"] * len(found)
    first = found[0]
    assert first["text"].startswith("The market is in extreme fear.\nFear & Greed index 20 of 100")
    assert first["definition"]["levels"][0]["enter"] == [[["fear_greed.value", "<=", 20.0]]]
    assert first["outcomes"][-1]["change"] == pytest.approx(
        first["outcomes"][-1]["price"] / first["outcomes"][-1]["entry_price"] - 1
    )
    entry = datetime.fromisoformat(first["outcomes"][0]["entry_at"])
    assert entry == datetime.fromisoformat(first["at"]) + DAY


def test_the_weekly_digest_tells_the_record(lone: Desk) -> None:
    """What was told a week and a month ago, judged by its record, and nothing that was found in hindsight."""
    told(lone.store, datetime(2026, 1, 25, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC))
    now = datetime(2026, 2, 12, tzinfo=UTC)
    found = DigestReader(lone.store, now).read(None, "weekly", ("BTC",), since=now - 7 * DAY)
    mine = [
        entry
        for first, last in ((14, 7), (35, 28))
        for entry in record.told_between(lone.store, now - first * DAY, now - last * DAY)
    ]
    assert {(said.rule, said.at) for said in found.said} == {(entry.rule, entry.at) for entry in mine} != set()
    outcomes = {(entry.rule, entry.at): entry.outcome(7) for entry in mine}
    for said in found.said:
        outcome = outcomes[said.rule, said.at]
        assert outcome is not None
        assert (said.change, said.days) == (outcome.change, 7)
    sizes = [abs(said.change) / said.usual for said in found.said]
    assert sizes == sorted(sizes), "misses first"
