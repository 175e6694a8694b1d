"""History that arrives late: what is open says since when, one date everywhere, and nothing of it is news."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from bot import demo
from bot.archive.importing import read_file
from bot.archive.importing.tables import keep
from bot.engine import evaluate as live
from bot.engine import hindsight
from bot.engine.evaluate import history, judge
from bot.engine.hindsight import judge_past
from signals.alerts.rule import rules
from signals.units import DAY, to_ms
from storage.alerts import episodes
from storage.engine.database import Store
from storage.people import destinations
from storage.queries import alarms
from tests.storage import beside

if TYPE_CHECKING:
    from pathlib import Path

    from bot.engine.evaluate import Evaluation

END = datetime(2026, 3, 1, tzinfo=UTC)
SHORT = 120 * DAY  # what a first start asks the venues for; the archive brings the rest


def fill(store: Store, since: datetime | None = None, until: datetime = END) -> None:
    """Keep what the recorded winter holds of a span."""
    read = read_file(demo.path(), now=until)
    first = 0 if since is None else to_ms(since)
    kept = [row for row in read.kept if first <= row.at < to_ms(until)]
    keep(store, type(read)(read.file, read.format, len(kept), 0, kept, (), read.step))


def open_of(store: Store) -> dict[str, datetime]:
    """Return since when the open episodes of BTC and of the market have been, by rule."""
    return {one.rule: one.since for one in episodes.running(store)}


def held_by_replay(store: Store, now: datetime) -> dict[str, datetime]:
    """Return what a replay of everything stored holds open at the end, and since when."""
    found: dict[str, datetime] = {}
    for one in history(store, ["BTC"], datetime(2000, 1, 1, tzinfo=UTC), now):
        assert one.event
        if one.event.kind == "resolved":
            found.pop(one.event.rule, None)
        else:
            found[one.event.rule] = one.event.since
    return found


def notices(store: Store) -> int:
    return len(beside.rows(store, "SELECT id FROM notices"))


@pytest.fixture
def whole(store: Store) -> Store:
    fill(store)
    return store


def test_after_an_import_health_says_what_replay_holds_open(whole: Store) -> None:
    assert judge_past(whole, ["BTC"], END) > 3
    expected = held_by_replay(whole, END)
    assert "oi_vs_ma180" in expected
    assert open_of(whole) == expected
    shown = {check.metric.id: check.since for check in alarms.read(whole, "BTC", END).checks if check.since}
    by_metric = {rules()[rule].metrics[0]: since for rule, since in expected.items()}
    assert {name: since for name, since in shown.items() if name in by_metric} == by_metric
    assert notices(whole) == 0


def test_what_happened_between_the_import_and_the_first_start_is_no_news(whole: Store) -> None:
    chat = destinations.ensure(whole, "telegram", "7", None, kind="private", title=None, now=END)
    destinations.subscribe(whole, chat.id, "*", "*")
    judge_past(whole, ["BTC"], END)
    later = END + 60 * DAY
    fill(whole, END, later)
    assert judge(whole, ["BTC"], later, started=later) == []
    assert notices(whole) == 0
    assert open_of(whole) == held_by_replay(whole, later)


def test_the_archive_moves_since_to_where_it_began_and_tells_nothing(store: Store) -> None:
    fill(store, END - SHORT)
    judge(store, ["BTC"], END, started=END)
    before = open_of(store)
    fill(store, None, END - SHORT)
    judge_past(store, ["BTC"], END)
    after, expected = open_of(store), held_by_replay(store, END)
    assert before != after
    assert {rule: after[rule] for rule in expected} == expected
    assert notices(store) == 0
    assert judge_past(store, ["BTC"], END) == 0, "nothing older has come since"


def test_earlier_episodes_are_learnt_once(store: Store) -> None:
    fill(store, END - SHORT)
    judge(store, ["BTC"], END, started=END)
    fill(store, None, END - SHORT)
    judge_past(store, ["BTC"], END)
    judge_past(store, ["BTC"], END)
    for rule in ("price_drawdown", "oi_drawdown"):
        spans = [(one.since, one.ended) for one in episodes.of(store, rule, "BTC")]
        assert len(spans) == len(set(spans))
        assert spans == sorted(spans)


GAP = datetime(2025, 10, 1, tzinfo=UTC), datetime(2026, 1, 20, tzinfo=UTC)


def spans(store: Store) -> dict[str, list[tuple[datetime, datetime | None]]]:
    return {
        rule: [(one.since, one.ended) for one in found]
        for rule in rules()
        if (found := [*episodes.of(store, rule, "BTC"), *episodes.of(store, rule, "MARKET")])
    }


def test_a_later_stretch_goes_on_where_an_import_ended(store: Store, tmp_path: Path) -> None:
    fill(store, None, GAP[0])
    judge_past(store, ["BTC"], GAP[0])
    fill(store, GAP[0], END)
    assert judge_past(store, ["BTC"], END, since={"BTC": GAP[0], "MARKET": GAP[0]}) > 3
    at_once = Store(tmp_path / "at-once.db")
    fill(at_once)
    judge_past(at_once, ["BTC"], END)
    assert spans(store) == spans(at_once), "as if all had come at once"
    assert open_of(store) == held_by_replay(store, END)
    assert judge_past(store, ["BTC"], END, since={"BTC": GAP[0], "MARKET": GAP[0]}) == 0, (
        "a second time changes nothing"
    )
    assert spans(store) == spans(at_once)
    at_once.close()


def test_what_comes_into_the_midst_of_what_was_judged_is_learnt_and_told_to_nobody(store: Store) -> None:
    chat = destinations.ensure(store, "telegram", "7", None, kind="private", title=None, now=END)
    destinations.subscribe(store, chat.id, "*", "*")
    fill(store, None, GAP[0])
    judge(store, ["BTC"], GAP[0], started=GAP[0])
    fill(store, GAP[1], END - 5 * DAY)
    judge(store, ["BTC"], END - 5 * DAY, started=GAP[0])  # a bot that was away: what it tells of these days stands
    fill(store, END - 5 * DAY, END)
    judge(store, ["BTC"], END, started=GAP[0])
    judge_past(store, ["BTC"], END)
    told, before = notices(store), spans(store)
    assert not [since for since, _ in before.get("price_drawdown", []) if GAP[0] < since < GAP[1]]
    fill(store, *GAP)
    assert judge_past(store, ["BTC"], END) == 0, "no older row has come"
    assert judge_past(store, ["BTC"], END, since={"BTC": GAP[0], "MARKET": GAP[0]}) > 1
    after = spans(store)
    learnt = [since for since, _ in after["price_drawdown"] if GAP[0] < since < GAP[1]]
    assert [since.month for since in learnt] == [10, 11]
    ended = {(rule, one) for rule, kept in before.items() for one in kept if one[1]}
    assert ended < {(rule, one) for rule, kept in after.items() for one in kept}, "what was over stands"
    assert open_of(store) == held_by_replay(store, END), "and what is open says since when it really is"
    assert notices(store) == told, "nothing is pushed for the past"
    assert judge_past(store, ["BTC"], END, since={"BTC": GAP[0], "MARKET": GAP[0]}) == 0


def test_an_empty_store_has_no_past(tmp_path: Path) -> None:
    assert judge_past(Store(tmp_path / "none.db"), ["BTC"], END) == 0


SOME = datetime(2025, 9, 1, tzinfo=UTC)
MET = datetime(2026, 1, 25, tzinfo=UTC), datetime(2026, 2, 6, tzinfo=UTC)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("lacks", "since"),
    [
        pytest.param((datetime(2025, 8, 1, tzinfo=UTC), SOME), datetime(2025, 8, 1, tzinfo=UTC), id="an import"),
        pytest.param((datetime(2000, 1, 1, tzinfo=UTC), SOME), None, id="the archive"),
    ],
)
def test_what_is_judged_while_the_past_is_looked_at_is_told_once_and_ends(
    store: Store, monkeypatch: pytest.MonkeyPatch, lacks: tuple[datetime, datetime], since: datetime | None
) -> None:
    chat = destinations.ensure(store, "telegram", "7", None, kind="private", title=None, now=END)
    destinations.subscribe(store, chat.id, "*", "*")
    fill(store, None, lacks[0])
    fill(store, lacks[1], MET[0])
    for at in (MET[0] - 40 * DAY, MET[0]):
        judge(store, ["BTC"], at, started=at)
    evaluated = hindsight.evaluate

    def beside_the_bot(*given: Any, **named: Any) -> list[Evaluation]:
        """Return what is judged of the past, after which the bot has judged what came meanwhile."""
        found = list(evaluated(*given, **named))
        monkeypatch.setattr(hindsight, "evaluate", evaluated)
        fill(store, *MET)
        judge(store, ["BTC"], MET[1], started=MET[0])
        return found

    monkeypatch.setattr(hindsight, "evaluate", beside_the_bot)
    fill(store, *lacks)
    judge_past(store, ["BTC"], MET[0], since={"BTC": since, "MARKET": since} if since else None)
    told, running = notices(store), open_of(store)
    assert hindsight.evaluate is evaluated, "the bot has judged meanwhile"
    assert told > 1
    assert judge(store, ["BTC"], MET[1] + timedelta(minutes=10), started=MET[0]) == []
    assert notices(store) == told, "nothing is told a second time"
    assert len(episodes.running(store)) == len(running), "one open episode a rule"
    assert running == held_by_replay(store, MET[1]), "and its past is learnt all the same"
    standing = {one.episode for one in episodes.rule_states(store).values() if one.state.rank}
    assert {one.id for one in episodes.running(store)} == standing, "so that what is open can end"


@pytest.mark.slow
def test_a_past_that_is_learnt_while_the_bot_judges_stands(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(store, SOME, MET[0])
    judge_past(store, ["BTC"], MET[0])
    fill(store, *MET)
    evaluated = live.evaluate

    def beside_an_import(*given: Any, **named: Any) -> list[Evaluation]:
        """Return what is judged live, after which an import has brought the time before it."""
        found = list(evaluated(*given, **named))
        monkeypatch.setattr(live, "evaluate", evaluated)
        fill(store, None, SOME)
        judge_past(store, ["BTC"], MET[0])
        return found

    monkeypatch.setattr(live, "evaluate", beside_an_import)
    judge(store, ["BTC"], MET[1], started=MET[1])
    assert live.evaluate is evaluated, "an import has been made meanwhile"
    judge(store, ["BTC"], MET[1] + timedelta(minutes=10), started=MET[1])
    standing = {one.episode for one in episodes.rule_states(store).values() if one.state.rank}
    assert {one.id for one in episodes.running(store)} == standing, "so that what is open can end"
    assert open_of(store) == held_by_replay(store, MET[1])
