from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import aiohttp
import ccxt
import pytest

from bot.market.exchange.recipe import number, pages, stamp
from bot.market.exchange.strict import HttpAnswer, judge, translated
from bot.market.source import Blocked, NotOffered, SourceDown, SourceError

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def clock() -> datetime:
    return NOW


@pytest.mark.parametrize(
    ("answer", "kind", "rest_s"),
    [
        pytest.param(
            HttpAnswer(418, {}, f"banned until {NOW.timestamp() * 1000 + 90_000:.0f}."), SourceDown, 90, id="ban"
        ),
        pytest.param(HttpAnswer(418, {}, "banned"), SourceDown, 300, id="ban without end"),
        pytest.param(HttpAnswer(418, {}, "banned until 1600000000000"), SourceDown, 300, id="a ban that is over"),
        pytest.param(
            HttpAnswer(418, {}, "banned until 4102444800000"), SourceDown, 3 * 86400, id="ban until 2100: a slip"
        ),
        pytest.param(HttpAnswer(429, {"retry-after": "7"}, ""), SourceDown, 7, id="seconds"),
        pytest.param(HttpAnswer(429, {"retry-after": "Fri, 20 Nov 2026 12:01:30 GMT"}, ""), SourceDown, 90, id="date"),
        pytest.param(HttpAnswer(429, {"retry-after": "soon"}, ""), SourceDown, 60, id="neither"),
        pytest.param(HttpAnswer(503, {"retry-after": "20"}, ""), SourceDown, 20, id="503 with a time"),
        pytest.param(HttpAnswer(503, {}, "<html>"), SourceDown, None, id="503"),
        pytest.param(HttpAnswer(451, {}, "{}"), Blocked, None, id="451"),
        pytest.param(HttpAnswer(403, {}, "<html>CloudFront</html>"), Blocked, None, id="403"),
        pytest.param(HttpAnswer(400, {}, "from a restricted location"), Blocked, None, id="said in the text alone"),
    ],
)
def test_judge(answer: HttpAnswer, kind: type[SourceError], rest_s: int | None) -> None:
    error = judge("Binance", answer, NOW)
    assert type(error) is kind
    if isinstance(error, SourceDown):
        assert error.retry_at == (None if rest_s is None else NOW + timedelta(seconds=rest_s))
    if isinstance(error, Blocked):
        assert "proxy" in str(error)


SECRET = "GET https://fapi.binance.com/fapi/v1/x?signature=5ecre7&apiKey=70ken"


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        pytest.param(ccxt.BadSymbol(SECRET), NotOffered, "does not offer", id="BadSymbol"),
        pytest.param(ccxt.MarketClosed(SECRET), NotOffered, "does not offer", id="MarketClosed: being delisted"),
        pytest.param(ccxt.NotSupported(SECRET), NotOffered, "does not offer", id="NotSupported"),
        pytest.param(ccxt.BadResponse(SECRET), SourceDown, "no readable answer", id="BadResponse"),
        pytest.param(ccxt.NullResponse(SECRET), SourceDown, "no readable answer", id="NullResponse, a kind of it"),
        pytest.param(ccxt.RequestTimeout(SECRET), SourceDown, "in time", id="RequestTimeout"),
        pytest.param(ccxt.ExchangeNotAvailable(SECRET), SourceDown, "cannot be reached", id="ExchangeNotAvailable"),
        pytest.param(ccxt.OnMaintenance(SECRET), SourceDown, "cannot be reached", id="OnMaintenance"),
        pytest.param(ccxt.RestrictedLocation(SECRET), Blocked, "country", id="RestrictedLocation"),
        pytest.param(ccxt.ExchangeError(SECRET), SourceDown, "ExchangeError", id="ExchangeError"),
        pytest.param(aiohttp.ClientConnectionError(SECRET), SourceDown, "cannot be reached", id="aiohttp"),
        pytest.param(ConnectionResetError(SECRET), SourceDown, "cannot be reached", id="reset"),
        pytest.param(TimeoutError(SECRET), SourceDown, "in time", id="timeout"),
        pytest.param(IndexError(SECRET), SourceDown, "unknown shape", id="IndexError out of a parser"),
        pytest.param(KeyError(SECRET), SourceDown, "unknown shape", id="KeyError"),
        pytest.param(TypeError(SECRET), SourceDown, "unknown shape", id="TypeError"),
        pytest.param(AttributeError(SECRET), SourceDown, "unknown shape", id="AttributeError"),
        pytest.param(ValueError(SECRET), SourceDown, "unknown shape", id="ValueError"),
        pytest.param(SourceDown("as it is"), SourceDown, "as it is", id="ours"),
    ],
)
def test_translated(error: Exception, kind: type[SourceError], said: str) -> None:
    with pytest.raises(SourceError, match=said) as caught, translated("Binance", clock):
        raise error
    assert type(caught.value) is kind
    assert not any(secret in str(caught.value) for secret in ("5ecre7", "70ken", "https"))


def test_a_defect_of_ours_stays_itself() -> None:
    with pytest.raises(AssertionError), translated("Binance", clock):
        raise AssertionError


@pytest.mark.parametrize("value", [True, [], {}, "12a", "ten"])
def test_not_a_number(value: object) -> None:
    with pytest.raises(ValueError, match=r"figure|number"):
        number(value)


@pytest.mark.parametrize("value", [None, "", 1_602_820_102, 1_602_820_102_000_000, "soon"])
def test_not_a_time(value: object) -> None:
    with pytest.raises(ValueError, match="time"):
        stamp(value)


def test_pages_leave_nothing_between() -> None:
    cut = pages(NOW - timedelta(hours=1234, minutes=17), NOW, timedelta(hours=1), 500, 9)
    assert [later.start - earlier.end for earlier, later in itertools.pairwise(cut)] == [1, 1]
    assert cut[-1].end == NOW.timestamp() * 1000
    assert len(pages(NOW - timedelta(days=9999), NOW, timedelta(hours=1), 500, 9)) == 9
