"""Several processes that begin together, and how much processor time they and a server take meanwhile."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ROOT = Path(__file__).resolve().parents[2]
_TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Shift:
    """What a crew did. seconds: until the last one was done. found: what each said. own, server: processor time."""

    seconds: float
    found: list[Any]
    own: float
    server: float


def work(module: str, orders: Sequence[Sequence[str]], server: int | None = None) -> Shift:
    """Start a process for each order, let all begin at once when each has made ready, and wait for them.

    server: the process of a server on this machine, of whose children the processor time is counted.
    """
    crew = [
        subprocess.Popen(
            [sys.executable, "-m", module, *order], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for order in orders
    ]
    try:
        for one in crew:
            _heard(one)
        before, began = taken_by(server), time.perf_counter()
        for one in crew:
            _say(one, "begin")
        told = [json.loads(_heard(one)) for one in crew]
        seconds, after = time.perf_counter() - began, taken_by(server)
        for one in crew:
            _say(one, "end")
            one.wait()
    finally:
        for one in crew:
            one.kill()  # where one of them has failed
    return Shift(seconds, [one["found"] for one in told], sum(one["own"] for one in told), after - before)


def serve(work: Callable[[], Any]) -> None:
    """In a process of a crew: say that all is ready, work when it is told, and say what was found."""
    print("ready", flush=True)
    sys.stdin.readline()
    began = time.process_time()
    found = work()
    print(json.dumps({"found": found, "own": time.process_time() - began}), flush=True)
    sys.stdin.readline()  # until then the server has not counted what was done for us


def taken_by(server: int | None) -> float:
    """Return the processor time (s) of the processes of a server that run now; 0 where that cannot be known."""
    children = Path(f"/proc/{server}/task/{server}/children")
    if server is None or not children.exists():
        return 0.0
    taken = 0
    for process in (server, *children.read_text().split()):
        taken += sum(map(int, Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[11:13]))
    return taken / _TICK


def _say(one: subprocess.Popen[str], word: str) -> None:
    assert one.stdin is not None
    one.stdin.write(f"{word}\n")
    one.stdin.flush()


def _heard(one: subprocess.Popen[str]) -> str:
    assert one.stdout is not None
    line = one.stdout.readline()
    if not line:
        sys.exit(f"perpulse: {' '.join(map(str, one.args))} has ended")  # type: ignore[arg-type] # a list
    return line
