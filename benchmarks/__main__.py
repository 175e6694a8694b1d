"""Run every benchmark in a process of its own and close with one table: `make bench`, or `make bench ARGS="start"`.

A benchmark is a file bench_<name>.py, in a room of this folder, with a main() that prints what it measures. A line that
begins with `ratio |` goes into the closing table: `ratio | what | measured | goal, such as < 0.5 | remark`. Ratios of
two things measured in one run travel between machines; seconds do not, so nothing here fails by the clock, it only says
what missed its goal.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent


def megabytes(peak: int) -> float:
    """Turn ru_maxrss into MB: kilobytes on Linux, bytes on macOS."""
    return peak / (1e6 if sys.platform == "darwin" else 1e3)


def met(measured: float, goal: str) -> bool:
    """Tell whether a figure meets a goal such as `< 0.5` or `> 50`."""
    sign, _, bound = goal.strip().partition(" ")
    return measured < float(bound) if sign == "<" else measured > float(bound)


def run(path: Path) -> tuple[bool, list[list[str]]]:
    """Run one benchmark, pass on what it prints, and return whether it ended well and its ratio lines."""
    print(f"== {path.stem}", flush=True)
    start, ratios = time.perf_counter(), []
    # Set where bytecode is not wanted in the tree; a start that compiles is not the start that people see.
    env = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-m", ".".join(path.relative_to(HERE.parent).with_suffix("").parts)]
    with subprocess.Popen(command, cwd=HERE.parent, env=env, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        for line in child.stdout:
            if line.startswith("ratio |"):
                ratios.append([part.strip() for part in line.split("|")[1:]])
            else:
                print(line, end="", flush=True)
        # the greatest of this child alone; getrusage would give the greatest of all children so far
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    took, peak = time.perf_counter() - start, megabytes(used.ru_maxrss)
    print(f"-- {took:.1f} s, {peak:,.0f} MB at its peak" + (", FAILED" if child.returncode else "") + "\n", flush=True)
    return child.returncode == 0, ratios


def main() -> int:
    """Run those that were named, or all."""
    known = {path.stem: path for path in sorted(HERE.rglob("bench_*.py"), key=lambda path: path.stem)}
    wanted = [f"bench_{name.removeprefix('bench_')}" for name in sys.argv[1:]] or list(known)
    unknown = sorted(set(wanted) - set(known))
    if unknown or not known:
        names = ", ".join(name.removeprefix("bench_") for name in known)
        print(f"perpulse: there is no benchmark {', '.join(unknown)}; there are: {names}", file=sys.stderr)
        return 2
    good, table = True, []
    for name in wanted:
        ended_well, ratios = run(known[name])
        good = good and ended_well
        table += ratios
    if table:
        print(f"{'what':<58} {'ratio':>8}  {'goal':<8} remark")
    for what, measured, goal, *remark in table:
        verdict = "" if met(float(measured), goal) else "MISSED "
        print(f"{what:<58} {float(measured):>8.2f}  {goal:<8} {verdict}{' '.join(remark)}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
