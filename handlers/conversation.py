"""What a command still wants to know, remembered until the next message says it; and what an edited message may do."""

from __future__ import annotations

import re
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, cast

from handlers.answer import BARE_NUMBER, Answer, Unfinished, answer_blocks, asked_again, look_up, may_change
from handlers.command import MissingValue, Refused, commands
from handlers.language.grammar import parse
from handlers.language.kinds import FILLERS, NOW_WORDS, plan_of
from handlers.language.position import LiqArgs
from handlers.language.spelling import check_dollars, chunks, is_command, shown
from handlers.reply import Button, Buttons, Line
from handlers.words import wording
from signals.units import MINUTE

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Hashable, Iterable

    from handlers.answer import OnError
    from handlers.command import Asker, Deps

    _Person = tuple[str, str, str | None, str | None]
    _Offered = tuple[str, str, str | None, str]  # a chat and a line, which anybody there may press

_OPEN_SECONDS: Final = 10 * MINUTE.total_seconds()
_MOST: Final = 1_000  # questions that are open at once, of everybody; and lines that were offered
_NEVER_MIND: Final = frozenset(
    ("cancel", "stop", "no", "nothing", "never mind", "nevermind", "forget it", "abort", "quit", "exit", "back", "drop")
)
# What is said around a number and says nothing more of it: I bought it at about 90k. Some are names of commands.
_AROUND: Final = frozenset(
    (
        "i", "i'm", "im", "am", "i've", "ive", "we", "my", "it", "its", "it's", "that", "this", "was", "is", "were",
        "be", "a", "an", "the", "of", "on", "in", "to", "by", "at", "for", "from", "and", "so", "then", "just", "maybe",
        "think", "guess", "about", "around", "roughly", "approximately", "approx", "ca", "circa", "near", "nearly",
        "almost", "exactly", "like", "say", "bought", "buy", "sold", "sell", "entered", "enter", "entry", "got",
        "went", "opened", "closed", "paid", "filled", "average", "avg", "price", "please",
        "with", "leverage", "lev", "size", "amount", "can", "could", "will", "would", "want", "lose", "lost", "most",
    )
)  # fmt: skip
_NUMBER: Final = re.compile(r"[-+]?[$€]?\d[\d.,'_]*[a-z%$€]{0,5}")
_NONE: Final = "“{}” is no answer to that."
_TIMES: Final = re.compile(r"\d{1,3}([.,]\d+)?")
_TWO: Final = re.compile(r"(?<!\S)([$€]?\d[\d.,'_]*k?)[/–-]([$€]?\d[\d.,'_]*k?)(?!\S)", re.IGNORECASE)  # 90k/91k
_OR: Final = re.compile(r"\bor\b", re.IGNORECASE)
_COMPARED: Final = re.compile(r"[<>≤≥=]|\b(crosses|flips)\b", re.IGNORECASE)
_OF_NOW: Final = frozenset(
    f"{at}{price}" for at in ("", "at ", "the ", "at the ")
    for price in ("price now", "current price", "market price", "mark price", "last price", "price of now")
)  # fmt: skip
_WHATEVER: Final = MissingValue("", behind=True)
_UNDO: Final = frozenset(
    ("undo", "/undo", "undo that", "undo it", "undo this", "take it back", "take that back", "revert")
)
# Of these, what means nothing else: "stop" is a wish of its own, and "forget it" must not offer to delete everything.
_NOTHING_ELSE: Final = frozenset(("cancel", "never mind", "nevermind", "forget it", "abort"))


