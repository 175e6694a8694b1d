"""Write the bundled winter: `python -m bot.demo.build`.

Between two anchors a line is drawn (through logarithms for prices, coins and volume) and seeded noise is laid over
it that vanishes at both ends. Same code, same file, byte for byte: the only source of chance is `random.random`,
whose sequence Python promises to keep, and every number is rounded far above the last bits of a float.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from random import Random
from typing import Final

from bot.demo import STAMP, path
from bot.demo.anchors import ANCHORS, BOUNDS, FIRST, LAST

SEED: Final = 20251006
DAYS: Final = tuple(FIRST + timedelta(n) for n in range((LAST - FIRST).days + 1))
_MEAN_DAYS: Final = 30
_BARS: Final = ("open", "high", "low", "close", "volume_usd", "taker_buy_usd")
# A bar is stamped with its open time, a level with its own: open interest is read at the price of the close, which at
# midnight nobody knows yet, and would show that price a day before it was. Mood is published at midnight.
_LAST: Final = "23:59:00"
_ROUND: Final = 100_000.0  # USD; volumes are written to this step, an even number of which keeps the mean exact

_PREFACE: Final = f"""\
# Winter 2025-26, BTC on Binance: {STAMP}, not a recording.
# Figures with day and source stand in bot/demo/anchors.py (articles of Darkfost, Cointelegraph and
# Leverage.Trading, figures of Binance, CryptoQuant, CoinGlass and alternative.me). What lies between them is
# interpolation with seeded noise. Volume and taker flow are the perpetuals'. Open interest is that of a day's last
# minute, read at the price of its close. Made by python -m bot.demo.build; do not edit.
"""


@dataclass(frozen=True, slots=True)
class Winter:
    """Hold the finished series, one value a day and three funding rates a day, in the units of the inputs."""

    open: list[float]
    high: list[float]
    low: list[float]
    close: list[float]
    volume_usd: list[float]
    taker_buy_usd: list[float]
    open_interest_coin: list[float]
    funding_rate: list[float]
    fear_greed: list[float]


def _gauss(rng: Random) -> float:
    # Twelve uniforms: only random() is promised to stay the same in later Pythons, gauss() is not.
    return math.fsum(rng.random() for _ in range(12)) - 6.0


def _anchored(figure: str) -> dict[int, float]:
    return {(a.day - FIRST).days: a.value for a in ANCHORS if a.figure == figure}


def _line(anchors: dict[int, float], *, log: bool = False) -> list[float]:
    """Return the straight line through the anchors, one value a day; the ends are anchors."""
    known = sorted(anchors)
    there = math.log if log else float
    back = math.exp if log else float
    line = []
    for left, right in pairwise(known):
        start, stop = there(anchors[left]), there(anchors[right])
        line += [back(start + (stop - start) * n / (right - left)) for n in range(right - left)]
    return [*line, anchors[known[-1]]]


def _bridge(anchors: dict[int, float], step: float, rng: Random) -> list[float]:
    """Return a random walk with steps of `step` that is zero on every anchored day."""
    known = sorted(anchors)
    noise = [0.0]
    for left, right in pairwise(known):
        length = right - left
        walk = [0.0]
        for _ in range(length):
            walk.append(walk[-1] + step * _gauss(rng))
        noise += [walk[n] - walk[length] * n / length for n in range(1, length + 1)]
    return noise


def _bounded(figure: str, day: date, value: float) -> float:
    for bound in BOUNDS:
        if bound.figure == figure and bound.first <= day <= bound.last:
            value = min(max(value, bound.least), bound.most)
    return value


def _walk(figure: str, anchors: dict[int, float], step: float, rng: Random) -> list[float]:
    """Return anchors, line and noise of a positive figure, held inside its bounds."""
    noise = _bridge(anchors, step, rng)
    return [
        anchors[n] if n in anchors else _bounded(figure, DAYS[n], value * math.exp(noise[n]))
        for n, value in enumerate(_line(anchors, log=True))
    ]


def _bars(close: list[float], rng: Random) -> tuple[list[float], list[float], list[float]]:
    """Return open, high and low around the closes: a market that never stops opens where it closed."""
    highs, lows = _anchored("high"), _anchored("low")
    opens = [round(close[0] * 0.996, 1), *close[:-1]]
    high, low = [], []
    for n, (day, first, last) in enumerate(zip(DAYS, opens, close, strict=True)):
        above = max(first, last) * (1 + 0.006 * abs(_gauss(rng)))
        below = min(first, last) * (1 - 0.006 * abs(_gauss(rng)))
        high.append(highs.get(n, max(_bounded("high", day, above), first, last)))
        low.append(lows.get(n, min(_bounded("low", day, below), first, last)))
    return opens, [round(v, 1) for v in high], [round(v, 1) for v in low]


def _open_interest(close: list[float], rng: Random) -> list[float]:
    coins = _anchored("open_interest_coin")
    coins |= {n: round(usd / close[n]) for n, usd in _anchored("open_interest_usd").items()}
    walk = _walk("open_interest_coin", coins, 0.009, rng)
    usd = (coin * price for coin, price in zip(walk, close, strict=True))
    return [
        float(round(walk[n] if n in coins else _bounded("open_interest_usd", DAYS[n], value) / close[n]))
        for n, value in enumerate(usd)
    ]


def _volume(rng: Random) -> list[float]:
    volume = [v * math.exp(0.08 * _gauss(rng)) for v in _line(_anchored("volume_usd"), log=True)]
    for n, total in _anchored("volume_month").items():
        month = [m for m, day in enumerate(DAYS) if (day.year, day.month) == (DAYS[n].year, DAYS[n].month)]
        scale = total / math.fsum(volume[m] for m in month)
        for m in month:
            volume[m] *= scale
    return [round(v / _ROUND) * _ROUND for v in volume]


def _spread(count: int, rng: Random) -> list[float]:
    """Return numbers evenly spread over −1 … 1, in a random order that repeats every 30 days.

    Bell-shaped noise now and then makes a day that stands out, and the alerts would report an event that nobody
    published. Evenly spread noise has no such day; as it repeats, the published 30-day mean stays on its line.
    """
    month = [value for _, value in sorted((rng.random(), n / 14.5 - 1) for n in range(_MEAN_DAYS))]
    return [month[n % _MEAN_DAYS] for n in range(count)]


def _net_flow(close: list[float], rng: Random) -> list[float]:
    """Return buys minus sells a day, so that its 30-day mean meets the two published figures."""
    moves = [0.0, *(math.log(now / then) for then, now in pairwise(close))]
    usual = _line(_anchored("volume_usd"), log=True)
    rows = zip(_line(_anchored("net_taker")), usual, moves, _spread(len(close), rng), strict=True)
    flow = [value + 0.05 * total * move + 0.03 * total * noise for value, total, move, noise in rows]
    for n, wanted in _anchored("net_taker_30d").items():
        window = range(n - _MEAN_DAYS + 1, n + 1)
        short = wanted - math.fsum(flow[m] for m in window) / _MEAN_DAYS
        for m in window:
            flow[m] += short
    return flow


def _funding(rng: Random) -> list[float]:
    """Return three settlements a day, 00:00, 08:00 and 16:00; anchors stand at 00:00."""
    anchors = {3 * n: value for n, value in _anchored("funding_rate").items()}
    line = _line(anchors)
    line += [line[-1]] * (3 * len(DAYS) - len(line))
    rates, lean = [], 0.0
    for n, value in enumerate(line):
        lean = 0.8 * lean + 0.000015 * _gauss(rng)
        rates.append(anchors.get(n, _bounded("funding_rate", DAYS[n // 3], value + lean)))
    return [round(rate, 8) for rate in rates]


def _fear_greed(rng: Random) -> list[float]:
    anchors = _anchored("fear_greed")
    noise = _bridge(anchors, 2.0, rng)
    return [
        anchors[n] if n in anchors else float(round(_bounded("fear_greed", DAYS[n], value + noise[n])))
        for n, value in enumerate(_line(anchors))
    ]


def _chance(series: str) -> Random:
    """Return a stream of chance of its own for each series, so that changing one moves no other."""
    return Random(f"{SEED} {series}")  # noqa: S311 - noise that must repeat, not a secret


def make() -> Winter:
    """Build every series from the anchors and the seed."""
    close = [round(v, 1) for v in _walk("close", _anchored("close"), 0.016, _chance("close"))]
    opens, high, low = _bars(close, _chance("bars"))
    volume = _volume(_chance("volume"))
    net = _net_flow(close, _chance("sellers"))
    return Winter(
        opens,
        high,
        low,
        close,
        volume,
        [round((v + n) / 2 / _ROUND) * _ROUND for v, n in zip(volume, net, strict=True)],
        _open_interest(close, _chance("coins")),
        _funding(_chance("funding")),
        _fear_greed(_chance("mood")),
    )


def _number(value: float) -> str:
    return f"{value:.8f}".rstrip("0").rstrip(".")


def build() -> str:
    """Return the text of the file: neutral import format, sorted by time."""
    winter = make()
    lines = ["at,venue,asset,input,value"]
    for n, day in enumerate(DAYS):
        midnight = f"{day.isoformat()}T00:00:00Z"
        lines += [f"{midnight},binance,BTC,{name},{_number(getattr(winter, name)[n])}" for name in _BARS]
        lines.append(f"{midnight},alternative.me,MARKET,fear_greed,{_number(winter.fear_greed[n])}")
        for third, rate in enumerate(winter.funding_rate[3 * n : 3 * n + 3]):
            at = f"{day.isoformat()}T{8 * third:02d}:00:00Z"
            lines.append(f"{at},binance,BTC,funding_rate,{_number(rate)}")
            lines.append(f"{at},binance,BTC,funding_interval_hours,8")
        coins, evening = winter.open_interest_coin[n], f"{day.isoformat()}T{_LAST}Z"
        lines.append(f"{evening},binance,BTC,open_interest_coin,{_number(coins)}")
        lines.append(f"{evening},binance,BTC,open_interest_usd,{round(coins * winter.close[n])}")
    return _PREFACE + "\n".join(lines) + "\n"


def main() -> None:
    """Write the file to its place in the package."""
    path().write_text(build(), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
