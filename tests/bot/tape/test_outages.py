"""S17 to S23 of the fault list from end to end: an outage is recorded, and its tape is played by the whole program.

BTC has fallen two days before, so alarms are on when the outage begins: none may end or begin by it.
"""

from __future__ import annotations

import asyncio
import json
import math
import re
import shutil
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, example, given
from hypothesis import strategies as st

from bot.tape.lines import Answered, Heard
from bot.tape.playing import Tape
from tests.bot.commandline import here
from tests.bot.tape.taping import NOW, alarms, changed, played, world
from tests.examples import examples

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from datetime import datetime
    from pathlib import Path

    from bot.tape.lines import Line
    from tests.bot.tape.taping import Played, World

    Script = Callable[[World], Awaitable[None]]

pytestmark = pytest.mark.slow

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database that knows five weeks: its alarms are on, and what is told from now on is news."""
    folder = tmp_path_factory.mktemp("kept")

    async def live() -> None:
        async with world(folder, at=NOW - HOUR, step=HOUR, history=timedelta(days=35)) as now:
            await now.go(hours=1)

    asyncio.run(live())
    assert ("price_drawdown", "BTC") in alarms(folder / "recorded.db")
    return folder / "recorded.db"


class Stage:
    """Records a script on the kept database and plays the tape on another copy of it."""

    def __init__(self, folder: Path, kept: Path) -> None:
        self.folder, self.kept = folder, kept

    def tape(self, script: Script, *venues: str, **more: Any) -> Path:
        async def live() -> None:
            async with world(self.folder, *venues, kept=self.kept, to=self.folder / "tape", **more) as now:
                await script(now)

        asyncio.run(live())
        return self.folder / "tape"

    def play(self, script: Script, *venues: str, **more: Any) -> Played:
        """Record and play; every question is on the tape, and no alarm has come or gone."""
        found = played(self.folder, self.tape(script, *venues, **more), self.kept)
        assert found.missed == {}
        assert found.alarms() == alarms(self.kept)
        return found

    def lines(self) -> Iterator[Line]:
        (tape,) = Tape.read(self.folder / "tape")
        return tape.lines()

    def asked(self, venue: str, since: datetime, until: datetime) -> int:
        """Count what the venue was asked in a span of the tape."""
        return sum(
            isinstance(line, Answered) and line.path.startswith(f"/{venue}/") and since < line.at < until
            for line in self.lines()
        )

    def before(self, minutes: float) -> Played:
        """Play the tape up to a moment only."""
        end = NOW + timedelta(minutes=minutes)
        cut = changed(self.folder / "tape", self.folder / f"cut{minutes}", lambda all_: [e for e in all_ if e.at < end])
        return played(self.folder, cut, self.kept)


@pytest.fixture
def stage(tmp_path: Path, kept: Path) -> Stage:
    return Stage(tmp_path, kept)


def told(found: Played) -> list[str]:
    """Return the messages, each as one line."""
    return [" ".join(message.splitlines()[1:]) for message in found.messages]


def ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def trouble(name: str, fault: Any, *, lasts: timedelta, after: timedelta, before: timedelta = MINUTE) -> Script:
    async def script(now: World) -> None:
        await now.go(seconds=before.total_seconds())
        now.exchange.faults[f"{name}/*"] = fault
        await now.go(seconds=lasts.total_seconds())
        now.exchange.faults.clear()
        await now.go(seconds=after.total_seconds())

    return script


async def three_hours(now: World) -> None:
    await now.go(hours=3)


TOPICS = "(bars, open interest, funding, ratios, depth and dated futures)"
OF_OKX = "(bars, open interest, funding, ratios, depth and dated futures)"


def test_a_calm_tape_tells_nothing(stage: Stage) -> None:
    """Look at the control: all that follows is told because of the outage."""
    found = stage.play(three_hours, step=HOUR)
    assert found.messages == []
    assert found.sources.startswith("All 4 sources answer.")
    assert not any(found.alarms().values()), "all of them are known"


@pytest.mark.parametrize("fault", ["geo", "forbidden"])
def test_a_block_is_told_once_and_probed_hourly(stage: Stage, fault: Any) -> None:
    """S17: an exchange answers 451 or 403, for two hours and a half."""
    found = stage.play(trouble("bybit", fault, lasts=2.5 * HOUR, after=2 * HOUR), "binance", "bybit", step=30 * MINUTE)
    gone, back = told(found)
    assert gone.startswith(f"Bybit refuses this server {TOPICS} since 20 November 12:31 UTC: Bybit refuses this host")
    assert "Set a proxy in config.toml" in gone
    assert back == f"Bybit answers again {TOPICS}."
    assert found.sources.startswith("All 2 sources answer.")
    assert not any(found.alarms().values())
    asked = stage.asked("bybit", NOW + 2 * MINUTE, NOW + 150 * MINUTE)
    assert asked <= 3 * 2, "one question an hour; a list of markets is two calls that leave together"
    amid = stage.before(120)
    assert amid.sources.startswith("1 of 2 sources answer")
    assert "Bybit: refuses this server" in amid.sources


def test_during_a_ban_nothing_is_asked_until_its_second(stage: Stage) -> None:
    """S18: an exchange answers 418 with the end of the ban in it."""

    async def script(now: World) -> None:
        await now.go(minutes=1)
        now.exchange.banned_until = NOW + timedelta(minutes=17)
        now.exchange.faults["okx/*"] = "banned"
        await now.go(minutes=1)
        now.exchange.faults.clear()
        await now.go(minutes=17)

    found = stage.play(script, "binance", "okx")
    gone, back = told(found)
    assert gone.startswith(
        f"OKX does not answer {OF_OKX} since 20 November 12:02 UTC: OKX has banned this address for "
    )
    assert gone.endswith("asking too much, until 12:17:30 UTC.")
    assert back == f"OKX answers again {OF_OKX}."
    assert stage.asked("okx", NOW + timedelta(minutes=2, seconds=1), NOW + timedelta(minutes=17)) == 0
    assert stage.asked("okx", NOW + timedelta(minutes=17), NOW + timedelta(minutes=20)) > 0
    amid = stage.before(10)
    assert "OKX: does not answer" in amid.sources
    assert "until 12:17" in amid.sources


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        pytest.param("mute", "has sent nothing for", id="pings only"),
        pytest.param("frozen", "its time has not moved for", id="the same frame again and again"),
        pytest.param("geo", "refuses this host or its country (451)", id="refused"),
        pytest.param("hang_up", "closed the stream", id="hangs up"),
    ],
)
def test_a_stream_that_stands_still_is_told_and_all_else_goes_on(stage: Stage, fault: Any, said: str) -> None:
    """S19: the tape holds what the stream sent, when it was opened, and that it was left or closed."""

    async def script(now: World) -> None:
        await now.go(minutes=1)
        now.streams.faults["okx"] = fault
        if fault in {"geo", "hang_up"}:
            await now.streams.hang_up("okx")
        await now.go(minutes=4)
        now.streams.faults.clear()
        await now.go(minutes=5)  # news of a source waits a minute for others with its cause

    found = stage.play(script, "binance", "okx", streams=True, step=timedelta(seconds=15))
    blocked = fault == "geo"
    gone, *back = told(found)
    verb = "refuses this server" if blocked else "does not answer"
    assert gone.startswith(f"The stream of OKX liquidations {verb} since 20 November 12:0")
    assert said in gone
    assert back == ([] if blocked else ["The stream of OKX liquidations answers again."])  # a block is probed hourly
    assert "Binance liquidations: answers" in found.sources
    assert re.search(r"^OKX: answers", found.sources, re.MULTILINE), "what is asked goes on"
    assert not any(found.alarms().values())
    amid = stage.before(5)
    assert re.search(rf"^OKX liquidations: {verb}.*{re.escape(said)}", amid.sources, re.MULTILINE | re.DOTALL)
    events = Counter(line.event for line in stage.lines() if isinstance(line, Heard) and line.venue == "okx")
    assert events["opened"] + events["refused"] >= (2 if blocked else 3)
    assert events["left"] >= 1


def test_a_delisting_is_told_once(stage: Stage) -> None:
    """S21: a contract is gone from the list of markets; after a rename it is, too."""

    async def script(now: World) -> None:
        await now.go(hours=1)
        now.exchange.gone.add(("okx", "ETH"))
        await now.go(hours=30)

    found = stage.play(script, "binance", "okx", step=6 * HOUR)
    assert told(found) == ["OKX has ETH no longer: OKX does not offer this contract any more."]


def test_a_new_contract_size_is_left_out_and_told_once(stage: Stage) -> None:
    """S21: the same contract holds ten times as many coins, and the list says nothing of it."""

    async def script(now: World) -> None:
        await now.go(hours=1)
        now.exchange.scale["okx", "ETH"] = 10
        await now.go(hours=2)

    found = stage.play(script, "binance", "bybit", "okx", step=30 * MINUTE)
    (only,) = told(found)
    assert only.startswith("OKX is left out of ETH: its price of ETH is 10 times that of the other venues.")
    assert ("okx", "ETH") not in {
        (venue, asset) for asset, venue, name, at in found.stored() if name == "mark_price" and at > ms(NOW + HOUR)
    }


def test_a_new_funding_interval_is_news_and_no_extreme(stage: Stage) -> None:
    """S22: funding is settled every hour instead of every eight."""

    async def script(now: World) -> None:
        await now.go(hours=1)
        now.exchange.intervals["bybit:BTC"] = 1
        await now.go(hours=3)

    found = stage.play(script, "binance", "bybit", step=30 * MINUTE)
    assert told(found) == ["Bybit now settles funding of BTC every 1 h instead of 8 h."]
    values = found.stored()
    newest = max(at for asset, venue, name, at in values if (asset, venue, name) == ("BTC", "bybit", "funding_rate"))
    assert values["BTC", "bybit", "funding_interval_hours", newest] == 1


@pytest.mark.parametrize("fault", ["hang_up", "html"])
def test_one_of_four_goes_and_comes_back(stage: Stage, fault: Any) -> None:
    """S23: nobody takes it for a fall of open interest, and the coverage says who is missing."""
    found = stage.play(trouble("bybit", fault, lasts=2.5 * HOUR, after=HOUR), step=30 * MINUTE)
    gone, back = told(found)
    assert gone.startswith(f"Bybit does not answer {TOPICS} since 20 November 12:31 UTC: Bybit ")
    assert back == f"Bybit answers again {TOPICS}."
    amid = stage.before(150)
    assert amid.sources.startswith("3 of 4 sources answer")
    assert amid.alarms().keys() == alarms(stage.kept).keys()


# --- S20: what is no answer, and figures that cannot be true

BROKEN = ("html", "empty", "cut", "null", "list", "object", "unavailable", "silence")
TWISTED = ("zero", "none", "nan", "negative", "thousandfold", "future", "stale")
PAGE = "<html><body>maintenance</body></html>"
# A book may have a wall or a hole anywhere, and a thousand times a calm rate is still below the venues' caps.
DULL = ("taker_buy_usd", 0.0)  # an hour in which no taker bought contradicts nothing
PLAUSIBLE = {"depth_bids_usd", "depth_asks_usd", "funding_rate"}
TIME = 1e11  # from here on a number is a time in milliseconds
SOURCES = re.compile(r"answers? again|do(es)? not answer|refuses? this server|is left out of|agrees on")


def broken(line: Answered, how: str) -> Answered:
    """Return an answer as a server in trouble gives it."""
    match how:
        case "unavailable":
            return replace(line, status=503, body=PAGE)
        case "silence":
            return replace(line, status=0, body="", failure="timeout")
        case "cut":
            return replace(line, body=line.body[: len(line.body) // 2])
    bodies = {"html": PAGE, "empty": "", "null": "null", "list": "[]", "object": "{}"}
    return replace(line, body=bodies[how])


def twisted(line: Answered, how: str, where: int) -> Answered:
    """Return an answer with one figure, or all of its times, put out of joint."""
    try:
        body = json.loads(line.body)
    except ValueError:
        return line
    places = list(figures(body, times=how in {"future", "stale"})) if isinstance(body, dict | list) else []
    if not places:
        return line
    for held, key in places if how in {"future", "stale"} else [places[where % len(places)]]:
        old, number = held[key], float(held[key])
        put: Any = {
            "zero": 0.0,
            "none": None,
            "nan": math.nan,
            "negative": -abs(number),
            "thousandfold": number * 1000,
            "future": round(number + 7_200_000),
            "stale": round(number - 86_400_000),
        }[how]
        held[key] = str(put) if isinstance(old, str) and put is not None else put
    return replace(line, body=json.dumps(body))


def figures(value: Any, *, times: bool) -> Iterator[tuple[Any, Any]]:
    """Find the numbers of an answer, those in text included: the times of it, or all others."""
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(inner, dict | list):
            yield from figures(inner, times=times)
        elif not isinstance(inner, bool):
            try:
                number = float(inner)
            except (TypeError, ValueError):
                continue
            if math.isfinite(number) and (abs(number) > TIME) == times:
                yield value, key


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory, kept: Path) -> tuple[Stage, Played]:
    """A calm tape of two venues, and what playing it stores: the truth."""
    stage = Stage(tmp_path_factory.mktemp("calm"), kept)
    return stage, stage.play(three_hours, "binance", "bybit", step=HOUR)


FAULTS = st.sampled_from([BROKEN + TWISTED, BROKEN + TWISTED[:-2]]).flatmap(
    lambda kinds: st.lists(
        st.tuples(st.integers(0, 9999), st.sampled_from(kinds), st.integers(0, 9999)), min_size=20, max_size=30
    )
)
# One figure of a past is a thousandfold, in the only row that lies beside a live one: no verdict on the venue.
HURT_PAST = [
    (250, "null", 461), (585, "empty", 351), (1875, "negative", 29), (65, "silence", 707),
    (8009, "thousandfold", 9654), (4104, "zero", 6126), (200, "html", 1689), (3429, "unavailable", 1),
    (1543, "zero", 1931), (3280, "cut", 43), (1059, "zero", 824), (3585, "future", 8208), (4235, "cut", 760),
    (118, "future", 273), (8, "html", 32), (947, "null", 367), (1199, "none", 1668), (8459, "html", 3358),
    (5384, "thousandfold", 621), (7155, "null", 0), (428, "nan", 8), (2218, "null", 269), (1, "nan", 182),
    (8519, "thousandfold", 79),
]  # fmt: skip
# Ten tapes, 250 faults, under the whole profile; `make fuzz` plays fifty times as many. Nothing is shrunk:
# that would play hundreds more.


@examples(
    10,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(faults=FAULTS)
@example(faults=HURT_PAST)
def test_what_cannot_be_true_is_neither_kept_nor_told(
    calm: tuple[Stage, Played], tmp_path: Path, faults: list[tuple[int, str, int]]
) -> None:
    """S20: up to thirty answers of a tape are broken; no alarm comes or goes, and no false figure is stored.

    An answer whose times are all shifted, with figures that are true of another hour, cannot be told from a correction:
    of those only that nothing is told.
    """
    stage, truth = calm

    def spoilt(every: list[Line]) -> list[Line]:
        answers = [place for place, line in enumerate(every) if isinstance(line, Answered)]
        for which, how, where in faults:
            place = answers[which % len(answers)]
            line = every[place]
            assert isinstance(line, Answered)
            every[place] = broken(line, how) if how in BROKEN else twisted(line, how, where)
        return every

    found = played(tmp_path, changed(stage.folder / "tape", tmp_path / "spoilt", spoilt), stage.kept)
    assert [text for text in told(found) if not SOURCES.search(text)] == []
    assert found.alarms().keys() == alarms(stage.kept).keys()
    if {"future", "stale"} & {how for _, how, _ in faults}:
        return
    true = truth.stored()
    wrong = {
        key: value
        for key, value in found.stored().items()
        if true.get(key) not in {value, None} and key[2] not in PLAUSIBLE and (key[2], value) != DULL
    }
    assert wrong == {}


# --- the command line


def test_the_command_line_plays_a_tape_and_says_what_came_of_it(
    calm: tuple[Stage, Played], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token in the settings is not used, and the database of this folder is not touched."""
    stage, _ = calm
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PERPULSE_TELEGRAM__TOKEN", "123:" + "a" * 35)
    shutil.copy(stage.kept, tmp_path / "copy.db")
    ended = here(capsys, "run", "--tape", str(stage.folder / "tape"), "--db", "copy.db")
    assert ended.code == 0
    begun, rest = ended.out.split("\n", 1)
    assert begun.startswith(
        "A tape from 20 November 2026, 12:00 UTC to 20 November 2026, 15:00 UTC, recorded by perpulse "
    )
    assert "BTC, ETH on Binance and Bybit. Nothing is asked, and nothing leaves this machine." in rest
    assert re.search(r"Played: 4 turns in 3 h( 0 min)?, (\d+) of \2 answers, 0 frames of 0 connections\.", rest)
    assert "Told: 0 messages." in rest
    assert "All 2 sources answer." in rest
    assert sorted(path.name for path in tmp_path.iterdir() if not path.name.startswith("copy.db-")) == ["copy.db"]


def test_a_part_of_a_tape_is_played_as_far_as_it_goes(
    calm: tuple[Stage, Played], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stage, _ = calm

    def second(every: list[Line]) -> list[Line]:
        """Keep the second half, as a part that was sent alone."""
        begin, *rest = every
        half = rest[len(rest) // 2 :]
        return [replace(begin, at=half[0].at, part=2), *half]  # type: ignore[list-item, type-var]

    tape = changed(stage.folder / "tape", tmp_path / "half", second)
    ended = here(capsys, "run", "--tape", str(tape))
    assert ended.code == 0
    assert "Part 1 of this tape is missing: what was asked and heard in it is not played." in ended.out
    assert re.search(r"Not on the tape: [1-9]\d* questions?, most often GET /", ended.out)
    assert "does not answer" in ended.out, "its lists of contracts were in the first part"
