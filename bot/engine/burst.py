"""Fast moves, judged each turn by the live prices of the last hour; see signals/alerts/burst.py for the line.

A turn is taken every 15 seconds and each venue is asked for its mark price every minute, so a move is told within two
minutes. Where a move stands, its episode and its outbox rows are written in one transaction.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import structlog

from bot.engine.heard import HeardSince
from signals.alerts import burst
from signals.alerts.burst import BURST, Beside, Burst, Running, UsualHour
from signals.alerts.condition import RANKS
from signals.alerts.episodes import State, Transition
from signals.alerts.event import news_for
from signals.alerts.record import definition_of_moves
from signals.inputs import INPUTS
from signals.units import DAY, HOUR, MINUTE, floor, from_ms, in_ms, to_ms
from signals.venues import venue_order
from storage.alerts import episodes, outbox, record
from storage.engine.database import StoreError
from storage.market import liquidations, points
from storage.market.points import Newest
from storage.market.recent import RecentValues
from storage.panels import panels

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from signals.alerts.burst import Kind, Move, Past, Ticks
    from signals.alerts.condition import Rank
    from storage.alerts.episodes import Episode, RuleState
    from storage.engine.database import Store

log = structlog.get_logger(__name__)

LOOKED_BACK: Final = HOUR + 15 * MINUTE  # the longest window, and the open interest that was told before it began
REMEMBERED: Final = 730 * DAY
_UNUSUAL: Final = UsualHour(0.0, 0.0)  # with it the lines are where they are lowest


@dataclass(frozen=True, slots=True)
class Judged:
    """Where a move stands after a price. newest: its time in ms and the price. said: what is to be told of it."""

    running: Running
    newest: tuple[int, float]
    rank: Rank
    said: Burst | None


class Bursts:
    """Judges the prices of assets."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._usual: dict[str, tuple[datetime, UsualHour]] = {}
        self._judged: dict[str, int] = {}
        self._prices = RecentValues(store, "mark_price", LOOKED_BACK)
        self._heard = HeardSince()

    def judge(self, assets: Iterable[str], now: datetime) -> int:
        """Judge those of some assets that have a new price; return how many messages were written."""
        self._heard.look(liquidations.load(self._store, since=floor(now, HOUR) - HOUR), now)
        self._prices.read(now)
        states = episodes.states_of(self._store, BURST)
        told = 0
        for asset in assets:
            last = self._prices.last(asset)
            if last == self._judged.get(asset):
                continue  # a turn comes four times as often as a price
            try:
                told += self._judge(asset, states.get(asset), now)
            except StoreError:
                raise
            except Exception:
                # One asset that fails is a fault of ours; the others do not suffer for it.
                log.exception("a fast move could not be judged", asset=asset)
            self._judged[asset] = last
        return told

    def _judge(self, asset: str, known: RuleState | None, now: datetime) -> int:
        calm = known is None or known.state.rank == 0
        if calm and self._calm(asset, _UNUSUAL):
            return 0
        usual = self._usual_of(asset, now)
        if calm and self._calm(asset, usual):
            return 0
        last = self._last_episode(asset, known)
        running = Running.of_values(last.last_values) if last and last.ended is None else None
        ended = to_ms(last.ended) if last and last.ended else 0  # a move that is over begins no other
        before = last if running else None
        found = self.step(asset, self._kept_prices(asset, now, ended), running, before.rank if before else None, now)
        if found is None:
            return 0
        self._write(asset, found, before, now)
        return int(found.said is not None)

    def step(
        self, asset: str, prices_of: Mapping[str, Ticks], running: Running | None, rank: str | None, now: datetime
    ) -> Judged | None:
        """Judge the prices of a moment, and write nothing; None where nothing follows from them.

        prices_of: those of the last hour and a quarter by venue, without what lies before the last move was over.
        running, rank: the move that goes on, and how urgent it was.
        """
        usual = self._usual_of(asset, now)
        heard = _speaking(prices_of, usual, now)
        if heard is None:
            return None  # an old price judges nothing, and what runs goes on: missing is not calm
        venue, prices, drift = heard
        if running is None and (drift is None or drift.strength * burst.FORCED < 1):
            return None  # whatever came with it, it is nothing
        beside = self._beside(asset, venue, now)
        move = burst.strongest(prices, beside, usual)
        after, kind = burst.step(running, move, prices[-1])
        stands = after or running
        if stands is None or (after == running and kind is None):
            return None
        reached = _rank(rank, move, kind)
        said = self._said(asset, kind, reached, stands, prices[-1], venue, beside.coins) if kind else None
        return Judged(stands, prices[-1], reached, said)

    def _calm(self, asset: str, usual: UsualHour) -> bool:
        """Tell whether the prices of no venue can hold a move: true of most, and found in a moment.

        All that is remembered is looked at, also what is older than an hour: a bound that is wider does no harm.
        """
        for venue in self._prices.venues_of(asset):
            values = self._prices.of(asset, venue).values
            if values and not burst.calm(values, usual):
                return False
        return True

    def _last_episode(self, asset: str, known: RuleState | None) -> Episode | None:
        if known is None or known.episode is None:
            return None
        return next((one for one in episodes.of(self._store, BURST, asset) if one.id == known.episode), None)

    def _kept_prices(self, asset: str, now: datetime, since: int) -> dict[str, Ticks]:
        """Return the prices of the last hour by venue, from memory, none before `since` (ms)."""
        first, end = max(to_ms(now - LOOKED_BACK), since), to_ms(now + MINUTE)
        return {
            venue: [tick for tick in self._prices.of(asset, venue).within(first, end) if tick[1] > 0]
            for venue in self._prices.venues_of(asset)
        }

    def stored_prices(self, asset: str, venues: Iterable[str], now: datetime, since: int) -> dict[str, Ticks]:
        """Return the prices that `step` takes as they were at a time long past, none before `since` (ms)."""
        return {
            venue: [tick for tick in self._ticks(asset, venue, "mark_price", now) if tick[0] >= since]
            for venue in venues
        }

    def _ticks(self, asset: str, venue: str, name: str, now: datetime) -> Ticks:
        start, end = now - LOOKED_BACK, now + MINUTE
        times, _, values = points.columns(self._store, asset, venue, [name], start=start, end=end)
        return [(at, value) for at, value in zip(times, values[name], strict=True) if value is not None and value > 0]

    def _beside(self, asset: str, venue: str, now: datetime) -> Beside:
        """Return what else is known of the last hour; depth that is not of now says nothing of now."""
        oldest = to_ms(now - INPUTS["depth_bids_usd"].fresh_for)
        bids, asks = (self._ticks(asset, venue, name, now) for name in ("depth_bids_usd", "depth_asks_usd"))
        heard = liquidations.load(self._store, since=floor(now, HOUR) - HOUR, asset=asset)
        liquidated = sum(hour.longs_usd + hour.shorts_usd for hour in heard if hour.at <= now)
        interest = (
            liquidations.most_open_interest(self._store, asset, since=now - LOOKED_BACK) if liquidated > 0 else None
        )
        return Beside(
            self._ticks(asset, venue, "open_interest_coin", now),
            bids if bids and bids[-1][0] >= oldest else (),
            asks if asks and asks[-1][0] >= oldest else (),
            liquidated / interest if interest else 0.0,
        )

    def _usual_of(self, asset: str, now: datetime) -> UsualHour:
        """Return what is usual for an asset; it is looked up once an hour."""
        hour = floor(now, HOUR)
        kept = self._usual.get(asset)
        if kept is None or kept[0] != hour:
            names = ("close", "open_interest_coin")
            start = hour - burst.KNOWN_FOR
            panel = panels.panel(self._store, names, (asset,), step=HOUR, start=start, end=hour)
            price, coins = (burst.usual_hour(panel.values[name][:, 0].tolist()) for name in names)
            kept = self._usual[asset] = hour, UsualHour(price, coins)
        return kept[1]

    def _past(self, asset: str, change: float, now: datetime) -> Past | None:
        end = floor(now, HOUR)
        panel = panels.panel(self._store, ("close",), (asset,), step=HOUR, start=end - REMEMBERED, end=end)
        closes = panel.values["close"][:, 0].tolist()
        first = to_ms(end) - len(closes) * in_ms(HOUR)
        return burst.past([first + in_ms(HOUR) * i for i in range(len(closes))], closes, change)

    def _said(
        self,
        asset: str,
        kind: Kind,
        rank: Rank,
        running: Running,
        newest: tuple[int, float],
        venue: str,
        coins: Ticks,
    ) -> Burst:
        at, since = from_ms(newest[0]), from_ms(int(running.began))
        told = Burst(
            kind=kind,
            asset=asset,
            rank=rank,
            at=at,
            since=since,
            start=running.start,
            end=running.extreme,
            back=running.back,
            venues=(venue,),
        )
        if kind == "resolved":
            return replace(told, now=newest[1])
        if heard := self._heard.since(asset, since, at):
            told = replace(
                told,
                longs_usd=heard.longs_usd,
                shorts_usd=heard.shorts_usd,
                liquidated_since=heard.since,
                venues=tuple(dict.fromkeys([venue, *heard.venues])),
            )
        coins_changed = burst.change_of(coins, int(running.began))
        return replace(told, coins=coins_changed, past=self._past(asset, told.change, at))

    def _write(self, asset: str, found: Judged, before: Episode | None, now: datetime) -> None:
        rank, running, said = found.rank, found.running, found.said
        key, at, since = (BURST, asset), from_ms(found.newest[0]), from_ms(int(running.began))
        over = said is not None and said.kind == "resolved"
        number = RANKS.index(rank) + 1
        with self._store.write() as work:
            # A new extreme that is not told is kept all the same: the end counts from it, also after a restart.
            change = Transition(said.kind if said else "escalated", at, since, rank, running.to_values())
            episode = episodes.record(work, key, change, before.id if before else None)
            state = State(0 if over else number, number, since=since, at=at, ended=at if over else None)
            episodes.save(work, key, state, episode)
            if said:
                notice = outbox.Notice(said.kind, rank, at, said.to_json(), episode, BURST, asset)
                outbox.announce(work, notice, now=now, expires=now + news_for(rank, said.kind))
            if said and said.kind == "fired":
                price = Newest(at, found.newest[1], said.venues[0])
                record.freeze(
                    work, said.to_json(), definition_of_moves(), rank=rank, asset=asset, at=at, episode=episode,
                    price=price, sentences={}, now=now,
                )  # fmt: skip


