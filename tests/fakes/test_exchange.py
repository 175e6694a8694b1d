from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from datetime import UTC, datetime

import pytest

from tests.fakes.exchange import HOUR, Clock, FakeExchange


@pytest.mark.slow
def test_serves_a_subprocess_from_its_thread() -> None:
    with FakeExchange().in_thread() as exchange:
        asked = "import sys, urllib.request as u; print(u.urlopen(sys.argv[1]).read().decode())"
        url = exchange.base_url + "/fapi/v1/openInterest?symbol=BTCUSDT"
        said = subprocess.run(
            [sys.executable, "-c", asked, url], capture_output=True, text=True, check=True, timeout=30
        )
    assert float(json.loads(said.stdout)["openInterest"]) > 0
    assert exchange.count("/openInterest") == 1


async def test_stops_and_starts_on_the_same_port() -> None:
    exchange = FakeExchange()
    await exchange.start()
    first = exchange.base_url
    await exchange.stop()
    await exchange.start()
    await exchange.stop()
    assert exchange.base_url == first


def test_klines_end_with_the_running_bar() -> None:
    clock = Clock(datetime(2026, 11, 20, 12, 34, tzinfo=UTC))
    with FakeExchange(clock).in_thread() as exchange:
        url = exchange.base_url + "/fapi/v1/klines?symbol=BTCUSDT&interval=1h&limit=3"
        with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 -- our own loopback address
            rows = json.load(answer)
    opens = [row[0] // HOUR for row in rows]
    assert opens == [opens[0], opens[0] + 1, opens[0] + 2]
    assert rows[-1][0] == datetime(2026, 11, 20, 12, tzinfo=UTC).timestamp() * 1000
