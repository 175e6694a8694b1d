"""A server beside a file: rows of the outbox settled, alerts to 100,000 chats, ticks written, and assets judged.

Settled is a row that a process claimed under its lease (`outbox.claim`) and whose message it wrote down as sent with
the next claim (`outbox.sent`), as the dispatcher does; the network alone is left out. Eight at once is what the
dispatcher has in flight on a platform, and bounds what is in doubt after a kill; 64 is what nothing in the bot does,
and shows what a claim costs beside its rows. More is not claimed than is sent at once, since what is most urgent is
asked for at the last moment: a platform takes thirty messages a second, and 64 would be two seconds of older news.
Eight in a transaction take some 72 us of processor a row in a file, of which 47 are the bare statements and the commit,
beside a wait for the disk, and some 200 us on a server with its client; 64 in one are a third of it. So eight at once
do not come to 20,000 rows/s in a file, and on a server of two cores they are at the edge of 10,000: what the outbox can
do is the figure of 64.
Four processes are four senders, each of a platform of its own.
`broadcast`: one alarm to all. `mixed`: ten alarms of five assets to fewer chats, two of them in one message.

Judging: processes that each judge their share of the assets, an hour after the other.

The server is the one of PERPULSE_TEST_POSTGRES, else one that waits for the disk as it does by default. Nothing here is
alone on its machine: beside each rate stands the processor time a row, of our processes and of the server, and the rate
that this comes to on two cores that do nothing else; on one where one process works.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import structlog

from benchmarks.sending import bench_fanout
from benchmarks.storing import crew
from bot.delivery.stages.group import group
from bot.engine.evaluate import judge
from signals.alerts.event import Event
from storage.alerts import announcing, episodes, outbox
from storage.alerts.sending import sender, spreading
from storage.engine.database import Store
from storage.engine.sharing import leases
from storage.engine.sql import Query
from storage.market import ends, points
from storage.market.points import Points, Snapshot
from tests import postgres

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MODULE = "benchmarks.storing.bench_postgres"
NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
DAY = timedelta(days=1)
PLATFORMS = ("p0", "p1", "p2", "p3")
CHATS, MIXED = 12_000, 1_600
FANOUT, ROUNDS = 100_000, 2
ASSETS, HOURS, HISTORY = 24, 6, timedelta(days=40)
TICKS, VENUES = 40, ("binance", "bybit", "okx")  # rounds of 300 assets of each
CHATS_SQL = Query(
    "fill",
    "INSERT INTO destinations (platform, chat, topic, kind, zone, created) "
    "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < :most - 1) "
    "SELECT 'p' || (i % 4), CAST(1000000000 + i AS TEXT), '', 'private', 'UTC', 0 FROM n",
)
WANTED_SQL = Query("fill", "INSERT INTO subscriptions (destination, rule, asset) SELECT id, '*', '*' FROM destinations")
STATES_SQL = Query("states", "SELECT state, count(*) AS count FROM outbox GROUP BY state")


# --- where it runs


class Servers:
    """Databases on one server, each made when it is asked for. process: of the server, where it is ours."""

    def __init__(self) -> None:
        named = os.environ.get(postgres.NAMED)
        # As it comes, on a socket: it waits for the disk at each commit.
        found = named or postgres.embedded(("-c", "listen_addresses="))
        if found is None:
            sys.exit(f"perpulse: {postgres.MISSING}")
        self._url, self._made = found, 0
        self.process = None if named else _process_of(found)
        settings = ("server_version", "fsync", "synchronous_commit", "shared_buffers")
        told = ", ".join(f"{name} {postgres.ask(found, f'SHOW {name}')[0][0]}" for name in settings)
        print(f"{'the server that was named' if named else 'a server of our own'}: {told}")
        waits = 1000 * waited_for_disk()
        print(
            f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; a commit waits {waits:.2f} ms for the disk",
            flush=True,
        )

    @contextmanager
    def database(self) -> Iterator[str]:
        """Lend the address of an empty database."""
        self._made += 1
        name = f"perpulse_bench_{os.getpid()}_{self._made}"
        postgres.ask(self._url, f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")
        head, _, query = self._url.partition("?")
        yield f"{head.rpartition('/')[0]}/{name}" + (f"?{query}" if query else "")
        postgres.ask(self._url, f"DROP DATABASE {name} WITH (FORCE)")


def _process_of(url: str) -> int:
    return int((Path(url.partition("host=")[2]) / "data" / "postmaster.pid").read_text().split()[0])


def waited_for_disk() -> float:
    """Return how many seconds it takes until a page is on the disk, where files for the time being lie."""
    took = []
    with tempfile.TemporaryFile() as file:
        for _ in range(50):
            os.pwrite(file.fileno(), bytes(4096), 0)
            began = time.perf_counter()
            os.fsync(file.fileno())
            took.append(time.perf_counter() - began)
    return statistics.median(took)


@contextmanager
def place(servers: Servers | None) -> Iterator[str]:
    """Lend an empty database: on a server, or in a file."""
    if servers is not None:
        with servers.database() as url:
            yield url
    else:
        with tempfile.TemporaryDirectory() as folder:
            yield str(Path(folder) / "perpulse.db")


# --- rows of the outbox


def fill(store: Store, chats: int) -> None:
    """Subscribe chats on four platforms to everything."""
    with store.write() as work:
        work.run(CHATS_SQL, most=chats)
        work.run(WANTED_SQL)


def announce(store: Store, load: str) -> int:
    """Write what is to be sent; return how many rows that are."""
    told = (
        [("oi_drawdown", "BTC")]
        if load == "broadcast"
        else [(rule, f"A{number}") for number in range(5) for rule in ("oi_drawdown", "oi_zscore")]
    )
    with store.write() as work:
        count = 0
        for rule, asset in told:
            event = Event(
                kind="fired", rule=rule, asset=asset, rank="warning", at=NOW, since=NOW, step=timedelta(hours=1),
                values={f"{rule}.value": -0.3}, venues=("binance",),
            )  # fmt: skip
            number = episodes.record(work, (rule, asset), event, None)
            notice = outbox.Notice("fired", "warning", NOW, event.to_json(), number, rule, asset)
            count += outbox.announce(work, notice, now=NOW, expires=NOW + DAY)
    spread(store)
    return count


def spread(store: Store) -> None:
    """Make the rows of what was announced, as whoever sends does beside sending."""
    while True:
        with store.write() as work:
            if not spreading.one(work):
                return


def settle(where: str, platform: str, limit: int) -> None:
    """In a process of its own: claim and settle until nothing is due."""
    store = Store(where)
    number = leases.begin(store, f"0123456789ab {os.getpid()} 1", ["send"], NOW)
    with store.write() as unit:
        leases.take(unit, number, [sender.lease_of(platform)])

    def work() -> list[int]:
        landed: list[tuple[outbox.Claim, str | None, datetime]] = []
        rows: list[int] = []
        while True:
            with store.write() as unit:
                outbox.sent(unit, landed)
                claims = outbox.claim(unit, now=NOW, process=number, platform=platform, limit=limit, together=group)
            rows += (row.id for one, _, _ in landed for row in one.rows)
            landed = [(one, f"message {one.id}", NOW) for one in claims]
            if not claims:
                return rows

    crew.serve(work)
    store.close()


def settled(servers: Servers | None, load: str, processes: int, limit: int) -> tuple[float, str]:
    """Print and return how many rows a second some processes settle, and what they would on cores of their own."""
    with place(servers) as where:
        store = Store(where)
        fill(store, CHATS if load == "broadcast" else MIXED)
        if processes == 1:
            with store.write() as work:
                work.run(Query("one", "UPDATE destinations SET platform = 'p0'"))
        written = announce(store, load)
        orders = [("settle", where, platform, str(limit)) for platform in PLATFORMS[:processes]]
        shift = crew.work(MODULE, orders, servers and servers.process)
        rows = [row for found in shift.found for row in found]
        states = {row["state"]: row["count"] for row in store.read(STATES_SQL)}
        store.close()
    if len(rows) != len(set(rows)) or states != {"sent": written}:
        sys.exit(f"perpulse: {written} rows were written, {len(rows)} settled, {len(set(rows))} of them once; {states}")
    own, of_server = (part / written * 1e6 for part in (shift.own, shift.server))
    known = servers is None or servers.process is not None
    cores = min(2, processes)  # one process and its server wait for each other
    whole = f"{cores * 1e6 / (own + of_server):,.0f}/s on {cores} whole core(s)" if known else "of the server unknown"
    what = f"{'PostgreSQL' if servers else 'SQLite'}, {load}, {processes} x {limit}"
    rate = written / shift.seconds
    print(f"{what:<48} {rate:>8,.0f} rows/s; us a row {own:>4.0f} + {of_server:>4.0f}, {whole}", flush=True)
    return rate, whole


# --- alerts to many


def fanned_out(servers: Servers | None) -> dict[str, float]:
    """Print and return how many seconds it takes to write an alert and an announcement for 100,000 chats.

    Written is the notice with all it goes to, in one transaction: from then on nothing is lost. Beside it stands how
    long it takes from then on until whoever sends has claimed the first messages, and how long it takes to make all
    rows, which it does beside sending.
    """
    found: dict[str, list[float]] = {"an alert": [], "an announcement": []}
    first: list[float] = []
    made: list[float] = []
    with place(servers) as where:
        store = Store(where)
        fill(store, FANOUT)
        process = leases.begin(store, f"0123456789ab {os.getpid()} 1", ["send"], NOW)
        with store.write() as work:
            leases.take(work, process, [sender.lease_of(PLATFORMS[0])])
        for _ in range(ROUNDS):
            for name, write in (("an alert", bench_fanout.alert), ("an announcement", bench_fanout.announcement)):
                announcing.write(store, "Back at 18:00 UTC.", bench_fanout.CODE, now=bench_fanout.NOW)
                began = time.perf_counter()
                if write(store) != FANOUT:
                    sys.exit("perpulse: somebody was left out")
                found[name].append(time.perf_counter() - began)
                began = time.perf_counter()
                claim_first(store, process)
                first.append(time.perf_counter() - began)
                spread(store)
                made.append(time.perf_counter() - began)
                with store.write() as work:
                    work.run(Query("empty", "DELETE FROM outbox"))
                store.purge()
        store.close()
    of = "PostgreSQL" if servers else "SQLite"
    print(f"{of + ', first of it claimed':<48} {statistics.median(first):>8.3f} s (least {min(first):.3f})")
    print(f"{of + ', rows of it made':<48} {statistics.median(made):>8.2f} s for {FANOUT:,} (least {min(made):.2f})")
    for name, took in found.items():
        print(
            f"{of + ', ' + name:<48} {statistics.median(took):>8.2f} s to {FANOUT:,} (least {min(took):.2f})",
            flush=True,
        )
    return {name: statistics.median(took) for name, took in found.items()}


def claim_first(store: Store, process: int) -> None:
    """Claim the first messages to a platform, as the dispatcher does: what is needed for them is made before."""
    unmade = spreading.Unmade()
    while True:
        with store.write() as work:
            claims = outbox.claim(
                work, now=bench_fanout.NOW, process=process, platform=PLATFORMS[0], limit=8, together=group,
                unmade=unmade,
            )  # fmt: skip
        if claims:
            return
        with store.write() as work:
            spreading.make(work, unmade.needed)


# --- ticks


@dataclass(frozen=True, slots=True)
class Way:
    """A way to write ticks. servers: None in a file. copied: by COPY, else by executemany."""

    name: str
    servers: Servers | None
    copied: bool = True


def ticks(ways: Sequence[Way], *, alone: bool = False) -> dict[str, list[float]]:
    """Print how many rows a second each way writes, and return how many seconds each round took, the first left out.

    Three venues tell of 300 assets, again and again. Each round is written in each way before the next: a machine that
    is shared is half as quick again for half a second and then is not, and one way after the other was between 0.8 and
    1.4 times as quick as the other by that alone.

    alone: without the directory of series, of which a round moves 4,500 on in one statement a venue. On a server that
    is up to two thirds of its work, by COPY and by executemany alike, so the whole differs less than the way of the
    rows: a row by COPY costs some 10 us here and 10 us of the server, one by executemany 20 and 25. The latter is a
    stream too (a pipeline), in which both sides work at once. One text for all rows, a new table each time, one that is
    emptied at the commit, and arrays in place of COPY were tried and are no quicker.
    """
    from storage.engine.postgres import work  # noqa: PLC0415 - only where there is a server

    before, moved = vars(work)["_COPIED"], vars(ends)["move_on"]
    if alone:
        vars(ends)["move_on"] = lambda *_: None
    took: dict[str, list[float]] = {way.name: [] for way in ways}
    with ExitStack() as until:
        stores = {way.name: Store(until.enter_context(place(way.servers))) for way in ways}
        for every in rounds():
            for way in ways:
                vars(work)["_COPIED"] = before if way.copied else sys.maxsize  # to compare with what it is instead of
                began = time.perf_counter()
                points.write(stores[way.name], (), every)
                took[way.name].append(time.perf_counter() - began)
        for store in stores.values():
            store.close()
    vars(work)["_COPIED"], vars(ends)["move_on"] = before, moved
    for name, seconds in took.items():
        del seconds[0]  # it makes the parts of the table and the directory
        what = f"{name}, ticks of 900 rows{', rows alone' if alone else ''}"
        print(f"{what:<48} {900 / statistics.median(seconds):>8,.0f} rows/s", flush=True)
    return took


def rounds() -> Iterator[list[Snapshot]]:
    """Go through what three venues tell of 300 assets, a minute after the other."""
    noise = np.random.default_rng(1)
    assets = [f"A{number}" for number in range(300)]
    names = ("mark_price", "index_price", "open_interest_coin", "open_interest_usd", "funding_rate")
    for tick in range(TICKS + 1):
        at = [int(NOW.timestamp() * 1000) + 60_000 * tick] * len(assets)
        columns = [{name: list(noise.uniform(1, 2, len(assets))) for name in names} for _ in VENUES]
        yield [Snapshot(venue, assets, at, of) for venue, of in zip(VENUES, columns, strict=True)]


# --- judging


def history(store: Store) -> None:
    """Write hourly bars, open interest and funding of all assets, as far as `HOURS` after now."""
    noise = np.random.default_rng(1)
    at = pd.date_range(NOW - HISTORY, NOW + timedelta(hours=HOURS), freq="h")
    for number in range(ASSETS):
        close = 100 * np.exp(np.cumsum(noise.normal(0, 0.01, len(at))))
        volume = noise.uniform(1e6, 1e7, len(at))
        bars = {"open": close, "high": close * 1.01, "low": close * 0.99, "close": close, "volume_usd": volume}
        coins = 1e4 * np.exp(np.cumsum(noise.normal(0, 0.01, len(at))))
        levels = {"open_interest_coin": coins, "open_interest_usd": coins * close, "mark_price": close}
        rates = {"funding_rate": noise.normal(1e-4, 1e-4, len(at)), "funding_interval_hours": np.full(len(at), 8.0)}
        taker = {"taker_buy_usd": volume * noise.uniform(0.4, 0.6, len(at))}
        asset = f"A{number}"
        every = [
            Points.of_frame("binance", asset, timedelta(hours=1), pd.DataFrame(bars | taker, index=at)),
            Points.of_frame("binance", asset, None, pd.DataFrame(levels | rates, index=at)),
        ]
        points.write(store, every)


def judging(where: str, assets: Sequence[str]) -> None:
    """In a process of its own: judge a share of the assets, an hour after the other."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    store = Store(where)
    judge(store, assets, NOW, started=NOW)  # begins silently, and loads what is loaded once

    def work() -> int:
        return sum(len(judge(store, assets, NOW + timedelta(hours=hour), started=NOW)) for hour in range(1, HOURS + 1))

    crew.serve(work)
    store.close()


