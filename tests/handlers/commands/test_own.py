from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from bot.engine.evaluate import judge
from handlers.command import Refused
from signals.alerts.burst import BURST
from signals.alerts.rule import rules
from storage.people import destinations, switches

if TYPE_CHECKING:
    from collections.abc import Callable


def rows(here: Any) -> set[tuple[str, str]]:
    found = destinations.find(here.store, "terminal", "me")
    return set(destinations.subscriptions(here.store, found.id)) if found else set()


OI = {"oi_drawdown", "oi_vs_ma180", "oi_zscore"}
FUNDING = {"funding_stretch", "funding_stretch_low"}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        pytest.param("", {("*", "*")}, id="everything"),
        pytest.param("all", {("*", "*")}, id="all"),
        pytest.param("everything please", {("*", "*")}, id="in a sentence"),
        pytest.param("btc", {("*", "BTC")}, id="one asset"),
        pytest.param("ETHUSDT btc", {("*", "BTC"), ("*", "ETH")}, id="two assets, spelt as traders do"),
        pytest.param("oi", {(rule, "*") for rule in OI}, id="open interest"),
        pytest.param("oi btc", {(rule, "BTC") for rule in OI}, id="of one asset"),
        pytest.param("btc open interest", {(rule, "BTC") for rule in OI}, id="as two words, in another order"),
        pytest.param("Funding ETH", {(rule, "ETH") for rule in FUNDING}, id="funding"),
        pytest.param("taker", {(rule, "*") for rule in ("taker_ratio", "taker_zscore", "net_taker_flip")}, id="taker"),
        pytest.param("price", {("price_drawdown", "*")}, id="price"),
        pytest.param("fng", {("fear_greed", "*")}, id="fng"),
        pytest.param("oi_zscore", {("oi_zscore", "*")}, id="an alarm by its id"),
        pytest.param("sources", {("sources", "*")}, id="sources"),
        pytest.param("burst eth", {("burst", "ETH")}, id="fast moves of one asset"),
    ],
)
def test_what_sub_turns_on(empty: Any, words: str, expected: set[tuple[str, str]]) -> None:
    reply = empty.ask(f"/sub {words}")
    assert rows(empty) == expected
    assert {(subscription["rule"], subscription["asset"]) for subscription in reply.values["subscriptions"]} == expected


def test_a_wider_subscription_takes_the_narrower_in(empty: Any) -> None:
    for line in ("/sub oi btc", "/sub fng", "/sub btc"):
        empty.ask(line)
    assert rows(empty) == {("*", "BTC"), ("fear_greed", "*")}
    empty.ask("/sub")
    empty.ask("/sub oi")
    assert rows(empty) == {("*", "*")}


EVERY = {BURST} | {name for name, rule in rules().items() if not rule.only_asked}


@pytest.mark.parametrize(
    ("on", "off", "left"),
    [
        pytest.param("", "", set(), id="all off"),
        pytest.param("", "eth", {("*", "BTC")}, id="an asset out of everything"),
        pytest.param("", "funding", {(rule, "*") for rule in EVERY - FUNDING}, id="an alarm out of everything"),
        pytest.param("btc", "eth", {("*", "BTC")}, id="what was not on"),
        pytest.param("oi", "oi btc", {(rule, "ETH") for rule in OI}, id="one asset of an alarm"),
        pytest.param("oi btc", "btc", set(), id="the only asset"),
        pytest.param("fng", "eth", {("fear_greed", "*")}, id="the whole market has no asset"),
        pytest.param("fng", "fng eth", set(), id="but it can be named"),
        pytest.param(
            "",
            "oi btc",
            {(rule, "*") for rule in EVERY - OI} | {(rule, "ETH") for rule in OI},
            id="an alarm of an asset out of everything",
        ),
    ],
)
def test_what_unsub_leaves_and_that_it_says_how_to_undo_it(
    empty: Any, on: str, off: str, left: set[tuple[str, str]]
) -> None:
    empty.ask(f"/sub {on}")
    before = rows(empty)
    said = empty.text(f"/unsub {off}")
    assert rows(empty) == left
    if before == left:
        assert "To change it back" not in said
    else:
        assert said.startswith("Off. Still on in this chat:" if left else "Off. Nothing is on in this chat.")
        empty.ask(said.partition("To change it back: ")[2].splitlines()[0])
        assert rows(empty) == before


@pytest.mark.parametrize("line", ["/sub off", "/unsub off", "/unsub none", "/unsub all off"])
def test_off_turns_everything_off(empty: Any, line: str) -> None:
    empty.ask("/sub oi")
    assert empty.text(line).startswith("Off. Nothing is on in this chat.")
    assert rows(empty) == set()


