from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta, timezone

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.words import wording

HOUR = timedelta(hours=1)
NOON = datetime(2025, 11, 20, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        pytest.param(wording.price(91566.2651), "91,566.27", id="price: two decimals above a thousand"),
        pytest.param(wording.price(95000.0), "95,000", id="price: whole"),
        pytest.param(wording.price(91501.96, 0.1), "91,502", id="price: never finer than the tick"),
        pytest.param(wording.price(91501.94, 0.1), "91,501.9", id="price: one decimal tick"),
        pytest.param(wording.price(2123.3, 0.5), "2,123.5", id="price: tick of a half"),
        pytest.param(wording.price(0.00001234), "0.00001234", id="price: small coin keeps its digits"),
        pytest.param(wording.price(0.000012345678), "0.000012346", id="price: five digits are enough"),
        pytest.param(wording.price(184.3249), "184.32", id="price: between one and a thousand"),
        pytest.param(wording.price(999.999), "1,000", id="price: rounding up to a thousand"),
        pytest.param(wording.usd(10e9), "$10.0bn", id="usd: billions keep one decimal"),
        pytest.param(wording.usd(489e6), "$489m", id="usd: millions"),
        pytest.param(wording.usd(-51e6), "−$51m", id="usd: minus before the dollar"),
        pytest.param(wording.usd(1e6, plus=True), "+$1m", id="usd: plus on demand"),
        pytest.param(wording.usd(1200), "$1.2k", id="usd: thousands"),
        pytest.param(wording.usd(999.96e6), "$1.0bn", id="usd: rounding changes the unit"),
        pytest.param(wording.usd(999_600), "$1m", id="usd: and from k to m"),
        pytest.param(wording.usd(999.9), "$1k", id="usd: and from dollars to k"),
        pytest.param(wording.usd(93), "$93", id="usd: small"),
        pytest.param(wording.usd(4.2), "$4.20", id="usd: cents"),
        pytest.param(wording.usd(0), "$0", id="usd: zero is not missing"),
        pytest.param(wording.usd(2.6e12), "$2.6tn", id="usd: trillions"),
        pytest.param(wording.dollars(-210), "−$210", id="dollars: whole"),
        pytest.param(wording.dollars(3958.333), "$3,958.33", id="dollars: cents"),
        pytest.param(wording.coins(105118.2, "BTC"), "105,118 BTC", id="coins: many"),
        pytest.param(wording.coins(0.0125, "BTC"), "0.0125 BTC", id="coins: few"),
        pytest.param(wording.leverage(25.0), "25x", id="leverage"),
        pytest.param(wording.leverage(66.66), "66.66x", id="leverage: broken"),
        pytest.param(wording.percent(-3.614), "−3.6 %", id="percent: falls"),
        pytest.param(wording.percent(31.94), "+31.9 %", id="percent: rises"),
        pytest.param(wording.percent(-0.04), "0.0 %", id="percent: no minus on zero"),
        pytest.param(wording.percent(-3.614, 2), "−3.61 %", id="percent: two decimals"),
        pytest.param(wording.points(1.2), "+1 point", id="points: one"),
        pytest.param(wording.points(-1.0), "−1 point", id="points: one down"),
        pytest.param(wording.points(-18.0), "−18 points", id="points: many"),
        pytest.param(wording.explains(0.694), "Price alone explains 69 % of the dollar fall", id="explains: a part"),
        pytest.param(
            wording.explains(-0.6), "Price has risen since, so the fall is larger in coins", id="explains: price rose"
        ),
        pytest.param(wording.explains(1.1), "Price alone has fallen further, and coins rose", id="explains: beyond"),
        pytest.param(wording.explains(math.nan), "unknown", id="explains: unknown"),
        pytest.param(wording.under(-0.009), "0.9 % below", id="under: below the high"),
        pytest.param(wording.under(0.0), "at", id="under: at the high"),
        pytest.param(wording.under(-0.0004), "at", id="under: too near to tell"),
        pytest.param(wording.under(math.nan), "unknown", id="under: unknown"),
        pytest.param(wording.zscore(-8.8), "z −8.80", id="zscore"),
        pytest.param(wording.zscore(-24.04), "z below −10", id="zscore: how far beyond tells nothing"),
        pytest.param(wording.zscore(10), "z above +10", id="zscore: above"),
        pytest.param(wording.zscore(math.nan), "z unknown", id="zscore: unknown"),
        pytest.param(wording.share(69.2), "69 %", id="share"),
        pytest.param(wording.apr(10.95), "+10.95 % a year", id="apr"),
        pytest.param(wording.apr(-285), "−285 % a year", id="apr: large"),
        pytest.param(wording.rate(0.0001, 8), "0.0100 % per 8 h", id="rate"),
        pytest.param(wording.rate(-0.000012, 1), "−0.0012 % per 1 h", id="rate: negative"),
        pytest.param(wording.rate(0.0001), "0.0100 % per payment", id="rate: unknown interval"),
        pytest.param(wording.percentile(97.2), "higher than on 97 % of days", id="percentile: high"),
        pytest.param(wording.percentile(3), "lower than on 97 % of days", id="percentile: low"),
        pytest.param(wording.percentile(100), "higher than on 99 % of days", id="percentile: never all"),
        pytest.param(wording.ordinal(1), "1st", id="ordinal: 1"),
        pytest.param(wording.ordinal(12), "12th", id="ordinal: 12"),
        pytest.param(wording.ordinal(103), "103rd", id="ordinal: 103"),
        pytest.param(wording.count(1, "case"), "1 case", id="count: one"),
        pytest.param(wording.count(0, "case"), "0 cases", id="count: none"),
        pytest.param(wording.times(9.588), "9.6 times", id="times"),
        pytest.param(wording.number(2.34, 2, plus=True), "+2.34", id="z-score"),
        pytest.param(wording.age(timedelta(seconds=41)), "41 s old", id="age: seconds"),
        pytest.param(wording.age(timedelta(minutes=3)), "3 min old", id="age: minutes"),
        pytest.param(wording.age(5 * HOUR + timedelta(minutes=10)), "5 h old", id="age: hours"),
        pytest.param(wording.age(timedelta(days=236)), "236 days old", id="age: days"),
        pytest.param(wording.age(timedelta(seconds=-3)), "0 s old", id="age: a clock that runs ahead"),
        pytest.param(wording.ago(timedelta(minutes=3)), "3 min ago", id="ago"),
        pytest.param(wording.duration(2 * HOUR + timedelta(minutes=14)), "2 h 14 min", id="duration: hours"),
        pytest.param(wording.duration(timedelta(seconds=3599)), "1 h", id="duration: nearly an hour"),
        pytest.param(wording.duration(timedelta(days=63)), "63 days", id="duration: days"),
        pytest.param(wording.day(date(2025, 10, 6)), "6 October 2025", id="date"),
        pytest.param(wording.day(datetime(2025, 10, 6, 23, tzinfo=timezone(-2 * HOUR))), "7 October 2025", id="UTC"),
        pytest.param(wording.clock(datetime(2025, 11, 20, 21, 10, tzinfo=UTC)), "21:10 UTC", id="clock: UTC"),
        pytest.param(wording.again(NOON + timedelta(seconds=40), NOON), "in 40 s", id="again: soon"),
        pytest.param(wording.again(NOON + HOUR, NOON, "Europe/Berlin"), "at 14:00 CET", id="again: later"),
        pytest.param(wording.again(NOON - HOUR, NOON), "now", id="again: overdue"),
        pytest.param(wording.again(None, NOON), "at an unknown time", id="again: nobody knows"),
        pytest.param(
            wording.clock(datetime(2025, 11, 20, 21, 10, tzinfo=UTC), "Europe/Berlin", dated=True),
            "20 November 22:10 CET",
            id="clock: a chat's zone",
        ),
        pytest.param(
            wording.clock(datetime(2025, 11, 20, 21, 10, tzinfo=UTC), "Etc/GMT-2"), "23:10 UTC+2", id="clock: offset"
        ),
        pytest.param(
            wording.clock(datetime(2025, 11, 20, 21, 10, tzinfo=UTC), "Asia/Kathmandu"),
            "02:55 UTC+5:45",
            id="clock: broken offset",
        ),
        pytest.param(wording.listing(["BTC", "ETH", "SOL"]), "BTC, ETH and SOL", id="listing"),
        pytest.param(wording.listing(["BTC"]), "BTC", id="listing: one"),
        pytest.param(wording.listing([]), "none", id="listing: empty"),
    ],
)
def test_words(said: str, expected: str) -> None:
    assert said == expected


