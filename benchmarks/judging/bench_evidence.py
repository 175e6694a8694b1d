"""Evidence of every rule over seven hourly years of one asset, against plain pandas written as a loop over episodes.

Both begin from the same file and end with the same cases, returns, quartiles and any-day rates, or it fails. The plain
one is what one would write first: the values of each rule in a frame, its rows walked one by one with the condition of
each level, then a loop over the episodes and one over the days, by label. Computing the values of the metrics is part
of both, in the same way, and shown apart: it is most of what is left. Each runs in a process of its own.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from benchmarks.__main__ import megabytes
from signals.alerts.episodes import State, step
from signals.alerts.rule import rules
from signals.metric import metrics
from signals.units import HOUR, HOUR_MS, to_ms
from storage.engine.database import Store
from storage.market import points
from storage.market.points import Points
from storage.panels.computed import Computed
from storage.queries.evidence import past as evidence

if TYPE_CHECKING:
    from numpy.typing import NDArray

START, YEARS = datetime(2019, 1, 1, tzinfo=UTC), float(os.environ.get("PERPULSE_BENCH_YEARS", "7"))
HOURS = int(YEARS * 365 * 24)
END = START + HOURS * HOUR
ROOT = Path(__file__).resolve().parents[2]
VARIANTS = ("ours", "plain")


def prepare(path: Path) -> None:
    """Write seven years of hours that swing like a market: prices, coins and flows by a random walk."""
    random = np.random.default_rng(11)
    times = [to_ms(START) + hour * HOUR_MS for hour in range(HOURS)]
    spread = 0.004 * np.exp(np.cumsum(0.02 * random.standard_normal(HOURS)) * 0.2)
    move = np.clip(spread, 0.001, 0.02) * random.standard_normal(HOURS)
    close = 20_000 * np.exp(np.cumsum(move))
    leaving = 0.02 * np.minimum(move / 0.01, 0) * (random.random(HOURS) < 0.2)
    coins = 80_000 * np.exp(
        0.6 * np.sin(np.arange(HOURS) / 3000) + _swing(leaving + 0.002 * random.standard_normal(HOURS))
    )
    volume = 4e8 * np.exp(0.5 * random.standard_normal(HOURS) + 20 * np.abs(move))
    share = 0.5 + np.clip(0.02 * _swing(random.standard_normal(HOURS), hours=48) / 7 + move, -0.3, 0.3)
    rate = 1e-4 + 3e-4 * np.sin(np.arange(HOURS) / 1500) + 1e-4 * random.standard_normal(HOURS)
    fear = np.clip(45 + 35 * np.sin(np.arange(HOURS) / 2200) + 8 * random.standard_normal(HOURS), 1, 99)
    bars = {"open": close, "high": close * 1.002, "low": close * 0.998, "close": close, "volume_usd": volume,
            "taker_buy_usd": volume * share}  # fmt: skip
    interest = {"open_interest_coin": coins, "open_interest_usd": coins * close}
    funding = {"funding_rate": rate[::8], "funding_interval_hours": np.full(len(rate[::8]), 8.0)}
    store = Store(path)
    points.write(
        store,
        [
            Points("binance", "BTC", HOUR, times, bars),
            Points("binance", "BTC", None, times, interest),
            Points("binance", "BTC", None, times[::8], funding, settled=True),
            Points("alternative.me", "MARKET", None, times[::24], {"fear_greed": fear[::24]}),
        ],
    )
    store.purge()
    store.close()


def _swing(shocks: NDArray[np.float64], hours: int = 2000) -> NDArray[np.float64]:
    """Let shocks add up and fade over so many hours."""
    return pd.Series(shocks).ewm(halflife=hours).mean().to_numpy() * hours / math.log(2)


def ours(store: Store) -> dict[str, Any]:
    """Ask for every rule, as /base does."""
    found = {}
    for rule in rules():
        told = evidence.read(store, rule, "BTC", END)
        if told:
            found[rule] = {str(days): _numbers(odds) for days, odds in told.rate.odds.items()}
    return found


def _numbers(odds: Any) -> list[float | None]:
    return [odds.n, odds.up, odds.median, odds.lower, odds.upper, odds.any_day]


def values_of(store: Store, rule: Any) -> tuple[pd.DataFrame, timedelta]:
    """Compute what a rule compares, close by close; the same for both."""
    every = [metrics()[name] for name in rule.metrics]
    clock = max(metric.step for metric in every)
    at_open = next(metric for metric in every if metric.step == clock).at_open
    first = START if at_open else START + clock
    times = [first + clock * i for i in range(int((END - first) / clock) + 1)]
    values: dict[str, Any] = {}
    for metric in every:
        values |= Computed.of(store, metric, metric.step, ("BTC",), times, clock).of_asset("BTC")
    return pd.DataFrame(values, index=pd.DatetimeIndex(times)), clock


def plain(store: Store) -> dict[str, Any]:
    """Walk the rows, then the episodes, then the days."""
    closes = pd.Series(dtype=float)
    known = points.columns(store, "BTC", "binance", ["close"], start=START, end=END)
    at = pd.to_datetime([time + HOUR_MS for time in known[0]], unit="ms", utc=True)
    hours = pd.Series(known[2]["close"], index=at, dtype=float)
    closes = hours[hours.index.hour == 0]
    found = {}
    for rule in rules().values():
        frame, clock = values_of(store, rule)
        state, fires, since = State(), [], None
        for when, row in zip(frame.index, frame.to_dict("records"), strict=True):
            now = rule.judged_by({str(name): value for name, value in row.items()})
            if since is None and not any(math.isnan(now.get(name, math.nan)) for name in rule.known_by):
                since = when
            state, told = step(
                rule.levels, state, now, at=when.to_pydatetime(), closes=clock, known_by=rule.known_by,
                continues=rule.continues, lasts=rule.lasts,
            )  # fmt: skip
            if told and told.kind == "fired":
                fires.append(when)
        if since is None:
            continue
        counted: list[pd.Timestamp] = []
        for when in fires:
            if not counted or when - counted[-1] >= pd.Timedelta(days=30):
                counted.append(when)
        found[rule.id] = {str(days): _after(closes, counted, since, days) for days in (1, 7, 30)}
    return found


def _after(closes: pd.Series, counted: list[pd.Timestamp], since: pd.Timestamp, days: int) -> list[float | None]:
    changes = []
    for when in counted:
        later = closes.loc[closes.index > when]
        if len(later) and later.index[0] + pd.Timedelta(days=days) in closes.index:
            changes.append(closes.loc[later.index[0] + pd.Timedelta(days=days)] / later.iloc[0] - 1)
    up = total = 0
    for when in closes.loc[closes.index >= since].index:
        if when + pd.Timedelta(days=days) in closes.index:
            total += 1
            up += closes.loc[when + pd.Timedelta(days=days)] > closes.loc[when]
    every = pd.Series(changes, dtype=float)
    enough = len(every) >= 5
    middle = [float(every.quantile(part)) if enough else None for part in (0.5, 0.25, 0.75)]
    return [len(every), int((every > 0).sum()), *middle, up / total if total else None]


def measure(variant: str, path: Path) -> None:
    """Time one variant and print what it found, the seconds, those of the values alone, and megabytes."""
    import resource  # noqa: PLC0415 - the parent needs it not

    store = Store(path)
    begin = time.perf_counter()
    found = ours(store) if variant == "ours" else plain(store)
    took = time.perf_counter() - begin
    peak = megabytes(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    again = time.perf_counter()
    ours(store)
    print(json.dumps({"found": found, "took": took, "again": time.perf_counter() - again, "peak": peak}))
    store.close()


def main() -> None:
    """Compare both in what they find, how long they take, and what they need."""
    measured: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "seven.db"
        prepare(path)
        for variant in VARIANTS:
            done = subprocess.run(
                [sys.executable, "-m", "benchmarks.judging.bench_evidence", variant, str(path)],
                cwd=ROOT, capture_output=True, text=True, check=False,
            )  # fmt: skip
            if done.returncode:
                sys.exit(f"{variant} failed:\n{done.stderr}")
            measured[variant] = json.loads(done.stdout)
    first, second = (measured[variant]["found"] for variant in VARIANTS)
    assert first, "some rule was judged"
    assert first.keys() == second.keys(), "both judged the same rules"
    for rule, by_days in first.items():
        for days, numbers in by_days.items():
            other = second[rule][days]
            same = all(
                a == b or (a is not None and b is not None and math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-12))
                for a, b in zip(numbers, other, strict=True)
            )
            assert same, f"{rule}, {days} days: {numbers} against {other}"
    cases = sum(by_days["30"][0] for by_days in first.values())
    fast, slow = measured["ours"], measured["plain"]
    print(f"{len(first)} rules, {HOURS:,} hours, {cases} cases; both found the same")
    print(
        f"plain pandas {slow['took']:.2f} s, perpulse {fast['took']:.2f} s, asked again {1000 * fast['again']:.1f} ms"
    )
    ratio, memory = slow["took"] / fast["took"], f"{fast['peak']:,.0f} against {slow['peak']:,.0f} MB"
    print(f"ratio | evidence of all rules, plain pandas over perpulse | {ratio:.1f} | > 10 | {memory}")


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1] in VARIANTS:  # this file started by itself, for one variant
        measure(sys.argv[1], Path(sys.argv[2]))
    else:
        main()
