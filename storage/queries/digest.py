"""What a reader should know since the last digest: gathered from what is stored, without a word."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Final, cast

from signals.alerts.burst import BURST, Burst, Running
from signals.alerts.near import nearest
from signals.alerts.rule import named, rules_of
from signals.digest import Alarm, Digest, Expiry, FundingDue, HeldBack, Near, Said, Silence, Yours, misses_first
from signals.inputs import MARKET
from signals.liquidation.moves import distance_to
from signals.options import expiries
from signals.units import DAY, HOUR, WEEK, next_settlement
from signals.unusual import ranked
from storage.alerts import digests, episodes, record
from storage.market import options, tiers
from storage.people import positions
from storage.queries import alarms, sources
from storage.queries.market import changes, funding
from storage.queries.market.charts import PRICE_OF_THE_MARKET
from storage.queries.market.known_at import newest_by
from storage.queries.positions import PositionReader
from storage.sources.source_events import SourceEvent

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime, timedelta

    from signals.alerts.condition import Rank
    from signals.digest import DigestKind
    from signals.liquidation import RenewedTables
    from signals.liquidation.events import PositionNow
    from signals.unusual import FigureChange
    from storage.alerts.episodes import Episode
    from storage.alerts.record import Entry
    from storage.engine.database import Store
    from storage.people.positions import WatchedPosition
    from storage.queries.alarms import Health

SPANS: Final[dict[DigestKind, timedelta]] = {"daily": DAY, "weekly": WEEK}
LONGEST: Final[dict[DigestKind, timedelta]] = {"daily": 8 * DAY, "weekly": 5 * WEEK}  # nobody reads about more at once
_LARGE: Final = 0.05  # of all that is open: an expiry that may move something
_AGO: Final = ((2 * WEEK, WEEK, 7), (5 * WEEK, 4 * WEEK, 30))  # what was said a week and a month ago, judged by then
_RECORD: Final = 12  # of it is told
_SLACK: Final = 2 * HOUR


class DigestReader:
    """Reads digests of one moment; what is of the market is read once for all who ask about the same."""

    def __init__(self, store: Store, now: datetime) -> None:
        self._store, self._now = store, now
        self._positions = PositionReader(store)
        self._markets: dict[tuple[DigestKind, tuple[str, ...], datetime], Digest] = {}
        self._changes: dict[tuple[str, datetime], tuple[FigureChange, ...]] = {}
        self._healths: dict[str, Health] = {}
        self._silences: dict[datetime, tuple[Silence, ...]] = {}
        self._records: dict[str, tuple[Said, ...]] = {}
        self._held: dict[int, HeldBack] | None = None

    def read(
        self,
        destination: int | None,
        kind: DigestKind,
        assets: Sequence[str],
        *,
        since: datetime,
        due: datetime | None = None,
    ) -> Digest:
        """Gather what there is to know from `since` until now. destination: whose positions and messages, None: none.

        due: when it was to come.
        """
        since = max(since, self._now - LONGEST[kind])
        key = kind, tuple(assets), since
        if key not in self._markets:
            self._markets[key] = self._market(*key)
        found = replace(self._markets[key], due=due)
        if destination is None:
            return found
        yours, settlement = self._yours(destination, since)
        return replace(found, yours=yours, settlement=settlement, held=self._held_back(destination, since))

    def _market(self, kind: DigestKind, assets: tuple[str, ...], since: datetime) -> Digest:
        """Gather what is the same for all who ask about these assets."""
        now = self._now
        mine = {*assets, MARKET}
        found = [self._changes_of(asset, since) for asset in assets]
        told = [one for one in episodes.between(self._store, since, now) if one.asset in mine]
        old = [one for one in episodes.running(self._store) if one.asset in mine and one.fired <= since]
        said = [one for asset in (*assets, MARKET) for one in self._said(asset)] if kind == "weekly" else []
        return Digest(
            kind=kind,
            since=since,
            until=now,
            prices=tuple(of[0] for of in found),
            changes=ranked([change for of in found for change in of if change.change is not None]),
            began=tuple(_alarm(one) for one in told if one.fired > since),
            over=tuple(_alarm(one) for one in told if one.fired <= since),
            on=len(old),
            oldest=_alarm(min(old, key=lambda one: one.since)) if old else None,
            near=tuple(dict.fromkeys(near for asset in assets for near in self._near(asset))),
            expiry=self._expiry(assets, SPANS[kind]),
            silent=self._silent(since),
            said=misses_first(said)[:_RECORD],
        )

    def _changes_of(self, asset: str, since: datetime) -> tuple[FigureChange, ...]:
        if (asset, since) not in self._changes:
            self._changes[asset, since] = changes.read(self._store, asset, since, self._now)
        return self._changes[asset, since]

    # --- lines --------------------------------------------------------------------------------------------------------

    def _near(self, asset: str) -> Iterable[Near]:
        """Find calm readings that are near the line at which an alarm begins."""
        if asset not in self._healths:
            self._healths[asset] = alarms.read(self._store, asset, self._now)
        health = self._healths[asset]
        known = (named(one.metric, one.values) for one in health.readings.known)
        values = {name: value for of in known for name, value in of.items()}
        for check in health.checks:
            if check.level != "calm" or check.value is None or not check.current:
                continue
            for rule in rules_of(check.metric.id):
                line = nearest(rule.levels[0], f"{check.metric.id}.value", values)
                if line is not None:
                    whose = check.metric.asset_of(asset)
                    yield Near(check.metric.id, whose, check.value, float(line.bound))

    # --- what is one's own --------------------------------------------------------------------------------------------

    def _yours(self, destination: int, since: datetime) -> tuple[tuple[Yours, ...], FundingDue | None]:
        """Return the positions that are watched here, the nearest to liquidation first, and their next funding."""
        renewed = tiers.renewed(self._store)
        found: list[Yours] = []
        dues: list[FundingDue] = []
        for watched in positions.at_destination(self._store, destination):
            position = self._positions.now_of(watched, self._now, renewed)
            if position.known and math.isfinite(position.distance):
                holding = watched.holding
                was = self._distance_then(watched, since, renewed)
                found.append(Yours(holding.unit, holding.side, watched.number, position.distance, was))
                if due := self._settlement(watched, position):
                    dues.append(due)
        first = min(dues, key=lambda due: (due.at, -abs(due.usd)), default=None)
        return tuple(sorted(found, key=lambda yours: yours.distance)), first

    def _distance_then(self, watched: WatchedPosition, since: datetime, renewed: RenewedTables | None) -> float | None:
        holding = watched.holding
        if watched.followed is not None or holding.begun > since:
            return None
        mark = newest_by(self._store, holding.asset, "mark_price", since, holding.listed)
        if mark is None or since - mark.at > _SLACK:
            return None
        price = self._positions.liquidation_at(watched, since, self._now, renewed)
        found = distance_to(price, side=holding.side, mark=mark.value * holding.multiplier)
        return found if math.isfinite(found) and found > 0.0 else None

    def _settlement(self, watched: WatchedPosition, position: PositionNow) -> FundingDue | None:
        holding = watched.holding
        rates = funding.rates(self._store, holding.asset, self._now)
        rate = next((one for one in rates if one.venue == holding.listed), None)
        if rate is None or not holding.sized:
            return None
        due = rate.due if rate.due > self._now else next_settlement(self._now, rate.hours)
        if due - self._now > DAY:
            return None
        usd = holding.size * position.mark if holding.contract == "linear" else holding.size
        paid = rate.rate * usd * (1 if holding.side == "long" else -1)
        return FundingDue(holding.unit, holding.side, watched.number, due, paid)

    def _held_back(self, destination: int, since: datetime) -> HeldBack:
        if self._held is None:
            self._held = digests.held_now(self._store)
        late = digests.told_late(self._store, destination, since)
        return self._held.get(destination, HeldBack()) + HeldBack(late=late)

    # --- what is coming, what was silent ------------------------------------------------------------------------------

    def _expiry(self, assets: Sequence[str], ahead: timedelta) -> Expiry | None:
        """Return the largest expiry of the time ahead, where it is a part of the market that counts."""
        found: list[Expiry] = []
        for asset in assets:
            chain = options.newest(self._store, asset, self._now)
            if chain is None or self._now - chain.at > DAY:
                continue
            listed = expiries(chain)
            whole = sum(expiry.coins for expiry in listed)
            for expiry in listed:
                if self._now < expiry.at <= self._now + ahead and expiry.coins and expiry.coins >= _LARGE * whole:
                    (most,) = expiry.largest(1)
                    part = expiry.coins / whole
                    found.append(Expiry(chain.venue, asset, expiry.at, expiry.coins, part, most.price))
        return max(found, key=lambda expiry: expiry.share, default=None)

    def _silent(self, since: datetime) -> tuple[Silence, ...]:
        """Return the sources that were told to be down since then, or are down now."""
        if since not in self._silences:
            self._silences[since] = tuple(_silences(self._store, since, self._now))
        return self._silences[since]

    # --- the record ---------------------------------------------------------------------------------------------------

    def _said(self, asset: str) -> tuple[Said, ...]:
        """Return what was told in the weeks that are over a week and four weeks ago, with what became of it."""
        if asset not in self._records:
            whose = PRICE_OF_THE_MARKET if asset == MARKET else asset
            told = [
                (entry, days)
                for first, last, days in _AGO
                for entry in record.told_between(self._store, self._now - first, self._now - last)
                if entry.asset == asset
            ]
            found = (_became(self._store, whose, entry, days, self._now) for entry, days in told)
            self._records[asset] = tuple(said for said in found if said)
        return self._records[asset]


def _alarm(episode: Episode) -> Alarm:
    return Alarm(episode.rule, episode.asset, cast("Rank", episode.rank), episode.fired, episode.ended, _move(episode))


def _move(episode: Episode) -> float | None:
    return Running.of_values(episode.last_values).told if episode.rule == BURST else None


def _became(store: Store, asset: str, entry: Entry, days: int, now: datetime) -> Said | None:
    """Return what became of an entry, by its record or else until now; None where that is not known."""
    outcome = entry.outcome(days)
    span, end = (days * DAY, outcome.at) if outcome else (now - entry.at, now)
    usual = changes.usual_move(store, asset, span, end)
    moved = outcome.change if outcome else _moved_since(store, asset, entry.at, now)
    if usual is None or moved is None:
        return None
    move = Burst.from_json(entry.event).change if entry.rule == BURST else None
    return Said(entry.rule, entry.asset, entry.at, moved, usual, days if outcome else None, move)


def _moved_since(store: Store, asset: str, since: datetime, now: datetime) -> float | None:
    then, last = (changes.price_at(store, asset, at) for at in (since, now))
    return last.value / then.value - 1 if then and last and then.value > 0 else None


def _silences(store: Store, since: datetime, now: datetime) -> Iterable[Silence]:
    down: dict[str, datetime] = {}
    for at, event in digests.news_of_sources(store, since, now):
        if not isinstance(event, SourceEvent):
            continue
        if event.state != "ok":
            down.setdefault(event.source, at)
        else:
            yield Silence(event.source, down.pop(event.source, since), at)
    for source in sources.read(store):
        if source.state != "ok":
            at = min(topic.since for topic in source.topics if topic.state != "ok")
            yield Silence(source.name, down.get(source.name, at), None)
