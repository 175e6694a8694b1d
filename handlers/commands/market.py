"""/price /taker /fng: what the market shows now, in plain words with unit, window, venue and age."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from handlers.command import Deps, Nothing, Refused, command
from handlers.language.assets import OneAsset, meant_asset
from handlers.reply import Block, Button, Buttons, Line, Reply, plain
from handlers.words import readings as words
from handlers.words import wording
from signals.inputs import MARKET
from signals.units import HOUR

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from storage.queries.freshness import Stamp
    from storage.queries.market.prices import Price
    from storage.queries.market.readings import Reading, Readings

# Read models are imported when a command runs: they bring numpy along, and a calculator must not wait for that.


def more(asset: str, metric: str) -> Buttons:
    """Return the buttons under an answer."""
    name = asset.lower()
    return Buttons((Button("Chart", f"/chart {metric} {name}".strip()), Button("Health", f"/health {name}")))


def value(reading: Reading | None, name: str) -> float | None:
    """Return a value of a reading, None where there is none."""
    return None if reading is None else reading.get(name)


def say(text: str, values: Mapping[str, Any]) -> str:
    """Fill a sentence from fractions and times; see handlers/words/wording.py for the words after the colon."""
    return wording.template(text, values)


async def readings_of(deps: Deps, asset: str | None, ids: Sequence[str], *, example: str) -> Readings:
    """Read metrics of the asset that is meant. Refused where nothing is known of it, or nothing is stored for them."""
    from storage.queries.market import readings  # noqa: PLC0415 - see above

    found = await asyncio.to_thread(readings.of, deps.store, meant_asset(deps, asset, example), ids, deps.now)
    if found.nothing:
        raise await nothing_stored(deps, found.asset, ids)
    return found


async def nothing_stored(deps: Deps, asset: str, ids: Sequence[str]) -> Refused:
    """Return the refusal where nothing was ever stored for these metrics; the venues are asked for it."""
    from signals.metric import metrics  # noqa: PLC0415 - see above
    from storage.queries import sources  # noqa: PLC0415 - opens the database

    needs = [metrics()[metric].needs for metric in ids]
    silent = await asyncio.to_thread(sources.all_silent, deps.store)
    said = words.nothing_stored(asset, [frozenset(names) for names in needs], needs[0][0], silent=silent, off=deps.off)
    return Refused(said, outdated=(asset,))


def answered(
    deps: Deps,
    asset: str,
    lines: Sequence[Block],
    values: Mapping[str, Any],
    used: Sequence[Stamp],
    *,
    outdated: bool,
    beside: Sequence[Stamp] = (),
) -> Reply:
    """Return the answer with the stamp of the figures it rests on, and its numbers as JSON can hold them.

    beside: stamps of which only the coverage is said, after that of the others. outdated: the venues may know more.
    """
    every = {"asset": None if asset == MARKET else asset, "as_of": words.as_of(used), **values}
    blocks = list(lines)
    if stale := words.stale_since(used):
        when = wording.moment(stale, deps.zone)
        blocks.insert(1, Line(f"Not current: these figures are of {when}.", "caveat"))
    stamp = words.stamp_words(used, deps.now, deps.stamp_note, beside)
    return Reply(tuple(blocks), plain(every), stamp=stamp, outdated=(asset,) if outdated else ())


def until(reading: Reading, now: datetime, zone: str) -> str:
    """Say the time of a close: the hour today, with its date where that is longer ago."""
    return wording.clock(reading.at, zone, dated=now - reading.at > 20 * HOUR)


# --- taker flow -------------------------------------------------------------------------------------------------------


@command(
    subject="market",
    example="/taker btc",
    words="takers, buyers, sellers, buying, selling, order flow, flow, taker flow, net taker, "
    "aggressive, buy pressure, sell pressure, cvd, bought, sold, who is buying, who is selling",
)
async def taker(deps: Deps, args: OneAsset) -> Reply:
    """Taker flow: who buys or sells at market, 24 h and 30 days.

    A taker is whoever does not wait with a limit order. Shows the ratio of taker buys to sells over 24 hours, how
    unusual it is, and the 30-day mean of buys less sells.
    """
    ids = ("taker_ratio", "taker_zscore", "net_taker_30d")
    found = await readings_of(deps, args.asset, ids, example="/taker btc")
    ratio, unusual, month = (found.get(metric) for metric in ids)
    why = {metric: words.why_not(found.lacking(metric)) for metric in ids}
    if not found.known:
        lines: list[Block] = [Line(f"{found.asset} takers: {why['taker_ratio']}.", "headline")]
        return answered(deps, found.asset, lines, {}, (), outdated=found.outdated)
    lines = [
        *(
            _last_24h(found.asset, ratio, deps.now, deps.zone)
            if ratio
            else [Line(f"{found.asset} takers, 24 h: {why['taker_ratio']}.", "headline")]
        ),
        Line(_against_usual(ratio, unusual, why["taker_zscore"])),
        Line(_month(month) if month else f"30-day mean: {why['net_taker_30d']}."),
        more(found.asset, "taker"),
    ]
    values = {
        "taker_ratio_24h": value(ratio, "value"),
        "taker_ratio_usual": value(ratio, "usual"),
        "buy_share_24h": value(ratio, "buy_share"),
        "net_24h_usd": value(ratio, "net"),
        "volume_24h_usd": value(ratio, "volume"),
        "zscore": value(unusual, "value"),
        "net_30d_mean_usd": value(month, "value"),
        "net_30d_worst_usd": value(month, "worst"),
        "times_smaller_than_worst": value(month, "times_smaller"),
    }
    used = (ratio.stamp,) if ratio else words.stamps(found)
    return answered(deps, found.asset, lines, values, used, outdated=found.outdated)


def _last_24h(asset: str, ratio: Reading, now: datetime, zone: str) -> list[Block]:
    filled = {**ratio.values, "asset": asset}
    return [
        Line(say("{asset} takers, 24 h: {buy_share:part1} buys, buys to sells {value:ratio}.", filled), "headline"),
        Line(say("Net {net:usd+} of {volume:usd} traded", filled) + f", 24 h to {until(ratio, now, zone)}."),
    ]


def _against_usual(ratio: Reading | None, unusual: Reading | None, why: str) -> str:
    usual = value(ratio, "usual")
    said = f"Usual ratio over 30 days: {wording.number(usual, 2)}. " if usual is not None else ""
    if unusual is None:
        return f"{said}Against the usual: {why}."
    return f"{said}Against those 30 days: z {wording.number(unusual.get('value'), 2, plus=True)}."


def _month(month: Reading) -> str:
    said = say("30-day mean, to the last daily close: {value:usd+} a day", month.values)
    mean, worst, smaller = (month.get(name) for name in ("value", "worst", "times_smaller"))
    if mean is None or mean >= 0:
        days = month.get("days_below")
        return f"{said}, above zero again after {wording.count(days, 'day')} below." if days else f"{said}."
    if worst is None or smaller is None:
        return f"{said}."
    if smaller < 1.05:
        return f"{said}, its worst of 180 days."
    times = "over 100 times" if smaller > 100 else wording.times(smaller)
    return f"{said}, {times} smaller than at its worst of 180 days ({wording.usd(worst)}), still negative."


# --- price ------------------------------------------------------------------------------------------------------------


@command(
    subject="market",
    example="/price btc",
    words="<coin>, worth, how much is, trading at, quote, cost of, how high, how expensive, value of, costs, spot",
)
async def price(deps: Deps, args: OneAsset) -> Reply:
    """Price, its change over 1 and 7 days, its recent fall.

    The fall is counted from the highest close of the past 16 days.
    """
    from storage.queries.market import prices  # noqa: PLC0415 - see above

    asset = meant_asset(deps, args.asset, "/price btc")
    found = await asyncio.to_thread(prices.read, deps.store, asset, deps.now)
    if found is None:
        raise await nothing_stored(deps, asset, (prices.FALL,))
    lines: list[Block] = [
        Line(f"{asset} ${wording.price(found.value)}.", "headline"),
        Line(_since(found.change_1d, found.change_7d)),
        Line(_fall(found) if found.readings.known else f"Fall in 16 days: {_why_no_fall(found)}."),
        more(asset, "price"),
    ]
    values = {
        "price": found.value,
        "change_1d": found.change_1d,
        "change_7d": found.change_7d,
        "drawdown_16d": found.below,
        "high_16d": found.high,
        "change_16d": value(found.readings.get(prices.FALL), "change"),
    }
    return answered(deps, asset, lines, values, (found.stamp,), outdated=found.outdated)


def _since(day: float | None, week: float | None) -> str:
    changes = (("1 day", day), ("7 days", week))
    known = [f"{name} {wording.percent(change * 100)}" for name, change in changes if change is not None]
    return f"{' · '.join(known)}." if known else "Its change over 1 and 7 days is not known yet."


def _fall(found: Price) -> str:
    if not found.below or found.high is None:
        return "That is its highest close of 16 days." if found.below == 0 else "Its high of 16 days is not known."
    below, high = wording.percent(found.below * 100), wording.price(found.high)
    return f"{below} from its highest close of 16 days, ${high} on {wording.day(found.high_at, year=False)}."


def _why_no_fall(found: Price) -> str:
    return "; ".join(words.why_not(found.readings.lacking(metric)) for metric in found.readings.found)


# --- mood -------------------------------------------------------------------------------------------------------------


@command(
    subject="market",
    example="/fng",
    words="fear, greed, fear and greed, fear & greed, fear greed, mood, sentiment, fear index, "
    "fear and greed index, greedy, fearful",
)
async def fng(deps: Deps, args: Nothing) -> Reply:  # noqa: ARG001 - every command is asked the same way
    """Fear & Greed index: the market's mood, once a day.

    0 is extreme fear, 100 extreme greed. The index is made by alternative.me for the market as a whole.
    """
    found = await readings_of(deps, None, ("fear_greed",), example="/fng")
    mood = found.get("fear_greed")
    if mood is None:
        why = words.why_not(found.lacking("fear_greed"))
        off = words.switched_off(deps.off, "fear_greed")
        lines: list[Block] = [Line(f"Fear & Greed index: {why}.", "headline"), *([Line(off)] if off else [])]
        return answered(deps, found.asset, lines, {}, (), outdated=found.outdated)
    index, week = mood.get("value"), mood.get("change_7d")
    # Up to 24 every site says Extreme Fear; the borders above differ between sites, so no class is named there.
    extreme = ", extreme fear" if index is not None and index <= 24 else ""
    lines = [
        Line(f"Fear & Greed index: {wording.number(index)} of 100{extreme}.", "headline"),
        Line(
            f"7 days ago: {wording.number(None if week is None or index is None else index - week)}. "
            "0 is extreme fear, 100 extreme greed."
        ),
        Line("It is mood, told once a day, and made from price, volume and surveys of the days before.", "caveat"),
        Buttons((Button("Chart", "/chart fng"),)),
    ]
    values = {"fear_greed": index, "change_7d": week}
    return answered(deps, found.asset, lines, values, words.stamps(found), outdated=found.outdated)
