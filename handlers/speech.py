"""What people say without a slash, read into a command line by the words that each command declares.

The words of a command decide which one is meant, its own grammar what else of the line it can use. A line that fits one
command clearly better than all others is read as that one; else the two nearest are offered, and nothing is guessed.
What changes something is done by its own name alone (`sub btc`), and offered for any other word; where such a command
only shows what is set when nothing else is said (`shut up`: /mute), that is done.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Final, cast

from handlers.command import SUBJECTS, Meant, NotUnderstood, Refused, commands
from handlers.language.grammar import parse
from handlers.language.kinds import (
    EXPIRY,
    FILLERS,
    LEVERAGE,
    LEVERAGE_WORDS,
    NOW_WORDS,
    PRICE,
    REST,
    ZONE,
    days_joined,
    is_day,
    plan_of,
    zone_among,
)
from handlers.language.metrics import said_of
from handlers.language.spelling import check_dollars, chunks, is_slip, split_command, suggest, symbol
from signals.liquidation import listed_names

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable, Mapping, Sequence

    from handlers.command import Command
    from handlers.language.kinds import Plan


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


BARE, COIN = "<position>", "<coin>"  # as a word of a command: meant by a position alone, offered for a coin alone
# What speaks for a command: its name, and that the line begins with it; a phrase, by its words; a second match; a slip
# of the finger, or a word that is merely near; a position alone; and a leverage, where the command takes one.
_NAME, _FIRST, _WORD, _MORE, _SLIP, _NEAR, _BARE, _GEARED = 2.5, 1.0, 1.0, 0.25, 2.0, 1.2, 0.75, 1.5
_CLEAR: Final = 2.0  # from which on a line is understood
_AHEAD: Final = 0.5  # and by how much the best must lead
_STRANGE: Final = 0.25  # how much of a line may be words that say nothing to the command: why is the sky blue
_GUESSED_WORDS: Final = 6  # words of a line that are compared with others by their spelling: each costs time
_LONGEST_PHRASE: Final = 4
_START: Final = ("help", "start")
_LEVERAGE: Final = re.compile(r"x?\d{1,3}(\.\d+)?x?(?<=x)|x\d{1,3}|\d{1,3}xlong|\d{1,3}xshort")
# What tells the text of a command that changes something, beside coins and numbers: until monday, only warnings.
_TELLING: Final = _words(
    "until till tomorrow tonight midnight noon mon tue wed thu fri sat sun monday tuesday wednesday thursday friday "
    "saturday sunday mondays tuesdays wednesdays thursdays fridays saturdays sundays weekday weekdays weekends daily "
    "weekly off everything all over strict loud silent sources data burst night hour hours day days week weeks"
)
# What ends what is on, beside the words of a command that "off" ends: stop the digest, no quiet hours.
_ENDING: Final = _words("stop end cancel no off disable delete remove never without quit don't dont not")
_COUNTED, _ONE = _words("hour day week"), _words("a an one half")
_UNITS: Final = _COUNTED | _words("hours days weeks")
_SPAN: Final = re.compile(r"\d{1,3}(m|h|d|w|y|min|mins|days?|hours?|weeks?)")
_ONE_SPAN: Final = re.compile(r"\b(?:for|over) (?:a|one) (day|week)\b", re.IGNORECASE)  # for a week
_AMOUNT: Final = re.compile(r"\$\d[\d.,]*[kmb]?", re.IGNORECASE)  # and not the coin 5K
_ANOTHER_TIME: Final = re.compile(
    r"\b(the day before yesterday|yesterday|tomorrow|tonight|(last|next|this) (night|week|month|year)"
    r"|(\d+|a|an|one|two|three|some|few) (minute|hour|day|week|month|year)s? ago)\b",
    re.IGNORECASE,
)
# What questions are made of, and what none of our commands needs. A ticker among them (NEAR, ME) stays where it is
# followed, or written large.
_ASKING: Final = _words(
    "what whats what's is are was were the a an how hows how's much many did do does done why when where wheres which "
    "who whos show me tell give please pls can could would should you your i my im i'm get got see want need now "
    "currently current today for of on about right to it its it's s in at there any some have has been be with and or "
    "we change changes changed "
    "that this if then just so like look check say know let lets let's moment latest last go going up down high low "
    "happen happened happening from by as hey hi bot think will "
    "market markets crypto coin coins really actually everybody everyone people trader traders longs shorts"
)


def understand(text: str, assets: Collection[str] = ()) -> Meant:
    """Read a line without a slash. assets: those that are followed.

    NotUnderstood, with the two nearest commands, where none is clearly meant; Refused, as the command itself would, for
    what begins with the name of one and cannot be read.
    """
    when = _when_else(text)
    try:
        meant = _meant(text, assets)
        if when and meant.command.by_speech and when in meant.rest.lower():  # price last week: no coins of these names
            meant = _meant(_ANOTHER_TIME.sub(" ", text).strip() or text, assets)
    except NotUnderstood:
        meant = _meant(_ANOTHER_TIME.sub(" ", text).strip() or text, assets)
        if not meant.command.by_speech:  # to which another time may mean much
            raise
    if meant.line[1:].lower() == " ".join(text.split()).lower():
        return meant
    return replace(meant, spoken=True, when=when if meant.command.by_speech else "")


def _when_else(text: str) -> str:
    """Return the words of a question for another time than now, of which no command tells; nothing without any."""
    said = _ANOTHER_TIME.search(text)
    return said[0].lower() if said else ""


def stands_for(name: str) -> tuple[str, ...]:
    """Return the commands of which somebody's own name of a command is a word: /stop is /unsub to many bots."""
    return _phrases().get(name.lower().replace("_", " "), ())[:2]


