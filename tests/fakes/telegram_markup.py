"""Telegram's HTML as the server reads it: a strict parser that returns the shown text or refuses with its sentences."""

from __future__ import annotations

import re
from dataclasses import dataclass

TAGS = frozenset({"b", "strong", "i", "em", "u", "ins", "s", "strike", "del", "code", "pre", "a", "blockquote"}) | {
    "tg-spoiler",
    "tg-emoji",
    "span",
}
NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}  # Telegram knows these four and numbers, nothing else

_TAG = re.compile(r"<(?P<end>/?)(?P<name>[a-zA-Z0-9-]*)(?P<attributes>(?:\s+[a-z-]+(?:=(?:\"[^\"]*\"|[\w.-]+))?)*)\s*>")
_REFERENCE = re.compile(r"&(?:#(?P<number>\d{1,7})|#x(?P<hex>[0-9a-fA-F]{1,6})|(?P<name>lt|gt|amp|quot));")
# What the server takes out or turns into a blank before it stores a text.
_BLANKED = re.compile(r"[\x00-\x09\x0b-\x0c\x0e-\x1f]")
_DELETED = re.compile("[\r\u2028-\u202e]")


class Unreadable(ValueError):  # noqa: N818 - named for what the text is
    """The markup is refused; the text is the server's sentence after "can't parse entities: "."""


@dataclass(frozen=True, slots=True)
class Entity:
    """A stretch of the shown text, in UTF-16 units, as the API counts."""

    type: str
    offset: int
    length: int


def utf16(text: str) -> int:
    """Return the length of a text in UTF-16 units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def parse(html: str) -> tuple[str, tuple[Entity, ...]]:
    """Return the shown text and its entities. Unreadable as the server refuses."""
    shown = ""
    entities: list[Entity] = []
    opened: list[tuple[str, int]] = []
    at = 0
    while at < len(html):
        if html[at] != "<":
            end = html.find("<", at)
            end = len(html) if end < 0 else end
            shown += _REFERENCE.sub(_character, html[at:end])
            at = end
            continue
        offset = len(html[:at].encode())
        tag = _TAG.match(html, at)
        if tag is None:
            raise Unreadable(f"Unsupported start tag or unclosed tag at byte offset {offset}")
        name = tag["name"].lower()
        if tag["end"]:
            if not opened:
                raise Unreadable(f"Unexpected end tag at byte offset {offset}")
            expected, start = opened.pop()
            if name not in ("", expected):
                raise Unreadable(
                    f'Unmatched end tag at byte offset {offset}, expected "</{expected}>", found "</{name}>"'
                )
            if utf16(shown) > start:
                entities.append(Entity(expected, start, utf16(shown) - start))
        elif name not in TAGS:
            raise Unreadable(f'Unsupported start tag "{name}" at byte offset {offset}')
        else:
            opened.append((name, utf16(shown)))
        at = tag.end()
    if opened:
        raise Unreadable(f'Can\'t find end tag corresponding to start tag "{opened[-1][0]}"')
    return shown, tuple(sorted(entities, key=lambda entity: entity.offset))


def stored(text: str) -> str:
    """Return a text as the server keeps it: control characters blanked, direction overrides gone, trimmed."""
    return _DELETED.sub("", _BLANKED.sub(" ", text)).strip()


def _character(match: re.Match[str]) -> str:
    if match["name"]:
        return NAMED[match["name"]]
    code = int(match["number"]) if match["number"] else int(match["hex"], 16)
    return chr(code) if 0 < code < 0x110000 else match[0]