class Conversations:
    """Answers lines, the next one with what the last one lacked. In memory: a restart forgets an open question."""

    def __init__(self, steady: Callable[[], float]) -> None:
        self._steady = steady
        self._open: dict[_Person, _Question] = {}
        self._led_by: OrderedDict[_Offered, tuple[str, ...]] = OrderedDict()
        self._back: OrderedDict[_Person, tuple[str, ...]] = OrderedDict()  # what undoes the last change of somebody
        self._undoes: OrderedDict[_Offered, tuple[str, ...]] = OrderedDict()  # the messages whose change a line undoes

    async def answer(self, text: str, deps: Deps, *, on_error: OnError) -> Answer:
        """Answer a line for a channel, as `answer_blocks` does; never raises."""
        if deps.asker.inline:  # half a line, while somebody types
            return await answer_blocks(text, deps, on_error=on_error)
        if stands := _what_stands(text, deps):
            return stands
        if _words_of(text) in _UNDO:
            back = self._back.get(_person(deps.asker), ())
            if len(back) != 1:
                return Answer(()) if deps.asker.replies and not back else _no_undo(back)
            [text] = back
        return await self._answer(text, deps, on_error)

    async def _answer(self, text: str, deps: Deps, on_error: OnError) -> Answer:
        person = _person(deps.asker)
        question = self._taken(text, person, deps)
        if question and _leaves_it(text):
            return Answer((Line(f"Left as it was; /{question.unfinished.name} begins anew."),))
        if question is None and deps.asker.address.kind == "private" and _words_of(text) in _NOTHING_ELSE:
            return Answer((Line("Nothing waits for an answer, so all is as it was. /help shows what can be asked."),))
        if question:
            deps = replace(deps, asker=replace(deps.asker, answers=question.answers or deps.asker.answers))
            answer = await _following(question, text, deps, on_error)
        else:
            answer = await answer_blocks(text, deps, on_error=on_error)
        led_by = question.messages if question else self._led_by.get(_offered(person, text), ())
        self._keep_open(person, answer, question, led_by, deps.asker)
        if not answer.refused and answer.unfinished is None and (shows := _only_shown(text, deps)):
            messages = (deps.asker.message,) if deps.asker.message else ()
            self._keep(person, _Question(self._until(), shows, messages, soft=True, answers=deps.asker.answers))
        if not (answer.changed or answer.news):
            return answer
        return replace(answer, led_by=led_by, undone=self._undone(person, text, answer, led_by, deps.asker.message))

    def _undone(
        self, person: _Person, text: str, answer: Answer, led_by: tuple[str, ...], message: str | None
    ) -> tuple[str, ...]:
        """Return the messages whose change a line undoes, and remember of a change what undoes it.

        Whoever then undoes that has done again what those messages said.
        """
        if not answer.changed:
            return ()
        self._back[person] = answer.back
        if len(self._back) > _MOST:
            self._back.popitem(last=False)
        undone = self._undoes.pop(_offered(person, text), ())
        if len(answer.back) == 1:
            line = _offered(person, answer.back[0])
            if undone:
                _remember(self._led_by, line, undone)
            elif messages := (*led_by, *([message] if message else [])):
                _remember(self._undoes, line, messages)
        return undone

    def _taken(self, text: str, person: _Person, deps: Deps) -> _Question | None:
        """Return the open question that a message answers, which is open no more; a command drops it."""
        asker = deps.asker
        if asker.address.kind != "private" and not (asker.replies or is_command(text)):
            return None  # in a group only an answer to the question answers it
        question = self._open.pop(person, None)
        if question is None or self._steady() > question.until or is_command(text):
            return None
        return question if _is_taken(question, text, deps) else None

    def _keep_open(
        self, person: _Person, answer: Answer, before: _Question | None, led_by: tuple[str, ...], asker: Asker
    ) -> None:
        """Keep the question that an answer asks; else the one that was asked before, which no refusal ends.

        With it, and with each line that is offered, go the messages that led there: led_by, and this one unless it was
        no answer to what was asked.
        """
        said_nothing = not answer.blocks  # people talk below the messages of a bot, too
        if not (answer.refused or said_nothing) and answer.unfinished is None:
            return
        unfinished = answer.unfinished or (before.unfinished if before else None)
        if asker.message is not None and not (before and unfinished is before.unfinished):
            led_by = (*led_by, asker.message)
        if unfinished:
            soft = before is not None and before.soft and unfinished is before.unfinished
            self._keep(person, _Question(self._until(), unfinished, led_by, soft=soft, answers=asker.answers))
        rows = (block for block in answer.blocks if isinstance(block, Buttons))
        for line in (button.command for row in rows for button in row.buttons) if led_by else ():
            _remember(self._led_by, _offered(person, line), led_by)

    def _until(self) -> float:
        return self._steady() + _OPEN_SECONDS

    def _keep(self, person: _Person, question: _Question) -> None:
        now = self._steady()
        if len(self._open) >= _MOST:
            self._open = {other: kept for other, kept in self._open.items() if kept.until > now}
        if len(self._open) < _MOST:
            self._open[person] = question


@dataclass(frozen=True, slots=True)
class _Question:
    """A question that is open. until: by the steady clock. messages: the numbers of those that led to it.

    soft: nothing was asked, but shown what is set; who says what it is to be means that, and nobody need say so.
    answers: of an alert that was answered with what led to it, as in Asker: the next message is about that as well.
    """

    until: float
    unfinished: Unfinished
    messages: tuple[str, ...]
    soft: bool = False
    answers: str | None = None