def test_unsub_says_what_was_not_on(empty: Any) -> None:
    assert empty.text("/unsub").startswith("Nothing is on in this chat.\nType /sub to be told everything")
    assert not empty.store.exists, "nothing was written for a chat that asked for nothing"
    empty.ask("/sub btc")
    assert empty.text("/unsub funding eth").startswith("That was not on. On in this chat:\nBTC: everything.")


@pytest.mark.slow
def test_sub_says_what_is_on_open_now_and_how_to_stop(desk: Callable[..., Any]) -> None:
    here = desk("recorded", "2026-02-07")
    judge(here.store, ("BTC",), here.now, started=here.now)
    assert here.text("/sub oi fng btc") == (
        "On in this chat:\n"
        "All followed assets: Extreme fear.\n"
        "BTC: Open interest cut well below its peak; Open interest below its 180-day average; "
        "Positions closed unusually fast.\n"
        "Open right now:\n"
        "– The market is in extreme fear (since 22 January).\n"
        "– BTC: futures positions have been cut; the fall in open interest is not price alone "
        "(since 17 November 2025).\n"
        "– BTC: open interest has fallen below its 180-day average, in dollars and in coins "
        "(since 12 October 2025).\n"
        "– BTC: positions are being closed faster than usual (since 7 February).\n"
        "To stop: /unsub for all of it, or /unsub and a word, for example /unsub funding.\n"
        "How much comes, and when: /settings\n"
        "To change it back: /unsub\n"
        "More: /unsub"
    )


@pytest.mark.slow
def test_what_is_told_only_by_name_is_open_for_whoever_named_it(desk: Callable[..., Any]) -> None:
    here = desk("recorded", "2026-01-20")
    judge(here.store, ("BTC",), here.now, started=here.now)
    in_a_hurry = "– BTC: sellers are in more of a hurry than buyers"
    for line, named in (("/sub", False), ("/sub taker eth", False), ("/sub taker btc", True)):
        assert (in_a_hurry in here.text(line)) == named, line


def test_sound_is_chosen_beside_what_is_told(empty: Any) -> None:
    assert "With sound: everything." in empty.text("/sub loud"), "who has nothing yet is told everything"
    assert "Without sound: Longs pay much; Shorts pay much." in empty.text("/sub funding silent")
    said = empty.text("/sub silent")
    assert "Everything: all alarms" in said
    assert "Without sound: everything." in said
    said = empty.text("/sub funding silent")
    assert "Without sound: everything." in said, "which has its parts in it"
    assert "Sound: silent · " in empty.text("/settings")
    empty.ask("/sub oi loud")
    assert "Sound: silent, 3 otherwise · " in empty.text("/settings")
    assert "sound" not in empty.text("/sub usual")


def test_a_word_of_sound_alone_asks_for_nothing_more(empty: Any) -> None:
    empty.ask("/sub price btc")
    said = empty.text("/sub loud")
    assert "BTC: Price well below its recent high." in said
    assert "With sound: everything." in said


@pytest.mark.parametrize(
    ("lines", "kept"),
    [
        pytest.param(["/sub", "/sub oi silent", "/unsub oi"], set(), id="an alarm"),
        pytest.param(["/sub", "/sub oi silent", "/unsub"], set(), id="everything"),
        pytest.param(["/sub", "/sub oi silent", "/unsub funding"], {"oi"}, id="another alarm"),
        pytest.param(["/sub oi btc eth", "/sub btc loud", "/unsub btc"], set(), id="an asset"),
        pytest.param(["/sub oi btc eth", "/sub btc loud", "/unsub eth"], {"BTC"}, id="another asset"),
        pytest.param(["/sub", "/sub silent", "/unsub"], {"*"}, id="how the chat is told whatever it is"),
    ],
)
def test_what_is_turned_off_has_no_sound_of_its_own(empty: Any, lines: list[str], kept: set[str]) -> None:
    for line in lines:
        empty.ask(line)
    here = destinations.find(empty.store, "terminal", "me")
    assert here is not None
    sounded = {one.what for one in switches.of_one(empty.store, here.id)}
    assert {"oi" if what in OI else what for what in sounded} == kept


def test_sub_refuses_what_it_does_not_know(empty: Any) -> None:
    with pytest.raises(
        Refused, match=r"^I do not know “nosuch”\. Name burst, oi, funding, taker, price, fng, setups or so"
    ):
        empty.ask("/sub oi nosuch")
    with pytest.raises(Refused, match=r"^DOGE is not followed here, so nothing is told of it\. Followed: BTC and ETH;"):
        empty.ask("/sub doge")
    assert not empty.store.exists


