"""Lines that are no rule: what is said, which word is marked, and which lines are offered instead."""

from __future__ import annotations

import pytest

from signals.rules.errors import RuleError
from signals.rules.reading import read
from signals.rules.text import LONGEST

ASSETS = ("BTC", "ETH", "SOL", "SHIB")
NO_FIGURE = "“{}” is no figure I know. There are funding, oi, oi coins, price, taker z, depth, …"

# (line, marked, said, first line offered)
WRONG = {
    "a slip": (
        "btc fundng > 30% apr",
        "fundng",
        "“fundng” is no figure I know; did you mean funding?",
        "btc funding > 30% apr",
    ),
    "letters swapped in an asset": (
        "bct funding > 30% apr",
        "bct",
        "“bct” is no figure I know; did you mean btc?",
        "btc funding > 30% apr",
    ),
    "an asset that is not followed": (
        "pepe funding > 30% apr",
        "pepe",
        "“pepe” is not followed here, and no figure; followed are BTC, ETH, SOL, SHIB.",
        "",
    ),
    "an asset that is not followed, by itself": (
        "doge up 5% in 4h",
        "doge",
        f"{NO_FIGURE.format('doge')} If it is a coin: followed are BTC, ETH, SOL, SHIB.",
        "",
    ),
    "a dated contract": (
        "BTCUSDT_261225 price < 80k",
        "BTCUSDT_261225",
        "“BTCUSDT_261225” is a dated contract, and those are not followed. Type BTC.",
        "btc price < 80k",
    ),
    "a contract in coins": (
        "funding of btc-usd-swap > 30% apr",
        "btc-usd-swap",
        "“btc-usd-swap” is coin-margined, and figures are kept by asset, from its main perpetual. Type BTC.",
        "funding of btc > 30% apr",
    ),
    "a pair of two coins": (
        "ethbtc < 0.03",
        "ethbtc",
        "“ethbtc” is not quoted in dollars, as all figures are. Type ETH.",
        "eth < 0.03",
    ),
    "a thousand coins as one": (
        "kshib price < 0.02",
        "kshib",
        "“kshib” is 1,000 coins, and figures are of one. Type SHIB.",
        "",
    ),
    "a thousand coins as one, with its number": (
        "1000SHIB price < 0.02",
        "1000SHIB",
        "“1000SHIB” is 1,000 coins, and figures are of one. Type SHIB.",
        "",
    ),
    "a value by half of its name": (
        "btc price change_24h < -5%",
        "price change_24h",
        "“price change_24h” is no figure I know; did you mean price_move.change_24h?",
        "btc price_move.change_24h < -5%",
    ),
    "up by less than nothing": ("btc up -5% in 4h", "up -5%", "Up 5% or down 5%?", "btc up 5% in 4h"),
    "a change in dollars": (
        "btc falls $2000",
        "falls $2000",
        "Price crosses below $2000? A change is said in percent, like falls 5% in 24h.",
        "btc crosses below $2000",
    ),
    "a level that may be a percentage": (
        "btc drops 5",
        "btc drops 5",
        "Price: within which time? Say it too, for example in 24h.",
        "btc drops 5 in 1h",
    ),
    "what is no rate a year": (
        "btc basis > 10% apr",
        "10% apr",
        "“10% apr” fits no premium of the perpetual over the index: it is counted in percent, like 5%.",
        "",
    ),
    "lines that look apart": (
        "btc price < 80k and price > 90k",
        "btc price < 80k and price > 90k",
        "Price below 80,000 and price above 90,000 never hold at once: say or.",
        "",
    ),
    "funding without a unit": (
        "btc funding > 30 for 2h",
        "30",
        "Funding of all venues, 30 of what: 30% a year or 30% per 8 h?",
        "btc funding > 30% a year for 2h",
    ),
    "funding in percent of what": (
        "btc funding > 30%",
        "30%",
        "Funding of all venues, 30 of what: 30% a year or 30% per 8 h?",
        "btc funding > 30% a year",
    ),
    "a fraction in whole numbers": (
        "oi drawdown < -30",
        "-30",
        "Open interest against its 365-day peak is counted in percent: type -30%.",
        "oi drawdown < -30%",
    ),
    "a fraction, or so little": (
        "oi drawdown < -0.3",
        "-0.3",
        "Open interest against its 365-day peak is counted in percent: -30% or -0.3%?",
        "oi drawdown < -30%",
    ),
    "a rank as a fraction": (
        "funding rank > 0.95",
        "0.95",
        "Rank of funding in a year goes from 0 to 100 %: 95% or 0.95%?",
        "funding rank > 95%",
    ),
    "a number that can be two": ("btc > 95.000", "95.000", "“95.000” can mean 95 or 95,000. Type 95 or 95000.", ""),
    "another unit": (
        "taker z < $5",
        "$5",
        "“$5” fits no z of taker flow: it is counted in standard deviations, like -2.",
        "",
    ),
    "a price below nothing": ("btc price > −5", "−5", "“−5” fits no price: it is counted in dollars, like 95000.", ""),
    "above or below": ("btc price 100k", "100k", "Price above or below 100k?", "btc price above 100k"),
    "up or down": ("btc price moves 5% in 24h", "5%", "Price up or down 5%?", "btc price moves up 5% in 24h"),
    "within which time": (
        "btc oi coins down 5%",
        "btc oi coins down 5%",
        "Open interest in coins: within which time? Say it too, for example in 24h.",
        "btc oi coins down 5% in 1h",
    ),
    "no line": (
        "btc funding",
        "btc funding",
        "“btc funding” is funding of all venues; say its line too, like btc funding > 30% apr.",
        "btc funding > 30% apr",
    ),
    "no figure": ("btc", "btc", "“btc” needs a figure and its line, like btc > 100k.", "btc > 100k"),
    "no number": ("btc price above", "", "The line stops too early. After “above” comes a number.", ""),
    "no time": ("btc > 100k for", "", "The line stops too early. After “for” comes a time like 2h or 7d.", ""),
    "nothing": ("  ", "", "The rule is missing. Type it like btc funding > 30% apr.", "btc funding > 30% apr"),
    "a word too many": ("btc > 100k maybe", "maybe", "“maybe” does not fit there.", ""),
    "two values": ("btc bids below asks", "asks", "“asks” does not fit there. A number was expected.", ""),
    "between": (
        "btc price between 90k and 100k",
        "between",
        "“between” is said as two lines, like price > 90k and price < 100k.",
        "",
    ),
    "a setup among conditions": (
        "btc selling_wave and funding < 0",
        "btc selling_wave",
        "“btc selling_wave” is a rule of its own, with lines and times of its own: make it a line by itself.",
        "btc selling_wave",
    ),
    "a time for a setup": (
        "btc selling_wave for 2h",
        "btc selling_wave",
        "“btc selling_wave” has times of its own; leave yours out.",
        "",
    ),
    "a moment that lasts": (
        "btc crosses 100k for 2h",
        "2h",
        "A crossing is a moment and cannot last: leave the time out, or say above or below instead.",
        "",
    ),
    "a crossing within a time": (
        "btc crosses 100k in 2h",
        "btc crosses 100k in 2h",
        "A crossing has no time: leave it out, or say up or down by how much.",
        "",
    ),
    "no sign to change": (
        "btc oi flips",
        "btc oi flips",
        "Open interest never changes its sign. Say a line, like crosses 100k.",
        "",
    ),
    "an unknown code": (
        "btc quadrant is bullish",
        "btc quadrant is bullish",
        (
            "Quadrant over a day is one of: none, bullish conviction, bearish conviction, short covering, "
            "long exhaustion. "
            "Say it with “is”."
        ),
        "",
    ),
    "two assets": (
        "btc price > 90k and eth price > 3k",
        "eth price > 3k",
        "A rule looks at one asset at a time, each of several by itself. Make two rules of it.",
        "",
    ),
    "an end on the side of the beginning": (
        "funding > 30% apr until funding > 40% apr",
        "funding > 40% apr",
        (
            "It cannot end with funding of all venues above 40 % a year: that is where it begins. "
            "Put the end on the other side."
        ),
        "",
    ),
    "an end that the beginning overlaps": (
        "funding > 30% apr until funding < 35% apr",
        "funding < 35% apr",
        (
            "It cannot end with funding of all venues below 35 % a year: that is where it begins. "
            "Put the end on the other side."
        ),
        "",
    ),
    "twice": ("btc > 100k for 2h for 3h", "3h", "“for” is said twice; say it once.", ""),
    "which position": (
        "my position within 5%",
        "",
        "Which position? Say its number, like my position 2 within 5%.",
        "my position 1 within 5%",
    ),
    "too many of the largest": (
        "any of top900 funding > 5% apr",
        "top900",
        "“top900” needs a number from 1 to 500, and no asset beside it.",
        "",
    ),
    "a change that closes cannot tell": (
        "btc price up 5% in 90 min",
        "btc price up 5% in 90 min",
        "A change of price can be told over whole hours, up to 30 days.",
        "",
    ),
    "a change of hours beside days": (
        "btc price up 5% in 3h and drawdown < -10%",
        "btc price up 5% in 3h and drawdown < -10%",
        (
            "A change over 3 h cannot be told beside “Open interest below its peak”, which is known once in 24 h: "
            "make two rules of it."
        ),
        "",
    ),
    "too dear": (
        "btc basis < 0 and ls > 3",
        "btc basis < 0 and ls > 3",
        (
            "“Futures against spot” and “Longs to shorts” together look 61,334 figures back at every "
            "close, and one rule may "
            "look 40,000: make two rules of it."
        ),
        "",
    ),
    "nine conditions": (
        " or ".join(f"btc > {price}k" for price in range(1, 10)),
        "btc > 9k",
        "That is more than 8 conditions; make two rules of it.",
        "",
    ),
    "often": ("btc > 9k every 1 min", "1 min", "How often it may be told goes from 5 min up to 30 days.", ""),
}