def _is_taken(question: _Question, text: str, deps: Deps) -> bool:
    """Tell whether a message without a slash is said to the question that is open, and not for itself."""
    unfinished = question.unfinished
    if question.soft:
        answered_by = commands()[unfinished.name].answered_by
        if answered_by and answered_by(text, deps):
            return True  # of /mute, oi 8h
        return not _leaves_it(text) and not _understood(text, deps)
    if _leaves_it(text):  # before "stop" is read as a command
        return True
    from handlers import speech  # noqa: PLC0415 - for what is said without a slash

    spoken = _spoken(text)
    if unfinished.wanted.free and (spoken.numbers or _COMPARED.search(text)):
        return True  # btc funding > 30% apr: a rule is made of the words of commands
    if _words_of(text) in _OF_NOW:
        return True  # and not the question what it is
    plan = plan_of(cast("Hashable", commands()[unfinished.name].arguments))
    beside = [word for word in spoken.beside if word.lower() not in plan.markers]  # stop 93000, of a size
    return not speech.names_a_command(" ".join(beside) if spoken.numbers else text)


async def _following(question: _Question, text: str, deps: Deps, on_error: OnError) -> Answer:
    """Answer what is said to a question; what is no answer to one that was not asked is answered as ever."""
    asked = question.unfinished
    if not asked.wanted.free and not question.soft:
        return await _completed(asked, text, deps, on_error)
    # Of what any words answer each one counts: price > 70k is no 70k.
    answer = await answer_blocks(asked.completed(text), deps, on_error=on_error)
    if question.soft and answer.refused and answer.unfinished is None and not any(map(str.isdigit, text)):
        return await answer_blocks(text, deps, on_error=on_error)
    return answer  # of what has a number in it, what is wrong with that: UTC+5:30


def _only_shown(text: str, deps: Deps) -> Unfinished | None:
    """Return the command that only showed what is set, so that the next message may say what it is to be."""
    try:
        meant = look_up(text, deps.assets)
    except Refused:
        return None
    return Unfinished(meant.command.name, "", _WHATEVER) if meant.only_shows and not meant.rest else None


def _understood(text: str, deps: Deps) -> bool:
    """Tell whether a message means something by itself: oi btc, but not oi until 18:00."""
    try:
        meant = look_up(text, deps.assets)
        parse(meant.command.arguments, meant.rest, command=meant.command.name, assets=deps.assets)
    except Refused:
        return False
    return True


async def _completed(asked: Unfinished, text: str, deps: Deps, on_error: OnError) -> Answer:
    """Answer a line with the value that it lacked, as it was said; where that is not understood, with its one number.

    Words that nothing is known of may be coins, and about one that is not followed the venues would be asked: not here.
    """
    from handlers import speech  # noqa: PLC0415 - for what is said without a slash

    text = "now" if _words_of(text) in _OF_NOW else _TWO.sub(r"\1 \2", text)
    spoken = _spoken(text)
    bare = sum(BARE_NUMBER.fullmatch(number) is not None for number in spoken.numbers)
    apart = bare <= 1 or asked.wanted.several  # not 90k or 91k
    said = spoken.told if spoken.numbers and apart else spoken.sides or text
    if why := _no_answer(asked, said, text, deps):
        return asked_again(asked, why)
    if bare > 1 and _OR.search(text):  # the second one would be taken as the size
        return asked_again(asked, f"I read {wording.listing(spoken.numbers)} in that.")
    of_coin = bool(spoken.numbers) and any(speech.names_a_coin(word, deps.assets) for word in spoken.beside)
    known = of_coin or not _unknown(spoken.beside, deps.assets)
    if asked.wanted.several and spoken.numbers:
        known |= _understood(asked.completed(said), deps)
    line = asked.completed(said)
    if bare > 1:  # before a coin the second would be taken as so many of it: 3000 3100 eth
        line = replace(asked, wanted=replace(asked.wanted, behind=True)).completed(said)
    answer = await answer_blocks(line, deps if known else replace(deps, look=None), on_error=on_error)
    if not answer.refused:
        return _read_as(answer, text, said)
    several = len(spoken.numbers) > 1 and not apart
    of_use = answer.unfinished is not None  # of 0.5btc at 25x both are, and the price is still wanted
    says = bool(spoken.numbers) or any(word.lower() not in FILLERS | _AROUND for word in spoken.beside)  # as what? not
    if (known and says and (of_use or not several)) or not _asks_the_same(answer, asked) or of_coin:
        return answer  # of which coin the number is says what was typed
    if len(spoken.numbers) != 1:
        read = f"I read {wording.listing(spoken.numbers)} in that." if spoken.numbers else _NONE.format(shown(text))
        return asked_again(asked, read if says else "")
    [number] = spoken.numbers
    taken = await answer_blocks(asked.completed(number), deps, on_error=on_error)
    return taken if taken.refused else _read_as(taken, text, number)


def _no_answer(asked: Unfinished, said: str, text: str, deps: Deps) -> str:
    """Say why something can be no answer: of 90k eur the 90k alone would be taken, and 95k is no leverage."""
    try:
        check_dollars(text, deps.assets)
    except Refused as refused:
        return str(refused)
    wrong = asked.wanted.shape.endswith("x") and BARE_NUMBER.fullmatch(said) and not _TIMES.fullmatch(said)
    return _NONE.format(shown(text)) if wrong else ""


