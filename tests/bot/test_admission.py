"""The gate: who is answered, who is told why not, and that one who floods costs the others nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
import structlog

from bot.admission import CHAT, EVERYBODY, INLINE, PERSON, PICTURES, Gate, TurnedAway, access_of, tell_code
from bot.config import AccessSection
from handlers.access import OPEN, SLOWED, WRONG_IN_ALL, WRONG_TRIES, Access, Allowed, OwnerCode
from handlers.answer import brings_code, is_for_all
from handlers.channels.channel import Address
from handlers.channels.local import local
from handlers.channels.telegram.sending import LIMITS
from handlers.command import Asker
from storage.engine.database import Store
from storage.people import access as kept
from tests.fakes.channel import FakeChannel

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 11, 22, tzinfo=UTC)
KEPT_OUT = "The owner of this bot keeps you from using it. What is stored about you: /privacy, /export, /forgetme."
ANN, BEN = Asker("telegram", Address("11"), "11"), Asker("telegram", Address("12"), "12")
GROUP = Address("-20", kind="group")
ANN_HERE, ANONYMOUS = replace(ANN, address=GROUP), Asker("telegram", GROUP)


class Place:
    """A gate whose time stands still until it is moved."""

    def __init__(self, store: Store, access: Access = OPEN) -> None:
        self.store, self.time = store, 0.0
        self.gate = Gate(access, lambda: self.time)

    async def ask(self, asker: Asker) -> str | None:
        """Return None where it is answered, else what is said; "" for nothing."""
        found = await self.gate.admit(self.store, asker)
        return found.text if isinstance(found, TurnedAway) else None


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "perpulse.db")


@pytest.mark.slow
@pytest.mark.parametrize("asker", [ANN, ANN_HERE, ANONYMOUS], ids=["in private", "in a group", "anonymous admin"])
async def test_a_flood_gets_its_burst_and_two_lines_a_minute(store: Store, asker: Asker) -> None:
    place = Place(store)
    said: list[str] = []
    answered = 0
    for hundredth in range(3 * 60 * 100):  # 100 a second for three minutes
        place.time = hundredth / 100
        text = await place.ask(asker)
        answered += text is None
        said += [text] if text else []
        if hundredth == 30_00:
            assert await place.ask(BEN) is None, "somebody else is answered at once"
    allowed = PERSON.burst if asker.user else CHAT.burst + 3 * CHAT.per_minute
    assert answered <= allowed
    assert len(said) <= 6
    assert said[0] == "That was too much at once. I answer again in 6 seconds." or not asker.user


async def test_a_person_is_counted_together_at_every_bot_and_a_group_is_not(store: Store) -> None:
    """The pace of a person is theirs; that of a group is what a platform lets one bot say there."""
    place = Place(store)
    bots = ("telegram", "telegram@alpha")
    answered = [await place.ask(replace(ANN, platform=bots[number % 2])) is None for number in range(40)]
    assert sum(answered) == PERSON.burst
    assert [await place.ask(replace(ANN, platform=bot, user="13")) for bot in ("telegram@alpha", "discord")] == [
        None
    ] * 2
    for bot in bots:
        groups = [await place.ask(replace(ANN_HERE, platform=bot, user=str(who))) is None for who in range(40)]
        assert sum(groups) == CHAT.burst


async def test_who_is_let_in_is_named_by_the_platform_whichever_bot_they_ask(store: Store) -> None:
    place = Place(store, Access(Allowed(owners=frozenset({"telegram:9"}), listed=True)))
    said = await place.ask(replace(ANN, platform="telegram@alpha"))
    assert said
    assert said.endswith("The owner can do so with: /allow telegram:11")


async def test_one_member_who_floods_leaves_the_group_its_answers(store: Store) -> None:
    place = Place(store)
    for _ in range(500):
        await place.ask(replace(BEN, address=GROUP))
    answered = [await place.ask(ANN_HERE) for _ in range(2)]
    assert answered == [None, None]


async def test_a_group_keeps_room_for_its_alarms_however_many_ask(store: Store) -> None:
    place, said = Place(store), []
    for tenth in range(3 * 600):
        place.time = tenth / 10
        if await place.ask(replace(ANN_HERE, user=str(tenth))) != "":
            said.append(place.time)
    window = max(sum(first <= at < first + 60 for at in said) for first in said)
    assert len(said) > 40
    assert window <= LIMITS.per_group_minute - 2


async def test_many_at_once_are_told_to_come_back(store: Store) -> None:
    place = Place(store)
    everyone = [replace(ANN, user=str(number), address=Address(str(number))) for number in range(100, 200)]
    answers = [await place.ask(asker) for asker in everyone]
    assert answers.count(None) == EVERYBODY.burst
    assert answers[-1] == "Too many people ask at the moment. Try again in a few seconds."


async def test_what_is_typed_in_other_chats_has_a_bucket_of_its_own(store: Store) -> None:
    place = Place(store)
    answers = [await place.ask(replace(ANN, inline=True)) for _ in range(100)]
    assert answers == [None] * int(INLINE.burst) + [""] * (100 - int(INLINE.burst)), "and is refused in silence"
    assert await place.ask(ANN) is None


async def test_what_is_being_typed_in_a_group_takes_nothing_from_its_answers(store: Store) -> None:
    place = Place(store)
    for _ in range(100):
        await place.ask(replace(ANN_HERE, inline=True))
    answers = [await place.ask(replace(ANN_HERE, user=str(number))) for number in range(100, 105)]
    assert answers == [None] * 5


async def test_who_sits_at_the_bot_is_not_counted(store: Store) -> None:
    place = Place(store)
    assert {await place.ask(local().asker) for _ in range(500)} == {None}
    assert all(place.gate.may_draw(local().asker) for _ in range(50))


def test_pictures_are_counted_for_each_chat(store: Store) -> None:
    gate = Place(store).gate
    assert [gate.may_draw(ANN) for _ in range(int(PICTURES.burst) + 1)] == [True] * int(PICTURES.burst) + [False]
    assert gate.may_draw(BEN)


# --- who may ----------------------------------------------------------------------------------------------------------

LISTED = Allowed(
    owners=frozenset({"telegram:1"}),
    listed=True,
    people=frozenset({"telegram:11"}),
    chats=frozenset({"telegram:-20"}),
    groups=frozenset({"telegram:-30"}),
)


async def _in_thirty(platform: str, group: str, person: str) -> bool:
    return (platform, group, person) == ("telegram", "-30", "13")


def private(user: str) -> Asker:
    return Asker("telegram", Address(user), user)


@pytest.mark.parametrize(
    ("asker", "answered"),
    [
        pytest.param(private("1"), True, id="the owner"),
        pytest.param(private("11"), True, id="listed"),
        pytest.param(private("13"), True, id="a member of a named group"),
        pytest.param(private("14"), False, id="anybody else"),
        pytest.param(replace(private("14"), address=GROUP), True, id="anybody in a listed group"),
        pytest.param(Asker("telegram", GROUP), True, id="an anonymous admin of a listed group"),
        pytest.param(replace(private("14"), address=Address("-30", kind="group")), True, id="in the named group"),
        pytest.param(replace(private("14"), address=Address("-40", kind="group")), False, id="in another group"),
        pytest.param(replace(private("11"), address=Address("-40", kind="group")), True, id="listed, in another group"),
        pytest.param(Asker("telegram", Address("-40", kind="channel")), False, id="a channel"),
        pytest.param(Asker("discord", Address("11"), "11"), False, id="the same number elsewhere"),
        pytest.param(private("21"), True, id="let in by an owner"),
        pytest.param(replace(private("14"), address=Address("-22", kind="group")), True, id="a chat that was let in"),
        pytest.param(private("23"), False, id="kept out by an owner"),
        pytest.param(replace(private("23"), address=GROUP), False, id="kept out, in a listed group"),
        pytest.param(local().asker, True, id="at the bot itself"),
    ],
)
async def test_only_those_who_are_listed_are_answered(store: Store, asker: Asker, answered: bool) -> None:
    with store.write() as work:
        kept.permit(work, "telegram", "person", "21", allowed=True, now=NOW)
        kept.permit(work, "telegram", "chat", "-22", allowed=True, now=NOW)
        kept.permit(work, "telegram", "person", "23", allowed=False, now=NOW)
    place = Place(store, Access(LISTED, None, _in_thirty))
    said = await place.ask(asker)
    assert (said is None) == answered
    if asker.user == "23":
        assert said == KEPT_OUT
    elif not answered and asker.user:
        assert said == (
            "This bot answers only those whom its owner lets in. "
            f"The owner can do so with: /allow {asker.platform}:{asker.user}"
        )


async def test_the_first_owner_of_a_closed_bot_may_bring_the_code(store: Store) -> None:
    """Else nobody could ever let anybody in."""
    code = OwnerCode("7F3K9QXM")
    gate = Gate(Access(Allowed(listed=True), code), lambda: 0.0)
    found = await gate.admit(store, ANN)
    assert isinstance(found, TurnedAway)
    assert found.may_claim
    assert found.text.startswith("This bot has no owner yet, and answers nobody before.")
    for elsewhere in (replace(ANN, address=GROUP), replace(BEN, inline=True)):
        turned_away = await gate.admit(store, elsewhere)
        assert isinstance(turned_away, TurnedAway)
        assert not turned_away.may_claim
    with store.write() as work:
        kept.add_owner(work, "telegram", "12", NOW)
    owned = await gate.admit(store, replace(ANN, user="13", address=Address("13")))
    assert isinstance(owned, TurnedAway)
    assert not owned.may_claim
    assert owned.text.startswith("This bot answers only those")


@pytest.mark.parametrize(
    ("line", "brings"),
    [
        ("/owner 7F3K-9QXM", True),
        ("/owner", True),
        ("owner 7F3K-9QXM", True),
        ("/start owner_7F3K9QXM", True),
        ("/start", False),
        ("/owners", False),
        ("/price owner_", False),
    ],
)
def test_a_line_that_brings_a_code(line: str, brings: bool) -> None:
    assert brings_code(line) == brings


async def test_everybody_but_whom_an_owner_keeps_out(store: Store) -> None:
    place = Place(store)
    assert await place.ask(ANN) is None
    with store.write() as work:
        kept.permit(work, "telegram", "person", "11", allowed=False, now=NOW)
        kept.permit(work, "telegram", "chat", "-20", allowed=False, now=NOW)
    assert await place.ask(ANN) == KEPT_OUT
    assert await place.ask(replace(BEN, address=GROUP)) == "This bot may not be used here."
    assert await place.ask(BEN) is None


@pytest.mark.parametrize("access", [Access(Allowed(listed=True)), OPEN], ids=["who is not listed", "who is kept out"])
@pytest.mark.parametrize("line", ["/privacy", "/export", "/forgetme", "forgetme", "what is stored"])
async def test_what_is_stored_about_people_is_theirs_whoever_is_kept_out(
    store: Store, access: Access, line: str
) -> None:
    with store.write() as work:
        kept.permit(work, "telegram", "person", "11", allowed=False, now=NOW)
    gate = Gate(access, lambda: 0.0)
    assert isinstance(await gate.admit(store, ANN, lambda: is_for_all(line)), Asker)
    assert isinstance(await gate.admit(store, ANN, lambda: is_for_all("/price btc")), TurnedAway)
    assert isinstance(await gate.admit(store, ANN, lambda: is_for_all("nonsense, all of it")), TurnedAway)
    answered = [isinstance(await gate.admit(store, ANN, lambda: is_for_all(line)), Asker) for _ in range(50)]
    assert sum(answered) < PERSON.burst, "a flood is refused before it is read"


async def test_an_owner_is_known_by_configuration_or_by_what_is_stored(store: Store) -> None:
    access = Access(Allowed(owners=frozenset({"telegram:11"})))
    with store.write() as work:
        kept.add_owner(work, "telegram", "12", NOW)
    gate = Place(store, access).gate
    admitted = [await gate.admit(store, asker) for asker in (ANN, BEN, private("13"), ANONYMOUS)]
    assert [isinstance(one, Asker) and one.owner for one in admitted] == [True, True, False, False]


# --- the first owner --------------------------------------------------------------------------------------------------


def test_a_code_is_taken_however_it_is_spelt_and_once() -> None:
    code, ann = OwnerCode("7F3K9QXM"), ("telegram", "11")
    assert code.shown == "7F3K-9QXM"
    assert code.take("7F3K-9QXA", ann, NOW) == "wrong"
    assert code.take("", ann, NOW) == "wrong"
    assert code.take("7f3k 9qxm", ann, NOW) == "right"
    assert not code.alive
    assert code.take("7F3K-9QXM", ann, NOW) == "used up"


def test_who_guesses_is_locked_out_and_nobody_else() -> None:
    code, guesser = OwnerCode("7F3K9QXM"), ("telegram", "66")
    tries = [code.take(f"wrong {number}", guesser, NOW) for number in range(7)]
    assert tries == ["wrong"] * WRONG_TRIES + ["locked"] * 2
    assert code.take("7F3K9QXM", guesser, NOW) == "locked", "else the sixth guess could be the one"
    assert code.take("7F3K9QXM", ("telegram", "11"), NOW) == "right"


def test_many_who_guess_are_slowed_down_and_the_first_try_of_a_person_is_not() -> None:
    code, ann = OwnerCode("7F3K9QXM"), ("telegram", "11")
    for number in range(WRONG_IN_ALL):
        assert code.take("guess", ("telegram", str(100 + number)), NOW) == "wrong"
    assert code.take("guess", ("telegram", "100"), NOW) == "too soon"
    assert code.take("7F3K9QXN", ann, NOW) == "wrong", "a slip of the finger"
    assert code.take("7F3K9QXM", ann, NOW) == "too soon"
    assert code.take("7F3K9QXM", ann, NOW + SLOWED) == "right"


@pytest.mark.parametrize("owned", [False, True], ids=["nobody owns it", "somebody does"])
@pytest.mark.parametrize("named", [False, True], ids=["no owner is configured", "one is"])
def test_the_code_is_told_where_the_bot_was_started(store: Store, owned: bool, named: bool) -> None:
    channel = FakeChannel()
    section = AccessSection(owners=("telegram:1",) if named else ())
    access = access_of(section, [channel])
    if owned:
        with store.write() as work:
            kept.add_owner(work, "telegram", "12", NOW)
    with structlog.testing.capture_logs() as logs:
        tell_code(access, store, [channel])
    told = [entry["event"] for entry in logs]
    if owned or named:
        assert not told
    else:
        assert access.code is not None
        assert len(access.code.shown) == 9
        line = f"/owner {access.code.shown}"
        assert told == [f"This bot has no owner yet. Whoever sends it this line becomes one: {line}"]
    assert not channel.said
