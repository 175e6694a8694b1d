"""What only SQLite can say, named in one place: the words that queries use, and the settings of a connection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one database says what the standard leaves open.

    words: what `{word}` in a query becomes. begin: opens a transaction that will write. settings: statements that are
    run on each new connection.
    """

    name: str
    words: Mapping[str, str]
    begin: str
    settings: tuple[str, ...]


SQLITE: Final = Dialect(
    name="sqlite",
    words={
        "random_hex": "lower(hex(randomblob(8)))",  # 16 hex digits, drawn by the database itself, one for each row
        "elements": "SELECT value FROM json_each",  # {elements}(:list): the rows of a parameter that is a JSON list
    },
    begin="BEGIN IMMEDIATE",
    settings=(
        "PRAGMA foreign_keys = ON",
        "PRAGMA secure_delete = ON",  # what is deleted is gone from the file too, see Store.empty_log
        "PRAGMA synchronous = FULL",  # a notice written is never lost, a power cut included
    ),
)
