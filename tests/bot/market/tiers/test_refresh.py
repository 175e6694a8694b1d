"""Renewing tier tables: every venue through its real parser on a loopback; what is kept, refused and said."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from bot.cli.market.tiers import wanted
from bot.market.tiers.refresh import refresh
from bot.market.tiers.rows import TiersRefused, packed, row
from bot.market.tiers.tables import Reach, TierKey
from handlers.command import Refused
from handlers.words.sources import tier_change, tier_refusal, tiers_shown, tiers_told
from signals.assets import instrument
from signals.liquidation import Position, quote, tiers
from signals.liquidation.renewal import Renewal, TierChange
from storage.engine.database import Store
from storage.market import tiers as tier_files
from tests.signals.liquidation.bundled import breaks_of_recurrence


def _fake() -> Any:
    path = Path(__file__).parents[3] / "fakes" / "tier_venues.py"
    spec = importlib.util.spec_from_file_location("tier_venues", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["tier_venues"] = module
    spec.loader.exec_module(module)
    return module


FAKE = _fake()
DAY = datetime(2026, 12, 1, 9, tzinfo=UTC)
CAPS = [200_000.0, 1_000_000.0, 5_000_000.0]
RATES = [0.004, 0.005, 0.01]


class Desk:
    """A store, the loopback venues and a day."""

    def __init__(self, store: Store, venues: Any) -> None:
        self.store, self.venues, self.now = store, venues, DAY
        self.key: TierKey | None = None

    async def renew(self, *names: str, assets: tuple[str, ...] = ("BTC",)) -> list[Renewal]:
        reach = Reach(lambda: self.now, base_url=self.venues.base_url, paced=False, timeout_s=2.0, binance=self.key)
        return await refresh(self.store, names, assets, reach)

    def table(self, venue: str, contract: str = "linear", asset: str = "BTC", on: Any = None) -> Any:
        named = instrument(asset)
        renewed = tier_files.renewed(self.store)
        return tiers(venue, contract, named.asset, None, on, renewed, multiplier=named.multiplier, expiry=named.expiry)

    def files(self) -> list[str]:
        folder = tier_files.folder_of(self.store)
        return sorted(file.name for file in folder.iterdir()) if folder.exists() else []


@pytest.fixture
async def desk(tmp_path: Path) -> Any:
    async with FAKE.TierVenues() as venues:
        yield Desk(Store(tmp_path / "data" / "p.db"), venues)


@pytest.mark.parametrize(
    ("venue", "amounts"),
    [
        pytest.param("bybit", [0, 200, 5200], id="bybit: unsorted, the deduction in the raw row, empty is zero"),
        pytest.param("gate", [0, 200, 5200], id="gate: upper bounds only"),
        pytest.param("bitget", [0, 200, 5200], id="bitget: no amount sent, built"),
        pytest.param("kucoin", [0, 0, 0], id="kucoin: one rate for the whole position"),
        pytest.param("binance", [0, 200, 5200], id="binance: brackets of the website"),
    ],
)
async def test_a_venue_is_read(desk: Desk, venue: str, amounts: list[float]) -> None:
    (renewal,) = await desk.renew(venue)
    assert renewal.error is None
    assert renewal.refused == ()
    table = desk.table(venue)
    assert [tier.cap for tier in table.tiers] == CAPS
    assert [tier.rate for tier in table.tiers] == RATES
    assert [tier.max_leverage for tier in table.tiers] == [125, 100, 50]
    assert [tier.amount for tier in table.tiers] == amounts
    assert (table.as_of, table.checked, table.partial) == (DAY.date(), DAY.date(), False)


async def test_okx_counts_contracts_of_isolated_margin(desk: Desk) -> None:
    await desk.renew("okx")
    table = desk.table("okx")
    assert [(t.floor, t.cap, t.rate, t.max_leverage, t.amount) for t in table.tiers] == [
        (0, 1000, 0.004, 100, 0),
        (1000, 5000, 0.005, 66.66, 0),
        (5000, 20000, 0.0075, 50, 0),
    ]
    assert (table.unit, table.lot, table.tick) == ("contracts", 0.01, 0.1)
    inverse = desk.table("okx", "inverse")
    assert (inverse.unit, inverse.lot) == ("contracts", 100.0)
    said = Position(venue="okx", side="long", entry=95_000, leverage=25, contract="inverse", size_usd=1e5)
    assert quote(said, renewed=tier_files.renewed(desk.store)).tier == 1


async def test_inverse_tiers_are_in_coin(desk: Desk) -> None:
    await desk.renew("bybit", "binance", "gate")
    for venue in ("bybit", "binance_coinm", "gate"):
        table = desk.table(venue, "inverse")
        assert [(t.cap, t.rate, t.amount) for t in table.tiers] == [(150, 0.005, 0), (300, 0.01, 0.75)]
        assert (table.unit, table.lot, table.as_of) == ("quote", 1, DAY.date())
    assert (desk.table("bybit", "inverse").tick, desk.table("gate", "inverse").tick) == (0.5, 0.1)
    said = Position(venue="gate", side="short", entry=95_000, leverage=25, contract="inverse", size_coins=200)
    assert quote(said, renewed=tier_files.renewed(desk.store)).amount == 0.75, "200 BTC are in the tier above 150"
    assert desk.table("binance", asset="BTC-261225").tiers[0].cap == CAPS[0]
    assert desk.table("binance", asset="ETH").quote == "USDT"  # bundled: the loopback lists ETH against USDC


async def test_an_inverse_table_that_contradicts_itself_leaves_the_linear_one(desk: Desk) -> None:
    desk.venues.inverse_steps = (("150", "0.005", "100", ""), ("300", "0.01", "50", "0.8"))
    (renewal,) = await desk.renew("gate")
    assert desk.table("gate").as_of == DAY.date()
    assert desk.table("gate", "inverse").as_of < DAY.date()
    (refused,) = renewal.refused
    symbol, why = refused.symbol, tier_refusal(refused)
    assert symbol == "BTC coin-margined"
    assert "amount of tier 2 is 0.8, but 0.75 follows" in why


async def test_hyperliquid_by_margin_tables(desk: Desk) -> None:
    await desk.renew("hyperliquid")
    table = desk.table("hyperliquid")
    assert [(t.cap, t.max_leverage) for t in table.tiers] == [(100e6, 25), (float("inf"), 15)]
    assert [t.rate for t in table.tiers] == pytest.approx([1 / 50, 1 / 30], rel=1e-12)
    assert breaks_of_recurrence(table) == []
    assert [t.max_leverage for t in desk.table("hyperliquid", asset="1000PEPE").tiers] == [10]


async def test_a_key_asks_the_official_brackets_and_is_never_said(desk: Desk, capsys: Any) -> None:
    desk.key = TierKey(SecretStr("the-key"), SecretStr("the-secret"))
    renewals = await desk.renew("binance")
    assert desk.venues.requests["/fapi/v1/leverageBracket"] == 1
    assert not any("bapi" in path for path in desk.venues.requests)
    assert desk.venues.headers["/fapi/v1/leverageBracket"]["X-MBX-APIKEY"] == "the-key"
    written = "".join((tier_files.folder_of(desk.store) / name).read_text() for name in desk.files())
    everything = "\n".join((*tiers_told(renewals), written, repr(desk.key), str(capsys.readouterr())))
    assert "the-key" not in everything
    assert "the-secret" not in everything


BRACKET_PATH = "/bapi/futures/v1/friendly/future/common/brackets"


@pytest.mark.parametrize(
    ("venue", "path", "fault", "says"),
    [
        ("bybit", "/v5/market/instruments-info", "forbidden", "Bybit refuses this host or its country (403)"),
        ("binance", BRACKET_PATH, "geo", "Binance refuses this host or its country (451)"),
        ("binance", BRACKET_PATH, "html", "Binance sent no readable answer"),
        ("binance", BRACKET_PATH, "empty", "Binance sent no readable answer"),
        ("okx", "/api/v5/public/position-tiers", "html", "OKX sent no readable answer"),
        ("hyperliquid", "/info", "empty", "Hyperliquid sent no readable answer"),
        ("kucoin", "/api/v1/contracts/active", "html", "KuCoin sent no readable answer"),
    ],
)
async def test_a_venue_that_does_not_answer_harms_nothing(
    desk: Desk, venue: str, path: str, fault: str, says: str
) -> None:
    desk.venues.faults[path] = fault
    other = "gate"
    failed, good = await desk.renew(venue, other)
    assert failed.error is not None
    assert says in failed.error
    assert good.error is None
    assert desk.files() == [f"gate-{contract}-{DAY.date()}.csv" for contract in ("inverse", "linear")]
    assert tiers_told([failed])[0].endswith("Its tables stay as they are.")


async def test_tiers_that_contradict_themselves_are_refused_and_the_old_stay(desk: Desk) -> None:
    before = desk.table("bybit")
    desk.venues.steps["bybit"] = (*FAKE.STEPS[:2], ("5000000", "0.01", "50", "5201"))
    (renewal,) = await desk.renew("bybit")
    assert desk.table("bybit") == before
    (refused,) = renewal.refused
    symbol, why = refused.symbol, tier_refusal(refused)
    assert symbol == "BTC"
    assert "amount of tier 3 is 5201, but 5200 follows" in why
    assert why.endswith("the table of 25 September 2026 stays")
    assert renewal.count("new") == 0  # the inverse one is good, and the bundled one is older
    assert renewal.count("changed") == 1


async def test_old_tables_stay_by_date_and_a_look_renews_the_age(desk: Desk) -> None:
    await desk.renew("gate")
    first = desk.now.date()
    desk.now += timedelta(days=10)
    (again,) = await desk.renew("gate")
    assert again.count("same") == 2, "linear and inverse"
    assert (desk.table("gate").as_of, desk.table("gate").checked) == (first, desk.now.date())
    assert len(desk.files()) == 2
    desk.now += timedelta(days=10)
    desk.venues.steps["gate"] = (("300000", "0.0045", "100", ""),)
    (changed,) = await desk.renew("gate")
    assert desk.table("gate").tiers[0].rate == 0.0045
    assert desk.table("gate", on=first + timedelta(days=12)).tiers[0].rate == 0.004
    assert tier_change(changed.changes[0]) == (
        "first tier 0.40 % → 0.45 %, up to $200k → $300k, leverage 125x → 100x, tiers 3 → 1, "
        "largest position $5m → $300k"
    )
    assert len(desk.files()) == 3, "nothing has changed in the inverse one"


async def test_what_changed_is_said_in_words(desk: Desk) -> None:
    renewals = await desk.renew("bybit", "hyperliquid", assets=("BTC", "NOSUCH"))
    text = "\n".join(tiers_told(renewals))
    assert "Bybit: 2 changed, 1 not taken." in text
    assert "BTC: changed, first tier 0.33 % → 0.40 %, up to $300k → $200k, leverage 150x → 125x" in text
    assert "NOSUCH: not taken, not listed there." in text
    assert "Hyperliquid: 1 new, 1 changed." in text


async def test_a_second_asset_joins_the_file_of_the_day(desk: Desk) -> None:
    await desk.renew("binance")
    name = f"binance-linear-{DAY.date()}.csv"
    lines = (tier_files.folder_of(desk.store) / name).read_text().splitlines()
    assert [line.split(",")[0] for line in lines if not line.startswith("#")] == ["BTC", "BTC-261225", "ETH"]
    (again,) = await desk.renew("binance")
    assert again.count("same") == 4  # with COIN-M
    assert (tier_files.folder_of(desk.store) / name).read_text().splitlines() == lines


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        pytest.param([], "no tiers", id="empty"),
        pytest.param([("1000", "0.5", "100")], "cannot both be", id="percent taken for a fraction"),
        pytest.param([("1000", "1.5", "1")], "cannot be", id="rate above one"),
        pytest.param([("1000", "nan", "1")], "no number", id="nan"),
        pytest.param([("1000", "0.01", "50"), ("1000", "0.02", "25")], "ends where", id="twice"),
        pytest.param([("1000", "0.02", "25"), ("2000", "0.01", "25")], "rate falls", id="falling rate"),
        pytest.param([("1000", "0.01", "20"), ("2000", "0.02", "25")], "leverage rises", id="rising leverage"),
        pytest.param([("0", "0.01", "20")], "ends at 0", id="zero bound"),
        pytest.param([("1000", "0.01", "20", "3")], "amount of tier 1", id="amount in the first tier"),
    ],
)
def test_rows_that_can_be_no_table(rows: list[tuple[str, ...]], says: str) -> None:
    with pytest.raises(TiersRefused, match=says):
        packed([row(*fields) for fields in rows], stepped=True)


def test_difference_below_the_first_tier() -> None:
    old = tiers("binance", "linear", "BTC")
    assert TierChange(old, old).kind == "same"
    from dataclasses import replace  # noqa: PLC0415 - for this one case

    moved = replace(old, tiers=(*old.tiers[:4], replace(old.tiers[4], rate=0.021), *old.tiers[5:]))
    assert tier_change(TierChange(old, moved)) == "tier 5 and above differ (from $12m)"


def test_show_lays_a_table_out() -> None:
    lines = tiers_shown(tiers("bybit", "linear", "BTC"), DAY.date())
    assert lines[0] == "bybit BTC/USDT linear: table of 25 September 2026, 67 days old"
    assert [line.split() for line in lines[3:6]] == [
        ["1", "$300k", "0.33", "%", "150x"],
        ["2", "$2m", "0.50", "%", "510", "100x"],
        ["3", "$2.6m", "0.56", "%", "1,710", "90x"],
    ]


def test_venues_by_any_spelling() -> None:
    assert wanted(["hl", "OKEX", "okx"]) == ["hyperliquid", "okx"]
    assert wanted([])[0] == "binance"
    with pytest.raises(Refused, match="answers for no tiers"):
        wanted(["deribit"])
    with pytest.raises(Refused, match="no venue that tiers come from"):
        wanted(["bitmex"])


async def perpulse(*arguments: str, cwd: Path) -> tuple[int, str, str]:
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bot",
        *arguments,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[4])},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await child.communicate()
    return child.returncode or 0, out.decode(), err.decode()


@pytest.mark.slow
async def test_the_command_line(desk: Desk, tmp_path: Path) -> None:
    here = ("--db", "data/p.db")
    asked = ("--asset", "BTC", "--base-url", desk.venues.base_url, *here)
    code, out, err = await perpulse("tiers", "refresh", "gate", "hl", *asked, cwd=tmp_path)
    assert (code, err) == (0, "")
    assert "Gate: 2 changed." in out
    assert "BTC: changed, first tier 0.30 % → 0.40 %, up to $500k → $200k" in out
    code, out, _ = await perpulse("say", "/liq 95000 25x long gate 500kusd how", *here, cwd=tmp_path)
    assert "(tier 2)" in out
    assert (tmp_path / "data" / "tiers").is_dir()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        pytest.param(("tiers", "refresh", "nowhere"), "'nowhere' is no venue that tiers come from", id="unknown venue"),
        pytest.param(("tiers", "refresh", "deribit"), "there is nothing to renew", id="fixed formula"),
        pytest.param(("tiers", "show", "SOL", "gate"), "Try another venue, or: perpulse tiers refresh", id="no table"),
        pytest.param(
            ("tiers", "refresh", "gate", "--base-url", "http://127.0.0.1:9"), "Gate: cannot be reached", id="down"
        ),
    ],
)
async def test_the_command_line_refuses_in_one_line(arguments: tuple[str, ...], says: str, tmp_path: Path) -> None:
    code, out, err = await perpulse(*arguments, cwd=tmp_path)
    assert code == 2
    (line,) = (out + err).splitlines()
    assert says in line
