"""A loopback archive: data.binance.vision with its real file shapes and sidecars, and a switch for each fault.

What a path holds is made when it is asked for, from a small deterministic model; `put` replaces the rows of a file.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import math
import re
import zipfile
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Literal

from aiohttp import web

from tests.fakes.served import Served

if TYPE_CHECKING:
    from collections.abc import Callable

HOUR = 3_600_000
DAY = 24 * HOUR
PAGE = b"<html><body>maintenance</body></html>"
KLINES_HEAD = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore"
)
FUNDING_HEAD = "calc_time,funding_interval_hours,last_funding_rate"
METRICS_HEAD = (
    "create_time,symbol,sum_open_interest,sum_open_interest_value,count_toptrader_long_short_ratio,"
    "sum_toptrader_long_short_ratio,count_long_short_ratio,sum_taker_long_short_vol_ratio"
)
DEPTH_HEAD = "timestamp,percentage,depth,notional"
RELABELLED = date(2026, 6, 25)  # from here on metrics rows carry the beginning of their five minutes

Fault = Literal[
    "bad_sum_once", "bad_sum", "cut", "cut_once", "html", "html_sidecar", "geo", "busy", "unavailable", "hang_up",
    "hold",
]  # fmt: skip
_PATH = re.compile(
    r"data/futures/um/(?P<span>daily|monthly)/(?P<folder>\w+)/(?P<symbol>\w+)/(?:1h/)?"
    r"(?P<name>\w+-(?:1h|\w+)-(?P<day>\d{4}-\d{2}(?:-\d{2})?))\.zip"
)


@dataclass(frozen=True)
class Listed:
    """A contract of the model, and since when there are files of it."""

    symbol: str
    price: float
    coins: float
    since: date = date(2020, 1, 1)


def price(listed: Listed, at: int) -> float:
    return listed.price * (1 + 0.02 * math.sin(at / DAY * math.tau))


def coins(listed: Listed, at: int) -> float:
    return listed.coins * (1 + 0.05 * math.sin(at / (7 * DAY) * math.tau))


def klines(listed: Listed, start: datetime, end: datetime, *, header: bool = True) -> str:
    rows = [KLINES_HEAD] if header else []
    for at in range(_ms(start), _ms(end), HOUR):
        first, last = price(listed, at), price(listed, at + HOUR)
        quote = 1e8 * (1.5 + math.sin(at / DAY))
        rows.append(
            f"{at},{first:.2f},{max(first, last) * 1.001:.2f},{min(first, last) * 0.999:.2f},{last:.2f},"
            f"{quote / first:.3f},{at + HOUR - 1},{quote:.4f},4321,{quote / first / 2:.3f},{quote / 2:.4f},0"
        )
    return "\n".join(rows) + "\n"


def funding(listed: Listed, start: datetime, end: datetime, hours: int = 8) -> str:
    times = range(_ms(start), _ms(end), hours * HOUR)
    rows = [f"{at + at // HOUR % 7},{hours},{0.0001 * math.sin(at / DAY):.8f}" for at in times]
    return "\n".join([FUNDING_HEAD, *rows]) + "\n"


def metrics(listed: Listed, day: date, *, at_end: bool | None = None) -> str:
    """288 rows; `at_end` as until June 2026, when the label was the end of the five minutes."""
    at_end = day < RELABELLED if at_end is None else at_end
    start = _ms(_midnight(day))
    rows = [METRICS_HEAD]
    for place in range(288):
        known = start + (place + 1) * 300_000
        label = known if at_end else known - 300_000
        held = coins(listed, known)
        ratios = f"1.5{place:03d},1.2{place:03d},1.8{place:03d},"
        rows.append(f"{_text(label)},{listed.symbol},{held:.8f},{held * price(listed, known):.8f},{ratios}")
    return "\n".join(rows) + "\n"


def depth(listed: Listed, day: date, *, every_s: int = 30) -> str:
    """A snapshot of twelve bands every half minute; depth grows with the band."""
    start, rows = _ms(_midnight(day)), [DEPTH_HEAD]
    for at in range(start, start + DAY, every_s * 1000):
        mid = price(listed, at)
        for band in (-5.0, -4.0, -3.0, -2.0, -1.0, -0.2, 0.2, 1.0, 2.0, 3.0, 4.0, 5.0):
            amount = 500 * abs(band) * (1 + 0.1 * math.sin(at / 1e6 + band))
            rows.append(f"{_text(at)},{band:.2f},{amount:.8f},{amount * mid * (1 + band / 200):.8f}")
    return "\n".join(rows) + "\n"


def zipped(name: str, text: str) -> bytes:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), text)
    return body.getvalue()


@dataclass
class FakeArchive(Served):
    """Serve until stopped. published: the last day there are daily files of; months end before its month.

    faults: by file name without `.zip` ("*" for all). gone: names that answer 404. requests: by file name, `.CHECKSUM`
    included. headless: klines without a header, as before 2022. hold: the fault waits for it.
    """

    published: date
    listed: tuple[Listed, ...] = (Listed("BTCUSDT", 90_000.0, 85_000.0),)
    faults: dict[str, Fault] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    requests: Counter[str] = field(default_factory=Counter)
    order: list[str] = field(default_factory=list)
    headless: bool = False
    hold: asyncio.Event = field(default_factory=asyncio.Event)
    _put: dict[str, bytes] = field(default_factory=dict)
    _made: dict[str, bytes] = field(default_factory=dict)
    in_flight: int = 0
    most_in_flight: int = 0

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/{path:.*}", self._answer)]

    def put(self, name: str, text: str | bytes, inside: str | None = None) -> None:
        """Issue a file anew: CSV text, or bytes as the whole file."""
        self._put[name] = text if isinstance(text, bytes) else zipped(inside or f"{name}.csv", text)

    def change(self, name: str, how: Callable[[list[str]], list[str]]) -> None:
        """Issue a file anew with other lines (the header is the first)."""
        with zipfile.ZipFile(io.BytesIO(self.body(name) or b"")) as packed:
            rows = packed.read(f"{name}.csv").decode().splitlines()
        self.put(name, "\n".join(how(rows)) + "\n")

    def zips(self) -> list[str]:
        """List the names of files that were fetched, in their order, sidecars left out."""
        return [name for name in self.order if not name.endswith(".CHECKSUM")]

    def body(self, name: str) -> bytes | None:
        """Return what a name holds; None where there is no file."""
        if name in self.gone:
            return None
        if name in self._put:
            return self._put[name]
        if name not in self._made:
            symbol, tag, *day = name.split("-")
            made = self._make(symbol, tag, [int(part) for part in day])
            if made is None:
                return None
            self._made[name] = zipped(f"{name}.csv", made)
        return self._made[name]

    def _make(self, symbol: str, tag: str, day: list[int]) -> str | None:
        listed = next((file for file in self.listed if file.symbol == symbol), None)
        if listed is None:
            return None
        start = datetime(day[0], day[1], day[2] if len(day) == 3 else 1, tzinfo=UTC)
        end = start + timedelta(days=1) if len(day) == 3 else (start + timedelta(days=32)).replace(day=1)
        begins = _midnight(listed.since)
        if end.date() > self.published + timedelta(days=1) or end <= begins:
            return None
        start = max(start, begins)
        makers = {
            "1h": lambda: klines(listed, start, end, header=not self.headless),
            "fundingRate": lambda: funding(listed, start, end),
            "metrics": lambda: metrics(listed, start.date()),
            "bookDepth": lambda: depth(listed, start.date()),
        }
        return makers[tag]()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.in_flight += 1
        self.most_in_flight = max(self.in_flight, self.most_in_flight)
        try:
            return await self._answered(request)
        finally:
            self.in_flight -= 1

    async def _answered(self, request: web.Request) -> web.StreamResponse:
        path = request.match_info["path"]
        sidecar = path.endswith(".CHECKSUM")
        found = _PATH.fullmatch(path.removesuffix(".CHECKSUM"))
        if not found or len(found["day"]) != (10 if found["span"] == "daily" else 7):
            return web.Response(status=404, text="<Error><Code>NoSuchKey</Code></Error>")
        name = found["name"]
        asked = f"{name}.CHECKSUM" if sidecar else name
        self.requests[asked] += 1
        self.order.append(asked)
        fault = self.faults.get(name, self.faults.get("*"))
        body = self.body(name)
        if fault == "hold":
            await self.hold.wait()
        if fault in {"geo", "busy", "unavailable"}:
            status = {"geo": 451, "busy": 429, "unavailable": 503}[fault]
            return web.Response(status=status, text="no", headers={"Retry-After": "1"} if fault == "busy" else {})
        if fault == "hang_up":
            assert request.transport
            request.transport.close()
            return web.Response()
        if body is None:
            return web.Response(status=404, text="<Error><Code>NoSuchKey</Code></Error>")
        return self._sidecar(name, body, fault) if sidecar else await self._file(request, name, body, fault)

    def _sidecar(self, name: str, body: bytes, fault: str | None) -> web.Response:
        if fault == "html_sidecar":
            return web.Response(body=PAGE, content_type="text/html")
        wrong = fault == "bad_sum" or (fault == "bad_sum_once" and self.requests[f"{name}.CHECKSUM"] == 1)
        total = "0" * 64 if wrong else hashlib.sha256(body).hexdigest()
        return web.Response(text=f"{total}  {name}.zip\n")

    async def _file(self, request: web.Request, name: str, body: bytes, fault: str | None) -> web.StreamResponse:
        if fault == "html":
            return web.Response(body=PAGE, content_type="text/html")
        if fault == "cut" or (fault == "cut_once" and self.requests[name] == 1):
            return await self._cut(request, body)
        return web.Response(body=body, content_type="application/zip")

    async def _cut(self, request: web.Request, body: bytes) -> web.StreamResponse:
        """Promise the whole, send a half, and close."""
        response = web.StreamResponse(headers={"Content-Length": str(len(body))})
        await response.prepare(request)
        await response.write(body[: len(body) // 2])
        assert request.transport
        request.transport.close()
        return response


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def _text(at: int) -> str:
    return f"{datetime.fromtimestamp(at / 1000, UTC):%Y-%m-%d %H:%M:%S}"
