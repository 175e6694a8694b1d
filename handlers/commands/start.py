"""/start /help /about: how to begin, what there is, and what this is."""

from __future__ import annotations

import asyncio
import re
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from handlers.access import CODE_LINK
from handlers.command import Command, Deps, Nothing, Refused, command, commands, usage
from handlers.commands.access import become_owner
from handlers.commands.alerts import SHARED_LINK, shown
from handlers.language.grammar import parse
from handlers.language.kinds import REST, argument
from handlers.language.metrics import metric_words
from handlers.language.spelling import split_command, suggest
from handlers.reply import Block, Button, Buttons, Line, Reply
from handlers.version import VERSION
from handlers.words import wording
from signals.alerts import burst
from signals.inputs import MARKET
from signals.language.spelling import sentence_case

if TYPE_CHECKING:
    from collections.abc import Sequence

_SUBJECT_TITLES: Final = {
    "start": "First steps",
    "calculators": "Calculators",
    "market": "The market now",
    "judgement": "What it adds up to",
    "own": "Your messages",
    "admin": "For the owner",
}
# What /help shows of each subject, within one line of a phone; the word is what /help takes for the rest of it.
_FIRST: Final = {
    "market": ("market", "price", "oi", "funding", "liqs"),
    "judgement": ("verdict", "health", "chart", "quadrant"),
    "calculators": ("calculators", "liq", "size", "pnl", "cost"),
    "own": ("yours", "sub", "watch", "positions"),
    "admin": ("admin", "status", "sources", "allow"),
    "start": ("first", "start", "about"),
}
_WIDTH: Final = 40  # characters of a phone's row
_ROWS: Final = 12  # that help on one command takes; what is left out stands behind "more"
_HEAD: Final = 3  # of them for what can be typed
_SENTENCE: Final = re.compile(r"(?<=[.?!]) (?=[A-Z/])")
_SUBJECT_WORDS: Final = {
    **{words[0]: subject for subject, words in _FIRST.items()},
    **dict.fromkeys(("calculator", "calc"), "calculators"),
    **dict.fromkeys(("judgement", "judgment"), "judgement"),
    **dict.fromkeys(("own", "mine", "messages"), "own"),
}


@dataclass(frozen=True, slots=True)
class About:
    """A command to be explained; none for all of them."""

    what: str = argument(REST, default="", label="command", offers="commands")


@dataclass(frozen=True, slots=True)
class Anything:
    """Whatever stands behind the command is ignored: platforms put the word of a link there."""

    rest: str = argument(REST, default="", label="anything")


@command(subject="start", example="/start", words="hello, hi, hey, good morning, good evening, begin, gm")
async def start(deps: Deps, args: Anything) -> Reply:
    """Say hello and show what to try first.

    A chat that had blocked the bot receives its messages again after this.
    """
    if args.rest.startswith(CODE_LINK) and deps.access.claimable(deps.store):
        return become_owner(deps, args.rest.removeprefix(CODE_LINK))
    if args.rest.startswith(SHARED_LINK):
        return await shown(deps, args.rest.removeprefix(SHARED_LINK))
    _come_back(deps)
    asset = deps.assets[0].lower()
    return Reply(
        (
            Line(
                "perpulse takes the pulse of crypto derivatives: open interest, funding, taker flow, mood.", "headline"
            ),
            Line(f"Ask: /health {asset} for everything at once, /oi {asset}, /funding {asset}, /liq 95000 25x long."),
            Line("Be told: /sub sends a message when something leaves its usual range, and when it is over."),
            Line(
                "/help shows what can be asked. It describes the market; it never tells you to buy or to sell.",
                "caveat",
            ),
            Buttons((Button("Health", f"/health {asset}"), Button("Help", "/help"))),
        )
    )


def _come_back(deps: Deps) -> None:
    """Bring a chat back that had stopped taking messages; one that never asked for any stays unknown."""
    here = deps.here()
    if here is not None and here.gone is not None:
        deps.made()