def names_a_command(text: str) -> bool:
    """Tell whether a line has a name or a word of a command in it, and so is no mere value."""
    try:
        lower = [word.lower() for word in chunks(text)]
    except Refused:
        return False  # it has a number that can be read in two ways
    spans = ((at, n) for at in range(len(lower)) for n in range(1, _LONGEST_PHRASE + 1))
    return any(" ".join(lower[at : at + n]) in _phrases() for at, n in spans)


def names_a_coin(word: str, assets: Collection[str]) -> bool:
    """Tell whether a word names a coin, followed or listed somewhere, and is none that questions are made of."""
    return not _asks(word, assets) and _coin(word, assets) is not None


_TO_ME: Final = "me "


def _meant(text: str, assets: Collection[str]) -> Meant:
    name, rest = split_command(text)
    named = commands().get(name)
    if whole := _whole(text):
        return whole
    if named and named.whole and rest.lower().startswith(_TO_ME):
        named = None  # alert me about btc: that is no rule
    if named and _is_text(named) and not named.by_speech:
        return Meant(named, rest)  # as typed: it may hold a name
    goes_on = " ".join([name, *(word.lower() for word in rest.split()[:1])]) in _phrases()  # funding rates
    if named and not _is_text(named) and not goes_on and _readable(named, rest, assets):
        return Meant(named, " ".join(chunks(rest)))
    check_dollars(text, assets)  # else a number alone would be left of it
    words = chunks(days_joined(_ONE_SPAN.sub(r"1\1", text)))
    found = _ended(_ranked(words), words)
    ahead = found and (len(found) == 1 or found[0].score - found[1].score >= _AHEAD)
    if ahead and found[0].sure and len(_unknown(found[0], words, assets)) <= _STRANGE * len(words):
        return _as_line(found[0], words, assets)
    if ahead and found[0].shows and (shown := _as_line(found[0], words, assets)).only_shows:
        return shown
    if named and name in _ASKING and not _plan(named).fields:
        found = [one for one in found if one.command is not named]  # about 90k
    elif named and all(one.command is named for one in found):
        return Meant(named, rest)  # which says what is wrong
    offered = [_as_line(one, words, assets).line for one in found[:2]] or _fallback(words, assets)
    raise NotUnderstood(offered, surely=bool(found) and found[0].score >= _CLEAR and not found[0].command.by_speech)


