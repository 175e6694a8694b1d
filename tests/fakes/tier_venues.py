"""All venues that leverage tiers come from, on one loopback port, in the shapes of their documentation.

Figures are those of no venue on no day: they only have to fit the recurrence. `faults[path]` turns an answer into what
exchanges send instead.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from aiohttp import web

from tests.fakes.served import Served

PAGE = "<html><body>maintenance</body></html>"

# upper bound, maintenance rate, highest leverage, amount
STEPS = (("200000", "0.004", "125", ""), ("1000000", "0.005", "100", "200"), ("5000000", "0.01", "50", "5200"))


def bybit_row(symbol: str, number: int, step: tuple[str, str, str, str]) -> dict[str, Any]:
    cap, rate, leverage, amount = step
    return {
        "id": number,
        "symbol": symbol,
        "riskLimitValue": cap,
        "maintenanceMargin": rate,
        "initialMargin": f"{1 / float(leverage):.4f}",
        "isLowestRisk": int(number == 1),
        "maxLeverage": f"{leverage}.00",
        "mmDeduction": amount,
    }


class TierVenues(Served):
    """Serve until left. faults by path: "html", "forbidden", "empty"; `steps` by venue may be changed at any time."""

    def __init__(self) -> None:
        self.faults: dict[str, str] = {}
        self.requests: Counter[str] = Counter()
        self.headers: dict[str, dict[str, str]] = {}
        self.steps: dict[str, tuple[tuple[str, str, str, str], ...]] = {}
        self.inverse_steps = (("150", "0.005", "100", ""), ("300", "0.01", "50", "0.75"))

    def routes(self) -> list[web.RouteDef]:
        return [web.route("*", "/{path:.*}", self._answer)]

    def of(self, venue: str) -> tuple[tuple[str, str, str, str], ...]:
        return self.steps.get(venue, STEPS)

    async def _answer(self, request: web.Request) -> web.Response:
        path = request.path
        self.requests[path] += 1
        self.headers[path] = dict(request.headers)
        match self.faults.get(path):
            case "html":
                return web.Response(text=PAGE, content_type="text/html")
            case "forbidden":
                return web.Response(text=PAGE, status=403, content_type="text/html")
            case "geo":
                return web.json_response(
                    {"code": 0, "msg": "Service unavailable from a restricted location"}, status=451
                )
            case "empty":
                return web.Response(text="", content_type="application/json")
        body = await request.json() if request.method == "POST" and request.can_read_body else {}
        found = self._body(path, dict(request.query), body)
        return web.json_response(found, status=404 if found is None else 200)

    def _body(self, path: str, query: dict[str, str], body: Any) -> Any:
        for start, answer in (
            ("/v5/market/", self._bybit),
            ("/api/v5/public/", self._okx),
            ("/api/v4/futures/", self._gate),
            ("/futures/", self._gate),
            ("/api/v2/mix/", self._bitget),
            ("/api/v1/contracts/", self._kucoin),
            ("/bapi/futures/v1/friendly/", self._brackets),
            ("/fapi/v1/leverageBracket", self._official),
            ("/dapi/v2/leverageBracket", self._official),
            ("/info", self._hyperliquid),
        ):
            if path.startswith(start):
                return answer(path, query, body)
        return None

    def _bybit(self, path: str, query: dict[str, str], _: Any) -> Any:
        category = query["category"]
        inverse = category == "inverse"
        if path.endswith("instruments-info"):
            listed = [] if query.get("status") == "PreLaunch" else [self._bybit_market(inverse)]
            return {
                "retCode": 0,
                "retMsg": "OK",
                "result": {"category": category, "list": listed, "nextPageCursor": ""},
            }
        steps = self.inverse_steps if inverse else self.of("bybit")
        rows = [bybit_row(query["symbol"], number, step) for number, step in enumerate(steps, start=1)]
        return {"retCode": 0, "retMsg": "OK", "result": {"category": category, "list": rows[::-1]}}  # unsorted

    @staticmethod
    def _bybit_market(inverse: bool) -> dict[str, Any]:
        return {
            "symbol": "BTCUSD" if inverse else "BTCUSDT",
            "contractType": "InversePerpetual" if inverse else "LinearPerpetual",
            "status": "Trading",
            "baseCoin": "BTC",
            "quoteCoin": "USD" if inverse else "USDT",
            "settleCoin": "BTC" if inverse else "USDT",
            "launchTime": "1585526400000",
            "deliveryTime": "0",
            "priceScale": "2",
            "leverageFilter": {"minLeverage": "1", "maxLeverage": "125.00", "leverageStep": "0.01"},
            "priceFilter": {"minPrice": "0.10", "maxPrice": "1999999.80", "tickSize": "0.50" if inverse else "0.10"},
            "lotSizeFilter": {"maxOrderQty": "1190.000", "minOrderQty": "0.001", "qtyStep": "0.001"},
            "fundingInterval": 480,
        }

    def _okx(self, path: str, query: dict[str, str], _: Any) -> Any:
        if path.endswith("instruments"):
            return {"code": "0", "msg": "", "data": [self._okx_market("USDT"), self._okx_market("USD")]}
        steps = (("1000", "0.004", "100"), ("5000", "0.005", "66.66"), ("20000", "0.0075", "50"))
        rows = [
            {
                "baseMaxLoan": "",
                "imr": f"{1 / float(leverage):.4f}",
                "instFamily": query["instFamily"],
                "instId": "",
                "maxLever": leverage if query["tdMode"] == "isolated" else "10",
                "maxSz": cap,
                "minSz": "0" if number == 1 else str(int(steps[number - 2][0]) + 1),
                "mmr": rate,
                "optMgnFactor": "0",
                "quoteMaxLoan": "",
                "tier": str(number),
                "uly": query["instFamily"],
            }
            for number, (cap, rate, leverage) in enumerate(steps, start=1)
        ]
        return {"code": "0", "msg": "", "data": [rows[1], rows[0], rows[2]]}

    @staticmethod
    def _okx_market(quote: str) -> dict[str, Any]:
        linear = quote == "USDT"
        return {
            "alias": "",
            "baseCcy": "",
            "category": "1",
            "ctMult": "1",
            "ctType": "linear" if linear else "inverse",
            "ctVal": "0.01" if linear else "100",
            "ctValCcy": "BTC" if linear else "USD",
            "expTime": "",
            "instFamily": f"BTC-{quote}",
            "instId": f"BTC-{quote}-SWAP",
            "instType": "SWAP",
            "lever": "100",
            "listTime": "1611916828000",
            "lotSz": "0.01",
            "minSz": "0.01",
            "optType": "",
            "quoteCcy": "",
            "settleCcy": "USDT" if linear else "BTC",
            "state": "live",
            "stk": "",
            "tickSz": "0.1",
            "uly": f"BTC-{quote}",
        }

    def _gate(self, path: str, query: dict[str, str], _: Any) -> Any:
        inverse = "/btc/" in path
        name = "BTC_USD" if inverse else "BTC_USDT"
        if path.endswith("risk_limit_tiers"):
            assert query["contract"] == name
            return [
                {
                    "tier": number,
                    "contract": name,
                    "risk_limit": cap,
                    "initial_rate": f"{1 / float(leverage):.4f}",
                    "maintenance_rate": rate,
                    "leverage_max": leverage,
                    "deduction": amount or "0",
                }
                for number, (cap, rate, leverage, amount) in enumerate(
                    self.inverse_steps if inverse else self.of("gate"), start=1
                )
            ]
        return [
            {
                "name": name,
                "type": "inverse" if inverse else "direct",
                "quanto_multiplier": "0" if inverse else "0.0001",
                "mark_price": "90000",
                "order_price_deviate": "0.5",
                "order_price_round": "0.1",
                "mark_price_round": "0.01",
                "leverage_min": "1",
                "leverage_max": "100" if inverse else "125",
                "maintenance_rate": "0.005" if inverse else "0.004",
                "order_size_min": 1,
                "order_size_max": 1000000,
                "maker_fee_rate": "-0.0001",
                "taker_fee_rate": "0.00075",
                "funding_interval": 28800,
                "status": "trading",
                "create_time": 1573612800,
                "in_delisting": False,
            }
        ]

    def _bitget(self, path: str, query: dict[str, str], _: Any) -> Any:
        ok = {"code": "00000", "msg": "success", "requestTime": 1700290724614}
        if path.endswith("query-position-lever"):
            floors = ["0", *(step[0] for step in self.of("bitget"))]
            rows = [
                {
                    "symbol": "BTCUSDT",
                    "level": str(number),
                    "startUnit": floors[number - 1],
                    "endUnit": cap,
                    "leverage": leverage,
                    "keepMarginRate": rate,
                }
                for number, (cap, rate, leverage, _) in enumerate(self.of("bitget"), start=1)
            ]
            return ok | {"data": rows}
        if query.get("productType") != "USDT-FUTURES":
            return ok | {"data": []}
        market = {
            "symbol": "BTCUSDT",
            "baseCoin": "BTC",
            "quoteCoin": "USDT",
            "buyLimitPriceRatio": "0.9",
            "sellLimitPriceRatio": "0.9",
            "feeRateUpRatio": "0.1",
            "makerFeeRate": "0.0002",
            "takerFeeRate": "0.0006",
            "openCostUpRatio": "0.1",
            "supportMarginCoins": ["USDT"],
            "minTradeNum": "0.001",
            "priceEndStep": "1",
            "volumePlace": "3",
            "pricePlace": "1",
            "sizeMultiplier": "0.001",
            "symbolType": "perpetual",
            "symbolStatus": "normal",
            "offTime": "-1",
            "limitOpenTime": "-1",
            "deliveryTime": "",
            "launchTime": "",
            "fundInterval": "8",
            "minLever": "1",
            "maxLever": "125",
            "maintainTime": "",
        }
        return ok | {"data": [market]}

    def _kucoin(self, path: str, _query: dict[str, str], _: Any) -> Any:
        if "risk-limit" in path:
            floors = [0, *(int(step[0]) for step in STEPS)]
            rows = [
                {
                    "symbol": "XBTUSDTM",
                    "level": number,
                    "maxRiskLimit": int(cap),
                    "minRiskLimit": floors[number - 1],
                    "maxLeverage": int(leverage),
                    "initialMargin": 1 / int(leverage),
                    "maintainMargin": float(rate),
                }
                for number, (cap, rate, leverage, _) in enumerate(STEPS, start=1)
            ]
            return {"code": "200000", "data": rows}
        market = {
            "symbol": "XBTUSDTM",
            "rootSymbol": "USDT",
            "type": "FFWCSX",
            "firstOpenDate": 1585555200000,
            "expireDate": None,
            "settleDate": None,
            "baseCurrency": "XBT",
            "quoteCurrency": "USDT",
            "settleCurrency": "USDT",
            "maxOrderQty": 1000000,
            "maxPrice": 1000000.0,
            "lotSize": 1,
            "tickSize": 0.1,
            "multiplier": 0.001,
            "initialMargin": 0.008,
            "maintainMargin": 0.004,
            "makerFeeRate": 0.0002,
            "takerFeeRate": 0.0006,
            "isInverse": False,
            "status": "Open",
            "nextFundingRateTime": 15_000_000,
            "maxLeverage": 125,
        }
        return {"code": "200000", "data": [market]}

    def _brackets(self, path: str, _query: dict[str, str], _: Any) -> Any:
        coin = "/delivery/" in path
        steps = self.inverse_steps if coin else self.of("binance")
        symbols = ["BTCUSD_PERP", "BTCUSD_261225"] if coin else ["BTCUSDT", "ETHUSDC", "BTCUSDT_261225"]
        brackets = [
            {"symbol": symbol, "updateTime": 1780000000000, "notionalLimit": 1, "riskBrackets": self._risk(steps)}
            for symbol in symbols
        ]
        return {
            "code": "000000",
            "message": None,
            "messageDetail": None,
            "success": True,
            "data": {"brackets": brackets},
        }

    @staticmethod
    def _risk(steps: tuple[tuple[str, str, str, str], ...]) -> list[dict[str, Any]]:
        floors = [0.0, *(float(step[0]) for step in steps)]
        return [
            {
                "bracketSeq": number,
                "bracketNotionalFloor": floors[number - 1],
                "bracketNotionalCap": float(cap),
                "bracketMaintenanceMarginRate": float(rate),
                "cumFastMaintenanceAmount": float(amount or 0),
                "minOpenPosLeverage": 1,
                "maxOpenPosLeverage": int(leverage),
            }
            for number, (cap, rate, leverage, amount) in enumerate(steps, start=1)
        ]

    def _official(self, path: str, _query: dict[str, str], _: Any) -> Any:
        coin = path.startswith("/dapi")
        cap_name = "qtyCap" if coin else "notionalCap"
        rows = [
            {
                "bracket": number,
                "initialLeverage": int(leverage),
                cap_name: float(cap),
                "maintMarginRatio": float(rate),
                "cum": float(amount or 0),
            }
            for number, (cap, rate, leverage, amount) in enumerate(
                self.inverse_steps if coin else self.of("binance"), start=1
            )
        ]
        return [{"symbol": "BTCUSD_PERP" if coin else "BTCUSDT", "brackets": rows}]

    def _hyperliquid(self, _path: str, _query: dict[str, str], body: Any) -> Any:
        assert body == {"type": "meta"}
        tiers = [{"lowerBound": "100000000.0", "maxLeverage": 15}, {"lowerBound": "0.0", "maxLeverage": 25}]
        return {
            "universe": [
                {"name": "BTC", "szDecimals": 5, "maxLeverage": 25, "marginTableId": 55},
                {"name": "kPEPE", "szDecimals": 0, "maxLeverage": 10, "marginTableId": 10},
                {"name": "GONE", "szDecimals": 0, "maxLeverage": 3, "marginTableId": 3, "isDelisted": True},
            ],
            "marginTables": [[55, {"description": "tiered 25x", "marginTiers": tiers}]],
            "collateralToken": 0,
        }