@command(
    subject="start",
    example="/help oi",
    words="commands, list commands, list of commands, all commands, what can you do, how does this work, how do i use, "
    "menu, manual, what can i ask",
)
async def help_(deps: Deps, args: About) -> Reply:
    """Show what can be asked, or explain one command.

    /help alone names the most used; /help market lists every command of a subject, and /help with a name explains one.
    The name of a figure, such as /help drawdown, shows what it asks, what it says now and what it does not tell.
    """
    name = args.what.split(maxsplit=1)[0].lstrip("/").lower() if args.what else ""
    if name in _SUBJECT_WORDS and name not in commands():
        return _subject(_SUBJECT_WORDS[name], roles=deps.asker.server is not None)
    if name:
        return await _one(deps, name, whole=args.what.lower().split()[1:] == ["more"])
    lines = [Line("Ask in any order: /liq 95000 25x long", "headline")]
    for word, *names in _FIRST.values():
        lines.append(Line(f"{sentence_case(word)}: {' '.join(f'/{name}' for name in names)}"))
    lines.append(Line("All of a part: /help market"))
    subjects = [Button(sentence_case(words[0]), f"/help {words[0]}") for words in _FIRST.values()]
    half = len(subjects) // 2
    return Reply((*lines, Buttons(tuple(subjects[:half])), Buttons(tuple(subjects[half:]))))


def _subject(subject: str, *, roles: bool) -> Reply:
    of_subject = [one for one in commands().values() if one.subject == subject and (roles or not one.roles)]
    return Reply(
        (
            Line(
                f"{_SUBJECT_TITLES[subject]}. /help and a name explains one, like /help {of_subject[0].name}.",
                "headline",
            ),
            *(Line(f"{command.example} – {command.help}") for command in of_subject),
        )
    )


async def _one(deps: Deps, name: str, *, whole: bool) -> Reply:
    every = commands()
    if name not in every and name in metric_words():
        return await _metric(deps, metric_words()[name].split()[0])
    if name == burst.BURST:
        return _FAST_MOVES
    if name not in every:
        near = " or ".join(f"/help {other}" for other in suggest(name, [*every, *_SUBJECT_WORDS]))
        meant = f" Did you mean {near}?" if near else ""
        raise Refused(f"There is no command of that name.{meant} Type /help to see what there is.")
    explained = every[name]
    values = {"usage": usage(explained), "example": explained.example}
    more = Buttons((Button("More", f"/help {name} more"),))
    if explained.examples and not whole:
        answers = [
            Line(text)
            for line in explained.examples
            for text in (line, f"→ {(await _result(deps, explained, line)).rpartition(': ')[2]}")
        ]
        return Reply((Line(f"/{name} – {explained.help}", "headline"), *answers, more), values)
    details = [" ".join(part.split()) for part in explained.details.split("\n\n") if part.strip()]
    if name == "alert":
        details, whole = _of_grammar(), True  # who asks how a rule is said wants to see all of it
    full, example = f"{usage(explained)} – {explained.help}", f"Example: {explained.example}"
    head = full if whole or len(rows(full)) <= _HEAD else f"/{name} – {explained.help}"
    told = details if whole else _glance(details, _ROWS - len(rows(head)) - len(rows(example)) - (head != full))
    shown = [Line(head, "headline"), *(Line(part) for part in told), Line(example)]
    return Reply((*shown, *(() if (head, told) == (full, details) else (more,))), values)


def _of_grammar() -> list[str]:
    """Return what can be said in a rule, as the grammar itself has it."""
    from signals.rules.parsing import help_lines  # noqa: PLC0415 - for this alone

    told: list[str] = []
    goes_on = False
    for line in help_lines():
        said = line.strip()
        if line.startswith(" "):
            example, _, meaning = said.partition(": ")
            told.append(f"/alert {example} – {meaning}")
        elif goes_on:
            told[-1] = f"{told[-1]} {said}"
        elif said:
            told.append(said)
        goes_on = not line.startswith(" ") and bool(said) and not said.endswith(".")
    return told


