"""The outbox row by row; its life as a whole is in test_outbox_life.py."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from signals.alerts.episodes import Transition
from storage.alerts import episodes, outbox
from storage.alerts.outbox import Notice
from storage.alerts.sending import held, rests
from storage.engine.sql import Query
from storage.people import destinations
from tests.fakes.notices import claim_from, sent_from
from tests.storage import beside, senders

if TYPE_CHECKING:
    from storage.alerts.outbox import Claim
    from storage.engine.database import Store

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
SOON = NOW + timedelta(hours=6)
SECOND = timedelta(seconds=1)


def place(store: Store, chat: str = "11", *wanted: tuple[str, str], platform: str = "telegram") -> int:
    one = destinations.ensure(store, platform, chat, None, kind="private", title=None, now=NOW)
    for rule, asset in wanted or (("*", "*"),):
        destinations.subscribe(store, one.id, rule, asset)
    return one.id


def notice(kind: str = "fired", rank: str = "notice", *, at: datetime = NOW, **more: Any) -> Notice:
    about = {"payload": {"text": "x"}, "rule": "oi_drawdown", "asset": "BTC"} | more
    return Notice(kind, rank, at, **about)  # type: ignore[arg-type]


def announce(store: Store, notice: Notice, *, expires: datetime = SOON) -> int:
    with store.write() as connection:
        return outbox.announce(connection, notice, now=NOW, expires=expires, only_asked=notice.rule == "sources")


def episode(store: Store, asset: str = "BTC") -> int:
    with store.write() as connection:
        fired = Transition("fired", NOW, NOW, "notice", {"value": -0.3})
        return episodes.record(connection, ("oi_drawdown", asset), fired, None)


def claims(store: Store, process: int, *, now: datetime = NOW, limit: int = 8, **more: Any) -> list[Claim]:
    return claim_from(store, now=now, process=process, platform="telegram", limit=limit, **more)


def expired(store: Store, *, now: datetime) -> dict[int, list[Notice]]:
    with store.write() as work:
        return outbox.expired(work, now=now)


def states(store: Store) -> list[str]:
    return [row["state"] for row in beside.rows(store, "SELECT state FROM outbox ORDER BY id")]


@pytest.mark.parametrize(
    ("wanted", "told", "gets"),
    [
        pytest.param(("oi_drawdown", "BTC"), ("oi_drawdown", "BTC"), True, id="exactly this"),
        pytest.param(("*", "BTC"), ("oi_drawdown", "BTC"), True, id="every alarm of the asset"),
        pytest.param(("oi_drawdown", "*"), ("oi_drawdown", "BTC"), True, id="the alarm for every asset"),
        pytest.param(("*", "*"), ("oi_drawdown", "BTC"), True, id="everything"),
        pytest.param(("*", "ETH"), ("oi_drawdown", "BTC"), False, id="another asset"),
        pytest.param(("oi_zscore", "*"), ("oi_drawdown", "BTC"), False, id="another alarm"),
        pytest.param(("*", "ETH"), ("fear_greed", "MARKET"), True, id="the market concerns every asset"),
        pytest.param(("*", "*"), ("sources", "MARKET"), False, id="what is only told to who asked"),
        pytest.param(("sources", "*"), ("sources", "MARKET"), True, id="sources when asked for"),
    ],
)
def test_who_is_told(store: Store, wanted: tuple[str, str], told: tuple[str, str], gets: bool) -> None:
    place(store, "11", wanted)
    assert announce(store, notice(rule=told[0], asset=told[1])) == gets


def test_a_destination_with_two_reasons_gets_one_message_and_a_gone_one_none(store: Store) -> None:
    place(store, "11", ("*", "*"), ("oi_drawdown", "BTC"), ("*", "BTC"))
    outbox.gone(store, place(store, "12"), "blocked", now=NOW)
    assert announce(store, notice()) == 1


def test_announcing_the_same_change_twice_is_harmless(store: Store) -> None:
    place(store)
    number = episode(store)
    assert [announce(store, notice(episode=number)) for _ in range(2)] == [1, 0]
    assert states(store) == ["queued"]


def test_nothing_is_told_of_a_transaction_that_failed(store: Store) -> None:
    place(store)
    with pytest.raises(RuntimeError), store.write() as connection:  # noqa: PT012 - all of it is one transaction
        outbox.announce(connection, notice(), now=NOW, expires=SOON)
        raise RuntimeError("killed before the commit")
    assert states(store) == []


# -- claiming ---------------------------------------------------------------------------------------------------------


def test_the_most_urgent_first_then_the_oldest(store: Store) -> None:
    for n, rank in enumerate(("notice", "critical", "warning", "critical")):
        place(store, f"1{n}", (f"rule {n}", "*"))
        announce(store, notice(rank=rank, rule=f"rule {n}"))
    assert [claim.chat for claim in claims(store, senders.take(store))] == ["11", "13", "12", "10"]


def test_one_in_flight_per_destination(store: Store) -> None:
    place(store)
    announce(store, notice())
    announce(store, notice(rank="critical"))
    process = senders.take(store)
    (urgent,) = claims(store, process)
    assert urgent.rows[0].notice.rank == "critical"
    assert claims(store, process) == []
    sent_from(store, urgent, "1", now=NOW)
    (other,) = claims(store, process)
    assert other.rows[0].notice.rank == "notice"


@pytest.mark.slow
def test_a_thousand_rows_of_one_chat_do_not_hide_another_chat(store: Store) -> None:
    busy, other = place(store, "11", ("busy", "*")), place(store, "12", ("other", "*"))
    with store.write() as connection:
        for _ in range(1000):
            outbox.announce(connection, notice(rank="critical", rule="busy"), now=NOW, expires=SOON)
        outbox.announce(connection, notice(rule="other"), now=NOW, expires=SOON)
    process = senders.take(store)
    assert [claim.destination for claim in claims(store, process, resting=[busy])] == [other]
    assert [claim.destination for claim in claims(store, process)] == [busy]


@pytest.mark.parametrize(
    ("more", "count"),
    [
        pytest.param({}, 2, id="all"),
        pytest.param({"limit": 1}, 1, id="no more than asked"),
        pytest.param({"limit": 0}, 0, id="no room"),
        pytest.param({"limit": -3}, 0, id="less than no room"),
    ],
)
def test_how_many_are_taken(store: Store, more: dict[str, Any], count: int) -> None:
    place(store)
    place(store, "12")
    place(store, "13", platform="discord")
    announce(store, notice())
    assert len(claims(store, senders.take(store), **more)) == count


def test_an_old_process_takes_nothing(store: Store) -> None:
    place(store)
    announce(store, notice())
    old, new = senders.take(store), senders.take(store)
    assert claims(store, old) == []
    assert len(claims(store, new)) == 1


def test_a_new_holder_doubts_what_the_old_one_was_sending(store: Store) -> None:
    place(store)
    announce(store, notice())
    (first,) = claims(store, senders.take(store))
    assert not first.uncertain
    (again,) = claims(store, senders.take(store))
    assert again.uncertain
    assert (again.id, again.nonce) == (first.id, first.nonce)
    assert len(first.nonce) == 16


@pytest.mark.parametrize(
    ("ahead", "due"),
    [
        pytest.param(-SECOND, True, id="over"),
        pytest.param(SECOND, False, id="not yet"),
        pytest.param(timedelta(minutes=14), False, id="as long as a row may wait"),
        pytest.param(timedelta(hours=1), True, id="the clock was set back"),
    ],
)
def test_a_row_waits_for_its_time(store: Store, ahead: timedelta, due: bool) -> None:
    place(store)
    announce(store, notice())
    process = senders.take(store)
    (one,) = claims(store, process)
    outbox.later(store, one, NOW + ahead, "not now", now=NOW, counts=True)
    assert [claim.attempts for claim in claims(store, process)] == [1] * due


def test_a_chat_that_rests_holds_back_all_that_is_for_it_and_that_survives(store: Store) -> None:
    one = place(store)
    place(store, "12")
    announce(store, notice())
    rests.rest(store, one, NOW + timedelta(seconds=300))
    announce(store, notice(rank="critical"))
    assert [claim.chat for claim in claims(store, senders.take(store))] == ["12"]
    late = NOW + timedelta(seconds=301)
    assert [claim.chat for claim in claims(store, senders.take(store), now=late)] == ["11", "12"]


# -- one episode, one message -----------------------------------------------------------------------------------------


def test_a_sent_message_is_known_to_the_next_notice_of_its_episode(store: Store) -> None:
    place(store)
    number = episode(store)
    announce(store, notice(episode=number))
    process = senders.take(store)
    (one,) = claims(store, process)
    assert (one.message, one.rows[0].announced) == (None, False)
    sent_from(store, one, "77p", now=NOW)
    announce(store, notice("escalated", "critical", episode=number))
    (two,) = claims(store, process)
    assert (two.message, two.rows[0].announced) == ("77p", True)


@pytest.mark.parametrize(
    ("state", "told"),
    [
        pytest.param("sent", True, id="it was told of"),
        pytest.param("expired", True, id="it was told of in a line"),
        pytest.param("merged", True, id="another message said it"),
        pytest.param("dead", False, id="it could not be told"),
        pytest.param("muted", False, id="nobody wanted to hear of it"),
    ],
)
@pytest.mark.parametrize("way", ["claimed", "beside", "held", "held no longer"])
def test_an_end_knows_whether_its_beginning_was_told_there(store: Store, way: str, state: str, told: bool) -> None:
    """By this the end of what was never told of is left out."""
    here, elsewhere = place(store), place(store, "12", ("*", "ETH"))
    number, other = episode(store), episode(store)
    announce(store, notice(episode=number))
    beside.rows(store, "UPDATE outbox SET state = ?, settled = 1", state)
    with store.write() as work:  # neither another chat's row nor another episode's tells this chat of it
        outbox.announce_to(work, elsewhere, notice(episode=number), now=NOW, expires=SOON)
    beside.rows(store, "UPDATE outbox SET state = 'sent', settled = 1 WHERE destination = ?", elsewhere)
    announce(store, notice("resolved", at=NOW + SECOND, episode=number))
    if way.startswith("held"):
        beside.rows(store, "UPDATE outbox SET held_for = 'quiet', held_until = 1 WHERE settled IS NULL")
        with store.write() as work:
            (one,) = held.held(work, here) if way == "held" else held.due(work, now=NOW, most=9)[0].rows
        assert one.row.announced is told
        return
    if way == "beside":
        announce(store, notice("fired", "critical", at=NOW + SECOND, episode=other))
    (claim,) = claims(store, senders.take(store), together=lambda _, __: True)
    assert [row.announced for row in claim.rows] == [told, False][: len(claim.rows)]
    assert len(claim.rows) == (2 if way == "beside" else 1)


def test_what_waits_is_merged_into_what_comes_later(store: Store) -> None:
    place(store)
    number, other = episode(store), episode(store, "ETH")
    announce(store, notice(episode=number))
    announce(store, notice(episode=other, asset="ETH"))
    place(store, "12")  # asks only after the episode began
    announce(store, notice("resolved", at=NOW + SECOND, episode=number))
    assert states(store) == ["merged", "queued", "queued", "queued"]
    found = {(claim.chat, claim.rows[0].announced) for claim in claims(store, senders.take(store))}
    assert ("12", False) in found


def test_a_row_in_flight_is_merged_only_when_it_comes_back(store: Store) -> None:
    place(store)
    number = episode(store)
    announce(store, notice(episode=number))
    process = senders.take(store)
    (one,) = claims(store, process)
    announce(store, notice("resolved", at=NOW + SECOND, episode=number))
    assert states(store) == ["sending", "queued"]
    outbox.later(store, one, NOW, "flood", now=NOW, counts=False)
    assert states(store) == ["merged", "queued"]


def test_a_later_notice_that_failed_takes_nothing_with_it(store: Store) -> None:
    place(store)
    number = episode(store)
    announce(store, notice(episode=number))
    process = senders.take(store)
    (one,) = claims(store, process)
    announce(store, notice("resolved", "critical", at=NOW + SECOND, episode=number))
    beside.rows(store, "UPDATE outbox SET state = 'dead' WHERE id > ?", one.id)
    outbox.later(store, one, NOW, "flood", now=NOW, counts=False)
    assert states(store) == ["queued", "dead"]


# -- ends -------------------------------------------------------------------------------------------------------------


def test_what_is_too_old_is_handed_over_once(store: Store) -> None:
    one = place(store)
    announce(store, notice(), expires=NOW + SECOND)
    announce(store, notice(rank="critical"), expires=NOW + timedelta(days=1))
    with store.write() as work:
        outbox.announce_to(work, one, Notice("late", "notice", NOW, {}), now=NOW, expires=NOW)
    assert expired(store, now=NOW) == {}
    late = NOW + SECOND
    assert [row.notice.rank for row in expired(store, now=late)[one]] == ["notice"]
    assert expired(store, now=late) == {}
    assert states(store) == ["expired", "queued", "queued"]


def test_what_is_being_sent_does_not_expire_under_it(store: Store) -> None:
    place(store)
    announce(store, notice(), expires=NOW + SECOND)
    claims(store, senders.take(store))
    assert expired(store, now=NOW + timedelta(days=1)) == {}


def test_a_destination_that_is_gone_ends_all_its_rows_with_the_reason(store: Store) -> None:
    one = place(store)
    place(store, "12")
    announce(store, notice())
    announce(store, notice())
    claims(store, senders.take(store), limit=1)
    assert outbox.gone(store, one, "blocked by the user", now=NOW) == 2
    rows = beside.rows(store, "SELECT state, reason, settled FROM outbox WHERE destination = ?", one)
    assert {tuple(row) for row in rows} == {("dead", "blocked by the user", 1000 * int(NOW.timestamp()))}
    assert outbox.waiting(store) == 2


def test_a_message_that_arrives_while_its_group_is_merged_is_kept_for_the_new_one(store: Store) -> None:
    old = place(store, "-20")
    number = episode(store)
    announce(store, notice(episode=number))
    (one,) = claims(store, senders.take(store))
    new = place(store, "-100")
    destinations.moved(store, "telegram", "-20", "-100")
    sent_from(store, one, "5", now=NOW)
    assert old != new
    assert [tuple(row) for row in beside.rows(store, "SELECT destination, message FROM messages")] == [(new, "5")]
    assert states(store) == ["sent"]


def test_a_place_that_was_forgotten_meanwhile_is_told_nothing(store: Store) -> None:
    with store.write() as work:
        outbox.announce_to(work, 99, notice("late"), now=NOW, expires=SOON)
    assert states(store) == []


def test_claiming_reads_no_settled_row(file_store: Store) -> None:
    """Settled rows soon are the many, so every step of the claim must go by an index that leaves them out."""
    due = dict.fromkeys(("now", "longest_pause", "longest_hold", "longest_rest", "most"), 0)
    lists = dict.fromkeys(("resting", "taken"), "[]")
    plan = file_store.read(
        Query("plan", f"EXPLAIN QUERY PLAN {outbox.SQL.due.text}"), platform="telegram", **due, **lists
    )
    told = [row["detail"] for row in plan]
    assert "SEARCH o USING INDEX outbox_live (platform=?)" in told
    assert not [step for step in told if "B-TREE" in step]
    assert "SEARCH b USING INDEX outbox_waiting (destination=?)" in told
    assert not [step for step in told if step.startswith("SCAN") and "json_each" not in step]


@pytest.mark.parametrize("state", ["queued", "sending", "uncertain"])
def test_whatever_is_not_settled_waits(store: Store, state: str) -> None:
    place(store)
    announce(store, notice())
    assert outbox.waiting(store) == 1
    beside.rows(store, "UPDATE outbox SET state = ?", state)
    assert outbox.waiting(store) == 1
    beside.rows(store, "UPDATE outbox SET state = 'sent', settled = 1")
    assert outbox.waiting(store) == 0


def test_an_alarm_takes_nothing_into_its_message_that_belongs_to_no_episode(store: Store) -> None:
    place(store)
    announce(store, notice("fired", "critical", episode=episode(store)))
    announce(store, notice("position", payload={"text": "of no episode"}))
    (claim,) = claims(store, senders.take(store), together=lambda _, __: True)
    assert [row.notice.kind for row in claim.rows] == ["fired"]


def test_what_belongs_to_no_episode_goes_with_its_rule_in_its_chat(store: Store) -> None:
    here, there = place(store, "11", ("sources", "*"), ("*", "*")), place(store, "12", ("sources", "*"))
    told = [announce(store, notice("source", rule="sources", asset="MARKET", payload={"text": n})) for n in range(2)]
    assert told == [2, 2]
    announce(store, notice(payload={"text": "of another rule"}))
    announce(store, notice(episode=episode(store), rule="sources", asset="MARKET", payload={"text": "of an episode"}))
    waits = announce(store, notice("source", rule="sources", asset="MARKET", payload={"text": "held"}))
    assert waits
    beside.rows(store, "UPDATE outbox SET held_for = 'quiet' WHERE id > (SELECT max(id) - 2 FROM outbox)")
    found = claims(store, senders.take(store), together=lambda _, __: True)
    assert {claim.destination: [row.notice.payload["text"] for row in claim.rows] for claim in found} == {
        here: [0, 1],
        there: [0, 1],
    }
    assert {row["state"] for row in beside.rows(store, "SELECT state FROM outbox WHERE held_for IS NOT NULL")} == {
        "queued"
    }


@pytest.mark.parametrize("state", ["queued", "sending", "uncertain"])
def test_a_wait_is_as_long_as_it_was_when_the_clock_is_set(store: Store, state: str) -> None:
    place(store)
    announce(store, notice())
    beside.rows(store, "UPDATE outbox SET state = ?", state)
    (before,) = beside.rows(store, "SELECT not_before, created, expires FROM outbox")
    with store.write() as work:
        outbox.clock_set(work, timedelta(hours=1))
    (after,) = beside.rows(store, "SELECT not_before, created, expires FROM outbox")
    assert [later - earlier for earlier, later in zip(before, after, strict=True)] == [3_600_000] * 3


@pytest.mark.parametrize("late", ["later", "wait_for_platform", "ended"])
def test_who_was_taken_for_dead_undoes_nothing_of_who_took_over(store: Store, late: str) -> None:
    place(store)
    announce(store, notice())
    [old] = claims(store, senders.take(store))
    [new] = claims(store, senders.take(store))
    assert (old.id, states(store)) == (new.id, ["sending"])
    match late:
        case "later":
            outbox.later(store, old, NOW, "no answer", now=NOW, counts=True)
        case "wait_for_platform":
            outbox.wait_for_platform(store, old, "no answer", now=NOW)
        case "ended":
            outbox.ended(store, old, "dead", "refused", now=NOW)
    assert states(store) == ["sending"]
    sent_from(store, old, "81", now=NOW)  # but what it says has arrived
    assert states(store) == ["sent"]


def test_a_story_goes_on_in_the_newest_message_of_what_it_takes_in(store: Store) -> None:
    place(store, "11")
    other = place(store, "12", ("long_crowding", "*"))
    process = senders.take(store)
    first, second, beside_it = episode(store), episode(store, "ETH"), episode(store, "DOGE")
    for number, message in ((first, "m1"), (second, "m2"), (beside_it, "m3")):
        announce(store, notice(episode=number))
        for one in claims(store, process):
            sent_from(store, one, message, now=NOW)
    story = {"rule": "long_crowding", "payload": {"takes_in": [first, second]}, "at": NOW + SECOND}
    announce(store, notice(episode=episode(store, "SOL"), **story))
    by_place = {one.destination: one for one in claims(store, process, now=NOW + SECOND)}
    assert {one.message for place, one in by_place.items() if place != other} == {"m2"}
    assert by_place[other].message is None, "nothing was told there that it could go on in"
    (here,) = (one for place, one in by_place.items() if place != other)
    assert second in {one.episode for one in here.notices}, "what the message says already stands in it"
