from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from handlers.command import Refused
from storage.market import points
from storage.sources import source_state
from storage.sources.source_state import SourceHealth

if TYPE_CHECKING:
    from collections.abc import Callable

GOLDEN = [
    pytest.param(
        "bundled",
        "2026-01-16",
        "/oi",
        """\
BTC open interest: $10.0bn, 105,118 BTC.
     1 h    24 h     7 d
$      –  +3.6 %  +5.0 %
BTC    –  +1.3 %  +0.5 %
From the peak of 6 October 2025 ($15.0bn, of 307 days stored): −33.3 % in $, −11.6 % in BTC; price is 69 % of it.
Below its 180-day average of $11.0bn, for 98 days: −9.3 % in $, −0.3 % in BTC.
24 h to 00:00 UTC: an ordinary day, +1.3 % in coins (z +1.62).
Binance · 60 s old · daily data · reconstructed from published figures
More: /chart oi btc · /health btc""",
        id="oi: signals.md A8",
    ),
    pytest.param(
        "recorded",
        "2026-02-07",
        "/oi btc",
        """\
BTC open interest: $48.2bn, 682,752 BTC.
   1 h    24 h      7 d
$    –  +3.2 %  −18.2 %
From the peak of 6 October 2025 ($95.3bn, of 358 days stored): −49.4 % in $, −10.7 % in BTC; price is 83 % of it.
Below its 180-day average of $69.6bn, for 119 days: −30.7 % in $, −0.3 % in BTC.
24 h to 00:00 UTC: unusually many positions closed, −8.0 % in coins (z −2.53).
all venues together · 24 h old · daily data · coins computed from dollars and price
More: /chart oi btc · /health btc""",
        id="oi: INDEX, peak to 6 February",
    ),
    pytest.param(
        "recorded",
        "2026-02-07",
        "/funding",
        """\
BTC funding: −14.76 % a year. Shorts pay longs.
Last paid −0.0135 % per 8 h, at 16:00 UTC (that of 00:00 UTC is not told yet); next payment at 08:00 UTC, in 8 h.
A $100k long receives $40.43 a day at this rate.
Below the neutral band of −5 to +15 % a year: shorts pay to stay.
Lower than 99 % of the past 358 days.
Binance · 8 h old
More: /chart funding btc · /health btc""",
        id="funding",
    ),
    pytest.param(
        "bundled",
        "2026-01-16",
        "/taker btc",
        """\
BTC takers, 24 h: 51.1 % buys, buys to sells 1.05.
Net +$255m of $11.2bn traded, 24 h to 00:00 UTC.
Usual ratio over 30 days: 0.99. Against those 30 days: z +1.51.
30-day mean, to the last daily close: −$51m a day, 9.6 times smaller than at its worst of 180 days (−$489m), \
still negative.
Binance · 0 s old · daily data · reconstructed from published figures
More: /chart taker btc · /health btc""",
        id="taker: signals.md A11",
    ),
    pytest.param(
        "recorded",
        "2026-02-07",
        "/price",
        """\
BTC $70,580.26.
1 day +12.2 % · 7 days −16.2 %.
−21.2 % from its highest close of 16 days, $89,600.26 on 23 January.
Binance · 0 s old · daily data
More: /chart price btc · /health btc""",
        id="price",
    ),
    pytest.param(
        "recorded",
        "2026-02-13",
        "/fng",
        """\
Fear & Greed index: 5 of 100, extreme fear.
7 days ago: 12. 0 is extreme fear, 100 extreme greed.
It is mood, told once a day, and made from price, volume and surveys of the days before.
Fear & Greed index by alternative.me · 24 h old
More: /chart fng""",
        id="fng: INDEX, the least of the winter",
    ),
]


@pytest.mark.slow
@pytest.mark.parametrize(("file", "day", "line", "expected"), GOLDEN)
def test_an_answer_word_for_word(desk: Callable[..., Any], file: str, day: str, line: str, expected: str) -> None:
    assert desk(file, day).text(line) == expected


