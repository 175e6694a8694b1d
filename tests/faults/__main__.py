"""Play every fault whole and write what came of it: `make faults`.

    python -m tests.faults [--part] [--share SHARE] [--seed SEED] [--keep FILE] [S1 S2 ...]

Each scenario runs in a process of its own, so that one that dies is a row and not the end. With names only those are
played; --keep holds results in a file between runs, and docs/faults.md is written once every scenario has one.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import logging
import os
import platform as machine
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import structlog

from handlers.version import VERSION
from tests.faults.every import SCENARIOS
from tests.faults.mutants.breaking import GOAL
from tests.faults.scenario import DISCORD, TELEGRAM, Counts, Scale

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT: Final = Path(__file__).resolve().parents[2]
PAGE: Final = ROOT / "docs" / "faults.md"
HEAD: Final = "scenario | promised | lost | repeated | false | late | crashed"
TITLES: Final = {TELEGRAM: "Telegram", DISCORD: "Discord"}
FIGURES: Final = {
    "R1": "100 kills: 0 lost, ≤ 0.5 % repeated",
    "R2": "rate / limit ≥ 0.97, ≤ 1 × 429 in 1,000",
    "R3": "0 lost; ≤ 1.0 repeats an ambiguous send on Telegram, 0 on Discord",
    "R4": "0 false alerts and ends of 10,000 gaps",
    "R5": "0 wrong announcements in 1,000 restarts",
    "R6": "data in → first send ≤ 1 s at 50,000 pairs",
    "R7": "two PostgreSQL workers, 50 kills: 0 lost, takeover ≤ 15 s",
    "R8": "30 days: memory + 5 % at most, tasks, threads, descriptors and files constant, 0 unhandled",
    "R9": f"all of it; mutation score ≥ {GOAL:.0%}",
}
NOT_MEASURED: Final = {
    "R7": "not played: S29 needs a PostgreSQL",
}


def play(name: str, *, whole: bool, share: float, seed: int) -> dict[str, Any]:
    """Play one scenario in this process; return its counts by platform as plain data."""
    silence = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - for as long as this process lives
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(silence))
    logging.basicConfig(handlers=[logging.NullHandler()])
    os.environ.setdefault("PTB_TIMEDELTA", "1")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        found = asyncio.run(SCENARIOS[name].run(Scale(Path(folder), whole=whole, share=share, seed=seed)))
    return {platform: dataclasses.asdict(counts) for platform, counts in found.items()}


def played(name: str, *, part: bool, share: float, seed: int) -> dict[str, Any]:
    """Play one scenario in a process of its own; what kills it counts as a crash."""
    begun, size = time.monotonic(), ["--part"] if part else [f"--share={share}"]
    command = [sys.executable, "-m", "tests.faults", *size, f"--seed={seed}", "--one", name]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    try:
        counts = json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        last = (done.stderr.strip().splitlines() or [f"ended with {done.returncode}"])[-1]
        died = dataclasses.asdict(Counts(crashed=1, broken=[f"it did not come to its end: {last}"]))
        counts = dict.fromkeys((TELEGRAM, DISCORD), died)
    return {"counts": counts, "seconds": time.monotonic() - begun, "share": share}


def rows_of(results: Mapping[str, Any]) -> list[str]:
    """Return the rows of the table, one a scenario and platform."""
    rows = []
    for name, one in SCENARIOS.items():
        for platform, title in TITLES.items():
            if found := results.get(name, {}).get("counts", {}).get(platform):
                counts = Counts(**found)
                marked = ", marked" if counts.repeated and not counts.unmarked else ""
                told = (counts.lost, f"{counts.repeated}{marked}", counts.false, counts.late, counts.crashed)
                failed = "".join(f" **{' '.join(failure.split()).replace('|', '/')}**" for failure in counts.failures())
                rows.append(" | ".join(map(str, (f"{name} {one.name} · {title}", one.promised + failed, *told))))
            elif name in results:
                rows.append(f"{name} {one.name} · {title} | not provoked: {one.why_not} | – | – | – | – | –")
    return rows


def step_by_step(result: Mapping[str, Any]) -> list[str]:
    """Return the table of a scenario that measured step by step; both platforms have it of one run."""
    return next((counts["table"] for counts in result["counts"].values() if counts.get("table")), [])


def figures_of(results: Mapping[str, Any], score: str) -> dict[str, str]:
    """Return what was measured of each goal, or why it was not."""
    found: dict[str, str] = {}
    for result in results.values():
        for platform, counts in result["counts"].items():
            for name, said in counts["figures"].items():
                found[name] = f"{found[name]}; " if name in found else ""
                found[name] += f"{TITLES[platform]}: {said}"
    minutes = sum(result["seconds"] for result in results.values()) / 60
    found["R9"] = f"{len(results)} scenarios in {minutes:.0f} min; {score}"
    return NOT_MEASURED | found


def page(results: Mapping[str, Any], score: str) -> str:
    """Return docs/faults.md."""
    kept = sum(not Counts(**counts).failures() for result in results.values() for counts in result["counts"].values())
    every = sum(len(result["counts"]) for result in results.values())
    ticks = f"Python {machine.python_version()}, {os.cpu_count()} cores, {machine.system()}"
    lines = [
        "# Faults",
        "",
        f"Written by `make faults` on {datetime.now(UTC):%-d %B %Y} with perpulse {VERSION}, {ticks}.",
        f"{kept} of {every} rows are as promised. Counted is what the chats of a fake platform show, never what",
        "perpulse believes. late: 5 s over what 97 % of the platform's limit would allow. crashed: programs that ended",
        "by themselves, and errors that nobody caught. What was not as promised stands in bold beside the promise.",
        "share: how much of the whole size was played; what was counted stands under measured.",
        "",
        *_table(HEAD, rows_of(results)),
        "",
        "## How each is provoked",
        "",
        *_table("scenario | Telegram | Discord | share | measured | not provoked", _provoked(results)),
        "",
        "## Figures",
        "",
        *_table(
            "figure | goal | measured", [f"{k} | {v} | {figures_of(results, score)[k]}" for k, v in FIGURES.items()]
        ),
        *(
            line
            for name, result in results.items()
            if (table := step_by_step(result))
            for line in ("", f"## {name}, day by day", "", *table)
        ),
    ]
    return "\n".join(lines) + "\n"


def _provoked(results: Mapping[str, Any]) -> list[str]:
    rows = []
    for name, one in SCENARIOS.items():
        counts, share = results[name]["counts"], results[name]["share"]
        wanted = {key: (f"{found['wanted']:,} messages", *found["noted"]) for key, found in counts.items()}
        noted = "; ".join(f"{TITLES[key]}: {', '.join(said)}" for key, said in wanted.items())
        rows.append(f"{name} | {one.telegram} | {one.discord or one.why_not} | {share:.0%} | {noted} | {one.left_out}")
    return rows


def _table(head: str, rows: list[str]) -> list[str]:
    return [f"| {head} |", "|" + " --- |" * (head.count("|") + 1), *(f"| {row} |" for row in rows)]


def main() -> int:
    """Print the table as it grows; return 1 where something was not as promised."""
    asked = argparse.ArgumentParser(prog="make faults", description=(__doc__ or "").split("\n", 1)[0])
    asked.add_argument("names", nargs="*", help="S1, S2 … R8; all of them without")
    asked.add_argument("--part", action="store_true", help="as much of each as CI plays")
    asked.add_argument("--share", type=float, default=1.0, help="of the size of each, where the whole takes too long")
    asked.add_argument("--seed", type=int, default=1, help="of what R8 draws at random")
    asked.add_argument("--keep", type=Path, help="a file that keeps results between runs")
    asked.add_argument("--score", default="mutation score: see `make mutate`", help="what to say of it on the page")
    asked.add_argument("--one", help=argparse.SUPPRESS)
    given = asked.parse_args()
    if given.one:
        print(json.dumps(play(given.one, whole=not given.part, share=given.share, seed=given.seed)))
        return 0
    results: dict[str, Any] = json.loads(given.keep.read_text()) if given.keep and given.keep.exists() else {}
    print(f"| {HEAD} |", flush=True)
    failed = False
    for name in given.names or SCENARIOS:
        results[name] = played(name, part=given.part, share=given.share, seed=given.seed)
        for row in rows_of({name: results[name]}):
            print(f"| {row} |", flush=True)
        for line in step_by_step(results[name]):
            print(line, flush=True)
        failed |= any(Counts(**counts).failures() for counts in results[name]["counts"].values())
        if given.keep:
            given.keep.write_text(json.dumps(results))
    if set(results) == set(SCENARIOS) and not given.part:
        PAGE.parent.mkdir(exist_ok=True)
        PAGE.write_text(page(results, given.score), encoding="utf-8")
        print(f"written: {PAGE.relative_to(ROOT)}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
