"""Where the rules of a book stand, as bytes to be kept: little for what is calm, which is nearly everything.

Of each rule: which assets were judged, of which the main values have been known, of which the last judgement lacked
one, one bit an asset each; and a record for each asset where something is counted, runs, or ended a short while ago.
What has no record is calm: nothing is beyond a line, and every leave line has held for long. Assets are numbered as in
the book, in which new ones come last.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

import numpy as np

from signals.rules.many.running import keys_of, places_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from signals.rules.many.book import Book
    from signals.rules.many.page import RulePage
    from signals.rules.many.running import Integers
    from signals.rules.many.truths import Bools

_VERSION: Final = 1
_HEAD: Final = struct.Struct("<BBHII")  # version, levels, assets, records, the close that most were judged at
_FLAGS: Final = {"spent": 1, "early": 2}


def _record(levels: int) -> np.dtype[np.void]:
    times = [(name, "<u4") for name in ("at", "pending", "since", "ended", "number")]
    counts = [(name, "<u2", (levels,)) for name in ("entering", "leaving")]
    return np.dtype([("asset", "<u2"), *times, *counts, ("rank", "u1"), ("told", "u1"), ("flags", "u1")])


def kept(book: Book, rows: Bools) -> Iterator[tuple[str, bytes]]:
    """Yield some rules of a book, each with where it stands. rows: which, one a rule."""
    for of, page in book.paged():
        if rows[of].any():
            yield from _page(book, page, of.start, rows[of])


def _page(book: Book, page: RulePage, first: int, rows: Bools) -> Iterator[tuple[str, bytes]]:
    usual = page.at.max(axis=1)
    judged = page.at > 0
    told = (page.rank > 0) | (page.pending > 0) | page.spent | (judged & (page.at != usual[:, None]))
    told |= judged & (page.leaving < page.most_leaving).any(axis=0)
    with_episode, of = places_of(book.running.keys)
    mine = (with_episode >= first) & (with_episode < first + len(page.rules))
    told[with_episode[mine] - first, of[mine]] = True
    told &= rows[:, None]
    at, columns = np.nonzero(told)
    levels = len(page.entering)
    records = np.zeros(len(at), dtype=_record(levels))
    records["asset"] = columns
    for name in ("at", "pending", "rank"):
        records[name] = getattr(page, name)[at, columns]
    for name in ("entering", "leaving"):
        records[name] = getattr(page, name)[:, at, columns].T
    for name, bit in _FLAGS.items():
        records["flags"] |= np.where(getattr(page, name)[at, columns], np.uint8(bit), np.uint8(0))
    place, there = book.running.found(keys_of(at + first, columns))
    for name in ("since", "ended", "told", "number"):
        records[name][there] = getattr(book.running, name)[place[there]]
    bits = np.concatenate([np.packbits(one, axis=1) for one in (judged, page.known, page.unknown)], axis=1)
    begin = np.searchsorted(at, np.arange(len(page.rules) + 1))
    for i in np.flatnonzero(rows).tolist():
        head = _HEAD.pack(_VERSION, levels, page.at.shape[1], begin[i + 1] - begin[i], usual[i])
        yield page.rules[i].id, head + bits[i].tobytes() + records[begin[i] : begin[i + 1]].tobytes()


def restore(book: Book, kept_of: Mapping[str, bytes]) -> None:
    """Put a new book where its rules stood. What was kept of a rule with another number of levels is passed by."""
    keys: list[Integers] = []
    columns: dict[str, list[Integers]] = {name: [] for name in ("since", "ended", "told", "number")}
    for of, page in book.paged():
        for i, rule in enumerate(page.rules):
            data = kept_of.get(rule.id)
            records = None if data is None else _restored(page, i, data)
            if records is None:
                continue
            episodes = records[records["told"] > 0]
            keys.append(keys_of(np.full(len(episodes), of.start + i), episodes["asset"].astype(np.int64)))
            for name, found in columns.items():
                found.append(episodes[name].astype(np.int64))
    if keys:
        book.running.keys = np.concatenate(keys)
        for name, every in columns.items():
            setattr(book.running, name, np.concatenate(every))


def _restored(page: RulePage, i: int, data: bytes) -> np.ndarray[tuple[int], np.dtype[np.void]] | None:
    version, levels, assets, count, usual = _HEAD.unpack_from(data)
    if version != _VERSION or levels != len(page.entering) or assets > page.at.shape[1]:
        return None
    width = -(-assets // 8)
    bits = np.frombuffer(data, np.uint8, 3 * width, _HEAD.size).reshape(3, width)
    judged, known, unknown = np.unpackbits(bits, axis=1, count=assets).astype(bool)
    page.known[i, :assets], page.unknown[i, :assets] = known, unknown
    page.at[i, :assets] = np.where(judged, usual, 0)
    page.leaving[:, i, :assets] = np.where(judged, page.most_leaving[:, i], 0)
    records = np.frombuffer(data, _record(levels), count, _HEAD.size + 3 * width)
    of = records["asset"]
    for name in ("at", "pending", "rank"):
        getattr(page, name)[i, of] = records[name]
    for name in ("entering", "leaving"):
        getattr(page, name)[:, i, of] = np.minimum(records[name].T, getattr(page, f"most_{name}")[:, i])
    for name, bit in _FLAGS.items():
        getattr(page, name)[i, of] = records["flags"] & bit > 0
    return records