@pytest.mark.slow
@pytest.mark.parametrize(
    ("day", "line", "name", "expected"),
    [
        pytest.param("2026-02-07", "/oi", "open_interest_usd", 48_188_779_502, id="open interest"),
        pytest.param("2026-02-07", "/oi", "drawdown", -0.49411, id="drawdown"),
        pytest.param("2026-02-07", "/oi", "peak_usd", 95_255_789_756, id="peak"),
        pytest.param("2026-02-07", "/oi", "drawdown_coins", -0.10650, id="coins"),
        pytest.param("2026-02-07", "/oi", "price_share", 0.835, id="price share"),
        pytest.param("2026-03-02", "/oi", "drawdown", -0.54821, id="deepest drawdown"),
        pytest.param("2026-02-16", "/oi", "gap_to_ma180", -0.35687, id="gap to the average"),
        pytest.param("2025-11-22", "/taker", "net_30d_mean_usd", -99_679_868, id="taker mean in November"),
        pytest.param("2026-01-16", "/taker", "net_30d_mean_usd", -412_147, id="taker mean in January"),
        pytest.param("2026-03-16", "/taker", "net_30d_mean_usd", -37_618_151, id="taker mean in March"),
        pytest.param("2026-02-07T00:05", "/funding", "funding_rate", -0.00015178, id="lowest funding"),
        pytest.param("2026-02-24", "/fng", "fear_greed", 5, id="least mood"),
    ],
)
def test_numbers_are_those_of_the_index(
    desk: Callable[..., Any], day: str, line: str, name: str, expected: float
) -> None:
    assert desk("recorded", day).ask(line).values[name] == pytest.approx(expected, rel=1e-3)


def test_a_fall_that_is_all_price(made: Callable[..., Any]) -> None:
    """signals.md A9: $94bn to $61bn while coins rose."""
    here = made(open_interest_usd=[94e9] * 40 + [61e9], close=[126_080.0] * 40 + [81_600.0])
    said = here.text("/oi")
    assert "−35.1 % in $, +0.3 % in BTC; all of it is price." in said
    assert here.ask("/oi").values["price_share"] == pytest.approx(1.006, abs=5e-4)


@pytest.mark.parametrize(
    ("coins", "said", "since"),
    [
        pytest.param(
            [*[100_000.0] * 5, 123_600, *[93_600.0] * 40, 123_500],
            "123,500 BTC is the most since 5 December 2025.",
            "2025-12-05",
            id="the most since a day",
        ),
        pytest.param(
            [*[90_000.0] * 5, *[105_000.0] * 40, 93_600],
            "93,600 BTC is the least since 5 December 2025.",
            "2026-01-14",
            id="least",
        ),
        pytest.param(
            [*[100_000.0] * 45, 123_500],
            "123,500 BTC is the most of the 46 days that are stored.",
            None,
            id="the most of all days",
        ),
        pytest.param([*[100_000.0] * 735, 123_500], "123,500 BTC is the most of two years.", None, id="of two years"),
        pytest.param([*[100_000.0] * 45, 99_000, 100_000], " is the ", "2026-01-13", id="no news within thirty days"),
    ],
)
def test_since_when_it_was_not_as_large(
    made: Callable[..., Any], coins: list[float], said: str, since: str | None
) -> None:
    here = made(open_interest_usd=[one * 80_000 for one in coins], close=[80_000.0] * len(coins))
    assert (said in here.text("/oi btc")) is (said != " is the ")
    told = here.ask("/oi btc").values["largest_since"]
    assert (told or "None")[:10] == str(since)


def test_a_fall_of_which_nothing_is_price(made: Callable[..., Any]) -> None:
    said = made(open_interest_usd=[10e9] * 40 + [8e9], close=[50_000.0] * 40 + [60_000.0]).text("/oi")
    assert "; none of it is price: positions were closed." in said


def test_a_change_too_small_to_be_shared(made: Callable[..., Any]) -> None:
    said = made(open_interest_usd=[10e9] * 40 + [9.9e9], close=[50_000.0] * 41).text("/oi")
    assert "−1.0 % in $, −1.0 % in BTC.\n" in said


def test_at_the_peak(made: Callable[..., Any]) -> None:
    here = made(open_interest_usd=[10e9 + day * 1e8 for day in range(40)], close=[50_000.0] * 40)
    assert "That is its highest of the 40 days that are stored." in here.text("/oi")


def test_at_the_peak_of_a_whole_year(made: Callable[..., Any]) -> None:
    here = made(open_interest_usd=[10e9 + day * 1e7 for day in range(380)], close=[50_000.0] * 380)
    assert "That is its highest of the past 365 days." in here.text("/oi")


