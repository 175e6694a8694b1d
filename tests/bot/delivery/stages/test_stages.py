"""Each stage by itself: what it makes of a notice on its way to a destination, as tables."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.delivery.dispatcher import judged
from bot.delivery.stages.group import group
from bot.delivery.stages.merge import merge
from bot.delivery.stages.mute import mute
from bot.delivery.stages.outcome import PASS, Drop, Hold, Recipient
from bot.delivery.stages.quiet import ends, quiet
from bot.delivery.stages.sound import rings
from storage.alerts.outbox import Notice, OutboxRow
from storage.people.switches import Switch

NOW = datetime(2026, 1, 15, 23, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)


def notice(kind: str = "fired", **more: Any) -> Notice:
    about = {"rank": "notice", "at": NOW, "payload": {"event": "alert"}, "episode": 1, "rule": "oi_drawdown"} | more
    return Notice(kind=kind, asset=about.pop("asset", "BTC"), **about)


def row(kind: str = "fired", *, number: int = 1, **more: Any) -> OutboxRow:
    about = {"uncertain": False, "lead": None, "message": None, "announced": False}
    about |= {name: more.pop(name) for name in list(more) if name in about}
    return OutboxRow(number, notice(kind, **more), **about)


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
        pytest.param(Switch("quiet", hours="22:00-07:00"), {}, True, id="quiet is another switch"),
        pytest.param(Switch("mute"), {"kind": "late", "rule": None}, True, id="what came too late was asked for then"),
        pytest.param(
            Switch("mute", "BTC"), {"payload": {"event": "position"}}, True, id="a position of one's own in the asset"
        ),
        pytest.param(Switch("mute"), {"payload": {"event": "position"}}, False, id="everything, positions too"),
    ],
)
def test_mute(switch: Switch, of: dict[str, Any], passes: bool) -> None:
    outcome = mute(notice(**of), Recipient(switches=(switch,)), NOW)
    assert outcome == PASS if passes else isinstance(outcome, Drop) and outcome.state == "muted"


@pytest.mark.parametrize(
    ("hours", "zone", "now", "until"),
    [
        pytest.param("22:00-07:00", "UTC", "2026-01-15 23:30", "2026-01-16 07:00", id="over midnight, before it"),
        pytest.param("22:00-07:00", "UTC", "2026-01-16 06:59", "2026-01-16 07:00", id="over midnight, after it"),
        pytest.param("22:00-07:00", "UTC", "2026-01-16 07:00", None, id="just over"),
        pytest.param("22:00-07:00", "UTC", "2026-01-15 21:59", None, id="not yet"),
        pytest.param("13:00-15:00", "UTC", "2026-01-15 13:00", "2026-01-15 15:00", id="within a day"),
        pytest.param("22:00-07:00", "Europe/Berlin", "2026-01-15 21:30", "2026-01-16 06:00", id="by the chat's clock"),
        pytest.param("22:00-07:00", "America/New_York", "2026-01-15 23:30", None, id="evening elsewhere"),
        pytest.param("22:00-07:00", "Europe/Berlin", "2026-03-28 23:00", "2026-03-29 05:00", id="an hour is skipped"),
        pytest.param("22:00-07:00", "Europe/Berlin", "2026-10-24 23:00", "2026-10-25 06:00", id="an hour comes twice"),
        pytest.param("01:00-02:30", "Europe/Berlin", "2026-10-25 01:15", "2026-10-25 01:30", id="it ends twice"),
        pytest.param("01:00-02:30", "Europe/Berlin", "2026-03-29 00:30", "2026-03-29 01:30", id="its end is skipped"),
        pytest.param("22:00-07:00", "Australia/Lord_Howe", "2026-04-04 14:45", "2026-04-04 20:30", id="half an hour"),
    ],
)
def test_quiet_hours_end_by_the_clock_on_the_wall(hours: str, zone: str, now: str, until: str | None) -> None:
    found = ends(hours, zone, datetime.fromisoformat(now).replace(tzinfo=UTC))
    assert found == (until and datetime.fromisoformat(until).replace(tzinfo=UTC))


@pytest.mark.parametrize(
    ("rank", "held"),
    [("notice", True), ("warning", True), ("critical", False)],
)
def test_quiet(rank: str, held: bool) -> None:
    recipient = Recipient("UTC", (Switch("quiet", hours="22:00-07:00"),))
    outcome = quiet(notice(rank=rank), recipient, NOW)
    until = datetime(2026, 1, 16, 7, tzinfo=UTC)
    assert outcome == (Hold(until, "quiet hours, 22:00-07:00 UTC") if held else PASS)


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
    ],
)
def test_merge(of: OutboxRow, passes: bool) -> None:
    outcome = merge(of)
    assert outcome == PASS if passes else isinstance(outcome, Drop) and outcome.state == "merged"


def test_the_first_stage_that_does_not_let_pass_decides() -> None:
    both = Recipient("UTC", (Switch("quiet", hours="22:00-07:00"), Switch("mute")))
    assert isinstance(judged(row(), both, NOW), Drop)
    assert isinstance(judged(row("resolved"), Recipient("UTC", both.switches[:1]), NOW), Hold)
    assert judged(row(), Recipient(), NOW) == PASS