def _rank(before: str | None, move: Move | None, kind: Kind | None) -> Rank:
    """Return the highest rank of a move so far: what was told as critical does not end as less."""
    reached = [rank for rank in (move and kind != "resolved" and move.rank, before) if rank in RANKS]
    return max(reached, key=RANKS.index, default="warning")


def _speaking(prices_of: Mapping[str, Ticks], usual: UsualHour, now: datetime) -> tuple[str, Ticks, Move | None] | None:
    """Return the venue that speaks, its prices and how they moved; None where no price is fresh.

    Of the venues whose prices most windows know it is the one in the middle, of two the one that moved further: a
    venue that repeats one price, or tells a wild one, decides nothing where three speak.
    """
    oldest = to_ms(now - INPUTS["mark_price"].fresh_for)
    found: list[tuple[str, Ticks, Move | None]] = []
    for venue in sorted(prices_of, key=lambda venue: (venue_order(venue), venue)):
        prices = prices_of[venue]
        if prices and prices[-1][0] >= oldest:
            found.append((venue, prices, burst.strongest(prices, Beside(), usual)))
    most = max((len(burst.windows(prices)) for _, prices, _ in found), default=0)
    found = [one for one in found if len(burst.windows(one[1])) == most]
    found.sort(key=lambda one: one[2].strength if one[2] else 0.0)
    return found[len(found) // 2] if found else None
