"""What is wrong with a value that an owner set, in our words: those of the library say what to write to nobody."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic_core import ErrorDetails

_NO_NUMBER: Final = "write a number, like 10; nan and inf are none"
_SAID: Final[Mapping[str, str]] = {  # by the library's word for it
    "bool_parsing": "write true or false, without quotes",
    "bool_type": "write true or false, without quotes",
    "int_parsing": "write a whole number, like 10",
    "int_type": "write a whole number, like 10",
    "int_from_float": "write a whole number, like 10",
    "int_parsing_size": "that number is too large",
    "float_parsing": _NO_NUMBER,
    "float_type": _NO_NUMBER,
    "finite_number": _NO_NUMBER,
    "greater_than": "write a number above {gt}",
    "greater_than_equal": "write {ge} or more",
    "less_than": "write a number below {lt}",
    "less_than_equal": "write {le} or less",
    "string_type": 'write a text in quotes, like "this"',
    "string_unicode": "write a text",
    "literal_error": "write {expected}",
    "tuple_type": 'write a list, like ["a", "b"]',
    "list_type": 'write a list, like ["a", "b"]',
    "too_short": "name at least {min_length}",
    "too_long": "name {max_length} at most",
    "dict_type": 'write a table, like {{ name = "value" }}',
    "path_type": 'write the path of a file in quotes, like "folder/file"',
    "invalid_key": "write names in quotes",
    "missing": "set it",
}
_ELSE: Final = "that cannot be set; config.example.toml shows how it is written"


def slip(problem: ErrorDetails) -> str:
    """Return what is wrong and what to write, without a full stop. The value is never in it: it may be a secret."""
    if problem["type"] == "value_error":
        return problem["msg"].removeprefix("Value error, ")
    given = problem["input"]
    if isinstance(given, float) and not math.isfinite(given):
        return _NO_NUMBER
    return _SAID.get(problem["type"], _ELSE).format(**problem.get("ctx", {}))


def where(place: tuple[int | str, ...]) -> str:
    """Return which setting it is: `market.venues`, and within a list which one of it, counted from one."""
    named = ""
    for part in place:
        named += f", number {part + 1}" if isinstance(part, int) else f".{part}"
    return named.removeprefix(".")
