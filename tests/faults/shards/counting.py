"""What came of it: at the fakes, in the database, and by what the server noted of every write."""

from __future__ import annotations

import re
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from bot.delivery.dispatcher import IN_FLIGHT
from signals.units import from_ms
from tests.faults.bench import MARK
from tests.faults.scenario import Counts
from tests.faults.shards.house import ASSETS, ENTRY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.faults.shards.house import SharedHouse
    from tests.faults.shards.ledger import Entry, Ledger

PROMISED_S: Final = 15.0
EACH_S: Final = 180.0  # figures come once a minute, and once more later where who asks for them is killed twice
# What was sent twice came so soon after each other: the lease has moved by then, and what is in doubt was sent again.
# Later the same words are of something that has happened again, as "the fast fall is over after 3 min".
AGAIN_S: Final = 120.0
ANSWERED_S: Final = 5.0  # within which a program answers what it has taken, however busy the machine is
ASKS: Final = "asks an exchange"
_NEWS: Final = re.compile(r"news number \d{4} of the day")
_ASKED: Final = re.compile(rf"{str(ENTRY)[0]},(\d{{3}}),(\d{{3}})")


@dataclass
class Strike:
    """One fault. at: wall seconds; again: when the program was there again. held: its leases then."""

    who: int
    killed: bool
    at: float
    steady: float
    again: float
    again_steady: float
    held: dict[str, int]
    others: set[str]  # roles of the programs that lived meanwhile


@dataclass
class Takeovers:
    """Seconds from a strike to the first work of another program, by role."""

    taken: dict[str, list[float]] = field(default_factory=dict)

    def add(self, role: str, seconds: float) -> None:
        self.taken.setdefault(role, []).append(seconds)

    @property
    def most(self) -> float:
        # What the dead one has stored a moment ago is asked for when it is due again, once a minute: that is no delay.
        return max((max(every) for what, every in self.taken.items() if what != ASKS), default=0.0)

    def __str__(self) -> str:
        return ", ".join(f"{role} {len(every)} × ≤ {max(every):.1f} s" for role, every in sorted(self.taken.items()))


def _slowest(house: SharedHouse) -> float:
    """Return how long the slowest answer took, in seconds."""
    ahead, slowest = time.time() - time.monotonic(), 0.0
    for message in house.telegram.accepted:
        if (said := _ASKED.search(message.text)) and not _NEWS.search(message.text):
            asked = house.asked.get(int("".join(said.groups())))
            slowest = max(slowest, message.at - ahead - asked[0]) if asked else slowest
    return slowest


def answers_of(house: SharedHouse) -> Counter[int]:
    """Return how often each question was answered."""
    found: Counter[int] = Counter()
    for message in house.telegram.accepted:
        if (said := _ASKED.search(message.text)) and not _NEWS.search(message.text):
            found[int("".join(filter(None, said.groups())))] += 1
    return found


def open_questions(house: SharedHouse, strikes: Sequence[Strike]) -> tuple[list[int], list[int]]:
    """Return the questions that nobody answered, and apart from them those that are gone with a killed program.

    What a program had taken from Telegram and not answered when it was killed is gone with it: a person asks again.
    """
    answers, taken = answers_of(house), house.telegram.taken
    killed = [(one.steady, one.who) for one in strikes if one.killed]
    found: dict[bool, list[int]] = {True: [], False: []}
    for number in house.asked:
        if not answers[number]:
            at, who = taken.get(number, (0.0, 0))
            found[any(by == who and 0.0 <= then - at <= ANSWERED_S for then, by in killed)].append(number)
    return found[False], found[True]


def _known_messages(house: SharedHouse) -> set[tuple[int, int]]:
    """Return the messages that the database knows: chat and number."""
    rows = house.rows(
        "SELECT d.chat, o.message FROM outbox o JOIN destinations d ON d.id = o.destination "
        "WHERE o.message IS NOT NULL "
        "UNION SELECT d.chat, m.message FROM messages m JOIN destinations d ON d.id = m.destination"
    )
    return {(int(chat), int(message)) for chat, message in rows if str(message).isdigit()}


