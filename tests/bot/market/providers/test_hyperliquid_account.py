from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from bot.market.providers.hyperliquid_account import HyperliquidAccount, VenuePosition
from bot.market.source import Blocked, SourceDown, SourceError
from tests.fakes.hyperliquid_info import FakeInfo, position

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.fakes.exchange import Clock
    from tests.fakes.hyperliquid_info import Fault

ADDRESS = "0x" + "ab" * 20


@pytest.fixture
async def info(clock: Clock) -> AsyncIterator[FakeInfo]:
    async with FakeInfo(clock) as served:
        yield served


@pytest.fixture
async def account(info: FakeInfo, clock: Clock) -> AsyncIterator[HyperliquidAccount]:
    made = HyperliquidAccount(clock=clock, base_url=info.base_url, timeout_s=1)
    yield made
    await made.close()
    await made.close()


async def test_what_an_address_holds(account: HyperliquidAccount, info: FakeInfo, clock: Clock) -> None:
    short = position("kPEPE", "-1000", entryPx="0.012", positionValue="8.0", liquidationPx=None)
    info.held[ADDRESS] = [position(), short, position("ETH", "0.0", positionValue="0.0")]
    found = await account.fetch(ADDRESS)
    assert found.at == clock.now.replace(microsecond=0)
    assert found.positions == (
        VenuePosition("BTC", "long", 0.5, 95_000.0, 100_000.0, 5.0, 80_000.0),
        VenuePosition("PEPE", "short", 1000.0, 0.012, 0.008, 5.0, None, multiplier=1000),
    )


async def test_an_address_without_positions(account: HyperliquidAccount) -> None:
    assert (await account.fetch(ADDRESS)).positions == ()


FAULTS: list[tuple[Fault, type[SourceError]]] = [
    ("html", SourceDown), ("cut", SourceDown), ("empty", SourceDown), ("null", SourceDown), ("list", SourceDown),
    ("busy", SourceDown), ("geo", Blocked), ("forbidden", Blocked), ("unavailable", SourceDown), ("moved", SourceDown),
    ("unknown", SourceDown), ("slow", SourceDown), ("hang_up", SourceDown),
]  # fmt: skip


@pytest.mark.parametrize(("fault", "kind"), FAULTS)
async def test_fault_becomes_our_error(
    account: HyperliquidAccount, info: FakeInfo, clock: Clock, fault: Fault, kind: type[SourceError]
) -> None:
    info.faults["*"] = fault
    with pytest.raises(SourceError, match=r"^Hyperliquid ") as caught:
        await account.fetch(ADDRESS)
    assert type(caught.value) is kind
    assert ADDRESS not in str(caught.value)
    if fault == "busy":
        assert isinstance(caught.value, SourceDown)
        assert caught.value.retry_at == clock.now + timedelta(seconds=30)


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"szi": None}, id="no size"),
        pytest.param({"szi": "NaN"}, id="a size of NaN"),
        pytest.param({"szi": True}, id="a size of true"),
        pytest.param({"entryPx": None}, id="no entry"),
        pytest.param({"entryPx": "-1"}, id="an entry below zero"),
        pytest.param({"entryPx": "1e400"}, id="an endless entry"),
        pytest.param({"positionValue": "0.0"}, id="no value"),
        pytest.param({"liquidationPx": "soon"}, id="a word for a price"),
        pytest.param({"leverage": None}, id="no leverage"),
        pytest.param({"leverage": {"type": "cross", "value": 0}}, id="a leverage of zero"),
        pytest.param({"coin": None}, id="no coin"),
        pytest.param({"coin": "<b>BTC"}, id="markup for a coin"),
        pytest.param({"coin": "ETH"}, id="one contract twice"),
    ],
)
async def test_one_wrong_position_spoils_the_answer(
    account: HyperliquidAccount, info: FakeInfo, wrong: dict[str, Any]
) -> None:
    """Half an answer would tell that the other half was closed."""
    info.held[ADDRESS] = [position("ETH"), {**position(), "positionValue": "50000.0"} | wrong]
    info.state = lambda _: {  # type: ignore[method-assign]
        **FakeInfo.state(info, "nobody"), "assetPositions": [{"position": position} for position in info.held[ADDRESS]]
    }  # fmt: skip
    with pytest.raises(SourceDown):
        await account.fetch(ADDRESS)


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"assetPositions": None}, id="no list"),
        pytest.param({"assetPositions": [None]}, id="no position in it"),
        pytest.param({"time": None}, id="no time"),
        pytest.param({"time": 1_700_000_000}, id="a time in seconds"),
        pytest.param({"marginSummary": {"totalNtlPos": "50000.0"}}, id="a value without positions"),
        pytest.param({"marginSummary": None}, id="no summary"),
    ],
)
async def test_strict(account: HyperliquidAccount, info: FakeInfo, wrong: dict[str, Any]) -> None:
    info.state = lambda address: FakeInfo.state(info, address) | wrong  # type: ignore[method-assign]
    with pytest.raises(SourceDown):
        await account.fetch(ADDRESS)


# --- dexes of others --------------------------------------------------------------------------------------------------

XMR = position("flx:XMR", "10", entryPx="420.5", positionValue="4150.0", liquidationPx="365.65")


async def test_every_dex_is_asked(account: HyperliquidAccount, info: FakeInfo) -> None:
    info.dexes = {"flx": {ADDRESS: [XMR]}, "xyz": {}}
    found = await account.fetch(ADDRESS)
    assert found.positions == (VenuePosition("flx:XMR", "long", 10.0, 420.5, 415.0, 5.0, 365.65),)
    assert found.unasked == ()
    assert account.questions == 3
    await account.fetch(ADDRESS)
    assert info.listed == 1, "their names are asked for once an hour"


async def test_a_name_without_its_dex_gets_it(account: HyperliquidAccount, info: FakeInfo) -> None:
    info.held[ADDRESS] = [position("XMR")]
    info.dexes = {"flx": {ADDRESS: [XMR | {"coin": "XMR"}]}}
    assert [held.asset for held in (await account.fetch(ADDRESS)).positions] == ["XMR", "flx:XMR"]


@pytest.mark.parametrize("fault", ["html", "cut", "list", "unavailable", "unknown", "slow", "hang_up"])
async def test_a_silent_dex_is_named_and_takes_nothing_away(
    account: HyperliquidAccount, info: FakeInfo, fault: Fault
) -> None:
    info.held[ADDRESS] = [position()]
    info.dexes = {"flx": {ADDRESS: [XMR]}, "xyz": {}}
    info.faults["flx"] = fault
    found = await account.fetch(ADDRESS)
    assert [held.asset for held in found.positions] == ["BTC"]
    assert found.unasked == ("flx",)
    assert (found.knows("BTC"), found.knows("xyz:GOLD"), found.knows("flx:XMR")) == (True, True, False)


async def test_where_the_names_are_not_told_nothing_of_others_is_known(
    account: HyperliquidAccount, info: FakeInfo
) -> None:
    info.faults["perpDexs"] = "unknown"
    found = await account.fetch(ADDRESS)
    assert (found.knows("BTC"), found.knows("flx:XMR")) == (True, False)


async def test_a_pause_of_the_venue_ends_the_asking(account: HyperliquidAccount, info: FakeInfo) -> None:
    info.dexes = {"flx": {}, "xyz": {}}
    info.faults["flx"] = "busy"
    with pytest.raises(SourceDown) as caught:
        await account.fetch(ADDRESS)
    assert caught.value.retry_at is not None
    assert info.asked["xyz"] == 0
