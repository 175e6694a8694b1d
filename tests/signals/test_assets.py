"""What is written, read to an instrument: whatever a symbol says is kept or refused, and a name is a fixed point."""

from __future__ import annotations

import datetime as dt
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signals.assets import (
    DOLLARS,
    PACKED,
    RENAMES,
    Instrument,
    UnreadableSymbol,
    coin,
    followed,
    instrument,
    listed_as,
    packed,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

RECORDED = Path(__file__).resolve().parents[3] / "shared" / "data" / "recorded"
TIERS = Path(__file__).resolve().parents[2] / "signals" / "liquidation" / "tiers"
CHRISTMAS = dt.date(2026, 12, 25)


def of(asset: str, quote: str | None = None, settle: str | None = None, **more: Any) -> Instrument:
    """Shorten what most cases say."""
    return Instrument(asset=asset, quote=quote, settle=settle, **more)


PERPETUAL = {"kind": "perpetual"}
FUTURE = {"kind": "future", "expiry": CHRISTMAS}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("BTC", of("BTC"), id="a coin"),
        pytest.param("btc", of("BTC"), id="small letters"),
        pytest.param("#BTC", of("BTC"), id="a hashtag"),
        pytest.param("$BTC", of("BTC"), id="a cashtag"),
        pytest.param("XBT", of("BTC"), id="another name"),
        pytest.param("MATIC", of("POL"), id="renamed"),
        pytest.param("1INCH", of("1INCH"), id="a number in the name"),
        pytest.param("42", of("42"), id="a number as the name"),
        pytest.param("币安人生", of("币安人生"), id="Chinese letters"),
        pytest.param("1000PEPE", of("PEPE", multiplier=1000), id="by the thousand"),
        pytest.param("kPEPE", of("PEPE", multiplier=1000), id="by the thousand at Hyperliquid"),
        pytest.param("KPEPE", of("PEPE", multiplier=1000), id="the same typed"),
        pytest.param("KAVA", of("KAVA"), id="a K that counts nothing"),
        pytest.param("10000SATS", of("SATS", multiplier=10_000), id="by ten thousand"),
        pytest.param("1MBABYDOGE", of("BABYDOGE", multiplier=1_000_000), id="by the million"),
        pytest.param("1000000MOG", of("MOG", multiplier=1_000_000), id="by the million in digits"),
        pytest.param("SHIB1000USDT", of("SHIB", "USDT", multiplier=1000), id="behind the name"),
        pytest.param("BTCUSDT", of("BTC", "USDT"), id="spot here, perpetual there"),
        pytest.param("BTC_USDT", of("BTC", "USDT"), id="Gate"),
        pytest.param("BTC/USDT", of("BTC", "USDT"), id="with a slash"),
        pytest.param("BTCUSDC", of("BTC", "USDC"), id="USDC"),
        pytest.param("BTCUSD1", of("BTC", "USD1"), id="USD1"),
        pytest.param("BTCUSD", of("BTC", "USD"), id="dollars"),
        pytest.param("ETHBTC", of("ETH", "BTC"), id="a cross"),
        pytest.param("BTC/USDT:USDT", of("BTC", "USDT", "USDT", **PERPETUAL), id="ccxt"),
        pytest.param("BTC/USDT:USDT-261225", of("BTC", "USDT", "USDT", **FUTURE), id="ccxt, dated"),
        pytest.param("BTCUSDT_261225", of("BTC", "USDT", "USDT", **FUTURE), id="Binance, dated"),
        pytest.param("BTCUSDT-25DEC26", of("BTC", "USDT", "USDT", **FUTURE), id="Bybit, dated"),
        pytest.param("BTC-USDT-20261225", of("BTC", "USDT", "USDT", **FUTURE), id="a whole year"),
        pytest.param("BTC-25DEC26", of("BTC", **FUTURE), id="Deribit, dated"),
        pytest.param("XBTMZ26", of("BTC", **FUTURE), id="KuCoin, dated"),
        pytest.param("FI_XBTUSD_261225", of("BTC", "USD", "BTC", **FUTURE), id="Kraken, dated"),
        pytest.param("BTC-USD-SWAP", of("BTC", "USD", "BTC", **PERPETUAL), id="OKX in coins"),
        pytest.param("BTC-USDC-SWAP", of("BTC", "USDC", "USDC", **PERPETUAL), id="OKX in USDC"),
        pytest.param("BTCPERP", of("BTC", "USDC", "USDC", **PERPETUAL), id="Bybit in USDC"),
        pytest.param("1000BONKPERP", of("BONK", "USDC", "USDC", multiplier=1000, **PERPETUAL), id="and packed"),
        pytest.param("BTC-PERP", of("BTC", **PERPETUAL), id="a perpetual of any kind"),
        pytest.param("BTC-PERPETUAL", of("BTC", "USD", "BTC", **PERPETUAL), id="Deribit in coins"),
        pytest.param("BTC_USDC-PERPETUAL", of("BTC", "USDC", "USDC", **PERPETUAL), id="Deribit in USDC"),
        pytest.param("BTCUSD_PERP", of("BTC", "USD", "BTC", **PERPETUAL), id="Binance in coins"),
        pytest.param("XBTUSDTM", of("BTC", "USDT", "USDT", **PERPETUAL), id="KuCoin"),
        pytest.param("XBTUSDM", of("BTC", "USD", "BTC", **PERPETUAL), id="KuCoin in coins"),
        pytest.param("PI_XBTUSD", of("BTC", "USD", "BTC", **PERPETUAL), id="Kraken in coins"),
        pytest.param("PF_SUIUSD", of("SUI", "USD", "USD", **PERPETUAL), id="Kraken in dollars"),
        pytest.param("BTCUSDT.P", of("BTC", "USDT", "USDT", **PERPETUAL), id="TradingView"),
        pytest.param("PERP_BTC_USDT", of("BTC", "USDT", "USDT", **PERPETUAL), id="WOO X"),
        pytest.param("SPOT_BTC_USDT", of("BTC", "USDT", kind="spot"), id="a spot pair"),
        pytest.param("ETH/USD:BTC", of("ETH", "USD", "BTC", **PERPETUAL), id="a quanto"),
        pytest.param(
            "BTC-25DEC26-100000-C", of("BTC", kind="option", expiry=CHRISTMAS, strike=1e5, right="C"), id="a call"
        ),
        pytest.param(
            "DOGE-261225-0.06-P", of("DOGE", kind="option", expiry=CHRISTMAS, strike=0.06, right="P"), id="a put"
        ),
        pytest.param(
            "XRP_USDC-25DEC26-1d02-C",
            of("XRP", "USDC", "USDC", kind="option", expiry=CHRISTMAS, strike=1.02, right="C"),
            id="a call in USDC",
        ),
        pytest.param("USDC", of("USDC"), id="a coin named like a quote"),
        pytest.param("PERP", of("PERP"), id="a coin named like a contract"),
        pytest.param("PERP_USDT", of("PERP", "USDT"), id="and quoted"),
    ],
)
def test_what_a_symbol_says(text: str, expected: Instrument) -> None:
    assert instrument(text) == expected
    assert instrument(str(expected)) == expected