@pytest.mark.parametrize(
    ("symbol", "why"),
    [
        pytest.param("BTCUSDC", "is not the main perpetual", id="another quote"),
        pytest.param("BTC-USD-SWAP", "is coin-margined", id="in coins"),
        pytest.param("BTCUSDT_261225", "is a dated contract", id="dated"),
        pytest.param("BTC-26DEC26-100000-C", "is a dated contract", id="an option"),
        pytest.param("ETHBTC", "is not quoted in dollars", id="a pair of two coins"),
    ],
)
@pytest.mark.parametrize("line", ["/sub oi {}", "/unsub {}", "/mute {}", "/base oi {}", "/digest 9:00 {}"])
def test_what_a_symbol_says_beside_its_asset_is_never_dropped(empty: Any, line: str, symbol: str, why: str) -> None:
    with pytest.raises(Refused, match=f"(?i)“{symbol}” {why}"):
        empty.ask(line.format(symbol))
    assert not empty.store.exists


@pytest.mark.parametrize(
    ("word", "zone", "said"),
    [
        pytest.param(
            "Europe/Berlin", "Europe/Berlin", "Times are now shown in Berlin time. It is 01:00 CET.", id="IANA"
        ),
        pytest.param("new_york", "America/New_York", "shown in New York time. It is 19:00 EST.", id="a city"),
        pytest.param("New York", "America/New_York", "shown in New York time. It is 19:00 EST.", id="two words"),
        pytest.param("UTC+2", "Etc/GMT-2", "Times are now shown in UTC+2. It is 02:00 UTC+2.", id="hours east"),
        pytest.param("utc-5", "Etc/GMT+5", "Times are now shown in UTC−5. It is 19:00 UTC−5.", id="hours west"),
        pytest.param("+2", "Etc/GMT-2", "Times are now shown in UTC+2. It is 02:00 UTC+2.", id="hours alone"),
        pytest.param("Mumbai", "Asia/Kolkata", "shown in Kolkata time. It is 05:30 IST.", id="a city without a zone"),
        pytest.param("San Francisco", "America/Los_Angeles", "shown in Los Angeles time.", id="its two words"),
        pytest.param("utc", "UTC", "Times are now shown in UTC. It is 00:00 UTC.", id="UTC"),
    ],
)
def test_tz_is_kept_and_shown(empty: Any, word: str, zone: str, said: str) -> None:
    assert said in empty.text(f"/tz {word}")
    assert destinations.find(empty.store, "terminal", "me").zone == zone
    assert said.split("shown in ")[1].split(". ", maxsplit=1)[0] in empty.text("/tz")
    back = empty.text("/tz Asia/Tokyo").partition("To change it back: ")[2].splitlines()[0]
    empty.ask(back)
    assert destinations.find(empty.store, "terminal", "me").zone == zone


@pytest.mark.parametrize(
    ("before", "moved"),
    [
        ([], None),
        (["/mute until 18:00"], None),
        (["/quiet 23-7"], "Quiet hours keep their hours, by this clock from now on."),
        (["/digest 9:00"], "Digests keep their hours, by this clock from now on."),
        (["/quiet 23-7", "/digest 9:00"], "Quiet hours and digests keep their hours, by this clock from now on."),
    ],
)
def test_tz_says_what_comes_at_another_moment(empty: Any, before: list[str], moved: str | None) -> None:
    """What is quiet at night, and a digest of the morning, go along with the clock."""
    for line in before:
        empty.ask(line)
    for zone, said in (("Asia/Tokyo", moved), ("Asia/Tokyo", None)):
        told = [one for one in empty.text(f"/tz {zone}").splitlines() if "keep their hours" in one]
        assert told == ([said] if said else [])


def test_tz_alone_shows_utc_and_writes_nothing(empty: Any) -> None:
    assert empty.text("/tz").startswith("Times are shown in UTC. Now it is 00:00 UTC.\nTo change it, type")
    assert not empty.store.exists


@pytest.mark.parametrize("word", ["Mars/Base", "Europe/Atlantis", "../../etc/passwd"])
def test_a_zone_that_is_none_is_named_as_a_whole(empty: Any, word: str) -> None:
    with pytest.raises(Refused, match=re.escape(f"I do not understand “{word}”.")):
        empty.ask(f"/tz {word}")


def test_start_brings_back_a_chat_that_was_gone(empty: Any) -> None:
    from storage.alerts import outbox  # noqa: PLC0415 - here alone

    empty.ask("/start")
    assert not empty.store.exists
    empty.ask("/sub")
    outbox.gone(empty.store, destinations.find(empty.store, "terminal", "me").id, "blocked", now=empty.now)
    empty.ask("/start")
    back = destinations.find(empty.store, "terminal", "me")
    assert back.gone is None
    assert rows(empty) == {("*", "*")}
