"""Several bots of one platform in storage: their chats are told apart, and a person's are found together."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from signals.alerts.episodes import State
from signals.liquidation.watching import Holding
from storage.alerts import outbox
from storage.alerts.sending import rests
from storage.people import counts, destinations, exporting, forgetting, positions
from storage.people.bots import name_of, platform_of, word_of
from tests.fakes.notices import claim_from
from tests.storage import senders

if TYPE_CHECKING:
    from storage.engine.database import Store

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
FIRST, ALPHA = "telegram", "telegram@alpha"
# bot, chat, topic, kind, whose own: the two bots are in the same group, and Ann (7) and Ben (8) write to both.
PLACES = (
    (FIRST, "7", None, "private", "7"),
    (ALPHA, "7", None, "private", "7"),
    (FIRST, "8", None, "private", "8"),
    ("telegram@beta", "7", None, "private", None),  # as rows of before it was kept whose they are
    (FIRST, "-100", None, "group", None),
    (ALPHA, "-100", None, "group", None),
    (ALPHA, "-100", "5", "group", None),
    (ALPHA, "700", None, "private", "7"),
    ("telegramme", "7", None, "private", "7"),
    ("telegram@gamma", "7", None, "channel", None),  # a channel is nobody's own, whatever its id
    ("discord", "7", None, "private", "7"),
    ("discord@alpha", "901", None, "private", "7"),
)


@pytest.fixture
def peopled(store: Store) -> Store:
    for bot, chat, topic, kind, person in PLACES:
        made = destinations.ensure(store, bot, chat, topic, kind=kind, title=None, now=NOW, person=person)
        destinations.subscribe(store, made.id, "*", "*")
    return store


@pytest.mark.parametrize(
    ("word", "platform", "name"),
    [(FIRST, "telegram", ""), (ALPHA, "telegram", "alpha"), ("discord@a-1", "discord", "a-1")],
)
def test_a_word_is_a_platform_and_a_name(word: str, platform: str, name: str) -> None:
    assert (platform_of(word), name_of(word)) == (platform, name)
    assert word_of(platform, name) == word


@pytest.mark.parametrize(
    ("bot", "chat", "person", "found"),
    [
        pytest.param(FIRST, "7", "7", {0, 1, 3, 7}, id="a person at every bot of the platform"),
        pytest.param(ALPHA, "7", "7", {0, 1, 3, 7}, id="asked at a further one"),
        pytest.param(ALPHA, "-100", None, {5, 6}, id="a group with its topics at one bot"),
        pytest.param("discord@alpha", "901", "7", {10, 11}, id="another platform"),
        pytest.param("telegram@gamma", "99", None, set(), id="nobody"),
    ],
)
def test_places_of_a_chat_and_of_a_person(
    peopled: Store, bot: str, chat: str, person: str | None, found: set[int]
) -> None:
    wanted = {(PLACES[number][0], PLACES[number][1], PLACES[number][2] or "") for number in found}
    places = {place.id: (place.platform, place.chat, place.topic) for place in destinations.everyone(peopled)}
    assert {places[number] for number in destinations.places_of(peopled, bot, chat, person)} == wanted
    kept = exporting.everything(peopled, bot, chat, person)
    assert {(row["platform"], row["chat"], row["topic"]) for row in kept["chat"]} == wanted
    assert len(kept["subscriptions"]) == len(found)
    [group] = [number for number, place in places.items() if place == (FIRST, "-100", "")]
    holding = Holding(
        asset="BTC", venue="binance", contract="linear", side="long", entry=95_000.0, leverage=5.0, begun=NOW
    )
    watches = positions.Owner("telegram", "7", group)  # wherever it is told
    positions.add(peopled, watches, holding, name=None, lines=(0.1,), state=State(), at=NOW)
    forgotten = forgetting.forget(peopled, bot, chat, person)
    assert forgotten.positions == (person == "7" and platform_of(bot) == "telegram")
    assert (forgotten.destinations, forgotten.subscriptions) == (len(found), len(found))
    assert set(forgotten.bots) == {place[0] for place in wanted} - {bot}
    assert {(one.platform, one.chat, one.topic) for one in destinations.everyone(peopled)} == set(
        places.values()
    ) - wanted


def test_each_bot_claims_what_goes_to_its_own_chats(peopled: Store) -> None:
    with peopled.write() as work:
        notice = outbox.Notice("fired", "notice", NOW, {}, None, "oi_drawdown", "BTC")
        outbox.announce(work, notice, now=NOW, expires=NOW + timedelta(hours=6))
    process = senders.take(peopled, *dict.fromkeys(place[0] for place in PLACES))
    for bot in dict.fromkeys(place[0] for place in PLACES):
        claims = claim_from(peopled, now=NOW, process=process, platform=bot, limit=100)
        expected = sorted((bot, chat, topic or "") for one, chat, topic, *_ in PLACES if one == bot)
        assert sorted((claim.platform, claim.chat, claim.topic) for claim in claims) == expected


def test_what_is_closed_to_one_bot_is_open_to_the_other(peopled: Store) -> None:
    for place in destinations.everyone(peopled):
        if (place.platform, place.chat) == (ALPHA, "-100"):
            rests.rest(peopled, place.id, NOW + timedelta(hours=1), "not enough rights")
    assert {one.platform for one in rests.without_rights(peopled)} == {ALPHA}
    assert rests.woken(peopled, FIRST, "-100") == 0
    assert rests.woken(peopled, ALPHA, "-100") == 2
    assert counts.destinations(peopled)[ALPHA, "open"] == 4