@pytest.mark.parametrize(
    ("text", "why"),
    [
        pytest.param("", "is no symbol", id="nothing"),
        pytest.param("$", "is no symbol", id="a sign"),
        pytest.param("B" * 60, "is no symbol", id="too long"),
        pytest.param("BTC-1227", "names a day without its year", id="no year"),
        pytest.param("in_xbtusd", "is an index, which nobody can hold", id="an index"),
        pytest.param("BTC-COMBO-1", "says more than is understood", id="a combination"),
        pytest.param("XAU-USD_UM_XPERP-310502", "says more than is understood", id="OKX's XPERP"),
        pytest.param("flx:XMR", "is listed at a place of its own, which is not covered here", id="a builder's dex"),
        pytest.param("1000SHIB1000", "is packed twice", id="packed twice"),
        pytest.param("BTC-100000-C", "is an option without its day", id="a strike without a day"),
        pytest.param("BTC/", "says more than is understood", id="half a pair"),
        pytest.param("BTC/BTC", "is a coin in itself, which is no market", id="in itself"),
        pytest.param("A B", "is not the name of an asset", id="two words"),
    ],
)
def test_a_refusal_is_a_sentence_that_says_why(text: str, why: str) -> None:
    with pytest.raises(UnreadableSymbol, match=re.escape(why)) as refused:
        instrument(text)
    assert isinstance(refused.value, ValueError)
    assert not text or text not in refused.value.reason
    assert str(refused.value).endswith(".")


@pytest.mark.parametrize(
    ("text", "margin"),
    [
        pytest.param("BTCUSDT", "linear", id="a dollar coin"),
        pytest.param("BTC-USD-SWAP", "inverse", id="its own coin"),
        pytest.param("ETH/USD:BTC", "quanto", id="a third coin"),
        pytest.param("BTC/USD:USDC", "linear", id="in USD, paid in USDC"),
        pytest.param("BTCUSD", None, id="not said"),
        pytest.param("BTC", None, id="nothing said"),
    ],
)
def test_how_an_instrument_is_margined(text: str, margin: str | None) -> None:
    assert instrument(text).margin == margin


def test_old_names_lead_to_one_that_is_not_old_itself() -> None:
    old = {rename.old for rename in RENAMES}
    assert len(old) == len(RENAMES) > 5
    assert not old & {rename.new for rename in RENAMES}
    assert all(rename.source for rename in RENAMES)