@pytest.mark.parametrize(
    ("rate", "hours", "said"),
    [
        pytest.param(0.0001, 8, ["+10.95 % a year. Longs pay", "0.0100 % per 8 h", "pays $30 a day"], id="A17: 8 h"),
        pytest.param(0.0001, 4, ["+21.90 % a year", "0.0100 % per 4 h", "pays $60 a day"], id="A17: 4 h"),
        pytest.param(0.0001, 1, ["+87.60 % a year", "0.0100 % per 1 h", "pays $240 a day"], id="A17: 1 h"),
        pytest.param(0.0001, 8, ["Near its resting rate of 11 % a year: neutral."], id="at rest"),
        pytest.param(0.00001, 8, ["Neutral: between −5 and +15 % a year."], id="neutral"),
        pytest.param(0.0003, 8, ["Above the neutral band", "longs pay much to stay"], id="above"),
        pytest.param(-0.0001, 8, ["Shorts pay longs", "Below the neutral band", "long receives $30"], id="below"),
        pytest.param(0.0, 8, ["0.00 % a year. Neither side pays."], id="nobody pays"),
    ],
)
def test_funding_is_said_in_three_ways(made: Callable[..., Any], rate: float, hours: int, said: list[str]) -> None:
    text = made(funding_rate=[rate] * 2, funding_interval_hours=[float(hours)] * 2).text("/funding")
    for phrase in said:
        assert phrase in text
    assert not {"buy", "sell", "bullish", "bearish", "overbought", "oversold"} & set(text.lower().split())


@pytest.mark.slow
def test_the_next_payment_is_told_in_the_zone_of_the_chat(desk: Callable[..., Any]) -> None:
    here = desk("recorded", "2026-02-07")
    here.ask("/tz Asia/Tokyo")
    assert "next payment at 17:00 JST, in 8 h" in here.text("/funding")
    assert here.ask("/funding").values["next_settlement"] == "2026-02-07T08:00:00Z"


def test_a_younger_mark_price_is_the_price(desk: Callable[..., Any]) -> None:
    here = with_minutes(desk("recorded", "2026-02-07"), mark_price=71_000.0)
    said = here.text("/price")
    assert said.startswith("BTC $71,000.\n")
    assert "Binance · 41 s old" in said
    assert here.asked == []


def test_a_price_of_minutes_ago_is_asked_for_again_and_not_called_current(desk: Callable[..., Any]) -> None:
    here = with_minutes(desk("recorded", "2026-02-07"), mark_price=71_000.0).later(timedelta(minutes=6))
    said = here.text("/price")
    assert said.startswith("BTC $71,000.\nNot current: these figures are of 7 February 2026, 00:59 UTC.\n")
    assert "Binance · 7 min old: not current" in said
    assert here.asked == ["BTC"]


def test_a_live_figure_that_stands_still_is_shown_as_it_last_was(desk: Callable[..., Any]) -> None:
    """Not yesterday's close under the time of the newest point."""
    here = with_minutes(desk("bundled", "2026-01-16"), open_interest_usd=9.5e9, open_interest_coin=100_000.0)
    for age, stamp in ((0, "41 s old"), (30, "31 min old: not current")):
        said = here.later(timedelta(minutes=age)).text("/oi")
        assert said.startswith("BTC open interest: $9.5bn, 100,000 BTC.\n")
        assert f"Binance · {stamp}" in said


def with_minutes(here: Any, **values: float) -> Any:
    """Add a value a minute for an hour, the last of them 41 s before the desk's new moment."""
    end = here.now + timedelta(hours=1)
    index = pd.date_range(end=end - timedelta(seconds=41), periods=60, freq="min")
    points.write(here.store, [points.Points.of_frame("binance", "BTC", None, pd.DataFrame(values, index))])
    return here.later(timedelta(hours=1))


@pytest.mark.slow
def test_what_is_learning_says_so_and_the_rest_stands(desk: Callable[..., Any]) -> None:
    said = desk("bundled", "2026-01-16", days=9).text("/oi")
    assert said.startswith("BTC open interest: $10.0bn, 105,118 BTC.\n")
    assert "Fall from its peak: learning, 9 of 30 days." in said
    assert "Against its 180-day average: learning, 9 of 180 days." in said
    assert "Last 24 h: learning, 9 of 22 days." in said


def test_an_unknown_asset_names_those_there_are(desk: Callable[..., Any]) -> None:
    with pytest.raises(Refused, match=r"Nothing is known of DOGE\. There is BTC and ETH\. Type it like /oi btc\."):
        desk("bundled", "2026-01-16").ask("/oi doge")


def test_a_followed_asset_without_data_says_where_data_comes_from(desk: Callable[..., Any]) -> None:
    here = desk("bundled", "2026-01-16")
    with pytest.raises(Refused, match=r"No open interest in dollars is stored for ETH yet; a running bot .* FILE\."):
        here.ask("/oi eth")
    assert here.asked == ["ETH"]


