"""What it costs the venues: requests for funding and open interest of all linear perpetuals, once a minute.

The bot's own Collector and recipes ask a loopback exchange that counts. Weights and limits are those of the venues' own
documents (state: November 2026): Binance counts weight a minute and address, and three calls apart from it; Bybit
counts requests in five seconds; OKX each call in two seconds. A minute within an hour asks for the present, and for the
past of some contracts that are owed it, as after a start; the first ones of an hour ask for what was settled too: at
Binance in one question for all, elsewhere contract by contract, which the pace of ccxt spreads over minutes: here it is
counted as if it came at once. How many contracts each venue lists is taken generously and can be set.
"""

from __future__ import annotations

import asyncio
import os
import resource
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from benchmarks.__main__ import megabytes

PERPETUALS = int(os.environ.get("PERPULSE_BENCH_PERPETUALS", "700"))
VENUES = ("binance", "bybit", "okx")
MINUTES = 5  # from the full hour on: as long as the longest budget lasts
START = datetime(2026, 11, 20, 12, 57, 30, tzinfo=UTC)


@dataclass(frozen=True)
class Limit:
    """What a call counts against: a budget of so much in so many seconds, by so much a call, maybe of each contract."""

    budget: str
    most: int
    seconds: int
    weight: int = 1
    per_contract: bool = False


WEIGHT = Limit("weight", 2400, 60)  # developers.binance.com, USDⓈ-M futures, exchangeInfo.rateLimits
FUNDING = Limit("funding calls", 500, 300)  # as above, Get Funding Rate History: shared with fundingInfo
STATISTICS = Limit("statistics calls", 1000, 300)  # as above, Open Interest Statistics
REQUESTS = Limit("requests", 600, 5)  # bybit-exchange.github.io/docs/v5/rate-limit
LIMITS = {  # okx.com/docs-v5: public data and trading statistics, per call in two seconds
    "/fapi/v1/exchangeInfo": WEIGHT,
    "/fapi/v1/openInterest": WEIGHT,
    "/fapi/v1/premiumIndex": replace(WEIGHT, weight=10),
    "/fapi/v1/fundingInfo": FUNDING,
    "/fapi/v1/fundingRate": FUNDING,
    "/futures/data/openInterestHist": STATISTICS,
    "/api/v5/public/instruments": Limit("instruments", 20, 2),
    "/api/v5/public/open-interest": Limit("open interest", 20, 2),
    "/api/v5/public/funding-rate": Limit("funding rate", 10, 2),
    "/api/v5/public/mark-price": Limit("mark price", 10, 2),
    "/api/v5/market/index-tickers": Limit("index tickers", 20, 2),
    "/api/v5/public/funding-rate-history": Limit("funding history, each", 10, 2, per_contract=True),
    "/api/v5/rubik/stat/contracts/open-interest-history": Limit("OI history, each", 10, 2, per_contract=True),
}


def spent(venue: str, asked: Counter[str]) -> dict[Limit, int]:
    """Add up what requests of one venue count, by budget."""
    found: dict[Limit, int] = {}
    for path, count in asked.items():
        limit = REQUESTS if venue == "bybit" else LIMITS[path]
        key = replace(limit, weight=1)
        found[key] = found.get(key, 0) + count * limit.weight
    return found


async def measure() -> dict[str, dict[str, list[Counter[str]]]]:
    """Ask for an hour's beginning and for minutes within it; return the requests of each venue and minute by path."""
    from bot.market.collector import Collector  # noqa: PLC0415 - what is imported here is part of what is measured
    from bot.market.exchange.venue import CcxtVenue  # noqa: PLC0415 - as above
    from bot.market.exchange.venue_recipe import recipes  # noqa: PLC0415 - as above
    from tests.fakes import exchange, exchange_venues  # noqa: PLC0415 - the other side

    assets = [f"C{number:03}" for number in range(PERPETUALS)]
    clock = exchange.Clock(START)
    exchange_venues.BYBIT = tuple(exchange_venues.Named(asset, f"{asset}USDT") for asset in assets)
    exchange_venues.OKX = tuple(exchange_venues.Named(asset, f"{asset}-USDT-SWAP") for asset in assets)
    listed = tuple(exchange.Listed(f"{asset}USDT", 100.0, 1e6, 8) for asset in assets)
    found: dict[str, dict[str, list[Counter[str]]]] = {}
    for venue in VENUES:  # one after the other, so that requests need no name
        async with exchange.FakeExchange(clock, listed) as served:
            clock.now = START
            row = recipes()[venue]
            only = {topic: row.offers[topic] for topic in ("open_interest", "funding")}
            source = CcxtVenue(
                replace(row, offers=only),
                clock=clock,
                steady=clock.steady,
                base_url=f"{served.base_url}/{venue}",
                timeout_s=60,
                paced=False,
            )
            collector = Collector(
                [source],
                clock=clock,
                steady=clock.steady,
                history=timedelta(hours=2),
                patience_s=600,
                longest=timedelta(hours=1),
            )
            kinds: dict[str, list[Counter[str]]] = {}
            for kind in ("start", "minute", "minute", *["hour"] * MINUTES):
                before = Counter(served.requests)
                got = await collector.collect(assets, clock.now)
                topics = {name for batch in got.points for name in batch.columns}
                assert {"open_interest_coin", "funding_rate"} <= topics, (venue, kind, collector.health())
                assert len({batch.asset for batch in got.points}) == PERPETUALS, (venue, kind)
                kinds.setdefault(kind, []).append(Counter(served.requests) - before)
                clock.go(minutes=1)
            found[venue] = kinds
            await collector.close()
    return found


def main() -> None:
    found = asyncio.run(measure())
    print(f"{PERPETUALS} contracts at each venue, funding and open interest of all of them once a minute")
    print(f"{'venue':<10} {'when':<24} {'counted':<24} {'spent':>8} {'limit':>8} {'share':>7}")
    worst: dict[tuple[str, str], float] = {}
    for venue, kinds in found.items():
        for kind, said in (("minute", "a minute in an hour"), ("hour", "the first of an hour")):
            minutes = [spent(venue, asked) for asked in kinds[kind]]
            for limit in sorted({limit for minute in minutes for limit in minute}, key=lambda one: one.budget):
                # Counted per minute; a budget of five minutes is spent by the five minutes from here on.
                span = max(1, limit.seconds // 60)
                counts = [minute.get(limit, 0) for minute in minutes]
                total = max(counts) if span == 1 else sum(counts) * span // len(counts)
                most = limit.most * span * 60 // limit.seconds
                share = total / most / (PERPETUALS if limit.per_contract else 1)
                worst[venue, kind] = max(worst.get((venue, kind), 0.0), share)
                print(f"{venue:<10} {said:<24} {limit.budget:<24} {total:>8,} {most:>8,} {share:>7.1%}")
    print(f"peak memory {megabytes(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss):,.0f} MB")
    for venue in VENUES:
        print(
            f"ratio | {venue}: share of its limit, each minute | {worst[venue, 'minute']} | < 0.5 | the tightest budget"
        )
    for venue in VENUES:
        print(f"ratio | {venue}: the same where an hour begins | {worst[venue, 'hour']} | < 0.5 | if unpaced")


if __name__ == "__main__":
    main()