def _ended(found: list[_Candidate], words: Sequence[str]) -> list[_Candidate]:
    """Return what else is meant than an end of what is named: of stop the digest, "stop" is not /unsub."""
    ended = [one for one in found if _is_ended(one, words)]
    ending = {at for at, word in enumerate(words) if word.lower() in _ENDING | {"turn", "sending"}}
    return [one for one in found if one in ended or one.places - ending] if ended else found


def _is_ended(one: _Candidate, words: Sequence[str]) -> bool:
    """Tell whether a line ends what a command began, by words that are none of its own: not no alerts at night."""
    lower = [word.lower() for word in words]
    ends = any(word in _ENDING and at not in one.places for at, word in enumerate(lower))
    return ends and any(f" {phrase} " in f" {' '.join(lower)} " for phrase in one.command.ended)


def _whole(text: str) -> Meant | None:
    """Return the command whose words begin a text, and which is handed the rest as it was typed: tell me when btc."""
    lower = " ".join(text.lower().split())
    for command in commands().values():
        if command.whole:
            for phrase in (command.name, *command.words):
                if lower.startswith(f"{phrase} ") and not lower.startswith(f"{phrase} {_TO_ME}"):
                    return Meant(command, " ".join(text.split()[len(phrase.split()) :]))
    return None


def _plan(command: Command) -> Plan:
    return plan_of(cast("Hashable", command.arguments))


def _is_text(command: Command) -> bool:
    """Tell whether a command takes whatever stands behind it as text."""
    plan = _plan(command)
    return plan.rest is not None and len(plan.fields) == 1


# --- which command ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A command that may be meant: how much speaks for it, and the places of the words that did."""

    command: Command
    score: float
    places: frozenset[int]

    @property
    def sure(self) -> bool:
        """Tell whether it may be run for that: what changes something is only offered."""
        return self.score >= _CLEAR and self.command.by_speech

    @property
    def shows(self) -> bool:
        """Tell whether it may be run without a further word."""
        return self.score >= _CLEAR and self.command.shows


class _Tally:
    """What speaks for each command: how much, the words' places, and the phrases."""

    def __init__(self) -> None:
        self.scores: dict[str, float] = {}
        self.places: dict[str, set[int]] = {}
        self.phrases: dict[str, list[str]] = {}

    def count(self, phrase: str, score: float, at: range) -> None:
        """Count a phrase for each command that it stands for; a name also for standing first."""
        for name in _phrases()[phrase]:
            if at.start and phrase == name and name in _ASKING:
                continue  # tell me about btc
            worth = score + (_FIRST if phrase == name and not at.start else 0.0)
            known = self.scores.get(name)
            self.scores[name] = worth if known is None else max(known, worth) + _MORE
            self.places.setdefault(name, set()).update(at)
            self.phrases.setdefault(name, []).append(phrase)

    def drop_arguments(self) -> None:
        """Drop commands for which only that speaks what is an argument of another one that is named: plot oi."""
        for name in [name for name in self.scores if any(self._argues(name, other) for other in self.phrases)]:
            del self.scores[name]

    def _argues(self, name: str, other: str) -> bool:
        said, mine = self.phrases[other], self.phrases[name]
        return (
            name != other
            and all(_belongs(phrase, _plan(commands()[other])) for phrase in mine)
            and not all(_belongs(phrase, _plan(commands()[name])) for phrase in said)
            and any(phrase not in mine for phrase in said)
        )