def _glance(details: Sequence[str], room: int) -> list[str]:
    """Keep as many sentences as so many rows of a phone hold; where some are left out, one row is for the button."""
    if sum(len(rows(part)) for part in details) <= room:
        return list(details)
    told: list[str] = []
    for part in details:
        sentences = _SENTENCE.split(part)
        for count in range(len(sentences), 0, -1):
            some = " ".join(sentences[:count])
            if sum(len(rows(known)) for known in (*told, some)) < room:
                told.append(some)
                break
        else:
            break
        if told[-1] != part:
            break
    return told


def rows(text: str) -> list[str]:
    """Return a text as the rows that a phone makes of it."""
    return textwrap.wrap(text, _WIDTH)


async def _result(deps: Deps, explained: Command, line: str) -> str:
    """Return the first line of the answer to an example; what is refused says why."""
    try:
        given = parse(explained.arguments, split_command(line)[1], command=explained.name, assets=deps.assets)
        reply = await explained.run(deps, given)
    except Refused as refused:
        return str(refused)
    return next((block.text for block in reply.blocks if isinstance(block, Line)), "")


_FAST_MOVES: Final = Reply(
    (
        Line(f"{burst.TITLE}: how far did it go within 5, 15 and 60 minutes?", "headline"),
        Line("Told within two minutes, once a move, and again when it went half as far again; with sound."),
        Line("It does not tell: whether it goes on. Hourly data alone say nothing of it.", "caveat"),
        Buttons((Button("On", "/sub burst"), Button("Off", "/unsub burst"))),
    )
)


async def _metric(deps: Deps, name: str) -> Reply:
    """Explain a metric: what it asks, what it says of the first followed asset, and what it does not tell."""
    from handlers.words import readings as words  # noqa: PLC0415 - for this alone
    from signals.metric import metrics  # noqa: PLC0415 - brings numpy along
    from storage.queries.market import readings  # noqa: PLC0415 - as above

    metric = metrics()[name]
    found = await asyncio.to_thread(readings.of, deps.store, deps.assets[0], (name,), deps.now)
    reading, whose = found.get(name), "" if found.asset == MARKET else f"{found.asset}: "
    lines: list[Block] = [Line(f"{metric.title}: {metric.question}", "headline")]
    if reading:
        lines.append(Line(whose + wording.template(metric.says, {**reading.values, "asset": found.asset})))
    if metric.tells_not:
        lines.append(Line(f"It does not tell: {metric.tells_not[:1].lower()}{metric.tells_not[1:]}", "caveat"))
    lines.append(Buttons((Button("Chart", f"/chart {name}"),)))
    stamp = words.stamp_words(words.stamps(found), deps.now, deps.stamp_note)
    return Reply(tuple(lines), stamp=stamp, outdated=(found.asset,) if found.outdated else ())


_CREDIT: Final = (  # before anything was asked; afterwards each source in use says it itself
    "public market data of the exchanges named under each answer",
    "Fear & Greed index by alternative.me",
    "Stablecoin supply by DefiLlama",
)


def _credit(deps: Deps) -> tuple[str, ...]:
    """List what the providers ask us to say."""
    from storage.queries import sources  # noqa: PLC0415 - opens the database

    return sources.credits_of(deps.store) or _CREDIT


@command(
    subject="start",
    example="/about",
    words="who are you, what are you, who made, financial advice, trust you, "
    "version, licence, license, what is perpulse, perpulse",
)
async def about(deps: Deps, args: Nothing) -> Reply:  # noqa: ARG001 - as above
    """Say what perpulse is and where its numbers come from.

    Shows the version, the sources with their credit, the licence, and what is not promised.
    """
    lines = (
        Line(f"perpulse {VERSION}", "headline"),
        Line(
            "A self-hosted bot that describes what crypto derivatives markets do, in plain words and with its sources."
        ),
        Line("It gives no investment advice: it describes, it does not say what to buy or sell, and it may be wrong."),
        Line(f"Its numbers come from: {'; '.join(_credit(deps))}."),
        Line("Every alert is sent at least once. After a lost connection it may come twice, and then says so."),
        Line("It keeps ids and settings, and no text that people write: see /privacy."),
        Line("Licence: MIT. No warranty."),
        *((Line(f"This one runs on data {deps.stamp_note}.", "caveat"),) if deps.stamp_note else ()),
    )
    return Reply(lines, {"version": VERSION})
