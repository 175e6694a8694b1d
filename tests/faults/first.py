"""R6: from prices that come in to the first message that leaves, while tens of thousands of pairs are judged."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import numpy as np

from bot.engine.own.judging import OwnJudge
from signals.rules.reading import read
from signals.units import to_ms
from storage.market import points
from storage.market.points import Points
from storage.people import destinations, rules
from storage.people.rules import Worded
from tests.faults.bench import on_each
from tests.faults.scenario import Counts, scenario

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from storage.engine.database import Store
    from tests.faults.bench import Bench
    from tests.faults.scenario import Scale

MINUTE: Final = timedelta(minutes=1)
GOAL_S: Final = 1.0
A_CHAT: Final = 10  # rules of one chat
BEFORE: Final = 3  # minutes of prices before anything is measured
LOW, HIGH = 100.0, 130.0  # the lines of all rules lie between


@scenario(
    "R6",
    "from a price to the first message",
    promised="99 of 100 times within 1 s at 50,000 pairs of asset and rule; each chat is told once",
    telegram="100 own rules over 500 assets; 100 times the price of one leaps (CI: 10 rules, 20 assets, twice)",
    discord="the same",
    left_out="the network of a platform, whose fake answers at once; other minutes' work in the same process",
)
async def first_message(scale: Scale) -> Mapping[str, Counts]:
    async def play(bench: Bench, platform: str) -> Counts:
        assets = tuple(f"A{number}" for number in range(scale.of(20, 500)))
        count, rounds = scale.of(10, 100), scale.of(2, 100)
        _ask(bench, platform, count)
        judge, prices = OwnJudge(bench.store, assets), np.full(len(assets), LOW)
        started = bench.clock.now()
        for _ in range(BEFORE):
            _prices_come(bench.store, assets, prices, bench.clock.now())
            judge.judge_live(bench.clock.now(), started=started)
            bench.clock.forward(60)
        counts, took = Counts(), []
        for leaping in random.Random(6).sample(range(len(assets)), rounds):
            prices[leaping] = HIGH
            took.append(await _measured(bench, platform, judge, assets, prices, started))
            await bench.turns(60)
            told = Counter(one.chat for one in bench.seen[platform] if f"A{leaping}:" in one.text)
            counts.wanted += len(bench.chats[platform])
            counts.lost += len(set(bench.chats[platform]) - set(told))
            counts.repeated += sum(told.values()) - len(told)
        worst, median = float(np.quantile(took, 0.99)), float(np.median(took))
        counts.crashed, counts.broken = len(bench.errors), [*bench.sides[platform].problems(), *bench.errors]
        counts.hold_time(worst <= GOAL_S, f"the first message left {worst:.2f} s after the price")
        counts.figures["R6"] = (
            f"{count * len(assets):,} pairs, {rounds} times: median {median * 1000:.0f} ms, p99 {worst * 1000:.0f} ms"
        )
        return counts

    return await on_each(scale.folder, play)


def _ask(bench: Bench, platform: str, count: int) -> None:
    """Let chats have so many rules over every asset, no two of them alike."""
    for number in range(count):
        if number % A_CHAT == 0:
            bench.place(platform)
        [*_, place] = destinations.everyone(bench.store)
        line = read(f"any price > {LOW + 1 + number / 10:.1f}", assets=(), usual="BTC")
        worded = Worded(line=line.line, rule=line.rule.id, scope=line.scope.to_json())
        rules.add(bench.store, place.id, worded, person=None, now=bench.clock.now())


def _prices_come(store: Store, assets: tuple[str, ...], prices: np.ndarray, now: datetime) -> None:
    at = [to_ms(now)]
    found = [
        Points("binance", asset, None, at, {"mark_price": [float(price)]})
        for asset, price in zip(assets, prices, strict=True)
    ]
    points.write(store, found)


async def _measured(
    bench: Bench, platform: str, judge: OwnJudge, assets: tuple[str, ...], prices: np.ndarray, started: datetime
) -> float:
    """Let prices come in, be judged and told; return the seconds until the platform showed the first message."""
    side, now = bench.sides[platform], bench.clock.now()
    before, begun = len(side.shown()), time.perf_counter()
    await asyncio.to_thread(_prices_come, bench.store, assets, prices, now)
    await asyncio.to_thread(judge.judge_live, now, started=started)
    sending = asyncio.create_task(bench.dispatcher.turn())
    while len(side.shown()) == before and not sending.done():  # noqa: ASYNC110 - the fake of a platform tells nobody
        await asyncio.sleep(0.001)
    took = time.perf_counter() - begun
    await sending
    return took if len(side.shown()) > before else float("inf")
