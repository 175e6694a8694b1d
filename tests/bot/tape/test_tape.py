from __future__ import annotations

import asyncio
import gzip
import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bot.cli.playing.playback import followed
from bot.config import Market as MarketSettings
from bot.market.collector import Collector
from bot.market.exchange.venue import CcxtVenue
from bot.market.exchange.venue_recipe import recipes
from bot.market.providers.alternative_me import AlternativeMe
from bot.market.providers.defillama import DefiLlama
from bot.market.source import Ask, SourceError
from bot.tape import TapeError
from bot.tape.lines import Answered, Began, Begin, Ended, Heard, Turn, address, read, written
from bot.tape.playing import Tape
from bot.tape.recording import Recorder
from tests.bot.market.conftest import every
from tests.bot.tape.taping import NOW, in_tape_time
from tests.fakes.exchange import Clock, FakeExchange

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.tape import Wrap
    from bot.tape.lines import Line
    from bot.tape.playing import Player

NAMES = ("binance", "okx", "hyperliquid")


@pytest.fixture
def clock() -> Clock:
    return Clock(datetime(2026, 11, 20, 12, 34, 56, tzinfo=UTC))


def sources(clock: Callable[[], datetime], wrap: Wrap, base: str) -> list[Any]:
    venues = [
        CcxtVenue(recipes()[name], clock=clock, base_url=base and f"{base}/{name}", timeout_s=2, paced=False, wrap=wrap)
        for name in NAMES
    ]
    return [
        *venues,
        AlternativeMe(clock=clock, base_url=base, wrap=wrap),
        DefiLlama(clock=clock, base_url=base, wrap=wrap),
    ]


async def collected(clock: Callable[[], datetime], wrap: Wrap, base: str) -> dict[tuple[str, str, str], Any]:
    held = Collector(sources(clock, wrap, base), clock=clock, steady=lambda: 0.0, history=timedelta(days=2))
    try:
        found = await held.collect(["BTC", "PEPE"], clock())
        assert {health.state for health in held.health()} == {"ok"}
    finally:
        await held.close()
    return {
        (batch.venue, batch.asset, ",".join(batch.columns) + str(len(batch))): (batch.times, batch.columns)
        for batch in every(found)
    }


def whole(folder: Path) -> Tape:
    (tape,) = Tape.read(folder)
    return tape


@pytest.mark.slow
def test_a_tape_plays_what_was_recorded(tmp_path: Path, clock: Clock) -> None:
    async def record() -> tuple[Any, int, str]:
        async with FakeExchange(clock) as exchange:
            recorder = Recorder(tmp_path, clock)
            first = await collected(clock, recorder.wrap, exchange.base_url)
            recorder.close()
            return first, exchange.count(), exchange.base_url

    async def play(player: Player) -> None:
        assert await collected(player.clock.now, player.wrap, base) == first  # nothing is asked: the exchange is closed
        assert player.played["answers"] == asked
        assert not player.missed

    first, asked, base = asyncio.run(record())
    tape = whole(tmp_path)
    assert (tape.begin, tape.end, tape.counts["Answered"]) == (clock.now, clock.now, asked)
    in_tape_time(tape, play)


def recorded(tmp_path: Path, clock: Clock, name: str, ask: Ask, **faults: Any) -> tuple[Tape, Any]:
    """Record one question; return the tape and its answer, or its error."""

    async def record() -> Any:
        async with FakeExchange(clock) as exchange:
            recorder = Recorder(tmp_path, clock)
            exchange.faults.update(faults)
            venue = CcxtVenue(
                recipes()[name], clock=clock, base_url=exchange.base_url, timeout_s=0.3, paced=False, wrap=recorder.wrap
            )
            try:
                return await venue.fetch(ask)
            except SourceError as error:
                return error
            finally:
                await venue.close()
                recorder.close()

    answer = asyncio.run(record())
    return whole(tmp_path), answer


def asked_again(tape: Tape, name: str, *asks: Ask, after: timedelta = timedelta(0)) -> list[Any]:
    async def play(player: Player) -> list[Any]:
        venue = CcxtVenue(
            recipes()[name], clock=player.clock.now, base_url="http://127.0.0.1:9", paced=False, wrap=player.wrap
        )
        await player.clock.until(tape.begin + after)
        found: list[Any] = []
        for ask in asks:
            try:
                found.append(await venue.fetch(ask))
            except SourceError as error:
                found.append(error)
        await venue.close()
        return found

    found: list[Any] = in_tape_time(tape, play)
    return found


