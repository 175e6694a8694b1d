"""What is said, as blocks, before any channel gives it a look.

A block holds plain text: markup is a channel's business, so nothing here can break it, and a channel escapes by
construction. Blocks survive JSON, because a notice waits in the outbox as blocks and is rendered when it is sent.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

    from handlers.command import Deps

_MOST_UNDONE: Final = 3  # lines that have buttons: a row of a phone has no room for more
_UNDO: Final = "Undo"
Role = Literal["headline", "body", "caveat", "evidence", "echo", "stamp"]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of text; `role` tells a channel how to set it (headline bold, stamp small)."""

    text: str
    role: Role = "body"


@dataclass(frozen=True, slots=True)
class Table:
    """A small table; the first column is text, the others are aligned right. Keep it within 40 characters a row."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Picture:
    """A chart to be drawn when it is sent.

    chart: plain data for handlers/charts/content.py. alt: the same in words.
    """

    chart: dict[str, Any]
    alt: str


@dataclass(frozen=True, slots=True)
class Button:
    """A label and the command line that pressing it runs, e.g. ("Chart", "/chart oi btc")."""

    label: str
    command: str


@dataclass(frozen=True, slots=True)
class Buttons:
    """One row of buttons; a terminal shows them as hints."""

    buttons: tuple[Button, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """A file for whoever asked; a terminal puts it beside itself. name: of the file. text: what is in it."""

    name: str
    text: str


Block = Line | Table | Picture | Buttons | Document


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to a command.

    blocks: what is shown. values: the numbers by name, for `say --json` (full precision, units in the name). read_as:
    how the command was understood; echoed: it is shown, as no other line says as much. stamp: age, venues, coverage;
    the last line. note: said under the stamp by whoever shows the answer, e.g. who is being asked. `read_as`, `stamp`
    and `note` are shown by every channel, so they are not repeated in `blocks`. outdated: assets of which figures are
    too old to be called current, or missing: the venues are asked for them while the answer is shown, and it is given
    again when news comes (handlers/answer.py). again: how to answer once more when they have come, for a command that
    must not run twice, as it writes; None: it runs again. back: the lines that lead back from what this changed, in the
    order in which they are to be typed; empty where none does, None where nothing was changed. They are shown by every
    channel as well, with a button each.
    """

    blocks: tuple[Block, ...]
    values: dict[str, Any] = field(default_factory=dict)
    read_as: str | None = None
    stamp: str | None = None
    outdated: tuple[str, ...] = ()
    note: str | None = None
    again: Callable[[Deps], Reply] | None = None
    echoed: bool = True
    back: tuple[str, ...] | None = None

    def all_blocks(self) -> tuple[Block, ...]:
        """Return the blocks as shown: the echo first, the stamp after the text, what is no text last."""
        echo = (Line(f"Read as: {self.read_as}", "echo"),) if self.read_as and self.echoed else ()
        stamp = tuple(Line(text, "stamp") for text in (self.stamp, self.note) if text)
        text = tuple(block for block in self.blocks if isinstance(block, Line | Table))
        rest = tuple(block for block in self.blocks if isinstance(block, Picture | Buttons | Document))
        return echo + text + self._ways_back() + stamp + self._with_undo(rest)

    def _ways_back(self) -> tuple[Line, ...]:
        heads = ("To change it back", *("And then",) * len(self.back or ()))
        return tuple(Line(f"{head}: {line}") for head, line in zip(heads, self.back or (), strict=False))

    def _with_undo(self, rest: tuple[Block, ...]) -> tuple[Block, ...]:
        """Put a button before the others for each line that leads back, where there is none of its own for that."""
        buttons = [button for block in rest if isinstance(block, Buttons) for button in block.buttons]
        lines = self.back or ()
        own = any(button.label == _UNDO for button in buttons) or {one.command for one in buttons}.issuperset(lines)
        if own or len(lines) > _MOST_UNDONE:
            return rest
        if len(lines) > 1:
            return (Buttons(tuple(Button(line.removeprefix("/"), line) for line in lines)), *rest)
        at = next((place for place, block in enumerate(rest) if isinstance(block, Buttons)), None)
        undo = Button(_UNDO, lines[0])
        if at is None:
            return (*rest, Buttons((undo,)))
        beside = rest[at]
        others = beside.buttons if isinstance(beside, Buttons) else ()
        return (*rest[:at], Buttons((undo, *others)), *rest[at + 1 :])


def plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values as JSON can hold them: times as ISO-8601, what is not known (None, NaN, infinite) as None."""
    return {str(name): _plain(value) for name, value in values.items()}


def _plain(value: Any) -> Any:
    match value:
        case datetime():
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case float():
            return value if math.isfinite(value) else None
        case Mapping():
            return plain(value)
        case list() | tuple():
            return [_plain(part) for part in value]
        case _:
            return value


def to_json(blocks: tuple[Block, ...]) -> list[dict[str, Any]]:
    """Return blocks as plain data that `from_json` reads back equal."""
    return [_one_to_json(block) for block in blocks]


def _one_to_json(block: Block) -> dict[str, Any]:
    match block:
        case Line(text, role):
            return {"line": text, "role": role}
        case Table(columns, rows):
            return {"table": list(columns), "rows": [list(row) for row in rows]}
        case Picture(chart, alt):
            return {"picture": chart, "alt": alt}
        case Buttons(buttons):
            return {"buttons": [[button.label, button.command] for button in buttons]}
        case Document(name, text):
            return {"document": name, "text": text}


def from_json(data: list[dict[str, Any]]) -> tuple[Block, ...]:
    """Read blocks back from `to_json`. ValueError on a kind that this version does not know."""
    return tuple(_one_from_json(block) for block in data)


def _one_from_json(data: dict[str, Any]) -> Block:
    match data:
        case {"line": text, "role": role}:
            return Line(text, role)
        case {"table": columns, "rows": rows}:
            return Table(tuple(columns), tuple(tuple(row) for row in rows))
        case {"picture": chart, "alt": alt}:
            return Picture(chart, alt)
        case {"buttons": buttons}:
            return Buttons(tuple(Button(label, command) for label, command in buttons))
        case {"document": name, "text": text}:
            return Document(name, text)
        case _:
            raise ValueError(f"unknown block {sorted(data)}: it was written by a newer version of perpulse")


def plain_text(blocks: tuple[Block, ...]) -> str:
    """Return blocks as plain text: what `say` prints and what a channel falls back to. Pictures become their words."""
    lines: list[str] = []
    for block in blocks:
        match block:
            case Line(text):
                lines.append(text)
            case Table(columns, rows):
                lines.extend(_plain_table(columns, rows))
            case Picture(_, alt):
                lines.append(f"[chart: {alt}]")
            case Buttons(buttons):
                lines.append("More: " + " · ".join(button.command for button in buttons))
            case Document(name, _):
                lines.append(f"[file: {name}]")
    return "\n".join(lines)


def _plain_table(columns: tuple[str, ...], rows: tuple[tuple[str, ...], ...]) -> list[str]:
    every = (columns, *rows)
    widths = [max(len(row[i]) for row in every) for i in range(len(columns))]
    return [
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in every
    ]
