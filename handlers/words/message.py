"""What a notice says once it is put into words."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from handlers.reply import Buttons, Line, Picture

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from handlers.reply import Block

LONGEST = 900  # characters


@dataclass(frozen=True, slots=True)
class Message:
    """The blocks, and the one line that answers the message of an episode that got worse or is over.

    brief: what is left of it where its message goes on to tell of newer things, with its time: of what is over a line
    that says so, of what is not the headline and the first leg.
    """

    blocks: tuple[Block, ...]
    reply: str | None = None
    brief: tuple[Line, ...] = ()

    @property
    def headline(self) -> str:
        """Return the line that says it shortest."""
        lines = [block for block in self.blocks if isinstance(block, Line)]
        return next((line.text for line in lines if line.role == "headline"), lines[0].text if lines else "")


def shortened(lines: Sequence[Line]) -> tuple[Line, ...]:
    """Drop lines until the message fits; headlines and stamps always stay.

    Of each part the further legs go first, from its end; then the record and the odds, then the first leg, and last
    what would make it wrong.
    """
    first = {place for place, line in enumerate(lines) if line.role == "body" and _begins(lines, place)}
    going = (
        [place for place, line in enumerate(lines) if line.role == "body" and place not in first],
        *([place for place, line in enumerate(lines) if line.role == role] for role in ("evidence", "body", "caveat")),
    )
    kept = dict(enumerate(lines))
    for places in going:
        while places and _length(kept.values()) > LONGEST:
            kept.pop(places.pop(), None)
    return tuple(kept.values())


def _begins(lines: Sequence[Line], place: int) -> bool:
    """Tell whether a line follows its headline."""
    return place > 0 and lines[place - 1].role == "headline"


def together(messages: Sequence[Message], before: Collection[int] = ()) -> Message:
    """Make one message of several about one asset, in their order: one picture, one row of buttons.

    before: the places of those that were told before. They are said briefly, since their figures are old ones, and
    where all is too long by their headlines alone, the last first.
    """
    if len(messages) == 1:
        return messages[0]
    parts = [_briefly(part) if place in before else part for place, part in enumerate(messages)]
    for place in sorted(before, reverse=True):
        if _length(_lines_of(parts)) > LONGEST:
            parts[place] = _briefly(parts[place], 1)
    blocks = [block for part in parts for block in part.blocks]
    text = shortened(_lines_of(parts))
    picture = [block for block in blocks if isinstance(block, Picture)][:1]
    buttons = dict.fromkeys(button for block in blocks if isinstance(block, Buttons) for button in block.buttons)
    labels = {button.label: button for button in reversed(buttons)}  # the first of each label
    chosen = tuple(button for button in buttons if labels[button.label] == button)
    return Message((*text, *picture, *([Buttons(chosen)] if chosen else [])))


def _briefly(message: Message, most: int | None = None) -> Message:
    rest = (block for block in message.blocks if not isinstance(block, Line))
    return replace(message, blocks=(*message.brief[:most], *rest)) if message.brief else message


def _lines_of(parts: Sequence[Message]) -> list[Line]:
    """Return the lines of several messages, with a stamp at the end; one that all of them bear stands there alone.

    What is said briefly bears none: it says itself of when and whose its figure is.
    """
    lines = [block for part in parts for block in part.blocks if isinstance(block, Line)]
    stamps = [line for line in lines if line.role == "stamp"]
    if len(set(stamps)) == 1:
        lines = [*(line for line in lines if line.role != "stamp"), stamps[0]]
    elif stamps:  # each stays with its own part
        last = max(place for place, line in enumerate(lines) if line.role == "stamp")
        lines = [*lines[:last], *lines[last + 1 :], lines[last]]
    return lines


def _length(lines: Iterable[Line]) -> int:
    return sum(len(line.text) + 1 for line in lines)