def test_the_named_packing_is_tried_first_and_old_names_last() -> None:
    assert listed_as("CAT", 1000)[:2] == (("1000CAT", 1000), ("CAT", 1))
    assert listed_as("PEPE")[:2] == (("PEPE", 1), ("1000PEPE", 1000))
    assert ("1MBABYDOGE", 1_000_000) in listed_as("BABYDOGE")
    names = [name for name, _ in listed_as("POL")]
    assert names.index("POL") < names.index("MATIC")


@pytest.mark.parametrize(
    ("base", "asset", "multiplier"),
    [
        pytest.param("10000LADYS", "LADYS", 10_000, id="ten thousand"),
        pytest.param("kSHIB", "SHIB", 1000, id="k"),
        pytest.param("kNEW", "NEW", 1000, id="a small k counts whatever follows"),
        pytest.param("KNEW", "KNEW", 1, id="a capital K is a name"),
        pytest.param("0G", "0G", 1, id="a name that begins with a digit"),
        pytest.param("1000", "1000", 1, id="nothing left of it"),
        pytest.param("1000X", "X", 1000, id="one letter left"),
        pytest.param("1000XBT", "BTC", 1000, id="packed and renamed"),
        pytest.param("BONK1M", "BONK", 1_000_000, id="a million behind the name"),
        pytest.param("KODEX200", "KODEX200", 1, id="a number that counts nothing"),
    ],
)
def test_what_stands_before_the_quote(base: str, asset: str, multiplier: int) -> None:
    assert coin(base) == (asset, multiplier)


@pytest.mark.parametrize(
    ("text", "asset"),
    [
        pytest.param("1000PEPE", "PEPE", id="packed"),
        pytest.param("matic", "POL", id="renamed"),
        pytest.param("xbt", "BTC", id="another name"),
        pytest.param("BTCUSDT", "BTC", id="a symbol"),
        pytest.param("BTCUSD", "BTC", id="in dollars"),
        pytest.param("BTC-USDT-SWAP", "BTC", id="its main perpetual"),
    ],
)
def test_what_can_be_followed(text: str, asset: str) -> None:
    assert followed(text).asset == asset


@pytest.mark.parametrize(
    ("text", "why"),
    [
        pytest.param("BTCUSDT_261225", "is a dated contract, and those are not followed: write BTC.", id="dated"),
        pytest.param("BTC-25DEC26-100000-C", "is a dated contract", id="an option"),
        pytest.param("SPOT_BTC_USDT", "is a spot pair, and perpetuals are followed: write BTC.", id="spot"),
        pytest.param("ETHBTC", "is not quoted in dollars, as all figures are: write ETH.", id="a cross"),
        pytest.param(
            "BTC-USD-SWAP",
            "is coin-margined, and figures are kept by asset, from its main perpetual: write BTC.",
            id="in coins",
        ),
        pytest.param("BTCUSDC", "is not the main perpetual of its asset", id="in USDC"),
        pytest.param("flx:XMR", "is listed at a place of its own", id="what is no symbol either"),
    ],
)
def test_what_cannot_be_followed_says_why(text: str, why: str) -> None:
    with pytest.raises(UnreadableSymbol, match=re.escape(why)):
        followed(text)


# --- properties -------------------------------------------------------------------------------------------------------

NAMES = (
    st.text(alphabet="ABKSM10", min_size=1, max_size=9)
    | st.sampled_from(sorted(frozenset().union(*PACKED.values())))
    | st.text(max_size=12)
)
BASES = st.tuples(st.sampled_from(["", "1000", "10000", "1000000", "1M", "k", "K"]), NAMES).map("".join)


@given(BASES)
def test_a_canonical_name_is_a_fixed_point(base: str) -> None:
    try:
        asset, multiplier = coin(base)
    except UnreadableSymbol:
        return
    assert coin(asset) == (asset, 1)
    assert coin(packed(asset, multiplier)) == (asset, multiplier)


@given(st.one_of(BASES, st.text(alphabet="BTCUSDXEPR10_-/:.#$ ", max_size=24), st.text(max_size=60)))
def test_any_text_is_read_to_an_instrument_and_back_or_refused(text: str) -> None:
    try:
        read = instrument(text)
    except UnreadableSymbol as why:
        assert str(why).endswith(".")  # noqa: PT017 - most of what is drawn is refused
        return
    assert instrument(str(read)) == read
    assert coin(read.asset) == (read.asset, 1)


# --- what the venues list ---------------------------------------------------------------------------------------------

# Listed and refused, each for its reason.
REFUSED = {
    "in_": "an index",
    "rr_": "an index",
    "BTC-COMBO-1": "two instruments in one",
    "XAU-USD_UM_XPERP-310502": "gold with a day, in a form of its own",
}