@pytest.mark.parametrize("missing", [None, math.nan, math.inf], ids=str)
@pytest.mark.parametrize("spec", sorted(wording.SPECS - {"date", "day", "clock", "moment", "age", "ago", "duration"}))
def test_a_missing_figure_is_never_a_number(spec: str, missing: float | None) -> None:
    word = " h" if spec == "count" else ""
    said = wording.template(f"{{x:{spec}{word}}}", {"x": missing})
    assert "unknown" in said
    assert not any(character.isdigit() for character in said)


def test_a_missing_time_is_unknown() -> None:
    for spec in ("date", "day", "clock", "moment", "age", "ago", "duration"):
        for missing in (None, pd.NaT):
            assert "unknown" in wording.template(f"{{x:{spec}}}", {"x": missing})


@given(st.floats(min_value=1e-9, max_value=1e14))
def test_short_dollars_are_within_their_rounding(value: float) -> None:
    said = wording.usd(value)
    factor = {"k": 1e3, "m": 1e6, "n": {"b": 1e9, "t": 1e12}.get(said[-2:-1], 1)}.get(said[-1], 1)
    read = float(said.strip("$kmbtn").replace(",", "")) * float(str(factor))
    assert read == pytest.approx(value, rel=0.051, abs=0.006)
    assert len(said) <= 9