def judged(servers: Servers, processes: int) -> tuple[float, int]:
    """Print and return how many closes a second are judged, and how many events came of it."""
    with place(servers) as where:
        store = Store(where)
        history(store)
        store.close()
        assets = [f"A{number}" for number in range(ASSETS)]
        shift = crew.work(
            MODULE, [("judge", where, ",".join(assets[n::processes])) for n in range(processes)], servers.process
        )
    rate, told = ASSETS * HOURS / shift.seconds, sum(shift.found)
    print(
        f"{f'PostgreSQL, {ASSETS} assets judged by {processes}':<48} {rate:>8,.0f} closes/s; {told} events; "
        f"s of processor {shift.own:.1f} + {shift.server:.1f}",
        flush=True,
    )
    return rate, told


def main() -> None:
    servers = Servers()
    rates = {
        (bool(of), processes, limit): settled(of, "broadcast", processes, limit)
        for of, processes, limit in (
            (None, 1, 8), (None, 1, 64), (servers, 1, 8), (servers, 1, 64), (servers, 4, 8), (servers, 4, 64),
        )
    }  # fmt: skip
    for of, processes, limit in ((None, 1, 8), (servers, 4, 8), (servers, 4, 64)):
        settled(of, "mixed", processes, limit)
    out = {of: fanned_out(servers if of else None) for of in (False, True)}
    copied, one_by_one, in_file = (
        Way("PostgreSQL, COPY", servers), Way("PostgreSQL, executemany", servers, copied=False), Way("SQLite", None),
    )  # fmt: skip
    whole_ticks, rows_alone = ticks((copied, one_by_one, in_file)), ticks((copied, one_by_one), alone=True)
    by = {processes: judged(servers, processes) for processes in (1, 2, 4)}
    if len({told for _, told in by.values()}) > 1:
        sys.exit(f"perpulse: the events depend on how many judge: {by}")
    for key, what, goal, remark in (
        ((False, 1, 8), "rows settled in a file", 20_000, "8 at once"),
        ((False, 1, 64), "rows settled in a file", 20_000, "64 at once, more than the bot claims"),
        ((True, 4, 8), "rows settled on a server by 4", 10_000, "8 at once"),
        ((True, 4, 64), "rows settled on a server by 4", 10_000, "64 at once, more than the bot claims"),
    ):
        rate, whole = rates[key]
        print(f"ratio | {what} / {goal:,} a second | {rate / goal:.2f} | > 1 | {remark}: {rate:,.0f}/s; {whole}")
    for of, name in ((False, "a file"), (True, "a server")):
        for what, took in out[of].items():
            print(f"ratio | {what} to 100,000 in {name} / 0.5 s | {took / 0.5:.2f} | < 1 | {took:.2f} s")
    for what, rounds_of, other, asked in (
        ("rows of ticks on a server, COPY / executemany", rows_alone, one_by_one, "> 1.2 |"),
        ("ticks on a server, COPY / executemany", whole_ticks, one_by_one, "> 1 | with their directory"),
        ("ticks on a server / in a file", whole_ticks, in_file, "> 0.25 |"),
    ):
        ratio = statistics.median(b / a for a, b in zip(rounds_of[copied.name], rounds_of[other.name], strict=True))
        print(f"ratio | {what} | {ratio:.2f} | {asked}")
    for processes in (2, 4):
        rate = by[processes][0] / by[1][0]
        print(f"ratio | closes judged by {processes} / by one | {rate:.2f} | > 1.2 | {os.cpu_count()} cores for all")


def child(what: str, *given: Any) -> None:
    """Do the work of one process of a crew."""
    if what == "settle":
        where, platform, limit = given
        settle(where, platform, int(limit))
    else:
        where, assets = given
        judging(where, assets.split(","))


if __name__ == "__main__":
    main() if len(sys.argv) == 1 else child(*sys.argv[1:])