def _asks_the_same(answer: Answer, asked: Unfinished) -> bool:
    """Tell whether a refusal asks for nothing further: what was said took the place of no value."""
    if answer.unfinished is None:
        return True
    first, second = (one.wanted.question.partition("?")[0] for one in (answer.unfinished, asked))
    return first == second


def _read_as(answer: Answer, text: str, taken: str) -> Answer:
    """Say what of a sentence was taken for the answer; the whole of it, in whatever order, need not be said."""
    if sorted(taken.split()) == sorted(text.split()):
        return answer
    return replace(answer, blocks=(Line(f"Taken from that: {taken}.", "echo"), *answer.blocks))


@dataclass(frozen=True, slots=True)
class _Spoken:
    """What somebody said: its numbers, the words that tell something beside them, and those that only stand around.

    Of about 90k nothing stands beside the number, and one word around it. told: the first two, as they were said.
    sides: the words of a position, where there are no others but those around: it's a long.
    """

    numbers: list[str]
    beside: list[str]
    around: list[str]
    told: str
    sides: str


def _spoken(text: str) -> _Spoken:
    try:
        words = [word.strip('~≈!?;()"') for word in chunks(text)]
    except Refused:  # a number that can be read in two ways: what is asked for says so
        words = text.split()
    numbers = [word for word in words if _NUMBER.fullmatch(word.lower())]
    around = [one for one in words if numbers and one.lower() in _AROUND]
    told = [one for one in words if one not in around]
    sides = [one for one in words if not numbers and one.lower() in plan_of(LiqArgs).words]
    alone = all(one in sides or one.lower() in _AROUND | FILLERS for one in words)
    beside = [one for one in told if one not in numbers]
    return _Spoken(numbers, beside, around, " ".join(told), " ".join(sides) if alone else "")


def _unknown(words: Iterable[str], assets: Collection[str]) -> list[str]:
    """Return the words that are none of a position, so that they may be anything."""
    plan = plan_of(LiqArgs)
    known = {*plan.words, *plan.markers, *plan.suffixes, *FILLERS, *NOW_WORDS, *(asset.lower() for asset in assets)}
    return [word for word in words if word.lower() not in known and not any(map(str.isdigit, word))]


def _what_stands(text: str, deps: Deps) -> Answer | None:
    """Say that the edit of a message changes nothing where that had changed something; None: it is answered anew.

    Whatever was stored would have to be found and taken back, and may have been changed by others since: so it stays,
    and with it the answer that says how to take it back. This holds for every command, and for each that comes.
    """
    before = deps.asker.edits
    if before is None or not (before or may_change(text, deps.assets)):
        return None
    if before:
        said = (
            f"This message said “{shown(before)}” when you sent it, and that was done. It still holds, whatever you "
            "make of the message now; the answer says how to change it back."
        )
    else:
        said = "I do not know any more what this message said before you edited it, and it may have been done."
    again = _as_command(text, deps)
    lines = (Line(said), *([Line("For the new one, send it as a message of its own.")] if again else []))
    buttons = (Buttons((Button(shown(again), again),)),) if again else ()
    return Answer((*lines, *buttons), refused=True, apart=True)


def _as_command(text: str, deps: Deps) -> str:
    """Return the line of a command that a message is, or is read as; nothing where it is none, as 91k."""
    if is_command(text):
        return text
    try:
        meant = look_up(text, deps.assets)
    except Refused:
        return ""
    return "" if meant.command.subject == "start" else meant.line  # hello


def _no_undo(back: tuple[str, ...]) -> Answer:
    """Say why "undo" undoes nothing: there is nothing, or it takes several lines."""
    if not back:
        return Answer((Line("I know of no change of yours to undo. /settings shows what is set here."),), refused=True)
    buttons = Buttons(tuple(Button(shown(line), line) for line in back))
    return Answer((Line("That takes more than one line:"), *(Line(line) for line in back), buttons), refused=True)


def _leaves_it(text: str) -> bool:
    return _words_of(text) in _NEVER_MIND


def _words_of(text: str) -> str:
    return " ".join(text.lower().split()).strip(".!")


def _remember(kept: OrderedDict[_Offered, tuple[str, ...]], line: _Offered, messages: tuple[str, ...]) -> None:
    kept[line] = messages
    if len(kept) > _MOST:
        kept.popitem(last=False)


def _offered(person: _Person, line: str) -> _Offered:
    return (*person[:3], line)


def _person(asker: Asker) -> _Person:
    return asker.platform, asker.address.chat, asker.address.topic, asker.user
