"""/metrics and the dashboard: both are the one list of measures, and neither names anybody."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from prometheus_client.parser import text_string_to_metric_families

from bot.watch.served import dashboard, exporter
from bot.watch.served.measures import MEASURES
from handlers.channels.failure import ChatGone, PerhapsSent, Throttled
from storage.people import destinations
from tests.bot.delivery.desk import NOW
from tests.bot.watch.house import Watched, watched_at
from tests.house import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PROMTOOL = shutil.which("promtool")
SECRET_CHAT = "-100987654321"


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    made = watched_at(tmp_path)
    destinations.ensure(
        made.desk.store, "telegram", SECRET_CHAT, "77", kind="group", title="Ann's secret", now=NOW, person="4711"
    )
    yield made
    made.desk.store.close()


async def rendered(watched: Watched) -> str:
    return exporter.render(await watched.look()).decode()


async def values(watched: Watched) -> dict[str, dict[tuple[str, ...], float]]:
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(await rendered(watched)):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sample.labels.values())] = sample.value
    return found


async def test_every_measure_is_exported_under_its_name_and_kind_and_no_other(watched: Watched) -> None:
    kinds = dict(re.findall(r"^# TYPE (\S+) (\w+)$", await rendered(watched), re.MULTILINE))
    declared = {measure.name: measure.kind for measure in MEASURES}
    assert len(declared) == len(MEASURES) > 15
    for name, kind in declared.items():
        assert kinds.get(name) == {"info": "gauge"}.get(kind, kind) or (kind == "process" and name in kinds), name
    assert {name for name in kinds if not name.startswith("process_")} <= set(declared)


async def test_no_chat_no_person_and_no_secret_is_named(watched: Watched) -> None:
    watched.desk.channel.script.extend([ChatGone(f"chat {SECRET_CHAT} is closed"), None])
    watched.desk.happens("oi_drawdown", "price_drawdown")
    await watched.desk.turns(5)
    text = await rendered(watched)
    for secret in (SECRET_CHAT, "4711", "Ann", '"11"', '"77"'):
        assert secret not in text
    assert 'perpulse_messages_failed_total{channel="telegram",reason="chat gone"} 1.0' in text


async def test_what_was_sent_and_what_failed_is_counted_by_reason(watched: Watched) -> None:
    watched.desk.channel.script.extend([Throttled("slow", seconds=1), PerhapsSent("lost"), None])
    watched.desk.happens("oi_drawdown")
    await watched.desk.turns(30)
    found = await values(watched)
    assert found["perpulse_messages_sent_total"] == {("telegram",): 1.0}
    assert found["perpulse_messages_failed_total"] == {
        ("telegram", "throttled"): 1.0,
        ("telegram", "perhaps sent"): 1.0,
    }


async def test_turns_are_a_histogram_and_what_failed_is_not_in_it(watched: Watched) -> None:
    for seconds in (0.005, 0.3, 400.0):
        watched.turns.took(seconds, good=True)
    watched.turns.took(1.0, good=False)
    found = await values(watched)
    assert found["perpulse_turns_total"] == {("good",): 4.0, ("failed",): 1.0}
    buckets = found["perpulse_turn_seconds_bucket"]
    assert (buckets["0.01",], buckets["0.5",], buckets["30",], buckets["+Inf",]) == (1.0, 3.0, 3.0, 4.0)
    assert found["perpulse_turn_seconds_count"] == {(): 4.0}
    assert found["perpulse_turn_seconds_sum"][()] == pytest.approx(400.325)


async def test_an_input_has_one_number_however_many_assets_are_followed(watched: Watched) -> None:
    with watched.desk.store.write() as work:
        for asset, last in (("BTC", 1000), ("ETH", 500), ("OLD", 1), ("MARKET", 700)):
            at = int(watched.desk.clock.now().timestamp() * 1000) - 1_000_000 + last * 1000
            for venue in ("binance", "import"):
                work.connection.execute(
                    "INSERT INTO series VALUES (?, 'mark_price', ?, 0, 0, ?, NULL)", (asset, venue, at)
                )
    vitals = watched.vitals
    object.__setattr__(vitals, "assets", ("BTC", "ETH"))
    look = await vitals.look()
    ages = {key: (look.now - at).total_seconds() for key, at in look.stored.known_until.items()}
    assert ages == {("binance", "mark_price"): 500.0}


async def test_people_are_numbers(watched: Watched) -> None:
    with watched.desk.store.write() as work:
        work.connection.execute(
            "INSERT INTO own_rules (destination, number, line, rule, scope, created) VALUES (?, 1, ?, ?, '[]', 0)",
            (watched.desk.chat, "btc over my 4711 entry", "own btc over 4711"),
        )
        for rule in ("own btc over 4711", "position 4711", "oi_drawdown"):
            work.connection.execute(
                "INSERT INTO episodes (rule, asset, since, fired, rank, first_values, last_values) "
                "VALUES (?, 'BTC', 0, 0, 'notice', '{}', '{}')",
                (rule,),
            )
    found = await values(watched)
    assert found["perpulse_destinations"] == {("telegram", "open"): 2.0}
    assert found["perpulse_ordered"] == {
        ("subscriptions",): 1.0, ("digests",): 0.0, ("positions",): 0.0, ("addresses",): 0.0, ("rules",): 1.0,
    }  # fmt: skip
    assert found["perpulse_episodes_open"] == {
        ("notice", "oi_drawdown"): 1.0, ("notice", "own rule"): 1.0, ("notice", "position"): 1.0,
    }  # fmt: skip
    assert "4711" not in await rendered(watched)


async def test_a_database_that_is_gone_costs_its_own_numbers_alone(watched: Watched) -> None:
    watched.desk.store.close()
    watched.desk.store.path.write_bytes(b"no database " * 400)
    found = await values(watched)
    assert "perpulse_destinations" not in found
    assert found["perpulse_turns_total"]["good",] == 1.0


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed (Debian: apt install prometheus)")
async def test_promtool_finds_nothing_to_say(watched: Watched) -> None:
    text = await rendered(watched)
    done = await asyncio.to_thread(
        subprocess.run, [PROMTOOL, "check", "metrics"], input=text, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


# --- the dashboard ----------------------------------------------------------------------------------------------------


def test_the_dashboard_is_current_and_shows_every_measure() -> None:
    written = (ROOT / dashboard.FILE).read_text(encoding="utf-8")
    assert written == dashboard.text(), "`make docs` writes it again"
    panels = [panel for panel in json.loads(written)["panels"] if panel["type"] != "row"]
    shown = "\n".join(target["expr"] for panel in panels for target in panel["targets"])
    assert [measure.name for measure in MEASURES if measure.name not in shown] == []
    assert len({panel["id"] for panel in panels}) == len(panels) == len(MEASURES)
    places = [tuple(panel["gridPos"].values()) for panel in panels]
    assert len(set(places)) == len(places)


def test_a_dashboard_that_is_out_of_date_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert dashboard.main(["--check"]) == 1
    assert dashboard.main([]) == 0
    assert dashboard.main(["--check"]) == 0
    dashboard.FILE.write_text(dashboard.text().replace("Turns", "Rounds"), encoding="utf-8")
    assert dashboard.main(["--check"]) == 1
    assert "`make docs` writes it again" in capsys.readouterr().err
