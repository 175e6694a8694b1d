"""How soon a calculator answers: `perpulse say "/liq 95000 25x long"` beside `python -c "import pandas, ccxt"`.

Whole processes, from start to exit, one after the other in turn so that a busy machine slows both; the median of each.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.__main__ import megabytes

ROUNDS = 9
ROOT = Path(__file__).resolve().parents[2]
CONTENDERS = {
    'perpulse say "/liq 95000 25x long"': ["-m", "bot", "say", "/liq 95000 25x long"],
    'python -c "import pandas, ccxt"': ["-c", "import pandas, ccxt"],
    'python -c ""': ["-c", ""],
}
ANSWERED = "liquidation"


def once(arguments: list[str], folder: str) -> tuple[float, float, str]:
    """Run one process and return seconds, its own peak memory in MB, and what it printed."""
    env = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    env |= {"PYTHONPATH": str(ROOT)}
    start = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, *arguments], cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as child:
        assert child.stdout is not None
        said = child.stdout.read()
        _, status, used = os.wait4(child.pid, 0)
        took = time.perf_counter() - start
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit(f"python {' '.join(arguments)} ended with {child.returncode}:\n{said}")
    return took, megabytes(used.ru_maxrss), said


def main() -> None:
    took: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    peak: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:  # no config.toml, no database of whoever runs this
        for turn in range(ROUNDS + 1):
            for name, arguments in CONTENDERS.items():
                seconds, peak[name], said = once(arguments, folder)
                if "say" in arguments and ANSWERED not in said.lower():
                    sys.exit(f"{name} did not answer:\n{said}")
                if turn:  # the first turn writes the bytecode
                    took[name].append(seconds)
    median = {name: statistics.median(seconds) for name, seconds in took.items()}
    for name in CONTENDERS:
        low, high = min(took[name]), max(took[name])
        print(f"{name:<40} {median[name]:>7.3f} s  ({low:.3f} to {high:.3f})  {peak[name]:>5,.0f} MB")
    ours, theirs, _ = CONTENDERS
    ratio, memory = median[ours] / median[theirs], f"{peak[ours]:,.0f} against {peak[theirs]:,.0f} MB"
    print(f"ratio | start to answer of /liq, to import pandas, ccxt | {ratio:.3f} | < 0.5 | {memory}")


if __name__ == "__main__":
    main()
