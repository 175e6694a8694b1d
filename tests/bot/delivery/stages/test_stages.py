"""Each stage by itself: what it makes of a notice on its way to a destination, as tables."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.delivery.dispatcher import judged
from bot.delivery.stages.budget import budget, may_wait
from bot.delivery.stages.group import group
from bot.delivery.stages.join import join
from bot.delivery.stages.merge import merge
from bot.delivery.stages.mute import mute
from bot.delivery.stages.only import only
from bot.delivery.stages.outcome import PASS, Drop, Hold, Recipient
from bot.delivery.stages.quiet import quiet
from bot.delivery.stages.sound import rings
from storage.alerts.outbox import Notice, OutboxRow
from storage.people.switches import Switch

NOW = datetime(2026, 1, 15, 23, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)


def notice(kind: str = "fired", **more: Any) -> Notice:
    about = {"rank": "notice", "at": NOW, "payload": {"event": "alert"}, "episode": 1, "rule": "oi_drawdown"} | more
    return Notice(kind=kind, asset=about.pop("asset", "BTC"), **about)


def row(kind: str = "fired", *, number: int = 1, **more: Any) -> OutboxRow:
    about = {"uncertain": False, "lead": None, "message": None, "announced": False, "told": False, "goes_on": None}
    about |= {name: more.pop(name) for name in list(more) if name in about}
    return OutboxRow(number, notice(kind, **more), **about)


JOINS: dict[str, Any] = {"goes_on": "m1", "payload": {"event": "alert", "takes_in": [7, 8]}}


@pytest.mark.parametrize(
    ("switch", "of", "passes"),
    [
        pytest.param(Switch("mute", "oi_drawdown"), {}, False, id="its rule"),
        pytest.param(Switch("mute", "BTC"), {}, False, id="its asset"),
        pytest.param(Switch("mute"), {}, False, id="everything"),
        pytest.param(Switch("mute"), {"rank": "critical"}, False, id="everything means what is critical too"),
        pytest.param(Switch("mute", "ETH"), {}, True, id="another asset"),
        pytest.param(Switch("mute", "price_drawdown"), {}, True, id="another rule"),
        pytest.param(Switch("mute", until=NOW + HOUR), {}, False, id="for an hour"),
        pytest.param(Switch("mute", until=NOW), {}, True, id="until now"),
        pytest.param(Switch("quiet", value="22:00-07:00"), {}, True, id="quiet is another switch"),
        pytest.param(Switch("mute", "oi_drawdown BTC"), {}, False, id="its rule of its asset"),
        pytest.param(Switch("mute", "oi_drawdown ETH"), {}, True, id="its rule of another asset"),
        pytest.param(Switch("mute", "episode 1"), {}, False, id="its episode"),
        pytest.param(Switch("mute", "episode 2"), {}, True, id="another episode"),
        pytest.param(Switch("mute", "BTC", value="episode 9"), {}, False, id="its asset until an episode is over"),
        pytest.param(Switch("mute", "BTC", value="episode 9", over=True), {}, True, id="which it is"),
        pytest.param(
            Switch("mute", value="episode 1", over=True), {"kind": "resolved"}, False, id="the end that ends it"
        ),
        pytest.param(Switch("mute", value="episode 1"), {"kind": "resumed"}, True, id="what begins again is told"),
        pytest.param(Switch("mute"), {"kind": "held", "rule": None}, True, id="a list of what waited"),
        pytest.param(Switch("mute"), {"kind": "late", "rule": None}, True, id="what came too late was asked for then"),
        pytest.param(
            Switch("mute", "BTC"), {"payload": {"event": "position"}}, True, id="a position of one's own in the asset"
        ),
        pytest.param(Switch("mute"), {"payload": {"event": "position"}}, False, id="everything, positions too"),
        pytest.param(Switch("mute", "episode 8"), JOINS, False, id="the message that it goes on in"),
        pytest.param(Switch("mute", "episode 8", until=NOW), JOINS, True, id="which was muted until now"),
        pytest.param(Switch("mute", "episode 7"), JOINS, True, id="an older one, that this is not told in"),
        pytest.param(Switch("mute", "episode 8"), JOINS | {"goes_on": None}, True, id="it has a message of its own"),
    ],
)
def test_mute(switch: Switch, of: dict[str, Any], passes: bool) -> None:
    outcome = mute(row(**of), Recipient(switches=(switch,)), NOW)
    assert outcome == PASS if passes else isinstance(outcome, Drop) and outcome.state == "muted"


SEVEN = datetime(2026, 1, 16, 7, tzinfo=UTC)


@pytest.mark.parametrize(
    ("hours", "of", "held_for"),
    [
        pytest.param("22:00-07:00", row(), "quiet", id="a notice"),
        pytest.param("22:00-07:00", row(rank="warning"), "quiet", id="a warning"),
        pytest.param("22:00-07:00", row(rank="critical"), PASS, id="what is critical passes"),
        pytest.param("22:00-07:00 strict", row(rank="critical"), "quiet", id="unless told otherwise"),
        pytest.param("22:00-07:00", row("late"), None, id="a list waits by itself"),
        pytest.param("22:00-07:00", row(told=True, message="7"), PASS, id="an edit of what a line told already"),
        pytest.param("01:00-07:00", row(), PASS, id="not yet quiet"),
    ],
)
def test_quiet(hours: str, of: OutboxRow, held_for: Any) -> None:
    outcome = quiet(of, Recipient("UTC", (Switch("quiet", value=hours),)), NOW)
    assert outcome == (PASS if held_for == PASS else Hold(SEVEN, "quiet hours, 22:00-07:00 UTC", held_for))


@pytest.mark.parametrize(
    ("least", "of", "passes"),
    [
        pytest.param("warning", row(), False, id="a notice where warnings are wanted"),
        pytest.param("warning", row(rank="warning"), True, id="a warning"),
        pytest.param("warning", row(rank="critical"), True, id="what is worse"),
        pytest.param("critical", row(rank="warning"), False, id="a warning where only what is critical is wanted"),
        pytest.param("critical", row("resolved", announced=True), True, id="the end of what was told before"),
        pytest.param("warning", row("resumed", message="7"), True, id="an edit"),
        pytest.param("warning", row(goes_on="7"), False, id="a notice that begins in the message of a warning"),
        pytest.param("critical", row("held"), True, id="a list of what waited"),
        pytest.param(None, row(), True, id="nothing was said"),
    ],
)
def test_only(least: str | None, of: OutboxRow, passes: bool) -> None:
    chosen = (Switch("only", value=least),) if least else ()
    outcome = only(of, Recipient(switches=chosen))
    assert outcome == PASS if passes else isinstance(outcome, Drop) and outcome.state == "muted"


@pytest.mark.parametrize(
    ("rows", "waits"),
    [
        pytest.param([row()], True, id="a notice"),
        pytest.param([row(), row("resolved")], True, id="two, and one that came and went"),
        pytest.param([row(), row(rank="warning")], False, id="one that comes along with a warning"),
        pytest.param([row(message="7")], False, id="an edit"),
        pytest.param([row(goes_on="7")], True, id="what begins in the message of another one"),
        pytest.param([row(uncertain=True)], False, id="one that may have arrived"),
        pytest.param([row("late")], False, id="a list"),
        pytest.param([row(payload={"event": "position"})], False, id="a position of the reader's own"),
        pytest.param([row("source", episode=None)], True, id="news of a source"),
    ],
)
def test_what_may_wait_for_the_end_of_the_day(rows: list[OutboxRow], waits: bool) -> None:
    assert may_wait(rows) is waits


@pytest.mark.parametrize(
    ("zone", "hours", "until"),
    [
        pytest.param("UTC", None, "2026-01-16 00:00", id="midnight"),
        pytest.param("America/New_York", None, "2026-01-16 05:00", id="midnight there"),
        pytest.param("UTC", "22:00-07:00", "2026-01-16 07:00", id="the end of the quiet hours in which it lies"),
        pytest.param("UTC", "01:00-07:00", "2026-01-16 00:00", id="before they begin"),
    ],
)
def test_a_budget_that_is_spent_is_there_again_with_the_new_day(zone: str, hours: str | None, until: str) -> None:
    recipient = Recipient(zone, (Switch("quiet", value=hours),) if hours else ())
    assert budget(recipient, 12, 11, NOW) == PASS
    end = datetime.fromisoformat(until).replace(tzinfo=UTC)
    assert budget(recipient, 12, 12, NOW) == Hold(end, "beyond 12 new messages a day", "budget")


@pytest.mark.parametrize(
    ("chosen", "of", "sound"),
    [
        pytest.param((), {"rank": "notice"}, False, id="a notice is silent"),
        pytest.param((), {"rank": "warning"}, True, id="a warning rings"),
        pytest.param((), {"rank": "critical"}, True, id="what is critical rings"),
        pytest.param((Switch("silent"),), {"rank": "critical"}, False, id="everything silent"),
        pytest.param((Switch("loud"),), {"rank": "notice"}, True, id="everything loud"),
        pytest.param((Switch("loud", "BTC"),), {"rank": "notice"}, True, id="its asset loud"),
        pytest.param((Switch("silent", "ETH"),), {"rank": "warning"}, True, id="another asset silent"),
        pytest.param((Switch("loud"), Switch("silent", "BTC")), {"rank": "warning"}, False, id="the asset before all"),
        pytest.param(
            (Switch("silent", "BTC"), Switch("loud", "oi_drawdown")), {}, True, id="the alarm before the asset"
        ),
        pytest.param(
            (Switch("silent", "BTC"),),
            {"rank": "critical", "payload": {"event": "position"}},
            True,
            id="a position of one's own in a silent asset",
        ),
    ],
)
def test_sound(chosen: tuple[Switch, ...], of: dict[str, Any], sound: bool) -> None:
    assert rings(notice(**of), chosen) is sound


FIRST = row(number=1)


@pytest.mark.parametrize(
    ("first", "other", "one_message"),
    [
        pytest.param(FIRST, row(number=2, episode=2), True, id="another rule at the same close"),
        pytest.param(FIRST, row(number=2, episode=2, rank="critical"), True, id="whatever their ranks"),
        pytest.param(FIRST, row(number=2, asset="ETH"), False, id="another asset"),
        pytest.param(FIRST, row(number=2, at=NOW - HOUR), False, id="another close"),
        pytest.param(FIRST, row("escalated", number=2, message="7"), False, id="one that has a message already"),
        pytest.param(row(message="7"), row(number=2, message="7"), True, id="two that share a message"),
        pytest.param(row(message="7"), row(number=2, message="8"), False, id="two with messages of their own"),
        pytest.param(row(message="7"), row(number=2, goes_on="7"), True, id="one that goes on in its message"),
        pytest.param(FIRST, row(number=2, goes_on="7"), True, id="one that would go on in an older message"),
        pytest.param(row(goes_on="7"), row(number=2), False, id="what goes on takes nothing along that is alone"),
        pytest.param(row(goes_on="7"), row(number=2, goes_on="8"), False, id="two that go on in different ones"),
        pytest.param(FIRST, row(number=2, payload={"event": "position"}), False, id="a position of the reader's own"),
        pytest.param(
            row(payload={"blocks": []}), row(number=2, payload={"blocks": []}), False, id="words of an earlier version"
        ),
        pytest.param(FIRST, row(number=2, uncertain=True, lead=1), False, id="one that may have arrived"),
        pytest.param(row(uncertain=True, lead=1), row(number=2), False, id="what may have arrived takes no more along"),
        pytest.param(
            row(uncertain=True, lead=1),
            row(number=2, uncertain=True, lead=1),
            True,
            id="both may have arrived together",
        ),
        pytest.param(
            row(uncertain=True, lead=1), row(number=2, uncertain=True, lead=2), False, id="both may, each by itself"
        ),
    ],
)
def test_group(first: OutboxRow, other: OutboxRow, one_message: bool) -> None:
    assert group(first, other) is one_message


WITHIN = {"event": "alert", "within": [(7, "warning")]}  # an alarm that the setup of episode 7 tells as its leg


@pytest.mark.parametrize(
    ("of", "passes"),
    [
        pytest.param(row("fired"), True, id="a beginning"),
        pytest.param(row("escalated"), True, id="an escalation of what was never told"),
        pytest.param(row("resolved"), False, id="an end of what was never told"),
        pytest.param(row("resolved", announced=True), True, id="an end of what was meant to be told"),
        pytest.param(row("resolved", message="7"), True, id="an end that edits a message"),
        pytest.param(row("resolved", payload={"event": "alert", "came_and_went": True}), True, id="it came and went"),
        pytest.param(row("resolved", payload={"blocks": [], "alone": True}), True, id="alone, by an earlier version"),
        pytest.param(row("fired", told=True), False, id="told in a line, and no message of its own to edit"),
        pytest.param(row("escalated", told=True, message="7"), True, id="told in a line, and its message is edited"),
    ],
)
def test_merge(of: OutboxRow, passes: bool) -> None:
    outcome = merge(of)
    assert outcome == PASS if passes else isinstance(outcome, Drop) and outcome.state == "merged"


@pytest.mark.parametrize(
    ("of", "told", "passes"),
    [
        pytest.param({"payload": WITHIN}, {7}, False, id="its setup was told here"),
        pytest.param({"payload": WITHIN}, set(), True, id="its setup was told to others"),
        pytest.param({"payload": WITHIN}, {8}, True, id="another setup was told here"),
        pytest.param({}, {7}, True, id="it is no leg"),
        pytest.param({"payload": WITHIN, "rank": "critical"}, {7}, True, id="it is more urgent than its setup"),
        pytest.param({"payload": WITHIN, "kind": "resolved"}, {7}, False, id="the end of a leg"),
        pytest.param({"payload": WITHIN, "kind": "resolved", "message": "3"}, {7}, True, id="the end of a message"),
    ],
)
def test_join(of: dict[str, Any], told: set[int], passes: bool) -> None:
    outcome = join(row(**of), told)
    assert outcome == PASS if passes else isinstance(outcome, Drop) and outcome.state == "merged"


def test_the_first_stage_that_does_not_let_pass_decides() -> None:
    both = Recipient("UTC", (Switch("quiet", value="22:00-07:00"), Switch("mute")))
    assert isinstance(judged(row(), both, NOW), Drop)
    assert isinstance(judged(row(), Recipient("UTC", both.switches[:1]), NOW), Hold)
    assert isinstance(judged(row("resolved"), Recipient("UTC", both.switches[:1]), NOW), Drop)  # it was never told
    assert judged(row(), Recipient(), NOW) == PASS