def _ranked(words: Sequence[str]) -> list[_Candidate]:
    """Return the commands that the words of a line speak for, the best first."""
    lower, tally = [word.lower() for word in words], _Tally()
    at = 0
    while at < len(lower):
        length = next((n for n in range(_LONGEST_PHRASE, 0, -1) if " ".join(lower[at : at + n]) in _phrases()), 0)
        if length:
            phrase = " ".join(lower[at : at + length])
            tally.count(phrase, _NAME if phrase in commands() else _WORD + length, range(at, at + length))
        at += max(length, 1)
    if not tally.scores:
        for place, word in enumerate(lower[:_GUESSED_WORDS]):
            for near, score in _near(word):
                tally.count(near, score, range(place, place + 1))
    tally.drop_arguments()
    geared = any(_LEVERAGE.fullmatch(word) for word in lower)
    if geared and not any(LEVERAGE in _plan(commands()[name]).kinds for name in tally.scores):
        tally.scores |= dict.fromkeys(_phrases().get(BARE, ()), _BARE)
    numbers = geared or any(word[:1].isdigit() and not _SPAN.fullmatch(word) and not is_day(word) for word in lower)
    found = []
    for name, said in tally.scores.items():
        score = said + _shape(commands()[name], geared=geared, numbers=numbers)
        found.append(_Candidate(commands()[name], score, frozenset(tally.places.get(name, ()))))
    return sorted((one for one in found if one.score > 0.0), key=lambda one: -one.score)


def _shape(command: Command, *, geared: bool, numbers: bool) -> float:
    """Return what leverage and numbers say for a command or against it."""
    kinds = _plan(command).kinds
    if LEVERAGE in kinds:
        return _GEARED if geared else 0.5 if numbers else -_GEARED
    if geared and REST not in kinds:
        return -_GEARED
    return -1.0 if numbers and not _plan(command).numbers and REST not in kinds else 0.0


@cache
def _phrases() -> Mapping[str, tuple[str, ...]]:
    """Return the commands that each name, and each word that a command declares, stands for."""
    found: dict[str, tuple[str, ...]] = {}
    said = {phrase for command in commands().values() for phrase in command.words}
    for name, command in commands().items():
        own = () if name in said else (name,)  # a word that people say for another command does not mean this one
        for phrase in () if command.whole else dict.fromkeys((*own, *command.words)):
            found[phrase] = (*found.get(phrase, ()), name)
    return found


def _near(word: str) -> list[tuple[str, float]]:
    """Return the words that a misspelt one may be, and what each counts."""
    if len(word) < 4 or not word.isalpha() or word in _ASKING:
        return []
    known = [phrase for phrase in _phrases() if " " not in phrase and len(phrase) > 3]
    near = suggest(word, known, cutoff=0.8)
    return [(one, _SLIP if is_slip(word, one) else _NEAR) for one in near[:2]]


def _belongs(phrase: str, plan: Plan) -> bool:
    """Tell whether words can be arguments of a command, so that they do not speak for another one."""
    return all(
        word in plan.words or word in plan.markers or word in FILLERS or (PRICE in plan.kinds and word in NOW_WORDS)
        for word in phrase.split()
    )


# --- what else of the line --------------------------------------------------------------------------------------------


def _as_line(one: _Candidate, words: Sequence[str], assets: Collection[str]) -> Meant:
    """Return a candidate with as much of the line as its own grammar can use."""
    command, plan = one.command, _plan(one.command)
    if _is_ended(one, words):
        return Meant(command, "off")
    if _is_text(command):
        left = [
            _counted(words, at)
            for at, word in enumerate(words)
            if (at not in one.places and (not _asks(word, assets) or word.lower() in SUBJECTS))  # help market
            or (word.lower() in _TELLING and not command.by_speech)  # weekly digest
        ]
        if command.text_of:
            told = plan_of(cast("Hashable", command.text_of))
            left = [word for at, word in enumerate(words) if at not in one.places and _useful(word, told, assets)]
        elif not command.by_speech:  # it is offered, so it must be a line that can be run
            left = [word for word in left if _tells(word.rpartition(" ")[2], plan, assets)]
            left = [word for word in left if not (command.ends and word.lower() == "off")]
        said = f" {' '.join(words).lower()} "
        if any(f" {phrase} " in said for phrase in command.said_now) and command.now[0] not in left:
            left = [command.now[0], *left]
        return Meant(command, " ".join(left))
    if ZONE in plan.kinds:
        return Meant(command, zone_among(words) or "")
    left = [
        word
        for at, word in enumerate(words)
        if _useful(word, plan, assets) and (at not in one.places or word.lower() in plan.words)
    ]
    certain = [word for word in left if _coin(word, assets) == "certain"]
    if certain:
        left = [word for word in left if word in certain or _coin(word, assets) is None or _belongs(word.lower(), plan)]
    if LEVERAGE not in plan.kinds and not _readable(command, " ".join(left), assets):
        # A number that a calculator cannot read is refused: without it the answer would be one to another question.
        plainly = " ".join(word for word in left if not any(letter.isdigit() for letter in word))
        if _readable(command, plainly, assets):
            return Meant(command, plainly)
    return Meant(command, " ".join(left))


