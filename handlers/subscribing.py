"""What a chat asked to be told: the words for it, adding and taking away, and what of it is open right now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from handlers.command import Refused
from handlers.language.kinds import FILLERS
from handlers.language.spelling import chunks, shown, symbol
from handlers.words import wording
from signals.alerts.condition import RANKS
from signals.alerts.rule import rules
from signals.inputs import MARKET
from signals.metric import metrics
from storage.alerts import episodes
from storage.market import points
from storage.people import destinations
from storage.people.destinations import ANY

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from handlers.command import Deps
    from storage.alerts.episodes import Episode
    from storage.engine.database import Store

Row = tuple[str, str]  # rule, asset; `*` for any

SOURCES: Final = "sources"  # not an alarm of a metric: a source of data that went, or came back
_SOURCES_TITLE: Final = "Trouble with data"
_EVERYTHING: Final = frozenset({"all", "everything", "any", "alerts", "alert", ANY})
_SAME: Final = {  # what people say for a part of an alarm's id
    "fng": "fear",
    "mood": "fear",
    "sentiment": "fear",
    "interest": "oi",
    "takers": "taker",
    "flow": "taker",
    "source": SOURCES,
    "data": SOURCES,
    "status": SOURCES,
}
_NAMED: Final = "oi, funding, taker, price, fng or sources"
_MOST_OPEN: Final = 5


@dataclass(frozen=True, slots=True)
class Wanted:
    """Alarms and assets that were named; None where none was, which means all."""

    rules: tuple[str, ...] | None
    assets: tuple[str, ...] | None

    def rows(self) -> list[Row]:
        """Return the subscriptions that this asks for."""
        return [(rule, asset) for rule in self.rules or (ANY,) for asset in self.assets or (ANY,)]


def wanted(text: str, deps: Deps, example: str) -> Wanted:
    """Read the words behind /sub and /unsub. Refused, naming what there is, for a word that is neither."""
    by_word = _rules_by_word()
    names: dict[str, None] = {}
    assets: dict[str, None] = {}
    for chunk in chunks(text):
        word = _SAME.get(chunk.lower(), chunk.lower())
        if word in by_word:
            names |= dict.fromkeys(by_word[word])
        elif asset := _asset(chunk, deps):
            assets[asset] = None
        elif word not in _EVERYTHING and word not in FILLERS:
            raise Refused(
                f"I do not know “{shown(chunk)}”. Name {_NAMED}, and assets "
                f"({wording.listing(deps.assets[:8], 'or')}). Type it like {example}."
            )
    return Wanted(tuple(names) or None, tuple(assets) or None)


def _rules_by_word() -> dict[str, list[str]]:
    """Return the alarms that each word stands for: their ids, their metrics' ids, and the parts of both."""
    found: dict[str, list[str]] = {SOURCES: [SOURCES]}
    for name, rule in rules().items():
        words = {name, *name.split("_")}
        for metric in rule.metrics:
            words |= {metric, *metric.split("_")}
        for word in words - {"vs", "low"}:
            found.setdefault(word, []).append(name)
    return found


def _asset(chunk: str, deps: Deps) -> str | None:
    read = symbol(chunk, deps.assets)
    if read is None or read.asset == MARKET:
        return None
    if read.asset in deps.assets:
        return read.asset
    return read.asset if deps.store.exists and read.asset in points.assets(deps.store) else None


def on(store: Store, destination: int) -> list[Row]:
    """Return what a chat is subscribed to."""
    return destinations.subscriptions(store, destination)


def add(store: Store, destination: int, more: Wanted) -> None:
    """Subscribe; what a wider subscription covers is not kept beside it."""
    rows = [*on(store, destination), *more.rows()]
    _replace(store, destination, [row for row in rows if not any(_covers(wider, row) for wider in rows)])


def _covers(wider: Row, row: Row) -> bool:
    if wider[0] == ANY != row[0] and _only_asked(row[0]):
        return False
    return wider != row and all(one in (ANY, other) for one, other in zip(wider, row, strict=True))


def remove(store: Store, destination: int, less: Wanted, followed: Sequence[str]) -> bool:
    """Unsubscribe; a wider subscription is cut into what is left of it. Tell whether anything was on."""
    before = on(store, destination)
    after = [left for row in before for left in _left(row, less, followed)]
    if after == before:
        return False
    _replace(store, destination, after)
    return True


