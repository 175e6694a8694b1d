from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from bot.market import Market
from bot.sources import Ask, SourceDown
from bot.sources.alternative_me import AlternativeMe
from bot.sources.ccxt_venue import CcxtVenue
from bot.sources.defillama import DefiLlama
from bot.sources.quirks import BY_NAME
from bot.tape import Recorder, ShiftedClock, Tape, TapeError
from tests.fakes.exchange import Clock, FakeExchange

if TYPE_CHECKING:
    from pathlib import Path

    from bot.tape import Wrap

NAMES = ("binance", "okx", "hyperliquid")


@pytest.fixture
def clock() -> Clock:
    return Clock(datetime(2026, 11, 20, 12, 34, 56, tzinfo=UTC))


def sources(clock: Clock, wrap: Wrap, base: str) -> list[Any]:
    venues = [
        CcxtVenue(BY_NAME[name], clock=clock, base_url=base and f"{base}/{name}", timeout_s=2, paced=False, wrap=wrap)
        for name in NAMES
    ]
    return [
        *venues,
        AlternativeMe(clock=clock, base_url=base, wrap=wrap),
        DefiLlama(clock=clock, base_url=base, wrap=wrap),
    ]


async def collected(clock: Clock, wrap: Wrap, base: str) -> dict[tuple[str, str, str], Any]:
    held = Market(sources(clock, wrap, base), clock=clock, history=timedelta(days=2))
    try:
        found = await held.collect(["BTC", "PEPE"], clock.now)
        assert {each.state for each in held.health()} == {"ok"}
    finally:
        await held.close()
    return {
        (each.venue, each.asset, ",".join(each.frame.columns) + str(len(each.frame))): each.frame.to_csv()
        for each in found.points
    }


async def test_a_tape_plays_what_was_recorded(tmp_path: Path, clock: Clock) -> None:
    async with FakeExchange(clock) as exchange:
        recorder = Recorder(tmp_path, clock)
        first = await collected(clock, recorder.wrap, exchange.base_url)
        asked = exchange.count()
        base = exchange.base_url
    tape = Tape.read(tmp_path)
    assert tape.begin == clock.now
    assert tape.left == asked
    assert await collected(clock, tape.wrap, base) == first  # the exchange has closed: nothing is asked
    assert tape.left == 0


async def test_a_tape_played_later_gives_the_same_questions_their_answers(tmp_path: Path, clock: Clock) -> None:
    """A question that says when is asked at another time: its answer is still found, in order."""
    async with FakeExchange(clock) as exchange:
        recorder = Recorder(tmp_path, clock)
        okx = CcxtVenue(BY_NAME["okx"], clock=clock, base_url=exchange.base_url, paced=False, wrap=recorder.wrap)
        ask = Ask("open_interest", "BTC", clock.now, clock.now - timedelta(days=9))
        first = await okx.fetch(ask)
        await okx.close()
    tape = Tape.read(tmp_path)
    okx = CcxtVenue(BY_NAME["okx"], clock=clock, base_url="http://127.0.0.1:9", paced=False, wrap=tape.wrap)
    later = await okx.fetch(Ask("open_interest", "BTC", clock.go(minutes=3), ask.since))
    assert [each.frame.to_csv() for each in later] == [each.frame.to_csv() for each in first]
    with pytest.raises(SourceDown, match="status 599"):
        await okx.fetch(Ask("depth", "BTC", clock.now))
    await okx.close()


async def test_errors_are_on_the_tape(tmp_path: Path, clock: Clock) -> None:
    async with FakeExchange(clock) as exchange:
        recorder = Recorder(tmp_path, clock)
        venue = CcxtVenue(BY_NAME["bybit"], clock=clock, base_url=exchange.base_url, paced=False, wrap=recorder.wrap)
        exchange.faults["*"] = "busy_after"
        with pytest.raises(SourceDown, match="too fast") as live:
            await venue.fetch(Ask("funding", "BTC", clock.now))
        await venue.close()
    tape = Tape.read(tmp_path)
    venue = CcxtVenue(BY_NAME["bybit"], clock=clock, base_url="http://127.0.0.1:9", paced=False, wrap=tape.wrap)
    with pytest.raises(SourceDown, match="too fast") as played:
        await venue.fetch(Ask("funding", "BTC", clock.now))
    await venue.close()
    assert played.value.retry_at == live.value.retry_at


def test_secrets_are_taken_out(tmp_path: Path, clock: Clock) -> None:
    recorder = Recorder(tmp_path, clock)
    url = "https://user:5ecre7@fapi.binance.com/fapi/v1/x?symbol=BTC&signature=5ecre7&apiKey=5ecre7&a=1"
    headers = {"Content-Type": "application/json", "Set-Cookie": "5ecre7", "X-MBX-APIKEY": "5ecre7", "Retry-After": "3"}
    recorder.write("POST", url, b'{"token": "5ecre7", "type": "meta"}', 200, headers, '{"apiKey": "5ecre7", "ok": 1}')
    text = recorder.path.read_text(encoding="utf-8")
    assert "5ecre7" not in text
    line = json.loads(text)
    assert (line["host"], line["path"]) == ("fapi.binance.com", "/fapi/v1/x")
    assert line["query"] == "a=1&apiKey=removed&signature=removed&symbol=BTC"
    assert line["headers"] == {"content-type": "application/json", "retry-after": "3"}
    assert json.loads(line["body"]) == {"apiKey": "removed", "ok": 1}


def test_a_tape_that_was_cut_loses_its_last_line(tmp_path: Path, clock: Clock) -> None:
    recorder = Recorder(tmp_path, clock)
    for n in range(3):
        recorder.write("GET", f"https://x.test/{n}", None, 200, {}, "{}")
    recorder.path.write_text(recorder.path.read_text()[:-20], encoding="utf-8")
    assert Tape.read(tmp_path).left == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param(None, "holds no recorded answers", id="an empty folder"),
        pytest.param("\n\n", "holds no recorded answers", id="an empty file"),
        pytest.param('{"no": "tape"}\n{}\n', "line 1 is no line of a tape", id="another kind of file"),
    ],
)
def test_no_tape(tmp_path: Path, text: str | None, said: str) -> None:
    if text is not None:
        (tmp_path / "a.jsonl").write_text(text, encoding="utf-8")
    with pytest.raises(TapeError, match=said):
        Tape.read(tmp_path)
    with pytest.raises(TapeError, match="cannot be read"):
        Tape.read(tmp_path / "none.jsonl")


def test_a_folder_that_cannot_be_written(tmp_path: Path, clock: Clock) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TapeError, match="cannot be written"):
        Recorder(tmp_path / "file", clock)


def test_the_clock_of_a_tape_goes_on(clock: Clock) -> None:
    class Real:
        def now(self) -> datetime:
            return clock.now

        def monotonic(self) -> float:
            return clock.now.timestamp()

    begin = clock.now - timedelta(days=40)
    shifted = ShiftedClock(Real(), begin)
    assert shifted.now() == begin
    clock.go(seconds=90)
    assert shifted.now() == begin + timedelta(seconds=90)
    assert shifted.monotonic() == clock.now.timestamp()
