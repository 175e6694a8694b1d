"""A loopback Hyperliquid: POST /info about addresses, as its documents describe it, with switches for faults."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Any, Literal

from aiohttp import web

from tests.fakes.served import Served

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

Fault = Literal[
    "html", "cut", "empty", "null", "list", "busy", "geo", "forbidden", "unavailable", "moved", "unknown", "slow",
    "hang_up",
]  # fmt: skip


WRONG: dict[Fault, tuple[int, str, dict[str, str]]] = {
    "html": (200, "<html>maintenance</html>", {}),
    "cut": (200, '{"assetPositions": [', {}),
    "empty": (200, "", {}),
    "null": (200, "null", {}),
    "list": (200, "[]", {}),
    "busy": (429, "", {"Retry-After": "30"}),
    "geo": (451, "", {}),
    "forbidden": (403, "", {}),
    "unavailable": (503, "", {}),
    "moved": (302, "", {"Location": "http://127.0.0.1:1/elsewhere"}),
    "unknown": (422, "Failed to deserialize the JSON body into the target type", {}),
}


def position(coin: str = "BTC", size: str = "0.5", **more: Any) -> dict[str, Any]:
    """Return one open position at a mark price of 100,000, entered at 95,000 with 5x and liquidated at 80,000."""
    about = {
        "coin": coin,
        "szi": size,
        "leverage": {"type": "cross", "value": 5},
        "entryPx": "95000.0",
        "positionValue": f"{abs(float(size)) * 100_000}",
        "unrealizedPnl": "2500.0",
        "returnOnEquity": "0.26",
        "liquidationPx": "80000.0",
        "marginUsed": "10000.0",
        "maxLeverage": 40,
        "cumFunding": {"allTime": "1.0", "sinceOpen": "1.0", "sinceChange": "0.0"},
    }
    return about | more


class FakeInfo(Served):
    """Serve until stopped. held: positions by address; dexes: the same by name of a dex of others.

    faults: by address, by "perpDexs" or by dex, "*" for all. late_ms: age of a state.
    """

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.clock = clock
        self.held: dict[str, list[dict[str, Any]]] = {}
        self.faults: dict[str, Fault] = {}
        self.dexes: dict[str, dict[str, list[dict[str, Any]]]] = {}
        self.late_ms = 0
        self.asked: Counter[str] = Counter()
        self.listed = 0

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/info", self._answer)]

    def state(self, address: str, held: list[dict[str, Any]] | None = None) -> dict[str, Any]:
        """Return what an address holds, of the venue's own contracts unless they are given."""
        held = self.held.get(address, []) if held is None else held
        value = sum(float(position["positionValue"]) for position in held)
        return {
            "marginSummary": {"accountValue": "50000.0", "totalNtlPos": f"{value}", "totalRawUsd": "0.0"},
            "crossMarginSummary": {"accountValue": "50000.0", "totalNtlPos": f"{value}", "totalRawUsd": "0.0"},
            "withdrawable": "10000.0",
            "assetPositions": [{"type": "oneWay", "position": position} for position in held],
            "time": round(self.clock().timestamp() * 1000) - self.late_ms,
        }

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        question = await request.json()
        kind, dex = question["type"], question.get("dex")
        assert set(question) == ({"type"} if kind == "perpDexs" else {"type", "user"} | ({"dex"} if dex else set()))
        assert kind in ("clearinghouseState", "perpDexs")
        about = dex or question.get("user", kind)
        if kind == "perpDexs":
            self.listed += 1
        else:
            self.asked[about] += 1
        fault = self.faults.get(about, self.faults.get("*"))
        if fault is None and kind == "perpDexs":
            return web.json_response([None, *({"name": name, "fullName": name} for name in self.dexes)])
        if fault is None and dex:
            return web.json_response(FakeInfo.state(self, "nobody", self.dexes[dex].get(question["user"], [])))
        if fault is None:
            return web.json_response(self.state(about))
        if fault == "slow":
            await asyncio.sleep(5)
        if fault == "hang_up":
            assert request.transport is not None
            request.transport.close()
        status, text, headers = WRONG.get(fault, (200, "", {}))
        return web.Response(status=status, text=text, headers=headers)
