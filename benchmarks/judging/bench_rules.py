"""Rules of people's own beside Prometheus: thousands of rules over hundreds of assets, one close after the other.

Both judge the same values of the same assets by the same lines, each rule held for two closes. Ours: the book, what it
tells put into the outbox, and where it stands, committed to SQLite. Theirs: the package of Debian, on
the loopback alone, with the rules as one group of alerting rules, and the values scraped from this process. Prometheus
knows no second line to leave an alarm by, so its rules are given none, which makes them cheaper than ours.

CPU is of all threads. That of Prometheus is counted over whole closes, less what the same closes cost it while it had
the values and no rules. Memory is what each took more than before it had rules; of Prometheus also all that it took.
"""

from __future__ import annotations

import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.request import urlopen

import numpy as np

from benchmarks.__main__ import megabytes
from bot.engine.own.telling import Close, Happened, tell
from bot.engine.own.values import ValuesAtCloses
from bot.engine.own.wanted import Largest, WantedRules
from signals.alerts.condition import above, below, level
from signals.alerts.rule import OWN, AlertRule
from signals.metric import metrics
from signals.rules import compiled
from signals.rules.many.book import Book
from signals.rules.many.keeping import kept, restore
from storage.alerts import own
from storage.engine.database import Store
from storage.people import destinations
from storage.people import rules as people
from storage.people.rules import Worded

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from signals.series import Array

RULES: Final = int(os.environ.get("BENCH_RULES", "5000"))
ASSETS: Final = int(os.environ.get("BENCH_ASSETS", "500"))
CLOSES: Final = 6
EVALUATIONS: Final = 3
TELLING: Final = 20  # of so many rules one tells its chat; a bot sends no seven thousand messages at one close
HOUR: Final = timedelta(hours=1)
START: Final = datetime(2026, 11, 20, tzinfo=UTC)
CLOSE_S: Final = int(os.environ.get("BENCH_CLOSE", "30"))  # a close of Prometheus: its rules take some seconds of it


def names() -> list[str]:
    """Return the whole name of every value of every metric."""
    return [f"{metric.id}.{name}" for metric in metrics().values() for name in metric.values]


def lines(chance: np.random.Generator) -> list[list[tuple[str, float]]]:
    """Return what each rule compares: a value above a line, every third together with another one that is negative."""
    every = names()
    found = []
    for i in range(RULES):
        of = [(every[i % len(every)], round(float(chance.uniform(1.8, 3.0)), 4))]
        if i % 3 == 0:
            of = [(of[0][0], of[0][1] - 1), (every[(7 * i + 1) % len(every)], -0.5)]
        found.append(of)
    return found


def ours(every: Sequence[Sequence[tuple[str, float]]]) -> list[AlertRule]:
    """Return the rules as they are judged here, each with a line half way back to leave it by."""
    found = []
    for i, of in enumerate(every):
        (name, line), beside = of[0], [below(bound, other) for other, bound in of[1:]]
        levels = (
            level(
                "warning",
                enter=(above(line, name), *beside),
                leave=below(line / 2, name),
                hold=2 * HOUR,
                hold_leave=HOUR,
            ),
        )
        needed = tuple(dict.fromkeys(other.partition(".")[0] for other, _ in of))
        found.append(
            AlertRule(
                f"{OWN}{i}", f"Rule {i}", levels, "{asset}: it holds.", (), "", "{asset}: it is over.",
                metrics=needed, required=needed[:1],
            )
        )  # fmt: skip
    return found


def history(chance: np.random.Generator) -> list[Array]:
    """Return the values of each close, (names, assets): each wanders about as much within a day as a z-score does."""
    now = chance.normal(size=(len(names()), ASSETS))
    found = []
    for _ in range(CLOSES):
        found.append(now)
        now = 0.97 * now + chance.normal(scale=0.25, size=now.shape)
    return found


# --- ours -------------------------------------------------------------------------------------------------------------


