"""What a notice says once it is put into words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from handlers.reply import Buttons, Line, Picture

if TYPE_CHECKING:
    from collections.abc import Sequence

    from handlers.reply import Block

LONGEST = 900  # characters


@dataclass(frozen=True, slots=True)
class Message:
    """The blocks, and the one line that answers the message of an episode that got worse or is over."""

    blocks: tuple[Block, ...]
    reply: str | None = None

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
        while places and sum(len(line.text) + 1 for line in kept.values()) > LONGEST:
            kept.pop(places.pop(), None)
    return tuple(kept.values())


def _begins(lines: Sequence[Line], place: int) -> bool:
    """Tell whether a line follows its headline."""
    return place > 0 and lines[place - 1].role == "headline"


def together(messages: Sequence[Message]) -> Message:
    """Make one message of several about one asset and close, in their order: one picture, one row of buttons."""
    if len(messages) == 1:
        return messages[0]
    blocks = [block for message in messages for block in message.blocks]
    lines = [block for block in blocks if isinstance(block, Line)]
    stamps = dict.fromkeys(line for line in lines if line.role == "stamp")
    if len(stamps) == 1:  # else each stays with its own part
        lines = [*(line for line in lines if line.role != "stamp"), *stamps]
    text = shortened(lines)
    picture = [block for block in blocks if isinstance(block, Picture)][:1]
    buttons = dict.fromkeys(button for block in blocks if isinstance(block, Buttons) for button in block.buttons)
    labels = {button.label: button for button in reversed(buttons)}  # the first of each label
    chosen = tuple(button for button in buttons if labels[button.label] == button)
    return Message((*text, *picture, *([Buttons(chosen)] if chosen else [])))