def counted(house: SharedHouse, strikes: Sequence[Strike], ledger: Ledger | None) -> Counts:
    shown = list(house.telegram.accepted)
    counts = Counts(broken=list(house.telegram.problems))
    first = [(message.chat, message.edits[0] if message.edits else message.text) for message in shown]
    # news
    wanted = {(chat, text) for chat in house.chats for text in house.told}
    told = Counter((chat, text) for chat, said in first for text in set(_NEWS.findall(said)))
    plain = Counter((chat, text) for chat, said in first for text in set(_NEWS.findall(said)) if MARK not in said)
    counts.wanted = len(wanted) + len(house.asked)
    missing = wanted - set(told)
    counts.repeated = sum(told.values()) - len(told)
    counts.unmarked = sum(count - 1 for count in plain.values() if count > 1)
    counts.may_repeat = sum("send telegram" in one.held for one in strikes) * 2 * IN_FLIGHT
    # questions
    answers = answers_of(house)
    unanswered, gone = open_questions(house, strikes)
    twice = [number for number, count in answers.items() if count > 1]
    counts.lost = len(missing) + len(unanswered)
    counts.noted.append(
        f"{len(house.asked)} questions, {len(gone)} of them gone with a killed program, "
        f"slowest answer {_slowest(house):.1f} s"
    )
    counts.hold(
        not unanswered, f"{len(unanswered)} of {len(house.asked)} questions were not answered: {unanswered[:5]}"
    )
    counts.hold(not twice, f"{len(twice)} of {len(house.asked)} questions were answered twice: {twice[:5]}")
    # all other words
    others: defaultdict[tuple[int, str], list[tuple[float, bool]]] = defaultdict(list)
    known = _known_messages(house)
    for (chat, said), message in zip(first, shown, strict=True):
        if not _NEWS.search(said) and not _ASKED.search(said):
            others[chat, said].append((message.at, (chat, message.message_id) in known))
    marked = Counter((chat) for chat, said in others if MARK in said)
    # Of what was sent twice the database knows one message: the same words of two notices are no repeat.
    again = [
        said
        for (_, said), every in others.items()
        for (at, kept), (later, kept_too) in pairwise(every)
        if later - at < AGAIN_S and not (kept and kept_too)
    ]
    counts.unmarked += len(again)
    counts.hold(not again, f"said twice unmarked: {[said[:80] for said in again[:3]]}")
    counts.noted.append(
        f"{len(strikes)} faults ({sum(one.killed for one in strikes)} kills), {len(shown):,} messages, "
        f"{counts.repeated} repeats of news, {sum(marked.values())} other words marked"
    )
    waits = sorted(house.waits)
    counts.noted.append(f"{len(waits)} wishes answered, slowest {waits[-1] if waits else 0:.1f} s, {house.unheard} not")
    _by_rows(house, counts)
    if ledger:
        _by_claims(ledger, counts)
        _taken_over(house, strikes, ledger, counts)
    return counts


def _by_claims(ledger: Ledger, counts: Counts) -> None:
    """Hold every claim of a row against who held the lease then, and against who had claimed it already."""
    double = claims = 0
    for entry in ledger.entries("outbox"):
        before, epoch, after, new, holder = entry.said.split(" ")
        if after == "sending" and (before != "sending" or epoch != new):
            claims += 1
            double += before == "sending" or new != holder
    counts.hold(not double, f"{double} rows were claimed by two")
    counts.noted.append(f"{claims:,} claims")


def _by_rows(house: SharedHouse, counts: Counts) -> None:
    """Count what the database holds: digests, notices, episodes, closes and figures."""
    read = house.rows
    digests = read(
        "SELECT d.destination, n.payload::json->>'due', count(*) FROM notices n JOIN outbox d ON d.notice = n.id "
        "WHERE n.kind = 'digest' GROUP BY 1, 2"
    )
    counts.hold(all(count == 1 for *_, count in digests), "a digest was made twice")
    late = int((house.now() - timedelta(seconds=60)).timestamp() * 1000)
    owed = read("SELECT count(*) FROM digests WHERE next < %s", late)[0][0]
    counts.hold(not owed, f"{owed} digests that were due were not made")
    counts.noted.append(f"{len(digests)} digests")
    lost = read("SELECT state, reason, count(*) FROM outbox WHERE state NOT IN ('sent', 'merged') GROUP BY 1, 2")
    counts.hold(not lost, f"not sent: {lost[:4]}")
    changes = read(
        "SELECT payload::json->'source'->>'source', payload::json->'source'->>'asset', "
        "payload::json->'source'->>'kind' FROM notices WHERE kind = 'source' ORDER BY id"
    )
    agreed: dict[tuple[str, str], str] = {}
    for source, asset, kind in changes:
        if kind in {"contradicts", "agrees"}:
            before, agreed[source, asset] = agreed.get((source, asset)), kind
            counts.hold(kind != "agrees" or before != kind, f"{source} agreed on {asset} twice")
    twins = read(
        "SELECT rule, asset, since, count(*) FROM episodes GROUP BY 1, 2, 3 HAVING count(*) > 1 "
        "UNION ALL SELECT rule, asset, at, count(*) FROM record GROUP BY 1, 2, 3 HAVING count(*) > 1"
    )
    counts.hold(not twins, f"two episodes or entries of one: {twins[:3]}")
    open_ = read("SELECT rule, asset, count(*) FROM episodes WHERE ended IS NULL GROUP BY 1, 2 HAVING count(*) > 1")
    counts.hold(not open_, f"two open episodes: {open_[:3]}")
    told = read(
        "SELECT count(*), (SELECT count(*) FROM episodes WHERE rule = 'burst') FROM notices WHERE episode IS NOT NULL"
    )
    counts.noted.append(f"{told[0][0]} notices of episodes, {told[0][1]} fast moves")
    _judged(house, counts)
    _collected(house, counts)