def test_a_tape_played_later_gives_the_same_questions_their_answers(tmp_path: Path, clock: Clock) -> None:
    """A question that says when is asked at another time: its answer is still found, in order."""
    ask = Ask("open_interest", "BTC", clock.now, clock.now - timedelta(days=9))
    tape, first = recorded(tmp_path, clock, "okx", ask)
    late = clock.now + timedelta(minutes=3)
    later, missing = asked_again(
        tape, "okx", Ask("open_interest", "BTC", late, ask.since), Ask("depth", "BTC", late), after=timedelta(minutes=3)
    )
    assert later == first
    assert "status 599" in str(missing)


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["busy_after", "geo", "html", "cut", "empty", "hang_up", "slow"])
def test_what_is_no_answer_is_on_the_tape(tmp_path: Path, clock: Clock, fault: Any) -> None:
    """An exchange that does not answer at all leaves a line too: an outage is what a tape is for."""
    ask = Ask("funding", "BTC", clock.now)
    tape, live = recorded(tmp_path, clock, "bybit", ask, **{"*": fault})
    (played,) = asked_again(tape, "bybit", ask)
    assert isinstance(live, SourceError)
    assert (type(played), str(played)) == (type(live), str(live))
    if fault == "busy_after":
        assert played.retry_at == live.retry_at == clock.now + timedelta(seconds=33)


def answer(recorder: Recorder, number: int, at: str = "") -> None:
    recorder.answer("GET", f"https://x.test/{number}{at}", None, 200, {}, "{}")


def test_an_answer_comes_when_it_came_and_a_forgotten_one_is_passed_over(tmp_path: Path, clock: Clock) -> None:
    recorder = Recorder(tmp_path, clock)
    for minute in range(6):
        recorder.answer("GET", f"https://x.test/a?startTime={minute}", None, 200, {}, str(minute))
        clock.go(minutes=1)
    recorder.close()
    tape = whole(tmp_path)

    async def play(player: Player) -> None:
        session = player.wrap(lambda: None)

        async def ask(start: int = 99) -> tuple[str, float]:
            async with session.get("https://x.test/a", params={"startTime": start}) as response:
                return await response.text(), player.clock.monotonic() / 60

        assert await ask() == ("0", 0)
        assert await ask() == ("1", 1), "an answer is waited for"
        await player.clock.until(tape.begin + timedelta(minutes=4, seconds=30))
        assert await ask(5) == ("5", 5), "the very same question goes first"
        assert await ask() == ("4", 5), "two and three answered what nobody asks any more"
        async with session.get("https://x.test/b") as response:
            assert response.status == 599

    in_tape_time(tape, play)


# --- what a tape is made of


def test_secrets_are_taken_out(tmp_path: Path, clock: Clock) -> None:
    recorder = Recorder(tmp_path, clock)
    url = "https://user:5ecre7@fapi.binance.com/fapi/v1/x?symbol=BTC&signature=5ecre7&apiKey=5ecre7&a=1"
    headers = {"Content-Type": "application/json", "Set-Cookie": "5ecre7", "X-MBX-APIKEY": "5ecre7", "Retry-After": "3"}
    recorder.answer("POST", url, b'{"token": "5ecre7", "type": "meta"}', 200, headers, '{"apiKey": "5ecre7", "ok": 1}')
    recorder.hear("okx", 1, "opened", url=address("wss://user:5ecre7@ws.okx.com:8443/ws?token=5ecre7"))
    recorder.hear("okx", 1, "sent", '{"op": "login", "args": [{"apiKey": "5ecre7", "passphrase": "5ecre7"}]}')
    recorder.close()
    (path,) = tmp_path.glob("*.jsonl")
    text = path.read_text(encoding="utf-8")
    assert "5ecre7" not in text
    _, line, opened, sent = map(json.loads, text.splitlines())
    assert (line["host"], line["path"]) == ("fapi.binance.com", "/fapi/v1/x")
    assert line["query"] == "a=1&apiKey=removed&signature=removed&symbol=BTC"
    assert line["headers"] == {"content-type": "application/json", "retry-after": "3"}
    assert json.loads(line["body"]) == {"apiKey": "removed", "ok": 1}
    assert opened["url"] == "wss://ws.okx.com:8443/ws?token=removed"
    assert json.loads(sent["data"])["args"] == [{"apiKey": "removed", "passphrase": "removed"}]


def test_settings_at_its_head_hold_no_secret() -> None:
    market = MarketSettings(
        proxy="http://user:5ecre7@proxy:8080", exchange_url="http://user:5ecre7@mirror/{venue}?key=1&token=5ecre7"
    )
    head = followed(market)
    assert "5ecre7" not in str(head)
    assert head["exchange_url"] == "http://mirror/{venue}?key=1&token=removed"
    assert head["venues"] == ["binance", "bybit", "okx", "hyperliquid"]


