"""Markets as they were, hour by hour, played through the real engine: store, judgement, episodes, outbox."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from bot.engine.evaluate import judge
from handlers.answer import answer
from handlers.channels.channel import Address
from handlers.command import Asker, Deps
from storage.engine.database import Store
from storage.market import points
from storage.market.points import Points
from storage.people import destinations
from tests import loop

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from handlers.reply import Reply
    from signals.alerts.event import Event
    from storage.engine.database import Store

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
HOUR, DAY, MINUTE = timedelta(hours=1), timedelta(days=1), timedelta(minutes=1)
LONG_AGO = datetime(2015, 1, 1, tzinfo=UTC)  # since when perpulse runs here: nothing happened offline

with_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"the recordings are not beside the checkout: {DATA}")


def utc(text: str) -> datetime:
    """Read `2025-10-10 22:00` as a time in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@cache
def recorded(name: str) -> Any:
    """Return a recording of the shared data as parsed JSON."""
    return json.loads((DATA / name).read_text())


@cache
def days_of(asset: str) -> pd.DataFrame:
    """Return the recorded daily bars of Binance spot: open, high, low, close, volume_usd, taker_buy_usd."""
    rows = recorded(f"ohlcv/binance-spot-{asset.lower()}usdt-1d.json")
    frame = pd.DataFrame(rows).iloc[:-1]  # the last day is not over
    index = pd.to_datetime(frame[0], unit="ms", utc=True)
    columns = {"open": 1, "high": 2, "low": 3, "close": 4, "volume_usd": 7, "taker_buy_usd": 10}
    return pd.DataFrame({name: frame[place].astype(float).to_numpy() for name, place in columns.items()}, index=index)


def settled(asset: str, first: str, last: str) -> Points:
    """Return the recorded funding of Binance between two days, as it was settled every eight hours."""
    rows = recorded(f"funding/binance-{asset.lower()}usdt-funding.json")
    begin, end = (int(utc(day).timestamp() * 1000) for day in (first, last))
    rows = [row for row in rows if begin <= row["fundingTime"] < end]
    times = [row["fundingTime"] // 1000 * 1000 for row in rows]
    rates = [float(row["fundingRate"]) for row in rows]
    columns = {"funding_rate": rates, "funding_interval_hours": [8.0] * len(rates)}
    return Points("binance", asset, None, times, columns, settled=True)


def hourly_closes(asset: str, first: str, last: str, told: Mapping[str, float]) -> pd.Series[float]:
    """Return a price at the close of each hour between two days: the recorded days, and what is told of their hours.

    The recordings are daily; between their opens, closes and what is told (by the time of the close) lies a line.
    """
    known = {}
    for at, bar in days_of(asset)[first:last].iterrows():
        known[at], known[at + DAY] = bar["open"], bar["close"]
    known |= {pd.Timestamp(utc(at)): price for at, price in told.items()}
    series = pd.Series(known, dtype=float).sort_index()
    closes = pd.date_range(series.index[0], series.index[-1], freq="h")
    return series.reindex(closes.union(series.index)).interpolate("time").reindex(closes)


def coins(hours: pd.DatetimeIndex, level: float, changes: Mapping[str, float], seed: int = 7) -> pd.Series[float]:
    """Return open interest in coins at the close of each hour: a quiet walk, and the changes that are told of."""
    noise = random.Random(seed)
    by_time = {utc(at): change for at, change in changes.items()}
    values = []
    for at in hours:
        level *= 1 + noise.gauss(0, 0.001) + by_time.get(at.to_pydatetime(), 0.0)
        values.append(level)
    return pd.Series(values, index=hours)


def bars(venue: str, asset: str, closes: pd.Series[float], **more: pd.Series[float]) -> list[Points]:
    """Return hourly points: a bar opens an hour before its close, and an instant lies in the hour that it closes."""
    opens = closes.index - HOUR
    made = [Points.of_frame(venue, asset, HOUR, pd.DataFrame({"close": closes.to_numpy()}, index=opens))]
    if "open_interest_coin" in more:
        interest = more["open_interest_coin"]
        frame = pd.DataFrame({"open_interest_coin": interest.to_numpy()}, index=interest.index - 5 * MINUTE)
        frame["open_interest_usd"] = frame["open_interest_coin"].to_numpy() * closes.reindex(interest.index).to_numpy()
        made.append(Points.of_frame(venue, asset, None, frame))
    return made


def between(every: Sequence[Points], start: datetime, end: datetime) -> list[Points]:
    """Return what becomes known in [start, end): a bar when it closes, an instant at its time."""
    found = []
    for one in every:
        lead = 0 if one.step is None else int(one.step.total_seconds() * 1000)
        begin, until = (int(at.timestamp() * 1000) - lead for at in (start, end))
        places = [place for place, at in enumerate(one.times) if begin <= at < until]
        if places:
            times = [one.times[place] for place in places]
            columns = {name: [column[place] for place in places] for name, column in one.columns.items()}
            found.append(Points(one.venue, one.asset, one.step, times, columns, one.settled))
    return found


def play(
    store: Store, every: Sequence[Points], start: datetime, end: datetime, *, step: timedelta = HOUR
) -> Iterator[Event]:
    """Store what was known at `start`, judge it silently, then take a turn a minute after each step, as a bot does."""
    asset = tuple(dict.fromkeys(one.asset for one in every if one.asset != "MARKET"))
    listener(store)
    points.write(store, between(every, LONG_AGO, start + MINUTE))
    judge(store, asset, start + MINUTE, started=LONG_AGO)
    at = start
    while at < end:
        points.write(store, between(every, at + MINUTE, at + step + MINUTE))
        at += step
        yield from judge(store, asset, at + MINUTE, started=LONG_AGO)


def listener(store: Store) -> int:
    """Subscribe a private chat to everything and return its id."""
    chat = destinations.ensure(store, "telegram", "11", None, kind="private", title=None, now=LONG_AGO)
    destinations.subscribe(store, chat.id, "*", "*")
    return chat.id


def said(events: Sequence[Event], rule: str) -> list[str]:
    """Say what was told of a rule, as `2025-10-10 22:00 fired notice`."""
    return [f"{event.at:%Y-%m-%d %H:%M} {event.kind} {event.rank}" for event in events if event.rule == rule]


def ask(store: Store, line: str, now: datetime) -> Reply:
    """Type a line in the terminal, where BTC is followed and nobody is asked."""
    deps = Deps(now, Asker("terminal", Address("me")), store, ("BTC",), lambda _: None, None)
    return loop.run(answer(line, deps))