@pytest.mark.parametrize(("text", "marked", "said", "offered"), WRONG.values(), ids=WRONG)
def test_a_wrong_line_marks_the_word_and_says_what_would_be_right(
    text: str, marked: str, said: str, offered: str
) -> None:
    with pytest.raises(RuleError) as caught:
        read(text, assets=ASSETS, usual="BTC")
    error = caught.value
    assert error.said == said
    assert text[error.begin : error.end] == marked
    assert (error.offers[0][1] if error.offers else "") == offered


@pytest.mark.parametrize(("text", "marked", "said", "offered"), WRONG.values(), ids=WRONG)
def test_what_is_offered_gets_further(text: str, marked: str, said: str, offered: str) -> None:
    del marked, offered
    for line in [line for _, line in _offers(text)]:
        try:
            read(line, assets=ASSETS, usual="BTC")
        except RuleError as error:
            assert error.said != said  # noqa: PT017 - a line may have a second fault, which is told next


def _offers(text: str) -> tuple[tuple[str, str], ...]:
    with pytest.raises(RuleError) as caught:
        read(text, assets=ASSETS, usual="BTC")
    return caught.value.offers


def test_a_line_that_is_too_long_is_not_read() -> None:
    text = "btc > 100k and " * 700
    with pytest.raises(RuleError, match="10,500 characters long; a rule has at most 500") as caught:
        read(text, assets=ASSETS, usual="BTC")
    assert (caught.value.begin, caught.value.end) == (LONGEST, len(text))


def test_brackets_within_brackets_end_somewhere() -> None:
    with pytest.raises(RuleError, match="Too many brackets"):
        read("(" * 200 + "btc > 1" + ")" * 200, assets=ASSETS, usual="BTC")
