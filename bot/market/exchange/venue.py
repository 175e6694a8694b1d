"""Any exchange that ccxt speaks, by its declared recipe: addresses and errors here, units in the recipes."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import aiohttp
import structlog

from bot.clock import STEADY
from bot.market.exchange.connecting import connected
from bot.market.exchange.contracts import Contract, left_out, perpetuals, unknown
from bot.market.exchange.public import PublicEndpoints
from bot.market.exchange.recipe import Unreadable
from bot.market.exchange.strict import doubts_contract, translated
from bot.market.source import Ask, NotOffered, SourceDown, Topic
from signals.units import DAY, SECOND_MS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bot.market.exchange.connecting import Connected
    from bot.market.exchange.recipe import Raw
    from bot.market.exchange.venue_recipe import Offer, VenueRecipe
    from bot.market.source import Found
    from bot.tape import Wrap
    from storage.market.points import Snapshot

_OPINION: Final = timedelta(minutes=10)  # so old may the list be that says whether a contract is gone
_MOMENTS: Final = 4  # rounds that may be under way at once: that of everybody, and some for whoever asks
log = structlog.get_logger(__name__)

_AT_ONCE: Final = timedelta(0)
_RENEWED: Final = DAY  # listings, delistings and new contract sizes


@dataclass(frozen=True, slots=True)
class _Failed:
    """What a question to all assets of one moment came to, where it was no answer."""

    error: Exception


@dataclass(slots=True)
class _Moment:
    """What was asked for all assets at one moment, by question: the answers, and a lock while one is under way."""

    answers: dict[tuple[Any, ...], Any] = field(default_factory=dict)
    asking: dict[tuple[Any, ...], asyncio.Lock] = field(default_factory=dict)


class CcxtVenue:
    """One exchange as a Source.

    clock: read once per request, for a ban or Retry-After counted from the answer; steady: seconds of the monotonic
    clock, by which a rest is kept; heard: is told what time the venue says it is. base_url: another address for every
    host of the exchange (a mirror, or the loopback exchange of the tests). proxy: http:// or https:// address.
    paced: keep to the request weights of the venue; off only where the other side counts none. wrap: puts a
    recording or a tape in the place of the connection.
    """

    def __init__(
        self,
        venue: VenueRecipe,
        *,
        clock: Callable[[], datetime],
        steady: Callable[[], float] = STEADY,
        heard: Callable[[datetime], None] | None = None,
        timeout_s: float = 10.0,
        proxy: str | None = None,
        base_url: str | None = None,
        paced: bool = True,
        wrap: Wrap | None = None,
    ) -> None:
        self.name = venue.venue
        self.attribution = venue.attribution
        self.offers: dict[Topic, timedelta] = {topic: how.every for topic, how in venue.offers.items()}
        self.at_once = frozenset(topic for topic, how in venue.offers.items() if how.present)
        self._venue, self._clock, self._steady = venue, clock, steady
        self._heard = heard
        self._timeout_s, self._proxy, self._base_url = timeout_s, proxy, base_url
        self._exchange: Any = None  # the one place where ccxt's untyped object lives
        self._endpoints: PublicEndpoints | None = None  # of it, as long as it is there
        self._paced, self._wrap = paced, wrap
        self._session: Any = None  # ours, where a wrap is given; else ccxt keeps its own
        self._contracts: dict[str, Contract] = {}
        self._contracts_at: datetime | None = None
        self._doubted: tuple[datetime, dict[str, Contract]] | None = None  # a moment, and the list that it keeps
        self.left_out: Mapping[str, str] = {}
        self._unlisted: Exception | None = None  # why the list could not be read
        self._unlisted_at: datetime | None = None
        self._loading = asyncio.Lock()
        self.caveats: Mapping[Topic, str] = {topic: how.caveat for topic, how in venue.offers.items() if how.caveat}
        self._moments: dict[datetime, _Moment] = {}  # answers for all assets, of the newest rounds only
        self._asks: tuple[datetime, Raw] | None = None  # what asks at the moment of the newest question

    async def fetch(self, ask: Ask) -> Sequence[Found]:
        """Answer one question, or raise SourceDown, Blocked or NotOffered and nothing else."""
        how = self._venue.offers.get(ask.topic)
        if how is None:
            raise NotOffered(f"{self._venue.title} does not offer {ask.topic}.")
        try:
            return await self._answer(how, ask)
        except NotOffered as error:
            # a past that is not offered, or of this contract not, says nothing of the contract while it is listed
            if ask.since is None or error.__cause__ is None or not await self._still_listed(ask):
                raise
            raise SourceDown(f"{self._venue.title} does not offer this past.", about="question") from error
        except SourceDown as error:
            if not doubts_contract(error) or await self._still_listed(ask):
                raise
            raise NotOffered(f"{self._venue.title} does not offer {ask.asset} any more.") from error

    async def fetch_all(self, topic: Topic, assets: Sequence[str], now: datetime) -> Snapshot | None:
        """Answer how assets stand now, of a topic that is told of all of them at once (`at_once`).

        Whoever cannot be read is left out, as is whoever is not listed: `fetch` says why. None where that is everybody.
        SourceDown, Blocked or NotOffered where the answer for all of them is none.
        """
        present = self._venue.offers[topic].present
        assert present is not None, topic  # noqa: S101 - as the caller knows
        with translated(self._venue.title, self._clock, self._venue.too_far):
            listed = self._at_hand(now) or await self._listed(now)
            contracts = [listed[asset] for asset in assets if asset in listed]
            return await present.of_all(self._raw(now), contracts, now) if contracts else None

    async def _answer(self, how: Offer, ask: Ask) -> Sequence[Found]:
        with translated(self._venue.title, self._clock, self._venue.too_far):
            listed = self._at_hand(ask.now) or await self._listed(ask.now)
            contract = listed.get(ask.asset)
            if contract is None:
                raise unknown(ask.asset, self._venue.title, listed)
            raw = self._raw(ask.now)
            if how.present is None:
                return await how.recipe(raw, contract, ask) if how.recipe else []
            live = await how.present.one(raw, contract, ask.now)
            return [*await how.recipe(raw, contract, ask), live] if how.recipe and ask.since else [live]

    def _raw(self, now: datetime) -> Raw:
        """Return what asks raw questions of one moment, the same one for all of its questions."""
        if self._asks is not None and self._asks[0] is now:
            return self._asks[1]

        async def raw(
            method: str,
            params: Mapping[str, Any],
            *,
            shared: bool = False,
            digest: Callable[[Any], Any] | None = None,
            optional: bool = False,
        ) -> Any:
            if shared:
                return await self._once((method, *params.items()), params, now, digest)
            return await (self._unless_refused if optional else self._call)(method, params)

        self._asks = now, raw
        return raw

    async def _call(self, method: str, params: Mapping[str, Any]) -> Any:
        if self._endpoints is None:
            raise SourceDown(f"{self._venue.title} is not asked any more.")
        return await self._endpoints.ask(method, params)

    async def _unless_refused(self, method: str, params: Mapping[str, Any]) -> Any:
        try:
            with translated(self._venue.title, self._clock):
                return await self._call(method, params)
        except NotOffered:
            return None
        except SourceDown as error:
            if error.about == "host":
                raise
            log.warning("a question beside another was refused", who=self._venue.title, method=method, error=str(error))
            return None

    async def _still_listed(self, ask: Ask) -> bool:
        """Look into a fresh list of markets: it decides whether a contract is gone, not one odd answer.

        The other questions of the same moment keep the list that they began with: which of them is answered first
        would else decide what is asked at all, and a tape could not be played.
        """
        async with self._loading:
            if not self._known_for(_OPINION, ask.now):
                before = self._contracts
                with translated(self._venue.title, self._clock):
                    await self._renew(ask.now)
                self._doubted = ask.now, before
        return ask.asset in self._contracts

    async def close(self) -> None:
        """Close the connections; safe to call twice."""
        exchange, self._exchange, self._endpoints = self._exchange, None, None
        session, self._session = self._session, None
        self._contracts_at = self._doubted = None
        if exchange is not None:
            await exchange.close()
        if session is not None:
            await session.close()

    async def contracts(self, now: datetime) -> Mapping[str, Contract]:
        """List the contract of each asset, renewed once a day. SourceDown or Blocked when the venue does not answer."""
        with translated(self._venue.title, self._clock):
            return await self._listed(now)

    def _at_hand(self, now: datetime) -> dict[str, Contract] | None:
        """Return the list that counts at a moment, where it is known: hundreds of questions a round need no lock."""
        if self._doubted is not None and self._doubted[0] == now:
            return self._doubted[1]
        return self._contracts if self._known_for(_RENEWED, now) else None

    async def _listed(self, now: datetime) -> dict[str, Contract]:
        known = self._at_hand(now)
        if known is not None:
            return known
        async with self._loading:
            if not self._known_for(_RENEWED, now):
                await self._renew(now)
        return self._contracts

    def _known_for(self, span: timedelta, now: datetime) -> bool:
        """Tell whether the list was read within a span; a clock that was set back does not keep it for longer."""
        return self._contracts_at is not None and _AT_ONCE <= now - self._contracts_at < span

    async def _renew(self, now: datetime) -> None:
        """Read the list of markets; after a failure not again in the same moment, for the reason of `_once`."""
        if self._unlisted is not None and self._unlisted_at == now:
            raise self._unlisted
        try:
            self._contracts = await self._load()
        except Exception as error:
            self._unlisted, self._unlisted_at = error, now
            raise
        self._contracts_at, self._unlisted = now, None

    async def _load(self) -> dict[str, Contract]:
        if self._exchange is None:
            self._exchange, guard = await self._build()
            self._endpoints = PublicEndpoints(self._exchange, guard)
        listing = dict(self._venue.listing)
        markets = await self._exchange.load_markets(True, listing)  # noqa: FBT003 -- ccxt's own signature: reload
        contracts = perpetuals(self._venue.venue, markets.values(), self._venue.margins, self._venue.no_coins)
        out = left_out(markets.values(), self._venue.margins, self._venue.no_coins)
        if out and out != self.left_out:
            log.info("contracts that are no perpetuals of coins are left out", who=self._venue.title, contracts=out)
        self.left_out = out
        if not contracts:
            raise Unreadable("a list of markets without a perpetual")
        return contracts

    async def _once(
        self,
        question: tuple[Any, ...],
        params: Mapping[str, Any],
        now: datetime,
        digest: Callable[[Any], Any] | None,
    ) -> Any:
        """Ask once for all assets of one moment: the first asks, the others wait for its answer or its failure.

        A venue that is silent would be waited for by one after the other, six times ten seconds. Of the moments before
        the newest few nothing is kept: their questions name their own times and are never asked again. question: the
        method and the params, which a recipe gives in one order.
        """
        moment = self._moments.get(now)
        if moment is None:
            while len(self._moments) >= _MOMENTS:
                del self._moments[next(iter(self._moments))]
            moment = self._moments[now] = _Moment()
        if question not in moment.answers:
            async with moment.asking.setdefault(question, asyncio.Lock()):
                if question not in moment.answers:
                    try:
                        answer = await self._call(question[0], params)
                        moment.answers[question] = digest(answer) if digest else answer
                    except Exception as error:
                        moment.answers[question] = _Failed(error)
                        raise
        found = moment.answers[question]
        if isinstance(found, _Failed):
            raise found.error
        return found

    async def _build(self) -> Connected:
        settings: dict[str, Any] = {
            "timeout": round(self._timeout_s * SECOND_MS),
            "aiohttp_proxy": self._proxy,
            "enableRateLimit": self._paced,
            "options": dict(self._venue.markets),
        }
        if self._wrap:
            settings["session"] = self._session = self._wrap(aiohttp.ClientSession)
        return await connected(
            self._venue, settings, clock=self._clock, steady=self._steady, heard=self._heard, base_url=self._base_url
        )


def at_venue(base_url: str | None, venue: str) -> str | None:
    """Put the name of a venue into an address that has a place for it: one server of the tests is many venues."""
    return base_url and base_url.replace("{venue}", venue)