def _requests(name: str) -> Iterator[Any]:
    """Yield the answers by HTTP in a capture of cryptofeed."""
    for line in (RECORDED / "cryptofeed" / name).read_text(encoding="utf-8").splitlines():
        if found := re.match(r"https?://\S+ -> [\d.]+: (.*)", line):
            yield json.loads(found[1])


def _answer(name: str) -> Any:
    return json.loads((RECORDED / "2026" / name).read_text(encoding="utf-8"))


def _listed() -> Iterator[tuple[str, str | None, str | None]]:
    """Yield each listed symbol with the base and the quote that the venue itself gives, None where it gives none."""
    for name in ("BINANCE_DELIVERY.0", "BINANCE_FUTURES.0"):
        for answer in _requests(name):
            yield from ((row["symbol"], row["baseAsset"], row["quoteAsset"]) for row in answer["symbols"])
    for answer in _requests("BITMEX.0"):
        # BitMEX's dated contracts do not say their quote
        yield from ((row["symbol"], row["underlying"], None) for row in answer)
    for answer in _requests("BYBIT.0"):
        yield from ((row["name"], row["base_currency"], row["quote_currency"]) for row in answer["result"])
    for answer in _requests("DERIBIT.0"):
        yield from ((row["instrument_name"], row["base_currency"], None) for row in answer["result"])
    for answer in _requests("DYDX.0"):
        yield from ((row["market"], row["baseAsset"], row["quoteAsset"]) for row in answer["markets"].values())
    for answer in _requests("GATEIO_FUTURES.0"):
        yield from ((row["name"], *row["name"].split("_")) for row in answer)
    for answer in _requests("KRAKEN_FUTURES.0"):
        yield from ((row["symbol"], None, None) for row in answer["instruments"])
    rows = _answer("binance/exchangeInfo_tradfi_2026-09_trimmed.json")["symbols"]
    yield from ((row["symbol"], row["baseAsset"], row["quoteAsset"]) for row in rows)
    rows = _answer("bybit/instruments-info_linear_2026-09-11_trimmed.json")["result"]["list"]
    yield from ((row["symbol"], row["baseCoin"], row["quoteCoin"]) for row in rows)
    rows = _answer("deribit/nautilus_http_get_instruments.json")["result"]
    yield from ((row["instrument_name"], row["base_currency"], None) for row in rows)
    rows = _answer("kucoin/contracts-active_2026-10-03_trimmed.json")["data"]
    yield from ((row["symbol"], row["baseCurrency"], None) for row in rows)
    yield from ((row["name"], *row["name"].split("_")) for row in _answer("gate/contracts_2026-09-11.json"))
    yield from (
        (row["name"], row["name"], None)
        for row in _answer("hyperliquid/metaAndAssetCtxs_2026-09-11.json")[0]["universe"]
    )
    for name in ("instruments_SWAP_2026-09_trimmed.json", "funding-rate_ANY_2026-09-11.json"):
        yield from ((row["instId"], row["instId"].split("-")[0], None) for row in _answer(f"okx/{name}")["data"])


@pytest.mark.slow
def test_every_recorded_symbol_is_read_as_its_venue_means_it_or_refused() -> None:
    if not RECORDED.is_dir():
        pytest.skip(f"the recordings are not beside this checkout ({RECORDED})")
    every = list(_listed())
    assert len(every) > 1000
    refused = set()
    for symbol, base, quote in every:
        try:
            read = instrument(symbol)
        except UnreadableSymbol:
            refused.add(symbol)
            continue
        assert instrument(str(read)) == read, symbol
        if base is not None:
            assert (read.asset, read.multiplier) == coin(base), symbol
        if quote is not None and read.quote is not None:
            assert read.quote == coin(quote)[0], symbol
        dated = re.search(r"\d{6}$|\d[A-Z]{3}\d\d(-|$)|[HMUZ]\d\d$", symbol)
        assert (read.expiry is not None) == bool(dated), symbol
    assert refused
    unexpected = [symbol for symbol in refused if not symbol.startswith(tuple(REFUSED))]
    assert not unexpected


def test_every_symbol_of_the_shipped_tier_tables_is_read_and_found_again() -> None:
    rows = [
        line.split(",")[:2]
        for file in sorted(TIERS.glob("*.csv"))
        for line in file.read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    ]
    assert len(rows) > 900
    for base, quote in rows:
        name, _, day = base.partition("-")
        read = instrument(f"{name}/{quote}:{quote}{'-' + day if day else ''}")
        assert instrument(str(read)) == read
        assert quote in (*DOLLARS, "BTC")
        assert name in [listed for listed, _ in listed_as(read.asset, read.multiplier)], base
