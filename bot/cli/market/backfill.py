"""`perpulse backfill`: read the archive with somebody watching, then ask the exchange for the hours since."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import typer

from bot import log
from bot.archive.backfill import BACKGROUND, Backfill, BackfillResult
from bot.archive.gaps import GapFiller
from bot.cli.common import out, plain_errors, settings_of
from bot.clock import SystemClock
from handlers.command import Refused
from handlers.words import wording
from signals.assets import assets_of
from storage.engine.database import Store
from storage.sources.source_events import SourceEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from bot.archive.backfill import Step
    from bot.clock import Clock
    from bot.config import Config
    from bot.market.source import Source
    from storage.engine.work import Work
    from storage.sources import coverage
    from storage.sources.source_events import AssetEvent

SHOWN_GAPS: Final = 12
EVERY: Final = 25  # files between two plain lines
_GROUPS: Final = {
    "bars": "bars",
    "open_interest": "open interest",
    "long_short": "long/short ratios",
    "funding": "funding",
    "depth_bids": "bids within 1 %",
    "depth_asks": "asks within 1 %",
}


def backfill(
    assets: list[str] | None, days: int | None, config: Path | None, db: Path | None, *, as_json: bool
) -> None:
    """Read the archive for the named assets or those of the configuration; exit 1 when it had to stop early."""
    log.set_up(quiet=as_json)  # to standard error; unset, structlog writes into the answer
    with plain_errors():
        settings = settings_of(config, db)
        wanted = assets_of(assets) if assets else list(settings.assets)
        if days is not None and days < 1:
            raise Refused("--days counts days back from today; give 1 or more, such as 400.")
        store, clock = Store(settings.database), SystemClock()
        with _watching(plain=as_json or not sys.stdout.isatty(), silent=as_json) as told:
            work = Backfill(store, settings, clock, told=told)
            try:
                result, said = asyncio.run(_all(work, store, settings, clock, wanted, days))
            except KeyboardInterrupt:
                sys.stderr.write(_stopped_by_hand(work.result) + "\n")
                raise
            finally:
                store.close()
        _tell(result, said, as_json=as_json)
    if result.stopped or result.unknown:
        raise typer.Exit(1)


async def _all(
    work: Backfill, store: Store, config: Config, clock: Clock, assets: Sequence[str], days: int | None
) -> tuple[BackfillResult, list[str]]:
    today = clock.now().date()
    since = today - timedelta(days=days) if days else None
    # half a megabyte a day: a year and a bit unless somebody asks for more by its days
    result = await work.run(assets, since=since, depth_since=since or today - BACKGROUND)
    said = await close_gap(store, config, clock, result.gaps) if result.gaps else []
    await asyncio.to_thread(work.look)
    return result, said


async def close_gap(
    store: Store, config: Config, clock: Clock, gaps: Mapping[str, Sequence[coverage.Gap]]
) -> list[str]:
    """Ask the exchange for what came after the newest stored value, and for what the archive lacks.

    gaps: by asset, all assets that are asked for. Return what went wrong as sentences.
    """
    from bot.beside import sources_of  # noqa: PLC0415 - ccxt and the channels, half a second that the archive needs not
    from bot.market.collector import Collector  # noqa: PLC0415 - as above
    from bot.market.keeper import Keeper  # noqa: PLC0415 - as above
    from handlers.words.sources import sentence  # noqa: PLC0415 - as above

    assets = list(gaps)
    every: list[Source] = sources_of(config, clock)
    events: list[SourceEvent] = []

    def heard(_work: Work, event: SourceEvent | AssetEvent, _now: datetime) -> None:
        if isinstance(event, SourceEvent):
            events.append(event)

    collector = Collector(
        [source for source in every if "bars" in source.offers],
        clock=clock.now,
        steady=clock.monotonic,
        keeper=Keeper(store, clock.now, announce=heard),
    )
    GapFiller(collector.owe).fill((gap for found in gaps.values() for gap in found), clock.now())
    try:
        left = None
        while left is None or 0 < collector.owing(assets) < left:  # a portion each time, until nothing more comes
            left = collector.owing(assets) if left is not None else sys.maxsize
            await collector.round(assets)
    finally:
        await asyncio.gather(collector.close(), *(source.close() for source in every), return_exceptions=True)
    told = [sentence(event) for event in events if event.state != "ok"]
    return told or list(dict.fromkeys(row.error for row in collector.health() if row.error))


# --- what is said


@contextmanager
def _watching(*, plain: bool, silent: bool) -> Iterator[Callable[[Step], None]]:
    """Show how far it is: a bar for who watches, some lines where the output is kept, nothing for a program."""
    if silent:
        yield lambda _: None
        return
    if plain:
        yield _line
        return
    from rich.console import Console  # noqa: PLC0415 - only where somebody watches
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn  # noqa: PLC0415 - as above

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[left]}"))
    with Progress(*columns, console=Console(), transient=True) as progress:
        task = progress.add_task("looking up the archive", total=None, left="")

        def show(step: Step) -> None:
            progress.update(task, description=step.file, completed=step.done, total=step.total, left=_left(step))

        yield show


def _line(step: Step) -> None:
    if step.done % EVERY == 0 or step.done == step.total:
        left = _left(step)
        out(f"{step.asset}: {step.done:,} of {step.total:,} files{', ' + left if left else ''}. {step.file}")


def _left(step: Step) -> str:
    if step.left_s is None or step.done == step.total:
        return ""
    if step.left_s < 90:
        return f"about {max(round(step.left_s), 1)} s left"
    return f"about {round(step.left_s / 60)} min left"


def _stopped_by_hand(result: BackfillResult) -> str:
    return (
        f"Stopped. {wording.count(result.files, 'file')} read in this run and kept; nothing is half written. "
        "Give the same command again and it goes on where it stopped."
    )


def _tell(result: BackfillResult, said: list[str], *, as_json: bool) -> None:
    if as_json:
        out(json.dumps(as_object(result, said)))
        return
    out(
        f"{wording.count(result.files, 'file')} read, {result.unchanged:,} known already; "
        f"{wording.count(result.rows, 'row')}, {result.kept:,} kept after thinning, {result.refused:,} refused; "
        f"{wording.count(result.missing, 'file')} missing, {result.pending:,} not published yet."
    )
    for asset, gaps in result.gaps.items():
        since = result.since.get(asset)
        out(f"{asset}: open interest known since {wording.day(since)}." if since else f"{asset}: nothing known.")
        for gap in gaps[:SHOWN_GAPS]:
            span = f"{gap.start:%Y-%m-%d %H:%M} to {gap.end:%Y-%m-%d %H:%M} UTC"
            out(f"  gap: {_GROUPS[gap.group]}, {span}: {gap.reason}")
        if len(gaps) > SHOWN_GAPS:
            out(f"  ... and {len(gaps) - SHOWN_GAPS} more gaps; --json lists them all.")
    for problem in [*result.unknown, *result.problems, *result.damaged[:SHOWN_GAPS]]:
        sys.stderr.write(f"{problem}\n")
    if more := result.damaged[SHOWN_GAPS:]:
        sys.stderr.write(f"... and {len(more)} more damaged files; --json lists them all.\n")
    if result.damaged:
        sys.stderr.write("What is damaged is asked for again by the next backfill, and by perpulse run.\n")
    for trouble in said:
        sys.stderr.write(f"{trouble} The hours since the archive's last day come when it answers: perpulse run.\n")
    if result.stopped:
        sys.stderr.write(
            f"{result.stopped} What was read is kept; give the same command again later and it goes on from there.\n"
        )


def as_object(result: BackfillResult, said: Sequence[str]) -> dict[str, Any]:
    """Return a result as a JSON object."""
    return {
        "files": result.files,
        "unchanged": result.unchanged,
        "rows": result.rows,
        "kept": result.kept,
        "refused": result.refused,
        "missing": result.missing,
        "pending": result.pending,
        "gaps": [_gap(gap) for gaps in result.gaps.values() for gap in gaps],
        "since": {asset: at.isoformat() for asset, at in result.since.items()},
        "damaged": result.damaged,
        "problems": [*result.unknown, *result.problems, *said],
        "stopped": result.stopped,
    }


def _gap(gap: coverage.Gap) -> dict[str, str]:
    return {
        "asset": gap.asset,
        "venue": gap.venue,
        "input": gap.group,
        "from": gap.start.isoformat(),
        "to": gap.end.isoformat(),
        "reason": gap.reason,
    }