def _judged(house: SharedHouse, counts: Counts) -> None:
    """Hold the newest close of each rule and asset against the hour."""
    late = behind(house)
    since = house.now() - _hour(house)
    counts.hold(not late or since < timedelta(minutes=3), f"{late} were not judged at the last close")


def behind(house: SharedHouse) -> list[str]:
    """Return the assets of which no rule has seen the last full hour."""
    rows = house.rows("SELECT asset, max((state::json->>'at')) FROM rule_states WHERE rule <> 'burst' GROUP BY 1")
    newest = dict(rows)
    return [asset for asset in ASSETS if str(newest.get(asset, "")) < _hour(house).isoformat()]


def _hour(house: SharedHouse) -> datetime:
    return house.now().replace(minute=0, second=0, microsecond=0)


def _collected(house: SharedHouse, counts: Counts) -> None:
    """Look whether figures of each asset kept coming."""
    rows = house.rows("SELECT asset, venue, at FROM levels WHERE mark_price IS NOT NULL ORDER BY 1, 2, 3")
    gaps: dict[tuple[str, str], float] = {}
    last: dict[tuple[str, str], int] = {}
    first = min((at for at, _ in house.asked.values()), default=time.monotonic())
    begun = int((house.now() - timedelta(seconds=time.monotonic() - first)).timestamp() * 1000)
    for asset, venue, at in rows:
        if at >= begun:
            key = (asset, venue)
            gaps[key] = max(gaps.get(key, 0.0), (at - last.get(key, at)) / 1000)
            last[key] = at
    counts.noted.append(f"longest pause of a price {max(gaps.values(), default=0.0):.0f} s")
    watched = (house.now() - from_ms(begun)).total_seconds()
    silent = [asset for asset in ASSETS if (asset, "binance") not in last]
    counts.hold(not silent or watched < EACH_S, f"no figures of {silent} came in {watched:.0f} s")


def _holds(entry: Entry, *, since: int) -> bool:
    """Whether an entry of the leases is of somebody who took one after an epoch.

    By its epoch and not by the time: a lease may have changed hands while the fault was being prepared.
    """
    epoch, holder = entry.said.split(" ")
    return int(epoch) > since and holder != "-"


def _taken_over(house: SharedHouse, strikes: Sequence[Strike], ledger: Ledger, counts: Counts) -> None:
    """Measure from each strike to the lease in other hands, and to the first work of whoever took it."""
    found, number_of = Takeovers(), {int(one.key): one.who for one in ledger.entries("processes")}
    moved = ledger.entries("leases")
    missed = []
    for one in strikes:
        gone = one.killed or one.again - one.at >= PROMISED_S / house.faster + 2.0
        for name, epoch in one.held.items() if gone else ():
            role = name.split(" ")[0]
            if not one.killed and role not in one.others:
                continue
            took = next((entry for entry in moved if entry.key == name and _holds(entry, since=epoch)), None)
            if took is None:
                missed.append(name)
                continue
            if role not in one.others:
                continue  # nobody else could: it was started anew
            found.add(f"lease {role}", took.at - one.at)
            who = number_of.get(int(took.said.split(" ")[1]), 0)
            steady = one.steady + took.at - one.at
            if role == "answer" and (at := house.telegram.by.first(who, "getUpdates", steady)):
                found.add("reads commands", at - one.steady)
            if name == "send telegram" and (at := house.telegram.by.first(who, "sendMessage", steady)):
                found.add("sends", at - one.steady)
            if (
                name.split(" ")[1] in ASSETS
                and role == "collect"
                and (at := house.exchange.by.first(who, "figures", steady))
            ):
                found.add(ASKS, at - one.steady)
    counts.hold(not missed, f"nobody took over {sorted(set(missed))}")
    counts.hold_time(found.most <= PROMISED_S, f"taken over late: {found}")
    counts.noted.append(f"takeover: {found}")