def run_ours(rules: Sequence[AlertRule], values: Sequence[Array]) -> tuple[list[float], float]:
    """Return the CPU seconds of each close, and by how many MB the greatest memory grew."""
    every = names()
    assets = tuple(f"A{i}" for i in range(ASSETS))
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "perpulse.db")
        rows = with_chats(store, rules)
        before = megabytes(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
        book = Book(rules, assets, HOUR)
        declared = {rule.id: rule for rule in rules}
        wanted = WantedRules.of(rows, assets, Largest(store, assets), declared)
        pairs = wanted.pairs(book.rules, assets)
        took = []
        for k, close in enumerate(values):
            at = START + k * HOUR
            stood = [(page.entering.copy(), page.leaving.copy()) for page in book.pages]
            began = time.process_time()
            rows_of: dict[str, dict[str, Array]] = {}
            for name, row in zip(every, close, strict=True):
                rows_of.setdefault(name.partition(".")[0], {})[name] = row[None, :]
            known = ValuesAtCloses([at], HOUR, assets, of_metric=rows_of)
            judged = book.judged
            changes = book.step(known.at(0), at=at, closes=HOUR, pairs=pairs)
            at_close = Close(known, 0, HOUR, None)
            found = [
                Happened(change, book.rules[change.row], at_close, bool(judged[change.row, change.column] == 0))
                for change in changes
            ]
            stepped = time.process_time()
            with store.write() as work:
                told = tell(store, work, book, found, wanted, at, START)
                book.forget(at)
                own.save(work, kept(book, np.ones(len(rules), dtype=bool)))
            took.append(time.process_time() - began)
            stepped_pairs = sum(
                int(((page.entering != entering) | (page.leaving != leaving)).any(axis=0).sum())
                for page, (entering, leaving) in zip(book.pages, stood, strict=True)
            )
            running = sum(int((page.rank > 0).sum()) for page in book.pages)
            print(
                f"ours    close {k + 1}: {took[-1]:6.2f} s ({stepped - began:.2f} judging); of {pairs.size:,} pairs "
                f"{stepped_pairs:,} counted on, {len(changes):,} fired or ended, {running:,} hold; {len(told):,} told",
                flush=True,
            )
        grown = megabytes(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) - before
        began = time.process_time()
        restore(Book(rules, assets, HOUR), own.states(store))
        print(f"ours    a restart: {time.process_time() - began:.2f} s")
        store.close()
    return took, grown


def with_chats(store: Store, rules: Sequence[AlertRule]) -> list[people.OwnRule]:
    """Let a chat have each rule, of every asset; most are paused, which are judged and kept like all others."""
    with store.write() as work:
        for i, rule in enumerate(rules):
            chat = destinations.ensure(store, "telegram", str(i), None, kind="private", title=None, now=START).id
            number = people.add(store, chat, Worded(line="", rule=rule.id, scope={"any": True}), person=None, now=START)
            if i % TELLING:
                people.pause(work, chat, number, "person", START)
    return people.every(store)


# --- theirs -----------------------------------------------------------------------------------------------------------


class Exposed(BaseHTTPRequestHandler):
    """Answers with the values of the close that there is now."""

    text: bytes = b""

    def do_GET(self) -> None:
        """Answer a scrape."""
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(Exposed.text)

    def log_message(self, *_: Any) -> None:
        """Say nothing of it."""


def exposition(values: Array) -> bytes:
    """Return the values of a close as Prometheus reads them."""
    found = []
    for name, row in zip(names(), values.tolist(), strict=True):
        of = name.replace(".", "_")
        found += [f'{of}{{asset="A{i}"}} {value:.6g}' for i, value in enumerate(row)]
    return ("\n".join(found) + "\n").encode()


def alerting(every: Sequence[Sequence[tuple[str, float]]]) -> str:
    """Return the rules as one group of Prometheus."""
    found = [f"groups:\n- name: own\n  interval: {CLOSE_S}s\n  rules:"]
    for i, of in enumerate(every):
        signs = [">", "<"]
        said = " and on (asset) ".join(
            f"{name.replace('.', '_')} {sign} {line:g}" for (name, line), sign in zip(of, signs, strict=False)
        )
        found.append(f"  - alert: rule_{i}\n    expr: {said}\n    for: {CLOSE_S}s")
    return "\n".join(found) + "\n"


def cpu_of(pid: int) -> float:
    """Return the CPU seconds of a process, of all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_of(pid: int, what: str = "VmRSS") -> float:
    """Return the MB that a process takes, or took at its greatest (VmHWM)."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith(what):
            return int(line.split()[1]) / 1e3
    return 0.0


def free_port() -> int:
    """Return a port of the loopback that nobody listens at."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def prometheus(folder: Path, source: int, port: int) -> Iterator[int]:
    """Run Prometheus on the loopback, with no rules yet, and yield its process. source: the port of the values."""
    (folder / "prometheus.yml").write_text(
        f"global:\n  scrape_interval: {CLOSE_S}s\n  scrape_timeout: {CLOSE_S // 2}s\n"
        f"scrape_configs:\n- job_name: values\n  static_configs:\n  - targets: ['127.0.0.1:{source}']\n"
        "rule_files: ['rules*.yml']\n",
        encoding="utf-8",
    )
    command = [
        "prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
        f"--web.listen-address=127.0.0.1:{port}", "--log.level=error",
    ]  # fmt: skip
    child = subprocess.Popen(command, cwd=folder)
    try:
        yield child.pid
    finally:
        child.terminate()
        child.wait()


def figure(port: int, name: str) -> float:
    """Return one figure that Prometheus says of itself; NaN where it says none."""
    with urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        for line in answer.read().decode().splitlines():
            if line.startswith(name):
                return float(line.rpartition(" ")[2])
    return float("nan")


@dataclass(frozen=True, slots=True)
class Theirs:
    """What Prometheus took: seconds of CPU and on the wall of one evaluation, MB with values alone, and in all."""

    cpu: float
    wall: float
    values_mb: float
    all_mb: float


def run_prometheus(every: Sequence[Sequence[tuple[str, float]]], values: Sequence[Array]) -> Theirs:
    """Measure evaluations from the end of one to the end of the next, less what scraping took meanwhile."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Exposed)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    port, texts = free_port(), [exposition(close) for close in values]
    Exposed.text = texts[0]
    took: list[float] = []
    walls: list[float] = []
    with tempfile.TemporaryDirectory() as folder, prometheus(Path(folder), server.server_port, port) as pid:
        time.sleep(1.5 * CLOSE_S)  # the first scrape makes the series, the next ones cost what they always do
        began = cpu_of(pid)
        time.sleep(2 * CLOSE_S)
        scraping, values_mb = (cpu_of(pid) - began) / (2 * CLOSE_S), memory_of(pid, "VmHWM")
        print(f"theirs  values alone: {scraping * CLOSE_S:.2f} s of CPU a close, {values_mb:,.0f} MB", flush=True)
        (Path(folder) / "rules.yml").write_text(alerting(every), encoding="utf-8")
        os.kill(pid, signal.SIGHUP)
        ended, cpu, at = "", 0.0, 0.0
        for text in texts[: EVALUATIONS + 1]:
            Exposed.text = text
            before = ended
            while ended == before:
                time.sleep(0.5)
                ended = str(figure(port, "prometheus_rule_group_last_evaluation_timestamp_seconds{"))
                ended = before if ended in {"nan", "0.0"} or float(ended) < 0 else ended
            now, then = cpu_of(pid), time.monotonic()
            if before:
                took.append(now - cpu - scraping * (then - at))
                walls.append(figure(port, "prometheus_rule_group_last_duration_seconds{"))
                samples = figure(port, "prometheus_rule_group_last_evaluation_samples{")
                print(
                    f"theirs  close {len(took)}: {took[-1]:6.2f} s of CPU, {walls[-1]:.2f} s on the wall, "
                    f"{samples:,.0f} samples of alerts, {memory_of(pid):,.0f} MB",
                    flush=True,
                )
            cpu, at = now, then
        all_mb = memory_of(pid, "VmHWM")
    server.shutdown()
    return Theirs(float(np.median(took)), float(np.median(walls)), values_mb, all_mb)


def main() -> int:
    """Judge the same with both and set one against the other."""
    chance = np.random.default_rng(12)
    every, values = lines(chance), history(chance)
    print(f"{RULES:,} rules over {ASSETS} assets and {len(names())} values, {CLOSES} closes")
    rules = ours(every)
    declared = {rule.id: rule for rule in rules}
    # The rules are numbers here and no sentences, which are read once and elsewhere.
    setattr(compiled, "compiled", declared.__getitem__)  # noqa: B010 - mypy takes it for a mistake otherwise
    took, grown = run_ours(rules, values)
    typical = float(np.median(took[2:]))
    print(f"ours    {typical:.2f} s of CPU a close, {grown:.0f} MB more than before")
    if shutil.which("prometheus") is None:
        print("theirs  skipped: Prometheus is not installed (apt-get install prometheus)")
        return 0
    theirs = run_prometheus(every, values)
    more = theirs.all_mb - theirs.values_mb
    print(
        f"theirs  {theirs.cpu:.2f} s of CPU a close ({theirs.wall:.2f} s on the wall), {theirs.all_mb:.0f} MB in all, "
        f"{more:.0f} of them since it has rules"
    )
    print(f"ratio | own rules: CPU of a close over Prometheus | {typical / theirs.cpu} | < 0.1 | with state and commit")
    print(f"ratio | own rules: memory over Prometheus | {grown / theirs.all_mb} | < 0.33 | of all that it takes")
    print(f"ratio | own rules: memory over what rules take there | {grown / more} | < 0.33 | beside the values")
    return 0


if __name__ == "__main__":
    sys.exit(main())