def test_a_template_is_filled_with_words() -> None:
    text = "{asset}: open interest {usd:usd}, {drawdown:percent} since {peak_at:date}; {held:coins {asset}}"
    values = {
        "asset": "BTC",
        "usd": 10e9,
        "drawdown": -33.33,
        "peak_at": datetime(2025, 10, 6, tzinfo=UTC),
        "held": 105118.0,
    }
    assert wording.template(text, values) == ("BTC: open interest $10.0bn, −33.3 % since 6 October 2025; 105,118 BTC")
    assert set(wording.template_fields(text)) == set(values)


@pytest.mark.parametrize(
    ("text", "values", "names"),
    [
        pytest.param("{usd:usd}", {}, "usd", id="a field that is not there"),
        pytest.param("{x:dollar}", {"x": 1.0}, "dollar", id="a word that is not known"),
        pytest.param("{x}", {"x": 1.5}, "1.5", id="a number without a word"),
        pytest.param("{x.real:usd}", {"x": 1.0}, "x.real", id="no attributes"),
        pytest.param("{x!r}", {"x": 1.0}, "!r", id="no conversions"),
        pytest.param("{:usd}", {"x": 1.0}, "''", id="no positions"),
    ],
)
def test_a_wrong_template_fails_loudly(text: str, values: dict[str, float], names: str) -> None:
    with pytest.raises(ValueError, match="the template") as caught:
        wording.template(text, values)
    assert names in str(caught.value) or names == "''"
    if text not in ("{usd:usd}", "{x}", "{x.real:usd}"):  # what its values must know, none are here
        with pytest.raises(ValueError, match="the template"):
            wording.template_fields(text)
