"""What a digest says, word for word, and that it stays short whatever there is to say."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.reply import Buttons, Line, Picture
from handlers.words.digest.ordered import sentence
from handlers.words.digest.said import tell
from handlers.words.notices import message_of
from signals.digest import (
    Alarm,
    Digest,
    Expiry,
    FundingDue,
    HeldBack,
    Near,
    Said,
    Silence,
    Yours,
)
from signals.due import EVERY_DAY, WEEKDAYS, WallTime
from signals.unusual import FigureChange
from storage.people.digests import Ordered
from tests.examples import examples

NOW = datetime(2026, 11, 29, 8, 0, 12, tzinfo=UTC)
SINCE = NOW - timedelta(days=1)
BTC = FigureChange("BTC", "price", 75_604.2, -0.0602, rare=1, past=180, times=5.0)
ETH = FigureChange("ETH", "price", 2_901.13, -0.081, rare=9, past=180, times=3.0)
SOL = FigureChange("SOL", "price", 128.4, -0.099, rare=12, past=180, times=3.0)
COINS = FigureChange("BTC", "open_interest", None, -0.104, rare=0, past=180, times=9.0, usd=-0.196)
FUNDING = [FigureChange(a, "funding", v, -0.01, rare=90, past=180) for a, v in (("BTC", -0.036), ("ETH", -0.18))]
PAYS = FigureChange("BTC", "funding", -0.001, -0.081, rare=0, past=180, paid=False)
LIQUIDATED = FigureChange("BTC", "liquidated", 1.9e9, 0.84, at_least=True)
FELL = Alarm("burst", "BTC", "critical", NOW - timedelta(hours=15), move=-0.061)
CLOSED = Alarm("oi_zscore", "BTC", "warning", NOW - timedelta(hours=15, minutes=23))
OLD = Alarm("oi_vs_ma180", "BTC", "notice", NOW - timedelta(days=114))
BASE = Digest(kind="daily", since=SINCE, until=NOW, due=NOW, prices=(BTC, ETH, SOL))
STORMY = replace(
    BASE,
    changes=(COINS, BTC, ETH, SOL, *FUNDING, LIQUIDATED),
    began=(CLOSED, FELL),
    on=5,
    oldest=OLD,
    near=(Near("fear_greed", "MARKET", 22.0, 20.0),),
    yours=(Yours("BTC", "long", 1, 0.0334, 0.0917), Yours("ETH", "short", 2, 0.30, None)),
    expiry=Expiry("deribit", "BTC", NOW + timedelta(hours=24), 21_000.0, 0.2, 80_000.0),
    settlement=FundingDue("BTC", "long", 1, NOW + timedelta(hours=8), -12.0),
    held=HeldBack(quiet=3, late=1),
    silent=(Silence("okx", NOW - timedelta(hours=6), NOW - timedelta(hours=6) + timedelta(minutes=11)),),
)
CALM = replace(
    BASE,
    prices=tuple(
        FigureChange(asset, "price", value, change, rare=150, past=180)
        for asset, value, change in (("BTC", 90_912.0, 0.003), ("ETH", 3_004.0, -0.002), ("SOL", 136.2, 0.0004))
    ),
)


def said(found: Digest, zone: str = "Europe/Berlin") -> list[str]:
    return [block.text for block in tell(found, zone).blocks if isinstance(block, Line)]


def test_a_stormy_day_word_for_word() -> None:
    assert said(STORMY) == [
        "BTC −6.0 % to 75,604, ETH −8.1 %, SOL −9.9 %",
        "BTC open interest −10.4 % in coins: the most in 180 days.",
        "BTC −6.0 %: it moved less on 179 of 180 days.",
        "New: BTC fell 6.1 % (18:00); BTC positions closed unusually fast (17:37).",
        "Still on: 5 alarms, the oldest for 114 days.",
        "Near: Fear & Greed index 22 (line 20).",
        "Yours: BTC long (1) 3.34 % from liquidation (was 9.17 %), 1 more.",
        "Deribit expiry Mon 09:00: 21,000 BTC, most at 80,000.",
        "Held back: 3 in quiet hours, 1 too late to be news.",
        "Since 28 November 09:00 CET.",
    ]


@pytest.mark.parametrize(
    ("found", "lines"),
    [
        pytest.param(
            CALM,
            [
                "A quiet day: BTC 90,912 (+0.3 %), ETH 3,004 (−0.2 %), SOL 136.2 (0.0 %).",
                "Since 28 November 09:00 CET.",
            ],
            id="a quiet day is one sentence",
        ),
        pytest.param(
            replace(CALM, kind="weekly", since=NOW - timedelta(days=7)),
            [
                "A quiet week: BTC 90,912 (+0.3 %), ETH 3,004 (−0.2 %), SOL 136.2 (0.0 %).",
                "Since 22 November 09:00 CET.",
            ],
            id="a quiet week",
        ),
        pytest.param(
            replace(BASE, prices=(replace(BTC, value=None, change=None),)),
            ["No current price of BTC is stored.", "Since 28 November 09:00 CET."],
            id="nothing known is no quiet day",
        ),
        pytest.param(
            replace(BASE, prices=(replace(BTC, change=None), replace(ETH, value=None, change=None))),
            ["BTC 75,604, ETH unknown", "Since 28 November 09:00 CET."],
            id="known in part",
        ),
        pytest.param(
            replace(BASE, due=NOW - timedelta(hours=2, minutes=40), changes=()),
            ["BTC −6.0 % to 75,604, ETH −8.1 %, SOL −9.9 %", "Due 06:20, told 09:00. Since 28 November 09:00 CET."],
            id="told late",
        ),
        pytest.param(
            replace(BASE, changes=(COINS, replace(COINS, asset="ETH", change=-0.09), replace(COINS, asset="SOL"))),
            [
                "BTC −6.0 % to 75,604, ETH −8.1 %, SOL −9.9 %",
                "Open interest BTC −10.4 %, ETH −9.0 %, SOL −10.4 % in coins: unusual.",
                "Since 28 November 09:00 CET.",
            ],
            id="what is alike is one line",
        ),
        pytest.param(
            replace(BASE, changes=(PAYS, replace(PAYS, asset="ETH", value=-0.18, change=-0.22))),
            [
                "BTC −6.0 % to 75,604, ETH −8.1 %, SOL −9.9 %",
                "Funding heading to BTC −0.1 % (was +8.0 %), ETH −18 % (was +4.0 %) a year: unusual.",
                "Since 28 November 09:00 CET.",
            ],
            id="rates with what they were",
        ),
        pytest.param(
            replace(
                BASE,
                changes=(
                    PAYS,
                    replace(PAYS, asset="ETH", paid=True, value=-0.18, change=-0.22),
                    replace(PAYS, asset="SOL"),
                ),
            ),
            [
                "BTC −6.0 % to 75,604, ETH −8.1 %, SOL −9.9 %",
                "Funding BTC −0.1 % (was +8.0 %), ETH −18 % (paid, was +4.0 %) a year, 1 more: unusual.",
                "Since 28 November 09:00 CET.",
            ],
            id="more rates than fit",
        ),
        pytest.param(
            replace(
                BASE,
                changes=(
                    FigureChange("BTC", "takers", -1.2e9, -0.04, rare=2, past=180),
                    FigureChange("ETH", "funding", -0.18, -0.22, rare=0, past=180),
                    replace(LIQUIDATED, rare=1, past=60),
                ),
            ),
            [
                "BTC −6.0 % to 75,604, ETH −8.1 %, SOL −9.9 %",
                "BTC takers sold $1.2bn net: it was less on 178 of 180 days.",
                "ETH funding −18 % a year, was +4.0 %: the most in 180 days.",
                "BTC: at least $1.9bn liquidated, 84 % longs.",
                "Since 28 November 09:00 CET.",
            ],
            id="flows, and liquidations that are not rare enough",
        ),
        pytest.param(
            replace(
                BASE,
                kind="weekly",
                since=NOW - timedelta(days=7),
                changes=(replace(COINS, rare=2),),
                said=(
                    Said("taker_ratio", "BTC", NOW - timedelta(days=9), -0.004, 0.04, None),
                    Said("burst", "BTC", NOW - timedelta(days=30), 0.12, 0.08, None, -0.061),
                    Said("oi_zscore", "BTC", NOW - timedelta(days=30, hours=2), 0.12, 0.08, None),
                ),
            ),
            [
                "BTC −6.0 % to 75,604, ETH −8.1 %, SOL −9.9 %",
                "BTC open interest −10.4 % in coins: it moved less in 99 % of weeks.",
                "Said 20 Nov: BTC sellers in a hurry; since −0.4 %, usual 4 %.",
                "Said 30 Oct: BTC fell 6.1 % and 1 more; since +12.0 %, usual 8 %.",
                "Since 22 November 09:00 CET.",
            ],
            id="the record of a weekly one",
        ),
        pytest.param(
            replace(
                BASE,
                said=tuple(
                    Said("oi_vs_ma180", "1000PEPE", NOW - timedelta(hours=hours), 1.0, 1.0, None) for hours in (4, 5)
                ),
            ),
            [
                "BTC −6.0 % to 75,604, ETH −8.1 %, SOL −9.9 %",
                "Said 29 Nov: 1000PEPE open interest below its 180-day average; since +100.0 %, usual 100 %.",
                "Since 28 November 09:00 CET.",
            ],
            id="a record that would be three rows",
        ),
        pytest.param(
            replace(BASE, settlement=FundingDue("BTC", "long", 1, NOW + timedelta(hours=8), 12.0), on=1, oldest=OLD),
            [
                "BTC −6.0 % to 75,604, ETH −8.1 %, SOL −9.9 %",
                "Still on: BTC open interest below its 180-day average, 114 days.",
                "Funding 17:00: your BTC long (1) pays $12.",
                "Since 28 November 09:00 CET.",
            ],
            id="what goes on, and what is to be paid",
        ),
        pytest.param(
            replace(BASE, changes=(*FUNDING,), over=(replace(CLOSED, ended=NOW - timedelta(hours=2)),)),
            [
                "BTC −6.0 % to 75,604, ETH −8.1 %, SOL −9.9 %",
                "Over: BTC positions closed unusually fast (07:00).",
                "Funding BTC −3.6 %, ETH −18 % a year: shorts pay.",
                "Since 28 November 09:00 CET.",
            ],
            id="what is over, and who pays",
        ),
        pytest.param(
            replace(BASE, silent=(Silence("gate", NOW - timedelta(days=3), None),)),
            [
                "BTC −6.0 % to 75,604, ETH −8.1 %, SOL −9.9 %",
                "Silent: Gate since Thu 09:00.",
                "Since 28 November 09:00 CET.",
            ],
            id="a source that is silent still",
        ),
    ],
)
def test_what_a_digest_says(found: Digest, lines: list[str]) -> None:
    assert said(found) == lines


def test_it_comes_with_one_picture_and_three_buttons() -> None:
    blocks = tell(STORMY, "UTC").blocks
    assert [block.chart for block in blocks if isinstance(block, Picture)] == [
        {"picture": "digest", "asset": "BTC", "until": NOW.isoformat(), "days": 7}
    ]
    (buttons,) = (block for block in blocks if isinstance(block, Buttons))
    assert [(one.label, one.command) for one in buttons.buttons] == [
        ("Health", "/health btc"),
        ("Chart", "/chart btc"),
        ("Off", "/digest off daily"),
    ]
    assert not any(isinstance(block, Picture) for block in tell(CALM, "UTC").blocks)


def test_the_outbox_keeps_data_and_the_zone_is_that_of_the_chat() -> None:
    stored = STORMY.to_json()
    assert message_of(stored, "Asia/Tokyo").blocks == tell(STORMY, "Asia/Tokyo").blocks
    assert said(STORMY, "Asia/Tokyo")[-1] == "Since 28 November 17:00 JST."


def several(one: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    return st.lists(one, max_size=12).map(tuple)


ASSET = st.sampled_from(["BTC", "ETH", "1000PEPE", "FARTCOIN", "BROCCOLI714"])
TIMES = st.integers(-60 * 24 * 40, 0).map(lambda minutes: NOW + timedelta(minutes=minutes))
SHARE = st.floats(-0.99, 9.99).map(lambda share: round(share, 4))
CHANGES = st.builds(
    FigureChange,
    ASSET,
    st.sampled_from(["price", "open_interest", "funding", "takers", "liquidated"]),
    st.floats(1e-8, 1e6) | st.none(),
    SHARE | st.none(),
    rare=st.integers(0, 180) | st.none(),
    past=st.just(180),
)
ALARMS = st.builds(
    Alarm,
    st.sampled_from(["burst", "oi_vs_ma180", "funding_stretch_low", "gone"]),
    ASSET,
    st.just("warning"),
    TIMES,
    st.none() | TIMES,
    st.none() | st.floats(-0.9, 0.9),
)
DIGESTS = st.builds(
    Digest,
    kind=st.sampled_from(["daily", "weekly"]),
    since=st.just(SINCE),
    until=st.just(NOW),
    due=st.none() | TIMES,
    prices=st.lists(CHANGES.map(lambda one: replace(one, what="price")), min_size=1, max_size=8).map(tuple),
    changes=several(CHANGES),
    began=several(ALARMS),
    over=several(ALARMS),
    on=st.integers(1, 40),
    oldest=st.none() | ALARMS,
    near=several(st.builds(Near, st.sampled_from(["oi_vs_ma180", "fear_greed"]), ASSET, SHARE, SHARE)),
    yours=several(st.builds(Yours, ASSET, st.just("short"), st.integers(1, 9) | st.none(), SHARE, st.none() | SHARE)),
    held=st.builds(HeldBack, st.integers(0, 99), st.integers(0, 99), st.integers(0, 99)),
    silent=several(st.builds(Silence, st.sampled_from(["okx", "okx liquidations"]), TIMES, st.none() | TIMES)),
    said=several(st.builds(Said, st.just("oi_vs_ma180"), ASSET, TIMES, SHARE, st.floats(0, 1), st.none())),
)


def test_no_funding_is_too_wide_for_two_rows() -> None:
    """0.05 an hour is the most that the border lets in: 43,800 % a year."""
    assets = ("FARTCOIN", "BROCCOLI714", "1000PEPE", "BTC")
    prices = tuple(FigureChange(asset, "price", 1.0, 0.0, rare=None, past=180) for asset in assets)
    rates = tuple(FigureChange(asset, "funding", 438.0, None, rare=None, past=180) for asset in assets)
    [line] = [line for line in said(replace(CALM, prices=prices, changes=rates, on=1)) if line.startswith("Funding")]
    assert line == "Funding FARTCOIN +43,800 %, BROCCOLI714 +43,800 % a year: longs pay."


@pytest.mark.slow
@given(DIGESTS)
@examples(100)
def test_it_is_never_more_than_ten_lines_of_two_rows(found: Digest) -> None:
    lines = said(found)
    assert 2 <= len(lines) <= 10
    assert not [line for line in lines if len(line) > 100 or not line.strip() or "nan" in line]
    assert sum(len(line) + 1 for line in lines) <= 900


@pytest.mark.parametrize(
    ("kind", "wall", "assets", "due", "zone", "expected"),
    [
        pytest.param(
            "daily", WallTime(time(9)), (), "2026-11-30T08:00", "Europe/Berlin",
            "Every day at 09:00 (Berlin), all followed assets; next tomorrow.", id="every day",
        ),
        pytest.param(
            "daily", WallTime(time(8, 30), WEEKDAYS), ("BTC", "ETH"), "2026-11-30T13:30", "America/New_York",
            "Every weekday at 08:30 (New York), BTC and ETH; next tomorrow.", id="on weekdays",
        ),
        pytest.param(
            "daily", WallTime(time(18), (0, 3)), ("BTC",), "2026-12-03T18:00", "UTC",
            "Every Monday and Thursday at 18:00 (UTC), BTC; next on Thursday.", id="on two days",
        ),
        pytest.param(
            "weekly", WallTime(time(18), (6,)), (), "2026-12-06T16:00", "Etc/GMT-2",
            "Once a week, on Sunday at 18:00 (UTC+2), all followed assets; next on 6 December.", id="weekly",
        ),
        pytest.param(
            "daily", WallTime(time(23), EVERY_DAY), (), "2026-11-29T23:00", "UTC",
            "Every day at 23:00 (UTC), all followed assets; next today.", id="today",
        ),
    ],
)  # fmt: skip
def test_when_one_comes(kind: str, wall: WallTime, assets: tuple[str, ...], due: str, zone: str, expected: str) -> None:
    ordered = Ordered(1, 1, kind, wall, assets, datetime.fromisoformat(f"{due}+00:00"), None, None, zone)  # type: ignore[arg-type]
    assert sentence(ordered, NOW) == expected
