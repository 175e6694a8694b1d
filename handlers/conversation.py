"""What a command still wants to know, remembered until the next message says it; and what an edited message may do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from handlers.answer import Answer, answer_blocks, may_change
from handlers.language.spelling import is_command, shown
from handlers.reply import Button, Buttons, Line
from signals.units import MINUTE

if TYPE_CHECKING:
    from collections.abc import Callable

    from handlers.answer import OnError, Unfinished
    from handlers.command import Asker, Deps

    _Person = tuple[str, str, str | None, str | None]

_OPEN_SECONDS: Final = 10 * MINUTE.total_seconds()
_MOST: Final = 1_000  # questions that are open at once, of everybody
_NEVER_MIND: Final = frozenset(
    ("cancel", "stop", "no", "nothing", "never mind", "nevermind", "forget it", "abort", "quit", "exit", "back", "drop")
)
# Of these, what means nothing else: "stop" is a wish of its own, and "forget it" must not offer to delete everything.
_NOTHING_ELSE: Final = frozenset(("cancel", "never mind", "nevermind", "forget it", "abort"))


class Conversations:
    """Answers lines, the next one with what the last one lacked. In memory: a restart forgets an open question."""

    def __init__(self, steady: Callable[[], float]) -> None:
        self._steady = steady
        self._open: dict[_Person, tuple[float, Unfinished]] = {}

    async def answer(self, text: str, deps: Deps, *, on_error: OnError) -> Answer:
        """Answer a line for a channel, as `answer_blocks` does; never raises."""
        if deps.asker.inline:  # half a line, while somebody types
            return await answer_blocks(text, deps, on_error=on_error)
        if stands := _what_stands(text, deps):
            return stands
        person = _person(deps.asker)
        asked = self._taken(text, person, deps.asker)
        if asked and _leaves_it(text):
            return Answer((Line(f"Left as it was; /{asked.name} begins anew."),))
        if deps.asker.address.kind == "private" and _words_of(text) in _NOTHING_ELSE:
            return Answer((Line("Nothing waits for an answer, so all is as it was. /help shows what can be asked."),))
        answer = await answer_blocks(asked.completed(text) if asked else text, deps, on_error=on_error)
        if answer.unfinished:
            self._keep(person, answer.unfinished)
        elif asked and answer.refused:
            self._keep(person, asked)  # what was no answer ends no question
        return answer

    def _taken(self, text: str, person: _Person, asker: Asker) -> Unfinished | None:
        """Return the open question that a message answers, which is open no more; a command drops it."""
        if asker.address.kind != "private" and not (asker.replies or is_command(text)):
            return None  # in a group only an answer to the question answers it
        until, unfinished = self._open.pop(person, (0.0, None))
        if unfinished is None or self._steady() > until or is_command(text):
            return None
        if _leaves_it(text):  # before "stop" is read as a command
            return unfinished
        from handlers import speech  # noqa: PLC0415 - for what is said without a slash

        return None if speech.names_a_command(text) else unfinished

    def _keep(self, person: _Person, unfinished: Unfinished) -> None:
        now = self._steady()
        if len(self._open) >= _MOST:
            self._open = {other: kept for other, kept in self._open.items() if kept[0] > now}
        if len(self._open) < _MOST:
            self._open[person] = (now + _OPEN_SECONDS, unfinished)


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
            "make of the message now; its answer says how to change it back."
        )
    else:
        said = "I do not know any more what this message said before you edited it, and it may have been done."
    again = is_command(text)
    lines = (Line(said), *([Line("For the new one, send it as a message of its own.")] if again else []))
    buttons = (Buttons((Button(shown(text), text),)),) if again else ()
    return Answer((*lines, *buttons), refused=True, apart=True)


def _leaves_it(text: str) -> bool:
    return _words_of(text) in _NEVER_MIND


def _words_of(text: str) -> str:
    return " ".join(text.lower().split()).strip(".!")


def _person(asker: Asker) -> _Person:
    return asker.platform, asker.address.chat, asker.address.topic, asker.user