EVERY_LINE = [
    Begin(NOW, "r", 2, "0.1.0", ["BTC"], {"venues": ["okx"]}),
    Began(NOW, 1),
    Began(NOW, 2, ["okx"], "ETH"),
    Ended(NOW, 2),
    Turn(NOW),
    Answered(NOW, "GET", "h", "/p", "a=1", "asked", 200, {"retry-after": "3"}, "text – é \udc80"),
    Answered(NOW, "GET", "h", "/p", failure="timeout"),
    Heard(NOW, "okx", 1, "opened", url="wss://h/p"),
    Heard(NOW, "okx", 1, "refused", url="wss://h/p", status=451, headers={"retry-after": "3"}),
    Heard(NOW, "okx", 1, "binary", "00ff"),
    Heard(NOW, "okx", 1, "closed", status=1006),
]


@pytest.mark.parametrize("line", EVERY_LINE)
def test_a_line_is_read_as_it_was_written(line: Line) -> None:
    assert read(written(line)) == line


@pytest.mark.parametrize(
    "text",
    [
        "", "null", "[]", "{}", '{"line": "turn"}', '{"line": "what", "at": "2026-11-20T12:00:00+00:00"}',
        '{"line": "turn", "at": "2026-11-20T12:00:00"}', '{"line": "turn", "at": 5}',
        '{"line": "turn", "at": "2026-11-20T12:00:00+00:00", "assets": "BTC"}',
        '{"line": "turn", "at": "2026-11-20T12:00:00+00:00", "more": 1}',
        '{"line": "answer", "at": "2026-11-20T12:00:00+00:00", "method": "GET"}',
    ],
)  # fmt: skip
def test_what_is_no_line(text: str) -> None:
    with pytest.raises((ValueError, TypeError, KeyError, AttributeError)):
        read(text)


def test_a_tape_that_was_cut_loses_its_last_line(tmp_path: Path, clock: Clock) -> None:
    recorder = Recorder(tmp_path, clock)
    for n in range(3):
        answer(recorder, n)
    recorder.close()
    (path,) = tmp_path.glob("*.jsonl")
    path.write_bytes(path.read_bytes()[:-20])
    assert whole(tmp_path).counts["Answered"] == 2


def test_a_killed_recorder_leaves_every_line_behind(tmp_path: Path, clock: Clock) -> None:
    recorder = Recorder(tmp_path, clock)
    for n in range(3):
        answer(recorder, n)
    assert whole(tmp_path).counts["Answered"] == 3  # neither closed nor flushed
    recorder.close()


def test_parts_are_packed_when_they_are_full_or_the_day_is_over(tmp_path: Path, clock: Clock) -> None:
    recorder = Recorder(tmp_path, clock, part_bytes=2000)
    for n in range(60):
        answer(recorder, n)
    clock.go(days=1)
    answer(recorder, 60)
    recorder.close()
    recorder.close()
    names = sorted(path.name for path in tmp_path.iterdir())
    assert len(names) > 4
    assert [name.rpartition("-")[2] for name in names[:2]] == ["001.jsonl.gz", "002.jsonl.gz"]
    assert [name.endswith(".gz") for name in names] == [True] * (len(names) - 1) + [False]
    assert max(path.stat().st_size for path in tmp_path.glob("*.gz")) < 1000
    tape = whole(tmp_path)
    assert [line.path for line in tape.lines() if isinstance(line, Answered)] == [f"/{n}" for n in range(61)]
    assert (tape.counts["Begin"], tape.missing) == (len(names), ())
    (tmp_path / names[1]).unlink()
    assert whole(tmp_path).missing == (2,)
    assert whole(tmp_path / names[2]).missing == (1, 2)