def _left(row: Row, less: Wanted, followed: Sequence[str]) -> list[Row]:
    """Return what is left of one subscription."""
    rule, asset = row
    every = [name for name in rules() if not _only_asked(name)]
    names = [rule] if rule != ANY or less.rules is None else every
    left: list[Row] = []
    for name in names:
        if less.rules is not None and name not in less.rules:
            left.append((name, asset))
        elif less.assets is None or (less.rules is not None and _of_the_market(name)):
            continue  # asked for by name, or everything goes; a figure of the whole market has no asset to keep
        elif asset != ANY:
            left += [] if asset in less.assets else [(name, asset)]
        elif _of_the_market(name):
            left.append((name, ANY))
        else:
            left += [(name, each) for each in followed if each not in less.assets]
    return [row] if left == [(name, asset) for name in names] else left  # untouched, it keeps alarms yet to be made


def _only_asked(name: str) -> bool:
    """Tell whether "everything" leaves this out: who wants it asks for it by name."""
    return name == SOURCES or (name in rules() and rules()[name].only_asked)


def _of_the_market(name: str) -> bool:
    if name not in rules():
        return name == SOURCES
    return all(metrics()[metric].market_wide for metric in rules()[name].metrics)


def _replace(store: Store, destination: int, rows: Iterable[Row]) -> None:
    with store.write():
        destinations.unsubscribe(store, destination)
        for rule, asset in dict.fromkeys(rows):
            destinations.subscribe(store, destination, rule, asset)


# --- in words ---------------------------------------------------------------------------------------------------------


def in_words(rows: Sequence[Row]) -> list[str]:
    """Say what is on, alarms with the same assets together."""
    if (ANY, ANY) in rows:
        also = [_title(rule) for rule, _ in rows if rule != ANY]
        return [
            f"Everything: all alarms of all followed assets{', and ' + wording.listing(also) if also else ''}.",
            *([] if (SOURCES, ANY) in rows else ["Trouble with data is told on /sub sources."]),
        ]
    assets_of: dict[str, list[str]] = {}
    for rule, asset in rows:
        assets_of.setdefault(rule, []).append(asset)
    grouped: dict[tuple[str, ...], list[str]] = {}
    for rule, assets in assets_of.items():
        key = (ANY,) if ANY in assets or (rule != ANY and _of_the_market(rule)) else tuple(assets)
        grouped.setdefault(key, []).append(_title(rule))
    return [
        f"{'All followed assets' if key == (ANY,) else wording.listing(key)}: {_few(titles)}."
        for key, titles in grouped.items()
    ]


def _title(rule: str) -> str:
    if rule == ANY:
        return "everything"
    return _SOURCES_TITLE if rule == SOURCES else rules()[rule].title if rule in rules() else rule


def _few(titles: Sequence[str], most: int = 10) -> str:
    more = f"; and {len(titles) - most} more" if len(titles) > most else ""
    return "; ".join(titles[:most]) + more


def open_now(deps: Deps, rows: Sequence[Row]) -> list[str]:
    """Say which of the alarms that are on have an open episode, the most urgent first."""
    running = [
        each
        for each in episodes.running(deps.store)
        if each.rule in rules()
        and any(wanted in (ANY, each.rule) and (a in (ANY, each.asset) or each.asset == MARKET) for wanted, a in rows)
    ]
    if not running:
        return ["Open right now: nothing."]
    running.sort(key=lambda each: -RANKS.index(each.rank) if each.rank in RANKS else 0)
    lines = ["Open right now:", *(f"– {_headline(each, deps)}" for each in running[:_MOST_OPEN])]
    if len(running) > _MOST_OPEN:
        lines.append(f"– and {len(running) - _MOST_OPEN} more, see /health.")
    return lines


def _headline(episode: Episode, deps: Deps) -> str:
    rule = rules()[episode.rule]
    fields = dict.fromkeys(wording.template_fields(rule.headline))
    asset = "the market" if episode.asset == MARKET else episode.asset
    said = wording.template(rule.headline, {**fields, **rule.named(episode.last_values), "asset": asset}).rstrip(".")
    since = wording.day(episode.since, year=episode.since.year != deps.now.year)
    return f"{said[:1].upper()}{said[1:]} (since {since})."
