"""data.binance.vision, the public archive of Binance: which files there are, and how one is fetched and verified.

Addresses and sidecars: github.com/binance/binance-public-data. Every file has a .CHECKSUM beside it (SHA-256). Daily
files come the next day, monthly ones on the first Monday of the next month, and both may be issued again later.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Final, Literal

import aiohttp

from bot.market.exchange.contracts import Contract
from bot.market.exchange.recipe import Unreadable
from bot.market.exchange.strict import HttpAnswer, HttpRefusal, lowered, note_asked, translated
from bot.market.source import Blocked, NotOffered, SourceDown
from signals.assets import listed_as
from signals.units import DAY, MINUTE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

URL: Final = "https://data.binance.vision"
VENUE: Final = "binance"
WHO: Final = "The archive of Binance (data.binance.vision)"
LARGEST: Final = 64 * 1024 * 1024  # bytes; a day of book depth has 0.6 million
PATIENCE: Final = MINUTE  # a rest that is longer ends the run; it goes on where it stopped
_PAUSES: Final = (1.0, 4.0)  # seconds between attempts at one file
_SIDECAR: Final = re.compile(r"([0-9a-f]{64})\s+\*?(\S+)\s*")
_PACKS: Final = frozenset({1, 1_000, 1_000_000})  # coins that Binance prices as one; each name costs a question

Kind = Literal["klines", "funding", "metrics", "depth"]
GROUPS: Final[dict[Kind, tuple[str, ...]]] = {  # the groups of inputs that a file answers for
    "klines": ("bars",),
    "funding": ("funding",),
    "metrics": ("open_interest", "long_short"),
    "depth": ("depth_bids", "depth_asks"),
}
_NAMES: Final[dict[Kind, tuple[str, str]]] = {  # folder, and what stands in the file name between symbol and date
    "klines": ("klines", "1h"),
    "funding": ("fundingRate", "fundingRate"),
    "metrics": ("metrics", "metrics"),
    "depth": ("bookDepth", "bookDepth"),
}


class Damaged(Exception):  # noqa: N818 -- it names the file, as SourceDown names the source
    """The content of a file is not what its checksum says, twice."""


@dataclass(frozen=True, slots=True)
class File:
    """One file of the archive: what it holds, of which contract, for [start, end) in UTC."""

    kind: Kind
    contract: Contract
    start: datetime
    end: datetime
    monthly: bool

    @property
    def path(self) -> str:
        """Return the address below the host, which also is the name by which the file is remembered."""
        folder, tag = _NAMES[self.kind]
        symbol = self.contract.market_id
        inner = f"{symbol}/{tag}" if self.kind == "klines" else symbol
        span = "monthly" if self.monthly else "daily"
        return f"data/futures/um/{span}/{folder}/{inner}/{self.name}.zip"

    @property
    def name(self) -> str:
        """Return the file name without its ending."""
        day = f"{self.start:%Y-%m}" if self.monthly else f"{self.start:%Y-%m-%d}"
        return f"{self.contract.market_id}-{_NAMES[self.kind][1]}-{day}"

    def may_come(self, now: datetime) -> bool:
        """Tell whether a file that is not there may simply not be published yet."""
        return now < self.end + timedelta(days=9 if self.monthly else 2)


def daily(kind: Kind, contract: Contract, day: date) -> File:
    """Name the file of one day."""
    start = datetime.combine(day, time(), UTC)
    return File(kind, contract, start, start + DAY, monthly=False)


def monthly(kind: Kind, contract: Contract, month: date) -> File:
    """Name the file of the month that holds a day."""
    start = datetime(month.year, month.month, 1, tzinfo=UTC)
    return File(kind, contract, start, (start + timedelta(days=32)).replace(day=1), monthly=True)


class BinanceArchive:
    """Fetch files and their checksums.

    clock: for a Retry-After counted from the answer. base_url: a mirror, or the loopback archive of the tests. pause:
    how to wait between two attempts. Only SourceDown and Blocked leave it, beside Damaged for a single file.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], datetime],
        timeout_s: float = 30.0,
        proxy: str | None = None,
        base_url: str | None = None,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._clock, self._timeout_s, self._proxy, self._pause = clock, timeout_s, proxy, pause
        self._base_url = (base_url or URL).rstrip("/")
        self._session: aiohttp.ClientSession | None = None

    async def contract(self, asset: str, days: tuple[date, ...]) -> Contract:
        """Find the contract of an asset: the plain coin before the packed one. NotOffered if there are no bars of it.

        days: which daily files to look for, since a contract may be delisted and a file may be missing.
        """
        for day in days:
            for base, multiplier in listed_as(asset):
                if multiplier not in _PACKS:
                    continue
                found = Contract(VENUE, asset, f"{base}/USDT:USDT", f"{base}USDT", multiplier)
                if await self.checksum(daily("klines", found, day)) is not None:
                    return found
        raise NotOffered(
            f"{WHO} has no USDT perpetual of {asset}. Give the coin as Binance lists it, such as BTC or PEPE."
        )

    async def checksum(self, file: File) -> str | None:
        """Ask for the checksum of a file; None when there is no such file."""
        body = await self._patient(f"{file.path}.CHECKSUM", _is_sidecar)
        if body is None:
            return None
        found = _SIDECAR.fullmatch(body.decode("ascii", errors="replace"))
        if found is None or found[2] != f"{file.name}.zip":
            raise SourceDown(f"{WHO} sent a checksum that belongs to another file.")
        return found[1]

    async def content(self, file: File, checksum: str) -> tuple[bytes, str]:
        """Fetch a file and verify it; return it with the checksum that holds. Damaged when it fails twice.

        The checksum is asked again in between: the file may have been issued anew while we looked.
        """
        for last in (False, True):
            body = await self._patient(file.path)
            if body is not None and hashlib.sha256(body).hexdigest() == checksum:
                return body, checksum
            if not last:
                checksum = await self.checksum(file) or checksum
        raise Damaged("has another checksum than its sidecar says, twice" if body is not None else "vanished")

    async def close(self) -> None:
        """Close the connections; safe to call twice."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _patient(self, path: str, right: Callable[[bytes], bool] = lambda _: True) -> bytes | None:
        """Ask, and again after a pause: a cut connection is no reason to end a long run."""
        for pause in (*_PAUSES, None):
            try:
                with translated(WHO, self._clock):
                    body = await self._get(path)
                    if body is not None and not right(body):
                        raise Unreadable("a page stands where a checksum is due, perhaps for maintenance")
                    return body
            except Blocked:
                raise
            except SourceDown as down:
                wait = (down.retry_at - self._clock()).total_seconds() if down.retry_at else pause
                if pause is None or wait is None or wait > PATIENCE.total_seconds():
                    raise
                await self._pause(max(wait, 0.0))
        raise AssertionError("the last attempt returns or raises")

    async def _get(self, path: str) -> bytes | None:
        if self._session is None:
            # no limit for a whole file, which depends on the line; only for silence
            limits = aiohttp.ClientTimeout(total=None, sock_connect=self._timeout_s, sock_read=self._timeout_s)
            self._session = aiohttp.ClientSession(timeout=limits)
        note_asked("Binance's archive", f"{self._base_url}/{path}")
        async with self._session.get(f"{self._base_url}/{path}", proxy=self._proxy) as response:
            if response.status == 404:
                return None
            if response.status != 200:
                text = await response.text(errors="replace")
                raise HttpRefusal(HttpAnswer(response.status, lowered(response.headers), text))
            body = bytearray()
            async for chunk in response.content.iter_chunked(1 << 16):
                body += chunk
                if len(body) > LARGEST:
                    raise Unreadable(f"a file of more than {LARGEST >> 20} MB")
            return bytes(body)


def _is_sidecar(body: bytes) -> bool:
    return _SIDECAR.fullmatch(body[:400].decode("ascii", errors="replace")) is not None