@pytest.mark.slow
def test_a_packed_part_that_was_cut_is_read_as_far_as_it_goes(tmp_path: Path, clock: Clock) -> None:
    recorder = Recorder(tmp_path, clock)
    for n in range(2000):
        answer(recorder, n, at=f"?x={hash(n * 0.7)}")
    recorder.close()
    (path,) = tmp_path.glob("*.jsonl")
    packed = gzip.compress(path.read_bytes())
    path.unlink()
    (tmp_path / "a.jsonl.gz").write_bytes(packed[: len(packed) // 2])
    assert 100 < whole(tmp_path).counts["Answered"] < 1900


def test_two_runs_in_one_folder_are_two_tapes(tmp_path: Path, clock: Clock) -> None:
    for n in range(2):
        recorder = Recorder(tmp_path, clock, assets=["BTC"])
        answer(recorder, n)
        recorder.close()
        clock.go(hours=1)
    Recorder(tmp_path, clock).close()  # ended before anything was asked
    tapes = Tape.read(tmp_path)
    assert [tape.counts["Answered"] for tape in tapes] == [1, 1]
    assert tapes[0].begin < tapes[1].begin
    assert tapes[0].about
    assert tapes[0].about.assets == ["BTC"]


def test_a_clock_that_is_put_back_stands_still_on_the_tape(tmp_path: Path, clock: Clock) -> None:
    recorder = Recorder(tmp_path, clock)
    for n in range(3):
        answer(recorder, n)
        clock.go(minutes=-20)
    recorder.close()
    tape = whole(tmp_path)
    assert tape.begin == tape.end
    assert [line.path for line in tape.lines() if isinstance(line, Answered)] == ["/0", "/1", "/2"]


def test_a_folder_that_is_full_ends_the_tape_and_nothing_else(
    tmp_path: Path, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    recorder = Recorder(tmp_path, clock, part_bytes=5_000, most_bytes=8_000)
    for n in range(2000):
        answer(recorder, n, at=f"?x={hash(n * 0.7)}")
    recorder.close()
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 14_000
    assert 20 < whole(tmp_path).counts["Answered"] < 2000  # how many depends on how fast parts are packed
    assert capsys.readouterr().out.count("ends here; perpulse runs on") == 1
    with pytest.raises(TapeError, match=r"holds 0.0 MB of tapes already\. Name another folder"):
        Recorder(tmp_path, clock, most_bytes=100)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_ends_the_tape_and_nothing_else(
    tmp_path: Path, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    async def record() -> None:
        async with FakeExchange(clock) as exchange:
            recorder = Recorder(tmp_path, clock)
            assert recorder._file
            recorder._file.close()
            recorder._file = open("/dev/full", "ab", buffering=0)  # noqa: SIM115, PTH123, ASYNC230 - it stays open
            venue = CcxtVenue(
                recipes()["okx"], clock=clock, base_url=exchange.base_url, paced=False, wrap=recorder.wrap
            )
            assert await venue.fetch(Ask("funding", "BTC", clock.now))
            await venue.close()
            recorder.close()

    asyncio.run(record())
    assert capsys.readouterr().out.count("No space left on device) and ends here") == 1


# --- what is no tape


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param(None, "holds no recorded answers", id="an empty folder"),
        pytest.param("\n\n", "holds no recorded answers", id="an empty file"),
        pytest.param('{"no": "tape"}\n{}\n', "line 1 is no line of a tape", id="another kind of file"),
        pytest.param(f"{written(Turn(NOW))}\n[]\n{written(Turn(NOW))}\n", "line 2 is no line", id="a bad line"),
    ],
)
def test_no_tape(tmp_path: Path, text: str | None, said: str) -> None:
    if text is not None:
        (tmp_path / "a.jsonl").write_text(text, encoding="utf-8")
    with pytest.raises(TapeError, match=said):
        Tape.read(tmp_path)
    with pytest.raises(TapeError, match="cannot be read"):
        Tape.read(tmp_path / "none.jsonl")
    (tmp_path / "b.jsonl.gz").write_text("plain")
    with pytest.raises(TapeError, match="is not packed by gzip"):
        Tape.read(tmp_path / "b.jsonl.gz")


def test_a_folder_that_cannot_be_written(tmp_path: Path, clock: Clock) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TapeError, match="cannot be written"):
        Recorder(tmp_path / "file", clock)


# --- its time


def test_in_tape_time_nobody_waits_and_every_pause_keeps_its_length(tmp_path: Path, clock: Clock) -> None:
    recorder = Recorder(tmp_path, clock)
    answer(recorder, 0)
    clock.go(days=3)
    answer(recorder, 1)
    recorder.close()
    tape = whole(tmp_path)
    order: list[str] = []

    async def play(player: Player) -> None:
        async def wait(name: str, seconds: float) -> None:
            await asyncio.sleep(seconds)
            order.append(f"{name} {player.clock.monotonic():g}")

        waiting = [asyncio.create_task(wait(*waiter)) for waiter in (("b", 3600.5), ("a", 20.0), ("c", 86400.0))]
        await asyncio.to_thread(time.sleep, 0.05)
        order.append(f"thread {player.clock.monotonic():g}")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(10):
                await asyncio.Event().wait()
        assert player.clock.monotonic() == 10
        await player.clock.until(tape.end)
        await asyncio.gather(*waiting)
        assert abs(player.clock.now() - tape.end) < timedelta(milliseconds=1)

    began = time.monotonic()
    in_tape_time(tape, play)
    assert order == ["thread 0", "a 20", "b 3600.5", "c 86400"]
    assert time.monotonic() - began < 60, "three days are not waited for"
