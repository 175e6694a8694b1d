"""How soon somebody is served: R6, the first message after a price, and S31, an answer while a broadcast is sent."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import numpy as np

from bot.engine.own.judging import OwnJudge
from signals.rules.reading import read
from signals.units import to_ms
from storage.alerts import outbox
from storage.market import points
from storage.market.points import Points
from storage.people import destinations, rules
from storage.people.rules import Worded
from tests.faults.bench import on_each
from tests.faults.programs import broadcast, configure, until_sent
from tests.faults.scenario import DISCORD, TELEGRAM, Counts, scenario

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from storage.engine.database import Store
    from tests.faults.bench import Bench
    from tests.faults.programs import Broadcast
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


# --- an answer beside a broadcast

ASKED: Final = "/liq long btc 25x 95000"
ANSWERED: Final = "liquidat"
WHO_ASKS: Final = 5_000_000  # the first of those who do; none of them is told the news
ANSWER_S: Final = 1.0
BETWEEN_S: Final = 0.5
A_CHANNEL: Final = 6, 6.0  # so many questions at once, and seconds between further ones: what the bot allows one


@scenario(
    "S31",
    "commands while an alert goes to very many",
    promised="0 lost, 0 repeated; 99 of 100 answers within 1 s",
    telegram="`perpulse run` sends a critical alert and a notice to 10,000 chats; others ask, two a second",
    discord="the same; others ask in a channel, as often as one may",
    programs=True,
)
async def asked_meanwhile(scale: Scale) -> Mapping[str, Counts]:
    found = {}
    for platform in (TELEGRAM, DISCORD):
        folder = scale.folder / platform
        async with broadcast(folder, platform, scale.of(50, 10_000), speed=1.0) as it:
            configure(folder, it)
            process = await it.perpulse(folder)
            await until_sent(it, 4)
            begun, took = time.monotonic(), list[float]()
            while await asyncio.to_thread(outbox.waiting, it.store):
                took.append(await _answered(it, WHO_ASKS + len(took)))
                burst, pause = A_CHANNEL
                await asyncio.sleep(BETWEEN_S if platform == TELEGRAM or len(took) < burst else pause)
            sent = time.monotonic() - begun
            process.send_signal(signal.SIGTERM)
            await it.ends(process)
            counts = it.count(may_repeat=0, begun=begun, rate=25)
            worst, median = float(np.quantile(took, 0.99)), float(np.median(took))
            counts.hold(len(took) >= 5, "too little was asked to show anything")
            counts.hold_time(worst <= ANSWER_S, f"1 of 100 answers came after {worst:.2f} s")
            counts.noted.append(
                f"{counts.wanted / sent:.1f} a second; {len(took)} answers, median {median * 1000:.0f} ms, "
                f"p99 {worst * 1000:.0f} ms"
            )
            found[platform] = counts
    return found


async def _answered(it: Broadcast, person: int) -> float:
    """Let a person ask, on Discord in a channel, and return after how many seconds the answer was there."""
    begun = time.monotonic()
    if it.platform == TELEGRAM:
        it.fake.chat(person, "private")
        seen = len(it.fake.accepted)
        it.fake.say(person, person, ASKED)
    else:
        token, (name, _, text) = f"asked{person}", ASKED[1:].partition(" ")
        options = [{"name": "text", "type": 3, "value": text}]
        data = {"id": "1", "name": name, "type": 1, "options": options}
        await it.fake.interact(2, data, token=token, user=person)
    async with asyncio.timeout(30):
        while True:
            if it.platform == TELEGRAM:
                new = it.fake.accepted[seen:]
                texts = [message.text for message in new if message.chat == person]
            else:
                texts = [str(it.fake.answers.get(token))]
            if any(ANSWERED in text for text in texts):
                return time.monotonic() - begun
            it.look()
            await asyncio.sleep(0.005)
