"""Named queries: SQL lives in `queries.sql` beside the modules that use it, and is asked for by name.

A file is a row of queries, each under a line `-- name: <name>`; comment lines below it say what it is for. Parameters
are written `:name`. What is not the same in every database is written `{word}` and said by the dialect of the engine
that runs it (`worded`); what the caller fills in (columns of inputs) is written `{word}` too and given to `filled`. A
part that is repeated for each of these names is written `{word|part}`, with `*` where the name stands;
`{word| OR |part}` says what stands in between. A word of a dialect takes a part too, put where its text has `*`:
`{items|:rows}`. A word that names an earlier query of the file stands for its text, so that a rule of who is meant is
written once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_NAME: Final = re.compile(r"^-- name: ([a-z][a-z0-9_]*)$", re.MULTILINE)
_COMMENT: Final = re.compile(r"^\s*--.*\n?", re.MULTILINE)
_WORD: Final = re.compile(r"\{([a-z_]+)(?:(?:\|([^{}|]+))?\|([^{}|]+))?\}")
_COLUMNS: Final = re.compile(r"[a-z][a-z0-9_]*(, [a-z][a-z0-9_]*)*")


@dataclass(frozen=True, slots=True)
class Query:
    """One statement with its name, for errors and for whoever measures."""

    name: str
    text: str

    def filled(self, **words: str) -> Query:
        """Fill in names of tables or columns, e.g. `filled(columns="open, high")`.

        ValueError for anything that is not a list of plain names: a value never becomes SQL.
        """
        for word, text in words.items():
            if not _COLUMNS.fullmatch(text):
                raise ValueError(f"{self.name}: {word} must be names, not {text!r}")
        return Query(self.name, _WORD.sub(lambda found: _repeated(found, words), self.text))


def _repeated(found: re.Match[str], words: Mapping[str, str]) -> str:
    """Return what a word becomes: the names, or a part once for each of them; itself where nothing is given for it."""
    word, between, part = found.groups()
    if word not in words:
        return found[0]
    if part is None:
        return words[word]
    return (between or ", ").join(part.replace("*", name) for name in words[word].split(", "))


class Queries:
    """The queries of one file, as attributes; AttributeError for a name that the file does not have."""

    def __init__(self, place: str, found: Mapping[str, Query]) -> None:
        self._place, self._found = place, dict(found)

    def __getattr__(self, name: str) -> Query:
        try:
            return self._found[name]
        except KeyError:
            raise AttributeError(f"{self._place} has no query {name}") from None

    def __iter__(self) -> Iterator[Query]:
        return iter(self._found.values())


@cache
def queries(package: str) -> Queries:
    """Return the queries of `queries.sql` in a package, e.g. `queries("storage.alerts")`; read once."""
    text = files(package).joinpath("queries.sql").read_text(encoding="utf-8")
    return Queries(f"{package}/queries.sql", parse(text))


def parse(text: str) -> dict[str, Query]:
    """Read a file of queries. ValueError for a name that stands twice or a query without a statement."""
    parts = _NAME.split(text)[1:]
    found: dict[str, Query] = {}
    for name, body in zip(parts[::2], parts[1::2], strict=True):
        statement = _COMMENT.sub("", body).strip().rstrip(";")
        if name in found or not statement:
            raise ValueError(f"query {name} stands twice" if name in found else f"query {name} has no statement")
        found[name] = Query(name, worded(statement, _texts(found)))
    return found


def _texts(found: Mapping[str, Query]) -> dict[str, str]:
    return {name: query.text for name, query in found.items()}


def worded(statement: str, known: Mapping[str, str]) -> str:
    """Return a statement with the words that are known; others stay. A part is put where `*` stands in the text."""

    def text(word: re.Match[str]) -> str:
        if word[1] not in known:
            return word[0]
        return known[word[1]] if word[3] is None else known[word[1]].replace("*", word[3])

    return _WORD.sub(text, statement)
