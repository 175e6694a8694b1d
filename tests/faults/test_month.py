"""What a month calls constant, and what it calls lost and told twice."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from handlers.reply import plain_text
from handlers.words.digest.said import tell
from signals.digest import Digest
from signals.unusual import FigureChange
from storage.alerts import digests as outgoing
from storage.engine.database import Store
from storage.people import destinations
from tests.faults.bench import MARK
from tests.faults.month.fakes import Fall
from tests.faults.month.people import PRIVATE, ZONE, People
from tests.faults.month.vitals import SETTLED, Day, not_constant, slope
from tests.faults.scenario import TELEGRAM

if TYPE_CHECKING:
    from collections.abc import Callable

GOOD = Day(
    day=0, memory_mb=250.0, held_mb=240.0, tasks=20, threads=8, descriptors=50, files=5, database_mb=4.0, wal_mb=3.0,
    rows=40_000, objects=400_000, lives=1, messages=0,
)  # fmt: skip
BEGIN = datetime(2026, 11, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("grown", "said"),
    [
        pytest.param(lambda _: {}, "", id="nothing grows"),
        pytest.param(lambda n: {"memory_mb": 250.0 + (10 if n % 2 else 0)}, "", id="memory comes and goes"),
        pytest.param(lambda n: {"memory_mb": 200.0 + 30 * min(n, SETTLED)}, "", id="it grows before it counts"),
        pytest.param(lambda n: {"memory_mb": 250.0 + n}, "memory rises by 1.00 MB a day", id="a leak"),
        pytest.param(lambda n: {"objects": 400_000 + 1_000 * n}, "objects grew", id="objects that stay"),
        pytest.param(lambda n: {"tasks": 20 + n // 2}, "24 tasks became 33", id="tasks that never end"),
        pytest.param(lambda n: {"threads": 8 + n}, "threads became", id="threads"),
        pytest.param(lambda n: {"descriptors": 50 + n}, "descriptors became", id="files that stay open"),
        pytest.param(lambda n: {"descriptors": 50 + n // 5}, "51 descriptors became 55", id="one file a week"),
        pytest.param(lambda n: {"descriptors": 50 + (20 if n % 3 else 0)}, "", id="connections that come and go"),
        pytest.param(lambda n: {"files": 5 + n}, "files became", id="files that are never removed"),
        pytest.param(lambda n: {"database_mb": 4.0 + n}, "bytes a row became", id="room that is never used again"),
        pytest.param(lambda n: {"database_mb": 4.0 + n, "rows": 40_000 + 10_000 * n}, "", id="rows that are kept"),
        pytest.param(lambda n: {"wal_mb": 50.0 if n == 3 else 3.0}, "the log of the database is long", id="its log"),
    ],
)
def test_what_grows_is_said(grown: Callable[[int], dict[str, Any]], said: str) -> None:
    found = "; ".join(not_constant([replace(GOOD, day=n, **grown(n)) for n in range(1, 31)]))
    assert (said in found) if said else found == ""


def test_a_slope_is_that_of_a_line() -> None:
    assert slope([3.0, 5.0, 7.0, 9.0]) == pytest.approx(2.0)
    assert slope([4.0]) == 0.0


class StillProgram:
    """A program as far as what chats were shown asks for one."""

    app = None

    def __init__(self, data: Path = Path()) -> None:
        self.at, self.wrong = BEGIN, timedelta(0)
        self.clock, self.data = self, data

    def true(self) -> datetime:
        return self.at

    def now(self) -> datetime:
        return self.at + self.wrong


def people_of(*shown: tuple[float, str], told: int = 0) -> People:
    """Return the people of a chat that was shown texts, each after some hours, and told some news in the first one."""
    program: Any = StillProgram()
    people = People(program, [Fall("BTC", BEGIN + 10 * HOUR, BEGIN + 28 * HOUR)], random.Random(1))
    people.told = dict.fromkeys(range(1, told + 1), BEGIN + HOUR)
    for hours, text in shown:
        program.at = BEGIN + hours * HOUR
        people._note(TELEGRAM, str(PRIVATE), text)
    return people


DOUBTED = "1 message could not be delivered in time:\n1 November 02:00 CET: news 1 (notice) (may have arrived)"
BESIDE = f"{DOUBTED.removesuffix(' (may have arrived)')}\n1 November 02:30 CET: ETH: funding is high (may have arrived)"
FELL = "BTC: price down 12 % or more in 24 h.\n\nIt does not tell why."
LATE = "A quiet day: BTC 90,000.\n\nDue 09:00, told 09:44. Since 1 November 09:00 CET."
DIGEST = "A quiet day: BTC 90,000.\n\nSince 1 November 09:00 CET."


@pytest.mark.parametrize(
    ("shown", "lost", "doubled", "false"),
    [
        pytest.param([(2, "news 1 (notice)"), (12, FELL), (32, DIGEST)], 0, 0, 0, id="all of it"),
        pytest.param([(2, "news 1 (notice)"), (12, FELL), (33, LATE)], 0, 0, 0, id="a digest that says it is late"),
        pytest.param([(12, FELL), (32, DIGEST)], 1, 0, 0, id="a news that was never shown"),
        pytest.param([(2, "news 1 (notice)"), (32, DIGEST)], 1, 0, 0, id="a fall that was never told"),
        pytest.param([(2, "news 1 (notice)"), (12, FELL)], 1, 0, 0, id="no digest"),
        pytest.param([(2, "news 1"), (3, "news 1"), (12, FELL), (32, DIGEST)], 0, 1, 0, id="a news twice"),
        pytest.param([(2, "news 1"), (14, DOUBTED), (12, FELL), (32, DIGEST)], 0, 0, 0, id="twice, its line marked"),
        pytest.param([(2, "news 1"), (14, BESIDE), (12, FELL), (32, DIGEST)], 0, 1, 0, id="twice, another one marked"),
        pytest.param([(2, "news 1"), (3, f"{MARK}\nnews 1"), (12, FELL), (32, DIGEST)], 0, 0, 0, id="twice, marked"),
        pytest.param([(2, "news 1"), (12, FELL), (13, FELL), (32, DIGEST)], 0, 1, 0, id="a fall twice"),
        pytest.param([(2, "news 1"), (12, FELL), (32, DIGEST), (33, DIGEST)], 0, 1, 0, id="a digest twice"),
        pytest.param([(2, "news 1"), (5, FELL), (12, FELL), (32, DIGEST)], 0, 0, 1, id="a fall that was none"),
    ],
)
def test_what_chats_were_shown_is_counted(shown: list[tuple[float, str]], lost: int, doubled: int, false: int) -> None:
    people, until = people_of(*shown, told=1), BEGIN + 56 * HOUR
    here = [one for one in people.lost(TELEGRAM, until) if f"in {PRIVATE}" in one and "-" not in one]
    assert (len(here), len(people.doubled(TELEGRAM)), len(people.false(TELEGRAM))) == (lost, doubled, false)


NINE = BEGIN + 31 * HOUR  # of the second day, in Berlin


@pytest.mark.slow
@pytest.mark.parametrize(
    ("made", "doubled"),
    [
        pytest.param([(NINE, NINE), (NINE + 24 * HOUR, NINE + HOUR)], 0, id="the second by a clock a day ahead"),
        pytest.param([(NINE, NINE), (NINE, NINE + HOUR)], 1, id="two of one date"),
        pytest.param([(NINE, NINE), (NINE + 24 * HOUR, NINE + 24 * HOUR)], 0, id="one a day"),
    ],
)
def test_a_digest_is_of_the_date_for_which_it_was_made(
    tmp_path: Path, made: list[tuple[datetime, datetime]], doubled: int
) -> None:
    """made: when each was due, and when it was seen; the clock was right whenever somebody looked."""
    program: Any = StillProgram(tmp_path)
    people, store = People(program, [], random.Random(1)), Store(tmp_path / "perpulse.db")
    chat = destinations.ensure(store, TELEGRAM, str(PRIVATE), None, kind="private", title=None, now=BEGIN)
    price = FigureChange("BTC", "price", 90_000.0, 0.01, rare=90, past=180)
    for number, (due, seen) in enumerate(made):
        prices = (replace(price, value=90_000.0 + 100 * number),)
        one = Digest(kind="daily", since=due - 24 * HOUR, until=due + HOUR, due=due, prices=prices)
        with store.write() as work:
            outgoing.announce(work, chat.id, one, now=due, expires=due + 24 * HOUR)
        program.at = seen
        people._note(TELEGRAM, str(PRIVATE), plain_text(tell(one, ZONE.key).blocks))
    store.close()
    assert len(people.doubled(TELEGRAM)) == doubled