def test_a_question_about_everything_does_not_name_one_input(empty: Any) -> None:
    with pytest.raises(Refused, match=r"^Nothing is stored for BTC yet; a running bot"):
        empty.ask("/health btc")


def test_without_data_and_without_sources_the_reason_is_the_sources(empty: Any) -> None:
    down = SourceHealth("binance", "bars", "down", empty.now, None, empty.now, "Binance cannot be reached.")
    source_state.save(empty.store, [down])
    with pytest.raises(Refused, match=r"^No closing price is stored for BTC yet; no source answers .* /sources says"):
        empty.ask("/price btc")


def test_current_data_is_not_asked_for_again(desk: Callable[..., Any]) -> None:
    here = desk("bundled", "2026-01-16")
    here.ask("/oi")
    assert here.asked == []


def told(here: Any, venue: str, ago: timedelta = timedelta(0), **values: float) -> None:
    """Store a month of hourly figures of a venue, the last so long ago; what is open swings and ends as given."""
    times = pd.date_range(here.now - timedelta(days=33), here.now - ago, freq="h")
    swing = pd.Series([1 + (back * 7 % 11) / 1000 for back in range(len(times))][::-1], index=times)
    frame = pd.DataFrame({name: value * (swing if "open" in name else 1.0) for name, value in values.items()}, times)
    points.write(here.store, [points.Points.of_frame(venue, "BTC", None, frame)])


def open_on(here: Any, venue: str, coins: float, ago: timedelta = timedelta(0)) -> None:
    told(here, venue, ago, open_interest_coin=coins, open_interest_usd=coins * 9e4)


@pytest.mark.slow
def test_open_interest_is_what_is_open_now_everywhere(empty: Any) -> None:
    open_on(empty, "binance", 80e3)
    open_on(empty, "bybit", 50e3)
    new = pd.DataFrame({"open_interest_coin": [20e3], "open_interest_usd": [1.8e9]}, index=[pd.Timestamp(empty.now)])
    points.write(empty.store, [points.Points.of_frame("okx", "BTC", None, new)])
    said = empty.text("/oi").splitlines()
    assert said[0] == "BTC open interest: $13.5bn, 150,000 BTC."
    assert any(line.startswith("On Binance and Bybit: 24 h to 00:00 UTC: ") for line in said)
    assert "3 of 3 venues, 100 % of usual open interest" in said[-2]
    values = empty.ask("/oi").values
    assert (values["open_interest_coin"], values["venues"]) == (150e3, ["binance", "bybit", "okx"])


def test_a_venue_that_is_silent_is_not_in_the_total_and_named(empty: Any) -> None:
    open_on(empty, "binance", 80e3)
    open_on(empty, "bybit", 50e3, timedelta(hours=3))
    said = empty.text("/oi").splitlines()
    assert said[0] == "BTC open interest: $7.2bn, 80,000 BTC."
    assert "1 of 2 venues, 62 % of usual open interest · without Bybit" in said[-2]


def test_too_little_of_the_market_is_no_total(empty: Any) -> None:
    open_on(empty, "binance", 80e3, timedelta(hours=3))
    open_on(empty, "bybit", 50e3)
    said = empty.text("/oi").splitlines()
    assert said[0] == "BTC open interest: no total now."
    assert "Bybit $4.5bn" in said[1]
    assert "only Bybit, 38 % of usual open interest, without Binance" in said[2]


def test_funding_of_every_venue_in_one_answer(empty: Any) -> None:
    told(empty, "binance", funding_rate=1e-4, funding_interval_hours=8.0)
    told(empty, "hyperliquid", funding_rate=1e-5, funding_interval_hours=1.0)
    told(empty, "okx", timedelta(days=2), funding_rate=9e-4, funding_interval_hours=8.0)
    open_on(empty, "binance", 75e3)
    open_on(empty, "hyperliquid", 25e3)
    said = empty.text("/funding").splitlines()
    assert said[0] == "BTC funding: +10.95 % a year. Longs pay shorts."
    assert "– Hyperliquid: +8.76 % a year, 0.0010 % per 1 h, paid in 1 h" in said
    assert "Weighted by open interest on 2 venues: +10.40 % a year." in said
    assert not any("OKX" in line for line in said), "two days old is no rate of now"
    values = empty.ask("/funding").values
    assert values["apr_weighted"] == pytest.approx(0.75 * 0.1095 + 0.25 * 0.0876)
    assert set(values["by_venue"]) == {"binance", "hyperliquid"}
