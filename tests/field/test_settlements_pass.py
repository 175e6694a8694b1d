"""Around a payment of funding: what was paid, what was due and what builds now are three things, said so everywhere.

A rate is told for the payment that comes next. Once that is past it is not where funding is heading, and until a venue
has told what was paid, the payment before it is not called the last one without a word.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from handlers.reply import plain_text
from signals.units import HOUR, MINUTE, SECOND
from storage.market import points
from storage.market.points import Points
from tests.field.world import ask, utc

if TYPE_CHECKING:
    from datetime import datetime

    from handlers.reply import Reply
    from storage.engine.database import Store

MIDNIGHT = utc("2026-11-20 00:00")
PAID, BUILT, BUILDS = 1e-4, -3.25e-5, 5e-5  # an interval of 8 h: +10.95, −3.56 and +5.48 % a year


def told(store: Store, at: datetime, rate: float, *, hours: float = 8.0, settled: bool = False) -> None:
    columns = {"funding_rate": [rate], "funding_interval_hours": [hours]}
    if not settled:
        columns["mark_price"] = [80_000.0]
    frame = pd.DataFrame(columns, index=pd.DatetimeIndex([at]))
    venue = "binance" if hours == 8 else "hyperliquid"
    points.write(store, [Points.of_frame(venue, "BTC", None, frame, settled=settled)])


def past(store: Store, end: datetime = MIDNIGHT - 8 * HOUR) -> None:
    for back in range(40):
        told(store, end - back * 8 * HOUR + 5 * timedelta(milliseconds=1), PAID, settled=True)


LINES = (
    "/funding btc",
    "/funding btc binance",
    "/funding top",
    "/cost 100k 7d btc long",
    "/health btc",
    "/check btc 10x long",
)


def said(reply: Reply) -> str:
    return plain_text(reply.all_blocks())


@pytest.mark.parametrize(
    ("rows", "now", "stated"),
    [
        pytest.param(
            [(-20 * SECOND, BUILT, False)],
            -5 * SECOND,
            "Now heading to −0.0032 % per 8 h, paid at 00:00 UTC, in 5 s. Last paid: +10.95 % a year, at 16:00 UTC.",
            id="seconds before",
        ),
        pytest.param(
            [(-5 * SECOND, BUILT, False)],
            5 * SECOND,
            "Was heading to −0.0032 % per 8 h for 00:00 UTC; what was paid is not told yet. "
            "Last paid: +10.95 % a year, at 16:00 UTC (that of 00:00 UTC is not told yet).",
            id="seconds after, nothing told since",
        ),
        pytest.param(
            [(-5 * SECOND, BUILT, False), (55 * SECOND, BUILDS, False)],
            MINUTE,
            "Now heading to 0.0050 % per 8 h, paid at 08:00 UTC, in 7 h 59 min. "
            "Last paid: +10.95 % a year, at 16:00 UTC (that of 00:00 UTC is not told yet).",
            id="a minute after, the next one builds",
        ),
        pytest.param(
            [(-5 * SECOND, BUILT, False), (5 * SECOND / 1000, BUILT, True)],
            5 * SECOND,
            "Last paid −0.0032 % per 8 h, at 00:00 UTC; next payment at 08:00 UTC, in 8 h.",
            id="as soon as it is told",
        ),
        pytest.param(
            [(-5 * SECOND, BUILT, False), (0 * SECOND, BUILT, True), (55 * SECOND, BUILDS, False)],
            MINUTE,
            "Now heading to 0.0050 % per 8 h, paid at 08:00 UTC, in 7 h 59 min. "
            "Last paid: −3.56 % a year, at 00:00 UTC.",
            id="both are told",
        ),
    ],
)
def test_what_was_paid_and_what_builds(
    store: Store, rows: list[tuple[timedelta, float, bool]], now: timedelta, stated: str
) -> None:
    past(store)
    for at, rate, settled in rows:
        told(store, MIDNIGHT + at, rate, settled=settled)
    replies = {line: ask(store, line, MIDNIGHT + now) for line in LINES}
    for line in LINES[:2]:
        assert stated in said(replies[line]), line
    of_all = [_apr(reply.values) for line, reply in replies.items() if line != "/health btc"]
    assert len({round(apr, 9) for apr in of_all}) == 1, of_all
    newest_paid = rows[-1][2]
    words = {line: said(reply) for line, reply in replies.items()}
    due = not newest_paid and rows[-1][0] < timedelta(0) < now
    assert (
        "was paid last." if newest_paid else "was due, and what was paid is not told yet." if due else "is paid next."
    ) in words["/funding top"]
    assert ("rate last paid" if newest_paid else "rate that was due" if due else "to be paid next") in words[LINES[3]]
    assert (", paid" if newest_paid else "(last paid ") in words["/health btc"]
    assert ("that was paid last" if newest_paid else "that was due" if due else "that is paid next") in words[LINES[5]]


def _apr(values: dict[str, Any]) -> float:
    if "by_asset" in values:
        return float(values["by_asset"]["BTC"]["apr"])
    if "apr_pct" in values:
        return float(values["apr_pct"]) / 100
    return float(values["funding_apr"] if "funding_apr" in values else values["apr"])


def test_an_hourly_venue_beside_it_has_its_own_payment(store: Store) -> None:
    past(store)
    now = MIDNIGHT + 3 * HOUR + 10 * SECOND
    told(store, now - 5 * SECOND, BUILT)
    told(store, MIDNIGHT + 3 * HOUR - 10 * SECOND, 1e-5, hours=1.0)
    assert "– Hyperliquid: +8.76 % a year, 0.0010 % per 1 h, due now" in said(ask(store, "/funding btc", now))
    told(store, MIDNIGHT + 3 * HOUR, 1e-5, hours=1.0, settled=True)
    assert "0.0010 % per 1 h, was paid, next in 1 h" in said(ask(store, "/funding btc", now))


def test_where_no_payment_is_stored_what_is_told_is_what_builds(store: Store) -> None:
    told(store, MIDNIGHT + HOUR, BUILT)
    now = MIDNIGHT + HOUR + 10 * SECOND
    assert "Now heading to −0.0032 % per 8 h, paid at 08:00 UTC" in said(ask(store, "/funding btc", now))
    assert "Funding heading to −3.56 % a year" in said(ask(store, "/health btc", now))
    assert "Now heading to −3.56 % a year." in said(ask(store, "/chart funding btc", now))
    assert "a year that is paid next" in said(ask(store, "/check btc 10x long", now))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("at", "settled", "now", "close", "which"),
    [
        pytest.param(-20 * SECOND, False, 5 * MINUTE, "00:00", "where funding was heading", id="heading there"),
        pytest.param(timedelta(0), True, HOUR + MINUTE, "01:00", "paid at 00:00 UTC", id="paid"),
    ],
)
def test_a_rule_says_at_which_close_it_stands_and_which_rate_that_is(
    store: Store, at: timedelta, settled: bool, now: timedelta, close: str, which: str
) -> None:
    past(store)
    told(store, MIDNIGHT + at, BUILT, settled=settled)
    told(store, MIDNIGHT + now - SECOND, BUILDS)
    stands = f"At the close of 20 November {close} UTC: −3.56 % a year (line above 30 % a year), {which}."
    assert stands in said(ask(store, "/alert btc funding > 30% apr", MIDNIGHT + now))
    assert "Now heading to 0.0050 % per 8 h" in said(ask(store, "/funding btc", MIDNIGHT + now))
