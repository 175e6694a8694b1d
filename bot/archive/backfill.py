"""History on the day of installation: the public archive read into the store, newest month first, and resumed.

Each file is one transaction: its points, its gaps and the note that it was read. Whatever ends a run, the next one
asks for what is not noted. Files of the last weeks are asked for their checksum again, since they may be re-issued.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Final

import structlog

from bot.archive import parsing, plan
from bot.archive.binance_vision import GROUPS, VENUE, BinanceArchive, Damaged
from bot.archive.depth import depth
from bot.archive.parsing import KEPT_FINE
from bot.market.border.overlap import against
from bot.market.border.refusals import times_said
from bot.market.exchange.recipe import Unreadable
from bot.market.source import NotOffered, SourceError
from signals.units import HOUR
from storage.market import points, retention
from storage.sources import coverage, differences
from storage.sources.coverage import ArchiveFile, Gap

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterable, Sequence

    from bot.archive.binance_vision import File
    from bot.archive.parsing import Read
    from bot.clock import Clock
    from bot.config import Config
    from bot.market.exchange.contracts import Contract
    from storage.engine.database import Store
    from storage.market.points import Points

log = structlog.get_logger(__name__)

AT_ONCE: Final = 4  # files in flight; the archive names no limit, and a home line is full with four
REISSUED: Final = timedelta(days=40)  # files younger than this are compared with their sidecar again
BACKGROUND: Final = timedelta(days=400)  # the longest window is 180 days, and a base rate wants two of them
BACKGROUND_DEPTH: Final = timedelta(days=40)  # 0.6 MB a day: the rest is for who asks for it
TOLD: Final = 50  # problems in words; the rest is in the counts
_UNLISTED: Final = 2  # months without bars, one after the other, before which there is nothing to look for

MISSING_FILE: Final = "the archive has no file"
DAMAGED_FILE: Final = "the archive's file is damaged"


@dataclass(frozen=True, slots=True)
class Step:
    """How far a run is. file: the name of the one just settled; left_s: an estimate, None while there is none."""

    done: int
    total: int
    asset: str
    file: str
    left_s: float | None


@dataclass(slots=True)
class BackfillResult:
    """What a run brought. files: read now; unchanged: known already, by their checksum or by their age.

    rows: in those files; kept: rows stored after thinning; refused: rows left out. missing: files that should be there;
    pending: that may still be published. unknown: assets that the archive has not; problems: each worth a line;
    stopped: why it ended early.
    """

    files: int = 0
    unchanged: int = 0
    rows: int = 0
    kept: int = 0
    refused: int = 0
    missing: int = 0
    pending: int = 0
    damaged: list[str] = field(default_factory=list)
    gaps: dict[str, list[Gap]] = field(default_factory=dict)
    since: dict[str, datetime] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    stopped: str | None = None


@dataclass(frozen=True, slots=True)
class _Fetched:
    """What came of asking for one file: content to read, or why there is none."""

    state: coverage.State | None  # None: known and unchanged
    content: bytes = b""
    checksum: str | None = None
    reason: str = ""


class Backfill:
    """Reads the archive. told: called after each file, in the order of the plan."""

    def __init__(
        self,
        store: Store,
        config: Config,
        clock: Clock,
        *,
        archive: BinanceArchive | None = None,
        told: Callable[[Step], None] | None = None,
    ) -> None:
        self._store, self._clock, self._told = store, clock, told or (lambda _: None)
        self._assets = config.assets
        self._elsewhere = config.market.exchange_url is not None and config.market.archive_url is None
        self._archive = archive or BinanceArchive(
            clock=clock.now,
            timeout_s=max(30.0, config.market.timeout_seconds),
            proxy=config.market.proxy,
            base_url=config.market.archive_url,
        )
        self._known: dict[str, ArchiveFile] = {}
        self.result = BackfillResult()
        self._done = self._total = 0
        self._began = 0.0
        self._beginnings: dict[str, datetime] = {}  # when assets were listed, where the archive shows it
        self._asked: dict[str, datetime] = {}

    async def run(
        self, assets: Sequence[str], *, since: date | None = None, depth_since: date | None = None
    ) -> BackfillResult:
        """Read what is not known yet, BTC first, depth of all assets last; never raises for the archive.

        since: first day to read (default: the beginning of the archive); depth_since: another one for book depth.
        """
        self.result, self._done, self._began = BackfillResult(), 0, self._clock.monotonic()
        ranked = sorted(dict.fromkeys(assets), key=lambda asset: asset != "BTC")
        self._known = await asyncio.to_thread(coverage.files, self._store)
        listed: dict[Contract, date] = {}
        try:
            for asset in ranked:
                try:
                    contract = await self._archive.contract(asset, plan.probes(self._today))
                except NotOffered as error:
                    self.result.unknown.append(str(error))
                    continue
                listed[contract] = max(since or plan.BEGINNING["klines"], plan.BEGINNING["klines"])
            self._total = sum(
                len(plan.every(contract, first, depth_since, self._today)) for contract, first in listed.items()
            )
            for contract, first in listed.items():
                listed[contract] = await self._bars(contract, first)
                await self._read(plan.light(contract, listed[contract], self._today))
            for contract, first in listed.items():
                await self._read(plan.days("depth", contract, max(depth_since or first, first), self._today))
        except SourceError as error:
            self.result.stopped = str(error)
        finally:
            await self._archive.close()
        await asyncio.to_thread(self._closing, listed)
        return self.result

    async def run_background(self) -> BackfillResult | None:
        """Bring the history of the configured assets up to date beside a running bot; never raises, logs what it did.

        The first time it reads 400 days; later only what is new, missing or re-issued. Call it once after the start and
        then once a day after 08:00 UTC, when the archive has published the day before. None when there is nothing to
        read from: the archive is not that of another exchange.
        """
        if self._elsewhere:
            return None
        try:
            since = self._today - BACKGROUND
            result = await self.run(self._assets, since=since, depth_since=self._today - BACKGROUND_DEPTH)
        except Exception:
            log.exception("reading history failed inside perpulse")
            return None
        for problem in [
            *result.unknown,
            *result.problems,
            *result.damaged,
            *([result.stopped] if result.stopped else []),
        ]:
            log.warning(problem)
        log.info("history read", files=result.files, rows=result.rows, kept=result.kept, missing=result.missing)
        return result

    @property
    def _today(self) -> date:
        return self._clock.now().astimezone(UTC).date()

    # --- bars, which show where the history begins

    async def _bars(self, contract: Contract, since: date) -> date:
        """Read bars: this month by days, the others whole. Return the first day worth asking for anything else.

        What is not there, with nothing older there either, was before the contract was listed: it is no gap, and after
        two such months nobody asks on.
        """
        absent: list[File] = []
        files = deque(plan.this_month(contract, self._today))
        files += plan.months("klines", contract, since, self._today)
        while files and sum(file.monthly for file in absent) < _UNLISTED:
            await self._bar_files([files.popleft() for _ in range(min(AT_ONCE, len(files)))], absent)
        if not absent:
            return since
        self._total -= len(files) + len(absent)
        return await asyncio.to_thread(self._listed, contract, since)

    async def _bar_files(self, files: list[File], absent: list[File]) -> None:
        """Settle files of bars. One that is not there is put by until an older one shows that it is a gap."""
        async with aclosing(self._fetch_all(files)) as found:
            async for file, fetched in found:
                missing, may_come = fetched.state == "missing", file.may_come(self._clock.now())
                if missing and not may_come:
                    absent.append(file)
                    continue
                if missing and file.monthly:
                    days = plan.days_of(file)
                    self._total += len(days) - 1
                    await self._bar_files(days, absent)
                    continue
                for gone in () if missing else absent:
                    await self._settle(gone, _Fetched("missing"))
                if not missing:
                    absent.clear()
                await self._settle(file, fetched)

    def _listed(self, contract: Contract, since: date) -> date:
        first = coverage.first_bar(self._store, contract.asset, VENUE, HOUR)
        if first is None:
            return since
        self._beginnings[contract.asset] = first
        return max(since, first.date())

    # --- one file after the other

    async def _read(self, files: Iterable[File]) -> None:
        async with aclosing(self._fetch_all(files)) as found:
            async for file, fetched in found:
                await self._settle(file, fetched)

    async def _fetch_all(self, files: Iterable[File]) -> AsyncGenerator[tuple[File, _Fetched]]:
        """Fetch a few at a time and give them back in their order; what was not waited for is cancelled."""
        waiting = deque(files)
        flying: deque[tuple[File, asyncio.Task[_Fetched]]] = deque()
        try:
            while waiting or flying:
                while waiting and len(flying) < AT_ONCE:
                    file = waiting.popleft()
                    flying.append((file, asyncio.create_task(self._fetch(file))))
                file, task = flying[0]
                fetched = await task
                flying.popleft()
                yield file, fetched
        finally:
            for _, task in flying:
                task.cancel()
            await asyncio.gather(*(task for _, task in flying), return_exceptions=True)

    async def _fetch(self, file: File) -> _Fetched:
        known = self._known.get(file.path)
        read = known is not None and known.state == "read"
        if read and file.end < self._clock.now() - REISSUED:
            return _Fetched(None)
        checksum = await self._archive.checksum(file)
        if checksum is None:
            return _Fetched(None if read else "missing")  # withdrawn after we read it: what was verified stays
        if read and known is not None and known.checksum == checksum:
            return _Fetched(None)
        try:
            content, checksum = await self._archive.content(file, checksum)
        except Damaged as error:
            return _Fetched("damaged", reason=str(error))
        return _Fetched("read", content, checksum)

    async def _settle(self, file: File, fetched: _Fetched) -> None:
        """Store what came of one file, count it and tell."""
        await asyncio.to_thread(self._keep, file, fetched)
        self._done += 1
        spent = self._clock.monotonic() - self._began
        read = self._done - self.result.unchanged
        left = spent / read * max(self._total - self._done, 0) if read > 0 and spent > 0 else None
        self._told(Step(self._done, max(self._total, self._done), file.contract.asset, file.name, left))

    def _keep(self, file: File, fetched: _Fetched) -> None:
        """Write one file in one transaction."""
        now, result = self._clock.now(), self.result
        if fetched.state is None:
            result.unchanged += 1
            return
        if fetched.state == "missing" and file.may_come(now):
            result.pending += 1
            return
        found: Read | None = None
        reason = MISSING_FILE if fetched.state == "missing" else f"{DAMAGED_FILE}: {fetched.reason}"
        if fetched.state == "read":
            try:
                found = self._parse(file, fetched.content, now)
            except Unreadable as error:
                reason = f"{DAMAGED_FILE}: {error}"
        if found is None:
            gaps: tuple[Gap, ...] = tuple(
                Gap(file.contract.asset, VENUE, group, file.start, min(file.end, now), reason)
                for group in GROUPS[file.kind]
            )
        else:
            gaps = found.gaps
        state: coverage.State = "read" if found else "missing" if fetched.state == "missing" else "damaged"
        with self._store.write():
            if found:
                found = self._agreeing(file, found)
                points.write(self._store, found.points)
            coverage.replace_gaps(
                self._store,
                file.contract.asset,
                VENUE,
                GROUPS[file.kind],
                start=file.start,
                end=file.end,
                gaps=gaps,
            )
            checksum = fetched.checksum if found else None
            coverage.remember(self._store, ArchiveFile(file.path, state, checksum, found.rows if found else 0, now))
        if found:
            result.files += 1
            result.rows, result.kept = result.rows + found.rows, result.kept + found.kept
            result.refused += found.refused
            room = max(TOLD - len(result.problems), 0)
            result.problems += [f"{file.name}: {said}" for said in found.said][:room]
        elif state == "missing":
            result.missing += 1
        else:
            result.damaged.append(f"{file.name}: {reason}.")

    def _agreeing(self, file: File, found: Read) -> Read:
        """Tell where a file differs from what came live, which it replaces; leave out what is no series with it."""
        kept: list[Points] = []
        said: list[str] = []
        for new in found.points:
            every = differences.compare(self._store, new, file.start)
            odd = {one.name: times for one in every if (times := against(one.name, one.times)) is not None}
            differences.note(self._store, every)
            for one in every:
                if one.differing:
                    log.warning(
                        "the archive differs from what was stored",
                        asset=one.asset,
                        input=one.name,
                        file=file.name,
                        differing=f"{one.differing} of {one.compared}",
                        most=f"{one.largest:.1%}",
                        kept="what was stored" if one.name in odd else "the archive",
                    )
            said += [f"{name} is {times_said(times)} what came live; left out" for name, times in odd.items()]
            columns = {name: column for name, column in new.columns.items() if name not in odd}
            kept += [replace(new, columns=columns)] if columns else []
        return replace(found, points=tuple(kept), said=(*said, *found.said)) if said else found

    def _parse(self, file: File, content: bytes, now: datetime) -> Read:
        if file.kind == "klines":
            return parsing.klines(file, content, now)
        if file.kind == "funding":
            return parsing.funding(file, content, now)
        if file.kind == "metrics":
            return parsing.metrics(file, content, now)
        times, _, columns = points.columns(
            self._store, file.contract.asset, VENUE, ["low", "high"], start=file.start, end=file.end, step=HOUR
        )
        rows = zip(times, columns["low"], columns["high"], strict=True)
        bars = {at: (low, high) for at, low, high in rows if low is not None and high is not None}
        return depth(file, content, now, bars)

    def _closing(self, listed: dict[Contract, date]) -> None:
        """Thin what has grown old since, and look at what is missing now."""
        before = self._clock.now() - KEPT_FINE
        for asset, begin in self._beginnings.items():
            coverage.forget_before(self._store, asset, VENUE, begin)
        for contract, first in listed.items():
            retention.thin(self._store, contract.asset, VENUE, before=before)
            self._asked[contract.asset] = datetime(first.year, first.month, first.day, tzinfo=UTC)
        self.look()

    def look(self) -> None:
        """Take down what is missing now; call it again when other sources were asked meanwhile."""
        for asset, since in self._asked.items():
            coverage.heal(self._store, asset, VENUE)
            self.result.gaps[asset] = coverage.gaps(self._store, asset, venue=VENUE, since=since)
            known = coverage.since(self._store, asset, "open_interest_coin")
            if known:
                self.result.since[asset] = known