def _counted(words: Sequence[str], at: int) -> str:
    """Return a word, an hour with what counts it: of half an hour, and of an alarm, nobody needs the rest."""
    begin = at
    while words[at].lower() in _COUNTED and begin and words[begin - 1].lower() in _ONE:
        begin -= 1
    return " ".join(words[begin : at + 1])


def _unknown(one: _Candidate, words: Sequence[str], assets: Collection[str]) -> list[str]:
    """Return the words that neither speak for a command nor are any use to it."""
    plan = _plan(one.command)
    if _is_text(one.command):
        return []
    return [
        word
        for at, word in enumerate(words)
        if at not in one.places
        and word.lower() not in _ASKING | FILLERS
        and not _SPAN.fullmatch(word.lower())
        and not _useful(word, plan, assets)
    ]


def _useful(word: str, plan: Plan, assets: Collection[str]) -> bool:
    lower = word.lower()
    if lower in plan.words or lower in plan.markers or (PRICE in plan.kinds and lower in NOW_WORDS):
        return True
    if LEVERAGE in plan.kinds and lower in LEVERAGE_WORDS:
        return True
    if EXPIRY in plan.kinds and is_day(word):
        return True
    counts = any(letter.isdigit() for letter in word) or (lower in plan.suffixes and lower not in _ASKING)
    if plan.numbers and counts:
        return True
    return plan.named and not _asks(word, assets) and _coin(word, assets) is not None


def _tells(word: str, plan: Plan, assets: Collection[str]) -> bool:
    """Tell whether a word can be part of the text of a command that changes something."""
    if any(letter.isdigit() for letter in word):
        return plan.rest is not None and plan.rest.offers is None  # of alarms and positions there are names
    lower = word.lower()
    if lower in _UNITS and plan.rest is not None and plan.rest.offers is not None:
        return False  # without its number it says nothing
    return lower in _TELLING or said_of(lower) is not None or _coin(word, assets) == "certain"


def _coin(word: str, assets: Collection[str]) -> str | None:
    """Say if a word is a coin: certainly, as it is followed or marked, or by a name listed somewhere."""
    read = symbol(word, assets)
    if read is None:
        return None
    return "certain" if read.certain else "listed" if read.asset in listed_names() else None


def _asks(word: str, assets: Collection[str]) -> bool:
    """Tell whether a word only makes a question."""
    return word.lower() in _ASKING and word not in assets


def _readable(command: Command, rest: str, assets: Collection[str]) -> bool:
    try:
        given = parse(command.arguments, rest, command=command.name, assets=assets)
    except Refused:
        return False
    asset = str(getattr(given, "asset", None) or "").lower()
    return asset not in rest.split() or not _asks(asset, [name.lower() for name in assets])  # why did it pump


def _fallback(words: Sequence[str], assets: Collection[str]) -> list[str]:
    """Return what to offer where nothing speaks for any command: the coin that was named, or how to begin."""
    coins = [word for word in words if not _asks(word, assets) and _coin(word, assets) and not _AMOUNT.fullmatch(word)]
    named = [name for name, command in commands().items() if COIN in command.words]
    return [f"/{name} {coins[0].lower()}" for name in named[:2]] if coins else [f"/{name}" for name in _START]
