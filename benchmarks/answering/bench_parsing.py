"""How long a command line takes to be read: the median and the slowest hundredth, of real lines and of random ones.

Processor time of this thread around every single line, the median of five readings of it: what others do on the
machine stays out. Nothing fails by the clock; the goal is in the table.
"""

from __future__ import annotations

import contextlib
import gc
import importlib.util
import random
import statistics
import sys
import time
from pathlib import Path

from handlers.command import Refused, commands
from handlers.language.grammar import parse
from handlers.language.spelling import split_command

LINES, TURNS = 10_000, 5
GOAL_US = 100.0
ASSETS = ("BTC", "ETH", "SOL")
TYPED = (
    "/liq 95000 25x long",
    "/liq long BTC 95k 25x",
    "/liq l 25 95,000",
    "/LIQ@perpulse_bot BTCUSDT x25 @95k buy bybit 0.5btc",
    "/liq my 1000PEPE short 50x at 0.012 please, on hyperliquid",
    "/liq 95000 25x long 0.5btc cross balance 5000 other profit 120 maintenance 50",
    "/cost 100k 7d btc long 25x 0.01% every 4h",
    "/pnl 95000 100000 25x long 0.5btc fee 0.05%",
    "/size 95000 stop 93000 risk 1% balance 10000",
    "/margin 95000 25x long 0.5btc liq 90000",
    "/chart oi btc 90d",
    "/funding eth",
)


def fuzz_line() -> object:
    """Load the random lines of the tests, which are no package."""
    path = Path(__file__).resolve().parents[2] / "tests" / "fuzz_parsing.py"
    spec = importlib.util.spec_from_file_location("fuzz_parsing", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module.line


def read(name: str, rest: str) -> float:
    """Read one line and return how many microseconds it took."""
    arguments = commands()[name].arguments
    began = time.thread_time_ns()
    with contextlib.suppress(Refused):  # a refusal is an answer too
        parse(arguments, rest, command=name, assets=ASSETS)
    return (time.thread_time_ns() - began) / 1000


def main() -> None:
    dice, line = random.Random(5), fuzz_line()
    assert callable(line)
    typed = [split_command(typed) for typed in TYPED]
    names = sorted(commands())
    junk = [(dice.choice(names), line(dice)) for _ in range(LINES)]
    for kind, lines in (("typed", typed * (LINES // len(typed))), ("random", junk)):
        for line in lines[:500]:
            read(*line)
        gc.collect()
        took = sorted(statistics.median(read(*line) for _ in range(TURNS)) for line in lines)
        at = {name: took[int(len(took) * share)] for name, share in (("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999))}
        print(f"{kind:<7} {len(took):,} lines: " + ", ".join(f"{name} {value:.0f} µs" for name, value in at.items()))
        if kind == "typed":
            print(f"ratio | reading a line, p99 in µs | {at['p99']:.1f} | < {GOAL_US:g} | median {at['p50']:.0f} µs")


if __name__ == "__main__":
    main()
