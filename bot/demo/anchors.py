"""The figures the bundled winter is built from: each with its day, its source and whether anyone published it.

Short names of the sources: *OI reset* is Darkfost on open interest (January 2026) with its sequel of May 2026;
*revenge rally* is Cointelegraph (end of January 2026); *OI guide* is Leverage.Trading; *derivatives guide* is the
derivatives signals guide of 2026. Where an article gives a month but no day, the source says which day was chosen
and why. An anchor with `published=False` is a support that we set so that the line between two published figures
bends where the market did: prices in whole thousands of dollars, the rest in two or three digits.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

FIRST: Final = date(2025, 3, 15)  # 205 days before the peak: its 180-day average exists
LAST: Final = date(2026, 5, 20)


@dataclass(frozen=True, slots=True)
class Anchor:
    """Hold one figure of one day.

    figure: an input name, or `net_taker_30d` (USD a day, the mean over the 30 days that end with `day`), or
    `net_taker` (USD, the flow of that day), `volume_month` (USD, the sum of the calendar month), or
    `open_interest_mean_180d` (USD, the mean over the 180 days that end with `day`).
    """

    day: date
    figure: str
    value: float
    source: str
    published: bool = True


@dataclass(frozen=True, slots=True)
class Bound:
    """Keep what lies between anchors from contradicting a published record: `least` <= value <= `most`."""

    first: date
    last: date
    figure: str
    least: float
    most: float
    reason: str


def _support(figure: str, source: str, values: dict[date, float]) -> tuple[Anchor, ...]:
    return tuple(Anchor(day, figure, value, source, published=False) for day, value in values.items())


PEAK: Final = date(2025, 10, 6)
CRASH: Final = date(2025, 10, 10)
BREAK: Final = date(2025, 11, 21)
RESET: Final = date(2026, 1, 15)
SWEEP: Final = date(2026, 1, 31)
LOWEST: Final = date(2026, 2, 6)
BOTTOM: Final = date(2026, 3, 1)
CROSS: Final = date(2026, 5, 5)

_PUBLISHED: Final = (
    # Price, USD.
    Anchor(date(2025, 7, 14), "close", 118_000, "OI guide: BTC at $118,000 in July 2025; day set to mid July"),
    Anchor(PEAK, "close", 126_080, "OI guide: BTC at $126,080 at the October record; taken as the day's close"),
    Anchor(PEAK, "high", 126_200, "Binance: highest price of the span, 126,199.63, on 6 October 2025, rounded"),
    Anchor(BREAK, "close", 84_900, "OI guide: below $85,000 on 20-21 November 2025; set just under it"),
    Anchor(BREAK, "low", 81_600, "OI guide: the fall from $126,080 ended at $81,600, six weeks after the record"),
    Anchor(RESET, "close", 95_131, "OI reset: BTC at $95,131 when the article called the reset"),
    Anchor(date(2026, 1, 16), "close", 94_737, "revenge rally: -14.5 % in 16 days to $81,000, so it began here"),
    Anchor(SWEEP, "close", 81_000, "revenge rally: near $81,000 at the end of January 2026"),
    Anchor(LOWEST, "low", 60_000, "Binance: lowest price of the winter, 60,000.00, on 6 February 2026"),
    # Open interest: Binance, one side, all BTC contracts.
    Anchor(PEAK, "open_interest_usd", 15_000_100_000, "OI reset (longer version): over $15bn on 6 October 2025"),
    Anchor(CRASH, "open_interest_coin", 93_600, "revenge rally: fell to 93,600 BTC on 10 October 2025"),
    Anchor(RESET, "open_interest_coin", 105_118, "OI reset: about $10bn, divided by its price of $95,131"),
    Anchor(SWEEP, "open_interest_coin", 123_500, "revenge rally: 123,500 BTC, roughly 31 % more than in October"),
    Anchor(
        BOTTOM,
        "open_interest_usd",
        6_400_000_000,
        "OI reset, sequel: $6.4bn in March 2026, -57 %; day set to 1 March, "
        "when open interest of all exchanges was lowest (CoinGlass)",
    ),
    Anchor(
        CROSS,
        "open_interest_usd",
        8_960_000_000,
        "OI reset, sequel: $8.96bn against a 180-day average of $8.75bn in May 2026; day chosen",
    ),
    Anchor(
        CROSS,
        "open_interest_mean_180d",
        8_750_000_000,
        "OI reset, sequel: the average it rose above in May 2026; met by the supports before it",
    ),
    # Taker flow of the perpetuals, as CryptoQuant measures it.
    Anchor(BREAK, "net_taker_30d", -489e6, "OI reset: monthly mean -$489m at its worst; day set to the break"),
    Anchor(RESET, "net_taker_30d", -51e6, "OI reset: monthly mean -$51m now, near a tenth of its worst"),
    Anchor(
        SWEEP,
        "volume_month",
        378e9,
        "revenge rally: Binance futures volume of $378bn in January 2026, read as BTC",
    ),
    # Funding, fraction per 8 hours.
    Anchor(RESET, "funding_rate", 0.0000024, "derivatives guide: BTC 0.26 % a year, early 2026; day chosen"),
    Anchor(
        date(2026, 2, 7),
        "funding_rate",
        -0.00015178,
        "Binance: lowest rate of the winter, settled on 7 February 2026 at 00:00",
    ),
    # Fear & Greed, 0..100, published at the start of its day.
    Anchor(CRASH, "fear_greed", 64, "alternative.me: 64 on 10 October 2025, before the crash of that evening"),
    Anchor(date(2025, 10, 11), "fear_greed", 27, "alternative.me: 27 on the day after"),
    Anchor(date(2025, 10, 12), "fear_greed", 24, "alternative.me: 24 on the second day after"),
    Anchor(SWEEP, "fear_greed", 16, "revenge rally: 16, Extreme Fear, lowest of the year so far"),
    Anchor(LOWEST, "fear_greed", 9, "alternative.me: 9 on 6 February 2026"),
    Anchor(date(2026, 2, 12), "fear_greed", 5, "alternative.me: 5 on 12 February 2026, least of the winter"),
    Anchor(date(2026, 2, 23), "fear_greed", 5, "alternative.me: 5 again on 23 February 2026"),
)

_SUPPORT: Final = (
    *_support(
        "close",
        "support: no article names it; a round thousand near the public price",
        {
            FIRST: 84_000,
            date(2025, 4, 8): 77_000,
            date(2025, 5, 10): 104_000,
            date(2025, 6, 22): 101_000,
            date(2025, 8, 2): 114_000,
            date(2025, 8, 13): 122_000,
            date(2025, 9, 1): 109_000,
            date(2025, 9, 26): 110_000,
            date(2025, 10, 9): 121_000,
            CRASH: 113_000,
            date(2025, 10, 17): 107_000,
            date(2025, 10, 27): 114_000,
            date(2025, 11, 4): 104_000,
            date(2025, 11, 13): 100_000,
            date(2025, 12, 9): 92_000,
            date(2025, 12, 18): 86_000,
            date(2026, 1, 1): 89_000,
            date(2026, 1, 25): 87_000,
            date(2026, 2, 5): 63_000,
            LOWEST: 71_000,
            date(2026, 2, 15): 69_000,
            BOTTOM: 66_000,
            date(2026, 3, 16): 74_000,
            date(2026, 4, 1): 68_000,
            date(2026, 4, 15): 75_000,
            date(2026, 4, 26): 77_000,
            date(2026, 5, 4): 78_000,
            CROSS: 80_000,
            date(2026, 5, 6): 80_000,
            date(2026, 5, 13): 80_000,
            LAST: 78_000,
        },
    ),
    *_support(
        "open_interest_coin",
        "support: no article names it",
        {
            FIRST: 90_000,
            date(2025, 6, 1): 98_000,
            date(2025, 8, 1): 104_000,
            date(2025, 9, 20): 110_000,
            date(2025, 10, 9): 116_000,
            date(2025, 10, 17): 95_000,
            date(2025, 10, 27): 95_000,
            date(2025, 11, 4): 98_000,
            BREAK: 101_000,
            date(2025, 12, 15): 107_000,
            date(2026, 2, 4): 118_000,
            LOWEST: 114_000,
            date(2026, 2, 16): 115_000,
            date(2026, 3, 16): 111_000,
            date(2026, 4, 1): 114_000,
            date(2026, 4, 26): 110_000,
            date(2026, 5, 4): 110_000,
            date(2026, 5, 6): 113_000,
            date(2026, 5, 9): 114_000,
            date(2026, 5, 13): 115_000,
            LAST: 118_000,
        },
    ),
    *_support(
        "net_taker",
        "support: no article names it; sellers lead throughout, as in every published figure",
        {
            FIRST: -90e6,
            date(2025, 7, 14): -60e6,
            date(2025, 10, 5): -90e6,
            date(2025, 10, 10): -420e6,
            date(2025, 10, 22): -330e6,
            date(2025, 10, 23): -480e6,
            BREAK: -560e6,
            date(2025, 11, 22): -180e6,
            date(2025, 12, 16): -120e6,
            date(2025, 12, 17): -60e6,
            RESET: -45e6,
            date(2026, 1, 31): -260e6,
            date(2026, 2, 6): -380e6,
            date(2026, 3, 1): -150e6,
            date(2026, 4, 1): -90e6,
            LAST: -60e6,
        },
    ),
    *_support(
        "volume_usd",
        "support: no article names it; a usual day of that month",
        {
            FIRST: 15e9,
            date(2025, 7, 14): 18e9,
            date(2025, 9, 20): 14e9,
            date(2025, 10, 9): 22e9,
            CRASH: 48e9,
            date(2025, 10, 13): 26e9,
            date(2025, 11, 10): 20e9,
            BREAK: 36e9,
            date(2025, 11, 26): 19e9,
            date(2025, 12, 25): 9e9,
            RESET: 13e9,
            date(2026, 1, 27): 12e9,
            SWEEP: 22e9,
            LOWEST: 38e9,
            date(2026, 2, 12): 18e9,
            LAST: 13e9,
        },
    ),
    *_support(
        "funding_rate",
        "support: no article names the day; the span's mean on Binance is near 4 % a year",
        {
            FIRST: 0.00003,
            date(2025, 7, 14): 0.00007,
            date(2025, 10, 6): 0.00007,
            date(2025, 10, 12): 0.00002,
            date(2025, 12, 1): 0.00004,
            date(2026, 1, 22): 0.00002,
            date(2026, 2, 1): -0.00002,
            date(2026, 2, 12): -0.00002,
            date(2026, 3, 25): 0.00001,
            LAST: 0.00003,
        },
    ),
    *_support(
        "fear_greed",
        "support: no article names it",
        {
            FIRST: 40,
            date(2025, 4, 8): 24,
            date(2025, 5, 20): 70,
            date(2025, 7, 14): 71,
            date(2025, 9, 1): 46,
            PEAK: 71,
            date(2025, 10, 27): 50,
            BREAK: 14,
            date(2025, 12, 9): 22,
            date(2025, 12, 20): 22,
            RESET: 52,
            date(2026, 3, 16): 24,
            date(2026, 4, 1): 15,
            LAST: 38,
        },
    ),
)

ANCHORS: Final[tuple[Anchor, ...]] = (*_PUBLISHED, *_SUPPORT)

BOUNDS: Final[tuple[Bound, ...]] = (
    Bound(FIRST, LAST, "close", 62_500, 125_400, "the record is the one of 6 October, the low of 6 February"),
    Bound(FIRST, LAST, "high", 0, 125_900, "no higher price than on 6 October"),
    Bound(FIRST, LAST, "low", 60_600, 1e9, "no lower price than on 6 February"),
    Bound(date(2025, 10, 7), date(2026, 1, 30), "low", 81_800, 1e9, "81,600 is the low of the autumn"),
    Bound(date(2026, 1, 17), SWEEP, "close", 0, 94_500, "the 16-day fall is counted from 94,737"),
    Bound(FIRST, LAST, "open_interest_usd", 6.45e9, 14.8e9, "the peak is 6 October, the least is in March"),
    Bound(date(2025, 10, 7), RESET, "open_interest_coin", 93_900, 1e9, "93,600 is the low of the crash"),
    Bound(FIRST, LAST, "funding_rate", -0.00014, 0.0001, "Binance never settled above the resting rate"),
    Bound(date(2026, 1, 1), date(2026, 1, 30), "fear_greed", 17, 100, "16 was the lowest of the year"),
    Bound(FIRST, LAST, "fear_greed", 6, 100, "5 is the least of the winter"),
)
