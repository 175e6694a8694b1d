"""Rules of one's own over a real store: who is told of what, and that no restart or late bar changes any of it."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from bot.engine.own.judging import OwnJudge
from signals.alerts.condition import above, below, level
from signals.alerts.rule import OWN, AlertRule
from signals.units import MINUTE
from storage.alerts import episodes, own, record
from storage.engine.database import Store
from storage.market import points
from storage.market.points import Points
from storage.people import destinations
from storage.people import rules as people
from storage.people.forgetting import forget
from storage.people.rules import Worded
from storage.sources import coverage
from tests.storage import beside

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from signals.alerts.event import Event

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
START = datetime(2025, 6, 1, tzinfo=UTC)
BEFORE = START - 365 * DAY
FLAT = 20  # days at 100, so that all that the metric says is known


def price_below(line: float, **more: Any) -> AlertRule:
    return AlertRule(
        id=f"{OWN}price < {line:g}",
        title=f"Price below {line:g}",
        levels=(
            level(
                "warning",
                enter=below(line, "price_drawdown.price"),
                leave=above(line + 5, "price_drawdown.price"),
                hold=HOUR,
            ),
        ),
        headline="{asset}: price below a line.",
        legs=("Price is {price_drawdown.price:price}.",),
        counter="",
        resolved="{asset}: price is back above it.",
        metrics=("price_drawdown",),
        **more,
    )


@pytest.fixture(autouse=True)
def declared(monkeypatch: pytest.MonkeyPatch) -> dict[str, AlertRule]:
    found = {rule.id: rule for rule in (price_below(90), price_below(80))}
    monkeypatch.setitem(sys.modules, "signals.rules.compiled", SimpleNamespace(compiled=found.__getitem__))
    return found


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "perpulse.db")
    yield made
    made.close()


def prices(store: Store, closes: list[float], *, first: int = 0, asset: str = "BTC") -> None:
    """Store daily closes; they are judged at daily closes then. first: the day of the first one, from START."""
    index = pd.date_range(START + first * DAY, periods=len(closes), freq="D")
    frame = pd.DataFrame({"close": closes}, index=index, dtype=float)
    points.write(store, [Points.of_frame("binance", asset, DAY, frame)])


def at(day: float) -> datetime:
    """Return a time so many days after the flat ones, and a little, because data comes in after the close."""
    return START + timedelta(days=FLAT + day, minutes=1)


def chat(store: Store, name: str = "1") -> int:
    return destinations.ensure(store, "telegram", name, None, kind="private", title=None, now=BEFORE).id


def asks(store: Store, line: float = 90, of: int = 0, **worded: Any) -> tuple[int, int]:
    """Let a chat have a rule; return the chat and the number of the rule."""
    place = of or chat(store)
    scope = worded.pop("scope", {"assets": ["BTC"]})
    said = Worded(line=f"price < {line:g}", rule=f"{OWN}price < {line:g}", scope=scope, **worded)
    return place, people.add(store, place, said, person=None, now=BEFORE)


def told(events: list[Event]) -> list[tuple[str, str, float]]:
    return [(event.asset, event.kind, (event.at - START) / DAY - FLAT) for event in events]


def outbox_of(store: Store, place: int) -> list[tuple[str, str]]:
    rows = beside.rows(
        store,
        "SELECT n.kind, n.asset FROM outbox o JOIN notices n ON n.id = o.notice WHERE o.destination = ? ORDER BY n.id",
        place,
    )
    return [(row["kind"], row["asset"]) for row in rows]


def daily(store: Store, closes: list[float], judge: OwnJudge | None = None, *, assets: tuple[str, ...] = ("BTC",)):
    """Store a close a day after the flat ones and judge each; return what was told."""
    for asset in assets:
        prices(store, [100.0] * FLAT, asset=asset)
    judge = judge or OwnJudge(store, assets)
    found = judge.judge(at(0), started=BEFORE)
    for day, close in enumerate(closes):
        for asset in assets:
            prices(store, [close], first=FLAT + day, asset=asset)
        found += judge.judge(at(day + 1), started=BEFORE)
    return found


def test_it_fires_once_goes_on_and_is_over(store: Store) -> None:
    place, _ = asks(store)
    events = daily(store, [85, 84, 93, 96, 97])
    assert told(events) == [("BTC", "fired", 1), ("BTC", "resolved", 4)]
    assert outbox_of(store, place) == [("fired", "BTC"), ("resolved", "BTC")]
    fired = events[0]
    assert fired.values["price_drawdown.price"] == 85
    assert (fired.venues, fired.step, fired.rank) == (("binance",), DAY, "warning")
    assert events[1].told["price_drawdown.price"] == 85
    [entry] = record.unjudged(store, START + 365 * DAY)
    assert (entry.rule, entry.price) == (f"{OWN}price < 90", 85)
    assert record.entries(store) == [], "what one chat asked for is not shown to all"
    assert record.definitions(store) == {}
    assert episodes.running(store) == episodes.between(store, START, START + 365 * DAY) == []


def test_where_it_stands_when_it_is_made_is_no_news(store: Store) -> None:
    prices(store, [100.0] * FLAT + [80.0])
    asks(store)
    judge = OwnJudge(store, ("BTC",))
    assert judge.judge(at(1), started=BEFORE) == []
    prices(store, [80, 100, 80], first=FLAT + 1)
    assert judge.judge(at(4), started=BEFORE) == [], "its episode goes on, of which nobody was told"
    prices(store, [100, 100, 100, 100, 80], first=FLAT + 4)
    assert told(judge.judge(at(9), started=BEFORE)) == [("BTC", "fired", 9)]


@pytest.mark.parametrize(
    ("seen", "kinds"),
    [
        pytest.param(0, ["fired"], id="before it fired: all that happened meanwhile is one message"),
        pytest.param(1, ["fired", "resumed"], id="while it runs"),
        pytest.param(2, ["fired", "resumed"], id="while it runs for longer"),
        pytest.param(3, ["fired", "resolved", "resumed"], id="when it is over"),
    ],
)
def test_a_restart_tells_nothing_twice_and_misses_nothing(store: Store, seen: int, kinds: list[str]) -> None:
    place, _ = asks(store)
    daily(store, [85, 84, 96][:seen])
    closes = [85.0, 84, 96, 97, 70]
    prices(store, closes[seen:], first=FLAT + seen)
    [last] = OwnJudge(store, ("BTC",)).judge(at(5), started=at(4.5))
    assert (last.at, last.offline, last.values["price_drawdown.price"]) == (at(5) - MINUTE, False, 70)
    assert [kind for kind, _ in outbox_of(store, place)] == kinds
    assert OwnJudge(store, ("BTC",)).judge(at(5), started=at(4.5)) == []


def test_a_stop_is_judged_by_the_days_that_come_of_it(store: Store) -> None:
    """Of hundreds of assets the present comes first; by it alone what began and ended meanwhile was never told."""
    asks(store)
    daily(store, [])
    prices(store, [97], first=FLAT + 4)
    coverage.note_owed(store, {("binance", "bars", "BTC"): at(0)})
    again = OwnJudge(store, ("BTC",))
    assert again.judge(at(5), started=at(5)) == []
    prices(store, [85, 84, 83, 96], first=FLAT)
    coverage.note_owed(store, {("binance", "bars", "BTC"): None})
    events = again.judge(at(5) + MINUTE, started=at(5))
    assert [(event.kind, event.came_and_went, event.since) for event in events] == [("resolved", True, at(1) - MINUTE)]


def test_chats_with_the_same_rule_share_its_episode(store: Store) -> None:
    one, _ = asks(store)
    other, number = asks(store, of=chat(store, "2"))
    with store.write() as work:
        people.pause(work, other, number, "person", BEFORE)
    third, _ = asks(store, of=chat(store, "3"), scope={"assets": ["ETH"]})
    judge = OwnJudge(store, ("BTC", "ETH"))
    daily(store, [85], judge, assets=("BTC", "ETH"))
    assert (outbox_of(store, one), outbox_of(store, other)) == ([("fired", "BTC")], [])
    assert outbox_of(store, third) == [("fired", "ETH")]
    people.resume(store, other, number)
    prices(store, [100], first=FLAT + 1)
    judge.judge(at(2), started=BEFORE)
    assert outbox_of(store, one)[-1] == ("resolved", "BTC")
    assert outbox_of(store, other) == [], "who was not told of a fire is not told of its end"


@pytest.mark.slow
def test_once_is_once_and_its_end_is_told(store: Store) -> None:
    place, _ = asks(store, once=True, scope={"any": True})
    daily(store, [85, 100, 100, 100, 100, 85], assets=("BTC", "ETH"))
    assert sorted(outbox_of(store, place)) == [
        ("fired", "BTC"), ("fired", "ETH"), ("resolved", "BTC"), ("resolved", "ETH")]  # fmt: skip
    [row] = people.of(store, place)
    assert (row.paused_for, row.told) == ("once", at(1) - MINUTE)


def test_at_most_every_so_often(store: Store, declared: dict[str, AlertRule]) -> None:
    declared[f"{OWN}price < 90"] = price_below(90, continues=timedelta(0))
    place, _ = asks(store, at_most=3 * DAY)
    daily(store, [85, 100, 85, 100, 85, 100])
    assert [kind for kind, _ in outbox_of(store, place)] == ["fired", "resolved", "fired", "resolved"]


def test_the_end_of_what_was_held_back_is_not_told_either(store: Store) -> None:
    """A restart within three days goes on with the episode; who is not told of it has heard its end already."""
    place, _ = asks(store, at_most=10 * DAY)
    other, _ = asks(store, of=chat(store, "12"))
    daily(store, [85, 100, 85, 100])
    assert [kind for kind, _ in outbox_of(store, place)] == ["fired", "resolved"]
    assert [kind for kind, _ in outbox_of(store, other)] == ["fired", "resolved", "resumed", "resolved"]


def test_a_moment_has_no_end_to_be_told(store: Store, declared: dict[str, AlertRule]) -> None:
    declared[f"{OWN}price < 90"] = price_below(90, momentary=True, continues=timedelta(0))
    place, _ = asks(store)
    daily(store, [85, 100, 85])
    assert [kind for kind, _ in outbox_of(store, place)] == ["fired", "fired"]


def test_what_is_missing_fires_and_ends_nothing(store: Store) -> None:
    place, _ = asks(store)
    judge = OwnJudge(store, ("BTC",))
    daily(store, [85], judge)
    assert judge.judge(at(30), started=BEFORE) == []
    assert outbox_of(store, place) == [("fired", "BTC")]


def test_a_rule_whose_value_went_away_says_so_once(store: Store, declared: dict[str, AlertRule]) -> None:
    place, _ = asks(store)
    daily(store, [100])
    del declared[f"{OWN}price < 90"]
    for _ in range(2):
        OwnJudge(store, ("BTC",)).judge(at(2), started=BEFORE)
    assert outbox_of(store, place) == [("owner", None)]
    assert people.of(store, place)[0].paused_for == "gone"


def test_a_rule_of_nothing_that_is_followed_says_so_once(store: Store) -> None:
    place, _ = asks(store)
    daily(store, [100])
    for _ in range(2):
        OwnJudge(store, ("ETH",)).judge(at(2), started=BEFORE)
    assert outbox_of(store, place) == [("owner", None)]


def test_where_a_rule_stood_goes_with_the_last_chat_that_had_it(store: Store) -> None:
    place, number = asks(store)
    judge = OwnJudge(store, ("BTC",))
    daily(store, [85], judge)
    assert list(own.states(store)) == [f"{OWN}price < 90"]
    people.drop(store, place, number)
    judge.judge(at(2), started=BEFORE)
    assert own.states(store) == {}


@pytest.mark.slow
def test_a_fault_before_the_commit_is_logged_and_leaves_all_to_be_told(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, _ = asks(store)
    judge = OwnJudge(store, ("BTC",))
    daily(store, [100], judge)
    prices(store, [85], first=FLAT + 1)
    with monkeypatch.context() as broken:
        broken.setattr(own, "save", lambda *_: (_ for _ in ()).throw(RuntimeError("broken")))
        assert judge.judge(at(2), started=BEFORE) == []
    assert outbox_of(store, place) == []
    assert told(judge.judge(at(2), started=BEFORE)) == [("BTC", "fired", 2)]


def test_nothing_is_left_of_a_rule_when_its_last_chat_is_forgotten(store: Store) -> None:
    place, _ = asks(store)
    other, _ = asks(store, of=chat(store, "2"))
    daily(store, [85, 100, 85])
    forget(store, "telegram", "1")
    assert outbox_of(store, place) == []
    assert [kind for kind, _ in outbox_of(store, other)] == ["fired", "resolved", "resumed"]
    forget(store, "telegram", "2")
    for table in ("own_states", "own_rules", "definitions", "record", "outcomes", "notices", "outbox", "episodes"):
        assert beside.rows(store, f"SELECT * FROM {table}") == [], table  # noqa: S608 - names from above
